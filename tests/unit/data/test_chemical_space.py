"""Maps, properties and similarity of whole columns."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.chem.fingerprints import similarities
from mole_engine.chem.properties import PROPERTIES
from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.data import chemical_space, fingerprints
from mole_engine.data.chemical_space import available_maps, project, project_vectors
from mole_engine.data.fingerprints import fingerprints_of, similarity_search
from mole_engine.data.properties import properties

ALKANES = ["C" * length for length in range(4, 24)]
AROMATICS = [f"c1ccc({tail})cc1C(=O)N" for tail in ("C", "CC", "CCC", "Cl", "Br", "F", "O", "N", "OC", "C#N")]


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_map_keeps_two_families_apart_and_is_always_the_same(method):
    points = project([*ALKANES, *AROMATICS], method)
    assert points.shape == (30, 2)
    assert points.dtype == np.float32
    first, second = points[:20], points[20:]
    between = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    within = np.median(np.linalg.norm(second - second.mean(axis=0), axis=1))
    assert between > within
    np.testing.assert_array_equal(points, project([*ALKANES, *AROMATICS], method))


def test_molecules_beyond_the_landmarks_are_placed_beside_their_like(monkeypatch):
    monkeypatch.setattr(chemical_space, "MAX_LANDMARKS", 20)
    points = project([*ALKANES, *AROMATICS], "tsne")
    alkanes, aromatics = points[:20].mean(axis=0), points[20:].mean(axis=0)
    near = np.linalg.norm(points - alkanes, axis=1) < np.linalg.norm(points - aromatics, axis=1)
    assert near[:20].mean() > 0.8
    assert (~near[20:]).mean() > 0.8


@pytest.mark.parametrize("count", range(6))
def test_few_or_odd_molecules_have_a_place(count):
    assert np.isfinite(project(["CCO", "not a molecule", "CCO", "", "CCN"][:count])).all()


def test_vectors_with_gaps_are_placed(monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    vectors[3] = np.nan
    points = project_vectors(vectors)
    assert points.shape == (12, 2)
    assert np.isfinite(points).all()


def test_a_map_that_is_not_there_is_told():
    with pytest.raises(InputError, match="no map 'globe'"):
        project(ALKANES, "globe")
    if "umap" not in available_maps():
        with pytest.raises(InputError, match="UMAP is not installed"):
            project(ALKANES, "umap")


def test_similarity_to_one_molecule_agrees_with_all_pairs():
    smiles = [*ALKANES, *AROMATICS, "nonsense("]
    found = similarity_search("c1ccc(C)cc1C(N)=O", smiles)
    expected = similarities(fingerprints_of(["c1ccc(C)cc1C(N)=O"]), fingerprints_of(smiles))[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found[20] == 1.0
    assert found[-1] == 0.0
    with pytest.raises(InputError, match="is not a molecule"):
        similarity_search("nonsense(", smiles)


def test_fingerprints_are_computed_once(monkeypatch):
    monkeypatch.setattr(fingerprints, "_kept", {})
    first = fingerprints_of(ALKANES)
    monkeypatch.setattr(fingerprints, "fingerprint_chunk", None)
    np.testing.assert_array_equal(fingerprints_of(ALKANES[::-1]), first[::-1])


def test_properties_are_those_of_the_textbook():
    table = properties(["CC(=O)Oc1ccccc1C(=O)O", "not a molecule", "CCO"])
    assert list(table.columns) == list(PROPERTIES)
    aspirin = table.iloc[0]
    assert aspirin["MW"] == pytest.approx(180.16, abs=0.01)
    assert aspirin["TPSA"] == pytest.approx(63.6)
    assert aspirin[["HBD", "HBA", "rings", "heavy_atoms", "rotatable_bonds"]].tolist() == [1, 3, 1, 13, 2]
    assert 0 < aspirin["QED"] < 1
    assert table.iloc[1].isna().all()
    with pytest.raises(InputError, match="no property 'colour'"):
        properties(["C"], ["colour"])


def test_long_work_can_be_cancelled():
    def cancel(stage, done, total):
        raise Cancelled

    for work in (lambda: properties(["CCS"], None, cancel), lambda: project(["CCCS"], "pca", cancel)):
        with pytest.raises(Cancelled):
            work()
