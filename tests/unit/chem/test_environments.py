"""Environments and distances: numbers that depend on the structure alone."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from mole_engine.chem.distances import relative_positions
from mole_engine.chem.environments import atom_environments


def mol(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles)


def test_radius_zero_tells_atoms_apart_and_equal_atoms_not() -> None:
    carbons_and_oxygen = atom_environments(mol("CCO"))
    assert carbons_and_oxygen.dtype == np.int64
    assert len(set(carbons_and_oxygen.tolist())) == 3
    assert len(set(atom_environments(mol("c1ccccc1")).tolist())) == 1


@pytest.mark.parametrize(("one", "other"), [("[NH4+]", "N"), ("[14CH4]", "C"), ("C1CC1", "CCC"), ("[2H]", "[H]")])
def test_charge_isotope_and_ring_matter(one: str, other: str) -> None:
    assert not set(atom_environments(mol(one)).tolist()) & {int(atom_environments(mol(other))[0])}


def test_radius_two_sees_two_bonds_and_no_more() -> None:
    near, far = mol("CCCO"), mol("CCCCO")
    first_of = [int(atom_environments(molecule, 2)[0]) for molecule in (near, far, mol("CCCCN"))]
    assert first_of[1] == first_of[2]
    assert int(atom_environments(near, 3)[0]) != int(atom_environments(far, 3)[0])


def test_a_lone_atom_has_an_environment_at_every_radius() -> None:
    assert atom_environments(mol("[Na+].CCO"), 2).shape == (4,)


def test_no_atoms_no_environments() -> None:
    assert atom_environments(Chem.Mol(), 2).shape == (0,)


def test_negative_radius_is_refused() -> None:
    with pytest.raises(ValueError, match="radius"):
        atom_environments(mol("C"), -1)


def test_positions_are_distance_plus_one_with_zero_for_cls() -> None:
    assert relative_positions(mol("CCO")).tolist() == [[0, 0, 0, 0], [0, 1, 2, 3], [0, 2, 1, 2], [0, 3, 2, 1]]


def test_fragments_have_no_distance() -> None:
    assert relative_positions(mol("C.O")).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_long_chains_stay_within_a_byte() -> None:
    positions = relative_positions(mol("C" * 300))
    assert positions.dtype == np.uint8
    assert positions[1, 254] == 254
    assert positions[1, 300] == 255


def test_a_molecule_without_atoms_is_cls_alone() -> None:
    assert relative_positions(Chem.Mol()).tolist() == [[0]]
