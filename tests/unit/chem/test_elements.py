"""Elements are read from the text of a SMILES as from the molecule."""

from __future__ import annotations

import pytest
from rdkit import Chem

from mole_engine.chem.elements import elements_of


@pytest.mark.parametrize(
    "smiles",
    [
        "CCO",
        "c1ccsc1Br",
        "Cc1c[nH]c(Cl)c1",
        "C[Si](C)(C)C.[Na+].[O-]S(=O)(=O)C(F)(F)F",
        "[13CH3][C@@H](N)C(=O)O",
        "c1cc[se]c1",
        "[H][H]",
        "OB(O)c1ccc(I)cc1",
        "[NH3]->[Pt](Cl)Cl",
        "[cH-]1cccc1.[cH-]1cccc1.[Fe+2]",
        "[2H]OC([2H])([2H])[2H]",
        "C1=CC=[As]C=C1",
        "CN(C)C[P+](C)(C)C",
        "[Sn](C)(C)(C)C",
        "[O-][n+]1ccccc1",
    ],
)
def test_elements_are_those_of_the_molecule(smiles):
    atoms = {atom.GetSymbol() for atom in Chem.MolFromSmiles(smiles, sanitize=False).GetAtoms()} - {"H"}
    assert elements_of(smiles) == atoms
    assert elements_of(f"{smiles} |&1:1|") == atoms


def test_no_text_has_no_elements_and_a_dummy_is_one():
    assert elements_of("") == frozenset()
    assert elements_of("*CC") == {"*", "C"}
