"""Descriptors: right numbers in named columns, gaps as NaN."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

from mole_engine.chem.descriptors import (
    compute_descriptors,
    descriptor_names,
    descriptor_row,
    quick_descriptor_names,
    quick_rdkit_descriptor_names,
    rdkit_descriptor_names,
)
from mole_engine.chem.hiding import blanked
from mole_engine.chem.solvation import solvation_names
from mole_engine.contracts.errors import Cancelled


def test_columns_are_named_and_right():
    names = descriptor_names()
    assert len(names) == len(set(names)) > 150
    table = compute_descriptors(["CCO", "c1ccccc1"])
    assert table.shape == (2, len(names))
    assert table.dtype == np.float32
    for row, smiles in enumerate(("CCO", "c1ccccc1")):
        expected = Descriptors.MolWt(Chem.MolFromSmiles(smiles))
        assert table[row, names.index("MolWt")] == pytest.approx(expected, rel=1e-6)


def test_what_cannot_be_computed_is_nan_and_never_infinite():
    table = compute_descriptors(["", "not a molecule", "[Na+].[Cl-]", "[H][H]", "C" * 300])
    assert np.isnan(table[:2]).all()
    assert not np.isinf(table).any()
    assert np.isfinite(table[4]).sum() > 100


def test_models_of_before_find_their_columns_where_they_were():
    """Neither table may change but by growing at its end."""
    assert descriptor_names()[: len(rdkit_descriptor_names())] == rdkit_descriptor_names()
    assert quick_descriptor_names()[: len(quick_rdkit_descriptor_names())] == quick_rdkit_descriptor_names()
    assert set(quick_descriptor_names()) < set(descriptor_names())
    first = solvation_names()[0]
    table = compute_descriptors(["CCO", "CCC"], names=(first, "MolWt"))
    assert table[0, 0] < table[1, 0] - 5
    assert table[:, 1] == pytest.approx([46.07, 44.1], abs=0.01)


def test_progress_may_cancel():
    def cancel(stage, done, total):
        assert total == 40
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        compute_descriptors(["C"] * 40, cancel)


@pytest.mark.parametrize("hidden", [(), (2, 3)])
def test_indices_that_are_computed_once_are_those_of_the_molecule(hidden):
    names = [name for name in rdkit_descriptor_names() if name.endswith("EStateIndex")]
    assert len(names) == 4
    mol = Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1F")
    descriptor_row(mol, names)
    functions = dict(Descriptors.descList)
    fresh = blanked(mol, hidden) if hidden else Chem.MolFromSmiles("CC(=O)Nc1ccc(O)cc1F")
    assert descriptor_row(mol, names, hidden) == [functions[name](fresh) for name in names]
