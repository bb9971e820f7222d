"""What was pasted to be predicted: every molecule is a row, and its name is no part of it."""

import pytest
from rdkit import Chem

from mole_engine.inference.pasted import read_pasted
from mole_engine.inference.predictor import load_model


@pytest.fixture
def model(make_bundle):
    return load_model(make_bundle())


@pytest.mark.parametrize(
    ("text", "structures"),
    [
        ("CCO\n\n  CCN  ", ["CCO", "  CCN  "]),
        ("CCO ethanol\nCCN\nCC(=O)O acetic acid", ["CCO", "CCN", "CC(=O)O"]),
        ("CCO\tethanol\nc1ccccc\tbroken\n", ["CCO", "c1ccccc"]),
        ("CCO ethanol\nc1ccccc broken", ["CCO", "c1ccccc"]),
        ("smiles\nCCO\nCCN", ["CCO", "CCN"]),
        ("SMILES name\nCCO ethanol", ["CCO"]),
        ("id\tsmiles\tN\nA\tCCO\t1,5\nB\tCCN\t2,5", ["CCO", "CCN"]),
        ("A\tCCO\nB\tCCN", ["CCO", "CCN"]),
        ("not a smiles\nfoo", ["not a smiles", "foo"]),
        ("CCO |$_AV:a;;$|\nCCN", ["CCO |$_AV:a;;$|", "CCN"]),
        ("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3\nC, N", ["InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3", "C, N"]),
        ("smiles", ["smiles"]),
    ],
)
def test_every_pasted_line_is_a_molecule(model, text, structures):
    table, column = read_pasted(text.split("\n"), model)
    assert table[column].tolist() == structures


def test_names_behind_structures_are_kept(model):
    table, _ = read_pasted(["CCO ethanol", "CCN", "CC(=O)O  acetic acid "], model)
    assert table["name"].tolist() == ["ethanol", "", "acetic acid"]
    assert read_pasted(["CCO", "CCN"], model)[0].columns.tolist() == ["smiles"]


def test_a_block_copied_from_a_drawing_program_is_one_molecule(model):
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("CCO"))
    table, column = read_pasted(block.split("\n"), model)
    assert table[column].tolist() == ["CCO"]
