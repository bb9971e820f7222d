from __future__ import annotations

from itertools import permutations

import pytest
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from mole_engine.chem.fragments import outweighing_fragment
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
