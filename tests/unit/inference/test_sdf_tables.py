"""Predictions as structures: an SDF with every row and every column."""

import re

import pandas as pd
import pytest
from rdkit import Chem

from mole_engine.chem.sdf_text import sdf_record
from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.inference.predictor import load_model
from mole_engine.inference.tables import predict_file, write_table

TABLE = """Name,SMILES,_code,dose <mg>,note
lactic acid,C[C@H](O)C(=O)O,7,0.5,"two

lines"
broken,c1ccccc,8,,
salt,CC(=O)[O-].[Na+],9,2,
"""


@pytest.fixture
def records(make_bundle, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.sdf"
    source.write_text(TABLE)
    model = load_model(make_bundle())
    predict_file(model, source, out)
    return model, list(Chem.SDMolSupplier(str(out)))


def test_every_row_and_column_of_a_table_is_in_the_sdf(records):
    model, mols = records
    assert [mol.GetProp("_Name") for mol in mols] == ["lactic acid", "broken", "salt"]
    first = mols[0].GetPropsAsDict(includePrivate=True, autoConvertStrings=False)
    assert (first["_code"], first["dose (mg)"], first["note"]) == ("7", "0.5", "two lines")
    predicted = model.predict(["C[C@H](O)C(=O)O"])
    assert float(first["logS_pred"]) == pytest.approx(predicted["logS_pred"][0], rel=1e-6)
    assert first["in_domain"] == str(predicted["in_domain"][0])


def test_structures_of_an_sdf_keep_their_stereochemistry_and_salts(records):
    _, mols = records
    assert Chem.MolToSmiles(mols[0]) == Chem.CanonSmiles("C[C@H](O)C(=O)O")
    assert Chem.MolToSmiles(mols[2]) == Chem.CanonSmiles("CC(=O)[O-].[Na+]")
    assert mols[0].GetNumConformers() == 1


def test_a_row_that_cannot_be_read_is_a_record_without_atoms(records):
    _, mols = records
    assert mols[1].GetNumAtoms() == 0
    assert mols[1].GetProp("error") == "ring 1 is never closed"
    assert not mols[1].GetProp("logS_pred")


def test_a_table_without_structures_is_no_sdf(make_bundle, tmp_path):
    frame = load_model(make_bundle()).predict(["CCO"])
    with pytest.raises(InputError, match="its ending must be one of"):
        write_table(frame, tmp_path / "out.sdf")


@pytest.mark.parametrize(("title", "value"), [("$$$$", "1"), ("dear one", "$$$$"), ("dear one", "$$$$ each\n\n$$$$")])
def test_no_text_of_a_table_ends_a_record_early(title, value):
    supplier = Chem.SDMolSupplier()
    supplier.SetData(2 * sdf_record(Chem.MolFromSmiles("CCO"), title, [("price", value), ("after", "2")]))
    # Counting makes it look for the ends of records, as most programs do.
    assert len(supplier) == 2
    assert [mol.GetNumAtoms() for mol in supplier] == [3, 3]
    assert [mol.GetProp("_Name").strip() for mol in supplier] == [title, title]
    assert [mol.GetProp("price").strip() for mol in supplier] == [" ".join(value.split())] * 2
    assert [mol.GetProp("after") for mol in supplier] == ["2", "2"]


def test_an_sdf_is_written_piece_by_piece_and_given_up_whole(tmp_path):
    frame, out, told = pd.DataFrame({"smiles": ["CCO"] * 500, "y": range(500)}), tmp_path / "out.sdf", []
    write_table(frame, out, structures="smiles", on_progress=lambda *words: told.append(words))
    assert told == [("write", done, 500) for done in (0, 200, 400)]
    assert [mol.GetProp("_Name") for mol in Chem.SDMolSupplier(str(out))][::499] == ["row 1", "row 500"]
    before = out.read_bytes()

    def give_up(_stage, done, _total):
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_table(frame.iloc[::-1], out, structures="smiles", on_progress=give_up)
    assert out.read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


def test_fields_whose_names_an_sdf_cannot_tell_apart_are_all_kept():
    text = sdf_record(None, "", [("<b>", "1"), ("(b)", "2"), ("(b)_", "3"), ("", "4"), ("column", "5")])
    names = re.findall(r">  <(.*)>", text)
    assert len(set(names)) == 5
    assert names[0] == "(b)"
