"""Atoms that are hidden from fingerprints and descriptors, and which atom is which after clean-up."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

from mole_engine.chem.fingerprints import counts_without, ecfp4_counts, group_counts
from mole_engine.chem.hiding import blanked, places_in_given


def test_hiding_nothing_leaves_the_counts_as_they_are():
    mol = Chem.MolFromSmiles("CC(=O)Nc1ccc(OCCN(C)C)cc1")
    np.testing.assert_array_equal(counts_without(mol, [()])[0], ecfp4_counts(mol))


def test_environments_that_touch_a_hidden_atom_are_not_counted():
    mol = Chem.MolFromSmiles("CCCCCCCCO")
    whole, end, all_hidden = counts_without(mol, [(), (8,), tuple(range(9))])
    # O; C-O; C-C-O (around O or around its neighbour: counted once); and two with two bonds on the other side.
    assert whole.sum() - end.sum() == 5
    assert all_hidden.sum() == 0
    assert (end <= whole).all()


@pytest.mark.parametrize(
    "smiles",
    [
        *("c1cc[nH]c1", "C[N+](=O)[O-]", "CS(C)(=O)=O", "[O-][n+]1ccccc1", "F[P-](F)(F)(F)(F)F", "C", "[2H]C"),
        *("CN=[N+]=[N-]", "F[C@H](Cl)Br", "C/C=C/C", "[C-]#[O+]", "c1cc[o+]cc1", "C1=CC=C[CH-]1.[Fe+2]"),
    ],
)
def test_any_atom_can_be_blanked(smiles):
    mol = Chem.MolFromSmiles(smiles)
    for place in range(mol.GetNumAtoms()):
        blank = blanked(mol, (place,))
        assert blank.GetNumAtoms() == mol.GetNumAtoms()
        assert blank.GetNumBonds() == mol.GetNumBonds()
        assert blank.GetAtomWithIdx(place).GetAtomicNum() == 0
    assert mol.GetAtomWithIdx(0).GetAtomicNum() > 0


def test_descriptors_miss_a_blanked_atom_and_its_hydrogens():
    mol = Chem.MolFromSmiles("CCO")
    assert Descriptors.MolWt(blanked(mol, (2,))) == pytest.approx(Descriptors.MolWt(mol) - 17.007, abs=0.01)
    assert Descriptors.TPSA(blanked(mol, (2,))) == 0


@pytest.mark.parametrize(
    ("given", "read", "places"),
    [
        ("OCC", "CCO", (2, 1, 0)),
        ("[Na+].[O-]C(C)=O", "CC(=O)O", (3, 2, 4, 1)),
        ("C[N+](C)(C)C.[Cl-]", "C[N+](C)(C)C", (0, 1, 2, 3, 4)),
        ("[nH]1cccc1", "c1cc[nH]c1", (2, 3, 4, 0, 1)),
        ("F[C@H](Cl)Br", "FC(Cl)Br", (0, 1, 2, 3)),
        ("Oc1ccccn1", "O=c1cccc[nH]1", (None,) * 7),
        ("not a molecule", "CC", (None, None)),
    ],
)
def test_atoms_are_found_again_in_the_smiles_as_given(given, read, places):
    assert places_in_given(given, read) == places


def test_groups_without_an_atom_are_those_that_do_not_touch_it():
    mol = Chem.MolFromSmiles("CCO")
    whole, hidden = counts_without(mol, [(), (2,)], radius=1)
    np.testing.assert_array_equal(whole, group_counts(mol))
    # Three atoms and three atoms with neighbours; of these the first two atoms and the first one's surroundings stay.
    assert whole.sum() == 6
    assert hidden.sum() == 3
