from __future__ import annotations

from itertools import permutations

import pytest
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from mole_engine.chem.fragments import may_have_bound_metals, outweighing_fragment, without_salt_bonds
from mole_engine.chem.molecules import canonical_smiles, parse_smiles

PIECES = [
    *("[Na+]", "[Cl-]", "O", "Cl", "CC(=O)[O-]", "OC(=O)/C=C\\C(=O)O", "F[P-](F)(F)(F)(F)F", "C[N+](C)(C)C", "[H][H]"),
    *("c1ccccc1", "C1CCCCC1", "O=S(=O)([O-])[O-]", "[2H]C([2H])[2H]", "C[C@H](N)C(=O)O", "[Sc+3]", "[NH4+]", "CC"),
]


def test_it_agrees_with_rdkits_chooser_wherever_it_answers():
    chooser = rdMolStandardize.LargestFragmentChooser(preferOrganic=True)
    answered = 0
    for pieces in [*permutations(PIECES, 2), *list(permutations(PIECES, 3))[::7]]:
        text = ".".join(pieces)
        found = outweighing_fragment(text)
        if found is None:
            continue
        answered += 1
        mol, smiles, removed = found
        assert smiles == canonical_smiles(mol) == canonical_smiles(chooser.choose(parse_smiles(text))), text
        assert canonical_smiles(parse_smiles(f"{smiles}.{removed}")) == canonical_smiles(parse_smiles(text))
    assert answered > 300


@pytest.mark.parametrize(
    "text",
    [
        "C1.C1",  # a ring that closes across the dot: this is ethane
        "CC.CC",  # as many atoms in both
        "CO.F[P-](F)(F)(F)(F)F",  # the organic fragment is not the larger one
        "CCO.C1CC",  # a part that cannot be read
        "CCO.",
        "CCO.Cl |$;;;$|",
        "[Na+].[Cl-]",
        "InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3.InChI=1S/ClH/h1H",
    ],
)
def test_the_chooser_decides_where_it_is_not_plain(text):
    assert outweighing_fragment(text) is None
    Chem.MolFromSmiles(text)  # whatever it is, nothing is raised


@pytest.mark.parametrize(
    ("bound", "parted"),
    [
        ("[Na]OC(=O)c1ccccc1", "O=C([O-])c1ccccc1.[Na+]"),
        ("O=C(O[K])C", "CC(=O)[O-].[K+]"),
        ("[Li]N(C)C", "C[N-]C.[Li+]"),
        ("[Na]SC", "C[S-].[Na+]"),
        ("[Na]n1cccc1", "[Na+].c1cc[n-]c1"),
        ("CC(=O)O[Ca]OC(C)=O", "CC(=O)[O-].CC(=O)[O-].[Ca+2]"),
        ("CC(=O)O[Mg]Cl", "CC(=O)[O-].[Cl-].[Mg+2]"),
        ("CC(=O)O[Ca+].[Cl-]", "CC(=O)[O-].[Ca+2].[Cl-]"),
    ],
)
def test_metals_that_are_ions_in_all_their_salts_are_parted(bound, parted):
    assert may_have_bound_metals(bound)
    found = without_salt_bonds(parse_smiles(bound))
    assert found is not None
    assert canonical_smiles(parse_smiles(canonical_smiles(found))) == canonical_smiles(parse_smiles(parted))
    assert outweighing_fragment(f"{bound}.O") is None


@pytest.mark.parametrize(
    "bound",
    [
        "[Li]CCCC",
        "C[Mg]Br",
        "CO[Mg]C",
        "[Na]C#N",
        "CC(=O)O[Zn]OC(C)=O",
        "CO[Al](OC)OC",
        "CS[Hg]C",
        "C1CN2[Mg]N1CC2",
        "O=[Mg]",
        "[Na+].[O-]C",
        "CCO",
    ],
)
def test_what_is_bound_stays_bound(bound):
    assert without_salt_bonds(parse_smiles(bound)) is None
