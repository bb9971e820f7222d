"""Intervals keep their promise, and the domain's threshold is what training molecules are like."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mole_engine.chem.fingerprints import ecfp4, nearest_similarity
from mole_engine.chem.molecules import parse_smiles
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import TargetScaler, TaskScale
from mole_engine.inference.domain import (
    LOWEST_THRESHOLD,
    fingerprints_of,
    inside,
    measure_domain,
    own_fingerprints,
    unseen_elements,
)
from mole_engine.inference.uncertainty import conformal_half_width, measure_uncertainty
from mole_engine.store.card import DomainReference


def test_conformal_interval_covers_nine_in_ten():
    generator = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        residuals = generator.standard_t(3, size=101)
        covered.append(abs(residuals[-1]) <= conformal_half_width(residuals[:-1]))
    assert 0.86 < np.mean(covered) < 0.95


def test_conformal_rank():
    assert conformal_half_width(np.arange(1.0, 10.0)) == 9.0
    assert conformal_half_width(-np.arange(1.0, 20.0)) == 18.0


@pytest.mark.parametrize("count", [0, 1, 8])
def test_too_few_molecules_give_no_interval(count):
    assert math.isnan(conformal_half_width(np.ones(count)))


def test_residuals_are_measured_in_the_scaled_space_without_missing_labels():
    tasks = (TaskSpec("a", TaskKind.REGRESSION), TaskSpec("b", TaskKind.CLASSIFICATION, classes=("0", "1")))
    scaler = TargetScaler((TaskScale(transform="log10", mean=2.0, std=0.5, low=1e-9), None))
    targets = np.array([[100.0, 1.0], [1000.0, 0.0], [np.nan, 1.0]])
    logits = np.array([[0.5, 3.0], [2.5, -3.0], [9.0, 3.0]])
    result = measure_uncertainty(logits, targets, tasks, scaler)
    assert result["b"].count == 3
    assert result["a"].count == 2
    assert result["a"].std == pytest.approx(0.5)


def test_twins_do_not_narrow_the_domain():
    """Mirror images and repeats have similarity 1: the domain would be these molecules and nothing else."""
    rings = ("c1ccccc1", "C1CC1", "c1ccncc1", "C1CCOC1", "c1ccsc1", "C1CCCCC1")
    left = [f"C[C@H](O){tail}{ring}" for ring in rings for tail in ("", "C", "CC", "C(=O)N")]
    right = [smiles.replace("@", "@@") for smiles in left]
    assert measure_domain(left).threshold < 0.9
    assert measure_domain(left + right).threshold == measure_domain(left).threshold
    assert measure_domain(left + left).threshold == measure_domain(left).threshold


def test_domain_tells_relatives_from_strangers():
    alcohols = ["C" * length + "O" for length in range(2, 22)]
    domain = measure_domain(alcohols)
    near, far = nearest_similarity(fingerprints_of(["CCCCCO", "c1ccc2[nH]ccc2c1"]), domain.fingerprints)
    assert near == 1.0
    assert near >= domain.threshold > far
    assert domain.threshold >= LOWEST_THRESHOLD


def test_a_run_reads_the_same_fingerprints_as_a_prediction():
    smiles = ["CCO", "nonsense", "c1ccccc1O", "CCO"]
    for _ in range(2):
        np.testing.assert_array_equal(own_fingerprints(smiles), fingerprints_of(smiles))


def test_domain_of_one_molecule_and_of_a_large_set(monkeypatch):
    assert measure_domain(["CCO"]).threshold == LOWEST_THRESHOLD
    monkeypatch.setattr("mole_engine.inference.domain.MAX_REFERENCES", 5)
    domain = measure_domain(["C" * length for length in range(1, 12)])
    assert domain.fingerprints.shape == (5, 256)
    assert domain.molecules == 11


def test_an_element_that_no_training_molecule_has_is_outside():
    acids = ["C" * length + "C(=O)O" for length in range(2, 22)]
    domain = measure_domain(acids)
    asked = ["CCCCC(=O)O", "CCCCCCCCCC[Se]CCCCCCCCCC(=O)O"]
    similarity = nearest_similarity(fingerprints_of(asked), domain.fingerprints).astype(np.float64)
    assert (similarity >= domain.threshold).all()
    assert inside(domain, asked, similarity).tolist() == [True, False]
    assert unseen_elements(domain, asked[1]) == ("Se",)
    # A model of before says what it said then.
    old = replace(domain, elements=None)
    assert inside(old, asked, similarity).tolist() == [True, True]


def test_domain_survives_the_card():
    domain = measure_domain(["CCO", "CCN", "c1ccccc1"])
    again = DomainReference.from_dict(domain.to_dict())
    assert again.threshold == domain.threshold
    assert again.elements == {"C", "N", "O"}
    assert DomainReference.from_dict(replace(domain, elements=None).to_dict()).elements is None
    assert (again.fingerprints == domain.fingerprints).all()
    with pytest.raises(ValueError, match="cannot be decoded"):
        DomainReference.from_dict({**domain.to_dict(), "fingerprints": "AAAA"})


def test_similarity_is_rdkits_tanimoto():
    from rdkit import DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    smiles = ["CCO", "CCCO", "c1ccccc1O", "CC(=O)Nc1ccc(O)cc1", "OCC"]
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    theirs = [generator.GetFingerprint(parse_smiles(text)) for text in smiles]
    ours = np.stack([ecfp4(parse_smiles(text)) for text in smiles])
    expected = [max(DataStructs.BulkTanimotoSimilarity(fp, theirs[:3])) for fp in theirs]
    np.testing.assert_allclose(nearest_similarity(ours, ours[:3]), expected, rtol=1e-6)


def test_leave_one_out_across_blocks(monkeypatch):
    monkeypatch.setattr("mole_engine.chem.fingerprints._FEW", 0)
    monkeypatch.setattr("mole_engine.chem.fingerprints._QUERY_BLOCK", 3)
    monkeypatch.setattr("mole_engine.chem.fingerprints._REFERENCE_BLOCK", 4)
    prints = fingerprints_of(["C" * length + "N" for length in range(1, 12)])
    similarity = nearest_similarity(prints, prints, skip_self=True)
    reference = [
        nearest_similarity(prints[[place]], np.delete(prints, place, axis=0))[0] for place in range(len(prints))
    ]
    np.testing.assert_allclose(similarity, reference, rtol=1e-6)
    assert (nearest_similarity(prints, prints) == 1.0).all()
    assert nearest_similarity(prints, prints[:0]).tolist() == [0.0] * len(prints)


def test_labels_that_a_sample_misses_still_make_an_interval():
    """A rare target of a large set: only some molecules are compared, hardly any of them with a label."""
    tasks, scaler = (TaskSpec("a", TaskKind.REGRESSION),), TargetScaler((TaskScale(mean=0.0, std=1.0),))
    targets = np.full((1000, 1), np.nan)
    targets[:90, 0] = np.linspace(-1.0, 1.0, 90)
    similarity = np.full(1000, np.nan)
    similarity[85:400] = 0.5
    known = measure_uncertainty(np.zeros((1000, 1)), targets, tasks, scaler, similarity)["a"]
    assert known.count == 90
    assert known.half_width == conformal_half_width(targets[:90, 0])
