"""Features are computed once, kept compactly, and found again only where they are the right ones."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.errors import Cancelled
from mole_engine.data import feature_cache, features
from mole_engine.data.features import FeaturisedDataset, featurise

SMILES = ["CCO", "c1ccccc1", "not a molecule", "", "[Na+].[Cl-]"]


@pytest.fixture
def vocabulary():
    return Vocabulary.load()


@pytest.fixture
def counted(monkeypatch):
    """Return a list that grows with every molecule that is really computed."""
    calls: list[str] = []
    original = features.features_of

    def features_of(text, vocabulary):
        calls.append(text)
        return original(text, vocabulary)

    monkeypatch.setattr(features, "features_of", features_of)
    return calls


def same(left: FeaturisedDataset, right: FeaturisedDataset) -> bool:
    arrays = ("tokens", "distances", "lengths")
    return left.errors == right.errors and all(
        np.array_equal(getattr(left, name), getattr(right, name)) for name in arrays
    )


def test_items_are_those_of_the_molecules(vocabulary):
    result = featurise(SMILES, vocabulary)
    assert result.lengths.tolist() == [4, 7, 0, 0, 3]
    tokens, distances = result.item(0)
    assert tokens.tolist() == vocabulary.tokens(Chem.MolFromSmiles("CCO")).tolist()
    assert tokens[0] == vocabulary.cls_id
    assert distances.tolist() == [[0, 0, 0, 0], [0, 1, 2, 3], [0, 2, 1, 2], [0, 3, 2, 1]]
    assert result.item(4)[1].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_unreadable_molecules_have_a_reason_and_an_empty_item(vocabulary):
    result = featurise(SMILES, vocabulary)
    assert set(result.errors) == {2, 3}
    assert result.errors[3] == "the cell is empty"
    assert result.item(2)[0].size == 0
    assert result.item(2)[1].shape == (0, 0)


def test_arrays_are_compact(vocabulary):
    result = featurise(SMILES, vocabulary)
    assert result.tokens.dtype == np.uint16
    assert result.distances.dtype == np.uint8
    assert len(result.distances) == 16 + 49 + 9


def test_nothing_and_only_unreadable_molecules_are_no_fault(vocabulary):
    assert len(featurise([], vocabulary)) == 0
    assert featurise(["???"], vocabulary).lengths.tolist() == [0]


def test_the_cache_answers_the_second_time(vocabulary, counted, tmp_path):
    first = featurise(SMILES, vocabulary, cache_dir=tmp_path)
    second = featurise(SMILES, vocabulary, cache_dir=tmp_path)
    assert len(counted) == len(SMILES)
    assert same(first, second)


def test_the_cache_knows_order_molecules_and_vocabulary_apart(vocabulary, counted, tmp_path):
    featurise(["CC", "C"], vocabulary, cache_dir=tmp_path)
    featurise(["C", "CC"], vocabulary, cache_dir=tmp_path)
    featurise(["CCC"], vocabulary, cache_dir=tmp_path)
    other = Vocabulary(vocabulary.environments[:5], vocabulary.elements)
    result = featurise(["CC", "C"], other, cache_dir=tmp_path)
    assert len(counted) == 7
    assert result.tokens.max() < other.size


@pytest.mark.parametrize("damage", ["garbage", "cut", "empty", "foreign"])
def test_a_damaged_cache_is_computed_again(vocabulary, counted, tmp_path, damage):
    expected = featurise(SMILES, vocabulary, cache_dir=tmp_path)
    (path,) = tmp_path.glob("*.npz")
    whole = path.read_bytes()
    if damage == "foreign":
        np.savez(path, tokens=np.arange(3))
    else:
        path.write_bytes({"garbage": b"x" * 100, "cut": whole[: len(whole) // 2], "empty": b""}[damage])
    assert same(featurise(SMILES, vocabulary, cache_dir=tmp_path), expected)
    assert len(counted) == 2 * len(SMILES)
    assert same(featurise(SMILES, vocabulary, cache_dir=tmp_path), expected)
    assert len(counted) == 2 * len(SMILES)


def test_tokens_that_the_vocabulary_does_not_have_are_refused(vocabulary, counted, tmp_path):
    cache = feature_cache.FeatureCache(tmp_path)
    arrays = {"tokens": np.array([60000], np.uint16), "distances": np.zeros(1, np.uint8), "lengths": np.array([1])}
    cache.save(feature_cache.content_key(["C"], vocabulary.fingerprint), arrays, {})
    assert featurise(["C"], vocabulary, cache_dir=tmp_path).lengths.tolist() == [2]


def test_pickled_content_is_never_executed(vocabulary, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the cache was unpickled",))

    cache = feature_cache.FeatureCache(tmp_path)
    np.savez(cache.path(feature_cache.content_key(["C"], vocabulary.fingerprint)), tokens=np.array([Bomb()], object))
    assert featurise(["C"], vocabulary, cache_dir=tmp_path).lengths.tolist() == [2]


def test_a_cache_that_cannot_be_written_does_not_stop_the_work(vocabulary, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert len(featurise(["C"], vocabulary, cache_dir=blocked / "cache")) == 1


def test_old_caches_give_way(vocabulary, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "MAX_BYTES", 1)
    for smiles in (["C"], ["CC"], ["CCC"]):
        featurise(smiles, vocabulary, cache_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_progress_is_told_and_cancelling_leaves_no_cache(vocabulary, tmp_path):
    seen = []
    featurise(["C"] * 200, vocabulary, on_progress=lambda *told: seen.append(told))
    assert seen[0][1:] == (0, 200)
    assert seen[-1][1:] == (200, 200)

    def cancel(stage, done, total):
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        featurise(["C"] * 200, vocabulary, cache_dir=tmp_path / "cache", on_progress=cancel)
    assert not (tmp_path / "cache").exists()


def test_lengths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="lengths"):
        FeaturisedDataset(np.zeros(3, np.uint16), np.zeros(4, np.uint8), np.array([2]))
