"""The nearest of many molecules: quick, and the same to the last bit as a comparison with each of them."""

import numpy as np
import pytest

from mole_engine.chem import fingerprints
from mole_engine.chem.fingerprints import nearest_similarity, similarities


def prints(count, seed):
    """Return fingerprints like those of molecules: few common bits, many rare ones, empty ones and repeated ones."""
    random = np.random.default_rng(seed)
    chance = np.random.default_rng(0).permutation(np.minimum(0.9, 4.0 / np.arange(1, 2049)))
    bits = random.random((count, 2048)) < chance
    bits[5] = False
    bits[7] = bits[11]
    return np.packbits(bits, axis=1, bitorder="little")


@pytest.mark.parametrize("block", [20_480, 64])
def test_the_nearest_is_that_of_a_comparison_with_each(monkeypatch, block):
    monkeypatch.setattr(fingerprints, "_REFERENCE_BLOCK", block)
    queries, references = prints(300, 1), prints(200, 2)
    assert np.array_equal(nearest_similarity(queries, references), similarities(queries, references).max(axis=1))
    few = nearest_similarity(queries[:20], references)
    assert np.array_equal(few, similarities(queries[:20], references).max(axis=1))
    assert nearest_similarity(references[[5]], references)[0] == 0.0


@pytest.mark.parametrize("count", [20, 150, 300])
@pytest.mark.parametrize("block", [20_480, 64])
def test_a_molecule_is_not_compared_with_itself(monkeypatch, block, count):
    monkeypatch.setattr(fingerprints, "_REFERENCE_BLOCK", block)
    references = prints(300, 3)
    every = similarities(references, references)
    np.fill_diagonal(every, 0.0)
    found = nearest_similarity(references[:count], references, skip_self=True)
    assert np.array_equal(found, every[:count].max(axis=1))
    assert found[7] == found[11] == 1.0


def test_one_molecule_does_not_wait_for_the_references_to_be_sorted(monkeypatch):
    monkeypatch.setattr(fingerprints, "_Block", lambda _: pytest.fail("they were sorted"))
    references = prints(50, 4)
    assert nearest_similarity(references[:1], references)[0] == 1.0


def test_the_search_can_be_stopped():
    def stop():
        raise KeyboardInterrupt

    for count in (3, 100):
        with pytest.raises(KeyboardInterrupt):
            nearest_similarity(prints(100, 5)[:count], prints(100, 6), check=stop)
