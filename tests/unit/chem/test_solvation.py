"""Descriptors of solvation: in the order of nature, and the same however a molecule is written."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rdkit import Chem
from scipy.stats import spearmanr

from mole_engine.chem.solvation import MAX_ATOMS, solvation_names, solvation_row

MEASURED = {
    "C": 2.0,
    "CCCCCC": 2.5,
    "C=C": 1.3,
    "c1ccccc1": -0.9,
    "CCOCC": -1.6,
    "CC(=O)C": -3.8,
    "CCN": -4.5,
    "CCO": -5.0,
    "c1ccccc1O": -6.6,
    "CC(=O)O": -6.7,
    "CC(=O)N": -9.7,
    "OCC(O)CO": -13.4,
}
"""Hydration free energies, kcal/mol, of textbooks."""


def named(smiles: str, hidden: tuple[int, ...] = ()) -> dict[str, float]:
    return dict(zip(solvation_names(), solvation_row(Chem.MolFromSmiles(smiles), hidden), strict=True))


def test_molecules_stand_in_the_order_of_their_hydration():
    energies = [named(smiles)["Born_Energy"] for smiles in MEASURED]
    assert spearmanr(energies, list(MEASURED.values()))[0] > 0.85


def test_an_ion_is_pulled_as_born_says():
    """A charge in a sphere has half of 332.06 (1 - 1 / 78.5) / radius, some 95 kcal/mol in this radius."""
    assert named("[Cl-]")["Born_Energy"] == pytest.approx(-0.5 * 332.06 * (1 - 1 / 78.5) / (1.7 - 0.09), rel=1e-6)


def test_writing_a_molecule_otherwise_changes_nothing():
    mol = Chem.MolFromSmiles("CC(=O)Nc1ccc(OCCN(C)C)cc1[N+](=O)[O-]")
    order = np.random.default_rng(0).permutation(mol.GetNumAtoms()).tolist()
    other = Chem.MolFromSmiles(Chem.MolToSmiles(Chem.RenumberAtoms(mol, order), canonical=False))
    np.testing.assert_allclose(solvation_row(mol), solvation_row(other), rtol=1e-9, atol=1e-9)


def test_parts_add_up():
    found = named("OC(=O)c1cc(Cl)ccc1N")
    kinds = [found[f"Born_Own{kind}"] for kind in ("H", "C", "N", "O", "Halogen", "PS")]
    assert sum(kinds) == pytest.approx(found["Born_Own"])
    assert found["Born_Own"] + found["Born_Pairs"] == pytest.approx(found["Born_Energy"])


def test_a_hidden_atom_takes_its_charge_and_that_of_its_hydrogens_away():
    whole, without = named("CCCCCCO"), named("CCCCCCO", (6,))
    assert whole["Born_OwnO"] < -10
    assert without["Born_OwnO"] == 0
    assert without["Born_Donors"] == 0
    assert without["Born_OwnC"] == pytest.approx(whole["Born_OwnC"])
    assert named("CCCCCCO", (0,))["Born_OwnO"] == pytest.approx(whole["Born_OwnO"])


@pytest.mark.parametrize("smiles", ["c1ccccc1B(O)O", "[Fe]", "[Na+].CC(=O)[O-]", "[H][H]", "*CC", "[2H]C"])
def test_unusual_atoms_have_numbers_too(smiles):
    assert np.isfinite(solvation_row(Chem.MolFromSmiles(smiles))).all()


def test_a_molecule_that_is_too_large_has_gaps_and_no_wait():
    row = solvation_row(Chem.MolFromSmiles("C" * MAX_ATOMS))
    assert len(row) == len(solvation_names())
    assert all(math.isnan(value) for value in row)
