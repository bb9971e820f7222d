"""Whole files: every input column first and untouched, whatever the format."""

import io

import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from mole_engine.contracts.cells import guarded, unguarded
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.inference import predictor
from mole_engine.inference.embeddings import encode_file
from mole_engine.inference.evaluation import evaluate_file
from mole_engine.inference.predictor import load_model
from mole_engine.inference.tables import find_name_column, predict_file, predict_table, read_input, write_table

TABLE = """Name,SMILES,logS,note
"a, b",CCO,-0.770,=1+1
c,c1ccccc,007,
d,CCCN,1e-3,"two
lines"
"""


@pytest.fixture
def model(make_bundle):
    return load_model(make_bundle())


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text(TABLE)
    return path


def _read(path, **options):
    return pd.read_csv(path, dtype=str, keep_default_na=False, **options)


@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ","), (".tsv", "\t")])
def test_text_out_keeps_every_input_cell(model, table, tmp_path, suffix, separator):
    result = predict_file(model, table, tmp_path / f"out{suffix}")
    given, out = _read(table), _read(tmp_path / f"out{suffix}", sep=separator)
    assert list(out.columns)[:4] == list(given.columns)
    pd.testing.assert_frame_equal(out[list(given.columns)], given)
    assert (result.rows, result.failed, result.smiles_column) == (3, 1, "SMILES")
    assert result.first_error == "row 2: ring 1 is never closed"
    assert float(out["logS_pred"][0]) == pytest.approx(model.predict(["CCO"])["logS_pred"][0], rel=1e-6)


def test_xlsx_holds_texts_as_texts_and_units(model, table, tmp_path):
    predict_file(model, table, tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    rows = list(book["predictions"].iter_rows())
    assert [cell.value for cell in rows[0]][:5] == ["Name", "SMILES", "logS", "note", "logS_pred"]
    assert rows[1][3].value == "=1+1"
    assert rows[1][3].data_type == "s"
    assert rows[2][2].value == "007"
    assert isinstance(rows[1][4].value, float)
    units = {row[0].value: row[1].value for row in book["units"].iter_rows(min_row=2)}
    assert units["logS_pred"] == "log mol/L"


def test_parquet_is_typed_and_knows_units(model, table, tmp_path):
    predict_file(model, table, tmp_path / "out.parquet")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.field("logS_pred").metadata == {b"unit": b"log mol/L"}
    frame = pd.read_parquet(tmp_path / "out.parquet")
    assert frame["logS"].tolist() == ["-0.770", "007", "1e-3"]
    assert frame["logS_pred"].dtype == np.float64
    assert frame["in_domain"].isna().tolist() == [False, True, False]


def test_stream_receives_csv(model, table):
    stream = io.StringIO()
    predict_file(model, table, stream)
    assert stream.getvalue().startswith("Name,SMILES,logS,note,logS_pred,")


def test_own_column_steps_aside(model, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("smiles,logS_pred,error\nCCO,measured,none\n")
    result = predict_file(model, path, tmp_path / "out.csv")
    assert result.renamed == {"logS_pred": "logS_pred_mole", "error": "error_mole"}
    out = _read(tmp_path / "out.csv")
    assert out["logS_pred"][0] == "measured"
    assert out["error"][0] == "none"
    assert float(out["logS_pred_mole"][0])


def test_many_rows_come_in_pieces_and_in_order(model, tmp_path, monkeypatch):
    monkeypatch.setattr(predictor, "CHUNK", 7)
    path = tmp_path / "in.csv"
    path.write_text("smiles,n\n" + "".join(f"{'C' * (1 + n % 9)}O,{n}\n" for n in range(40)))
    for suffix in (".csv", ".parquet"):
        predict_file(model, path, tmp_path / f"out{suffix}")
    out = _read(tmp_path / "out.csv")
    assert out["n"].tolist() == [str(n) for n in range(40)]
    np.testing.assert_allclose(
        out["logS_pred"].astype(float), pd.read_parquet(tmp_path / "out.parquet")["logS_pred"], rtol=1e-6
    )


def test_window_path_gives_the_same_table(model, table, tmp_path):
    cells, column = read_input(table, model)
    frame = predict_table(model, cells, column)
    write_table(frame, tmp_path / "window.csv")
    predict_file(model, table, tmp_path / "cli.csv")
    assert _read(tmp_path / "window.csv").equals(_read(tmp_path / "cli.csv"))


def test_structures_column_is_found_or_named(model, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("mol,other\nCCO,CCN\nCCC,CCCN\n")
    with pytest.raises(InputError, match=r"several columns with structures.*'mol', 'other'.*Call the one"):
        read_input(path, model)
    assert read_input(path, model, smiles_column="other")[1] == "other"
    with pytest.raises(InputError, match=r"no column 'moll'.*Did you mean 'mol'"):
        read_input(path, model, smiles_column="moll")
    path.write_text("x,y\n1,2\n3,4\n")
    with pytest.raises(InputError, match="no column with structures"):
        read_input(path, model)


def test_a_broken_structure_is_told_and_not_replaced_by_what_stands_beside_it(model, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("smiles,counterion\nC1CC(bad,Cl\n")
    assert read_input(path, model)[1] == "smiles"
    path.write_text("SMILES ,counterion\nCCO,Cl\nCCCC,OC(=O)CC\n")
    assert read_input(path, model)[1] == "SMILES "
    path.write_text("smiles,canonical_smiles\n,CCO\n,CCC\n")
    assert read_input(path, model)[1] == "canonical_smiles"


def test_names_in_a_column_called_as_the_model_called_its_structures(make_bundle, tmp_path):
    model = load_model(make_bundle(data={"name": "train.csv", "smiles_column": "Drug"}))
    path = tmp_path / "in.csv"
    path.write_text("Drug,SMILES\nethanol,CCO\npropane,CCC\n")
    assert read_input(path, model)[1] == "SMILES"


def test_unknown_ending_is_refused_before_any_work(model, table, tmp_path):
    with pytest.raises(InputError, match="its ending must be one of"):
        predict_file(model, table, tmp_path / "out.docx")


def test_failure_on_the_way_leaves_no_half_file(model, table, tmp_path, monkeypatch):
    def broken(*_args, **_options):
        raise RuntimeError("broken")
        yield

    monkeypatch.setattr(model, "predict_chunks", broken)
    with pytest.raises(RuntimeError, match="broken"):
        predict_file(model, table, tmp_path / "out.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "tiny.mole"]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        *(("=1+1", "'=1+1"), ("@x", "'@x"), ("+x", "'+x"), ("-1+2", "'-1+2"), ("-1,5-A1", "'-1,5-A1")),
        *((text, text) for text in ("fine", "-1.5", "-1,5", "-1 000", "+5 %", "-3E-4", "-", "--")),
    ],
)
def test_texts_of_ours_are_no_formulas(text, safe):
    assert guarded(text) == safe
    assert unguarded(safe) == text


def test_class_labels_are_guarded_in_csv_but_input_cells_are_not(make_bundle, tmp_path):
    evil = TaskSpec("=cmd", TaskKind.CLASSIFICATION, classes=("=A1", "=B1"))
    model = load_model(make_bundle("evil.mole", tasks=(evil,), scales=(None,), uncertainty={}))
    path = tmp_path / "in.csv"
    path.write_text("smiles,x\nCCO,=A1\n")
    predict_file(model, path, tmp_path / "out.csv")
    out = _read(tmp_path / "out.csv")
    assert out["x"][0] == "=A1"
    assert out["'=cmd_class"][0] in ("'=A1", "'=B1")


def test_evaluate(model, tmp_path):
    smiles = ["CCO", "CCCN", "c1ccccc1", "CCCl", "xx"]
    values = model.predict(smiles)["logS_pred"] + 0.5
    path = tmp_path / "in.csv"
    path.write_text("smiles,LOGS \n" + "".join(f"{a},{b}\n" for a, b in zip(smiles, values, strict=True)) + "CCBr,\n")
    result = evaluate_file(model, path)
    assert result.metrics["rmse"] == pytest.approx(0.5, rel=1e-4)
    assert result.metrics["pearson"] == pytest.approx(1.0, abs=1e-4)
    assert (result.rows, result.labelled, result.unreadable) == (6, {"logS": 4}, 1)


def test_a_model_without_a_domain_is_evaluated_without_a_word_on_known_molecules(make_bundle, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("smiles,logS\nCCO,1\nCCCN,2\n")
    assert evaluate_file(load_model(make_bundle()), path).notes
    result = evaluate_file(load_model(make_bundle("bare.mole", domain=None)), path)
    assert (result.labelled, result.notes) == ({"logS": 2}, ())


def test_a_model_of_molar_logarithms_is_judged_by_the_concentrations(make_bundle, tmp_path):
    bundle = make_bundle(tasks=(TaskSpec("pIC50", TaskKind.REGRESSION),), data_settings={"molar_log": ["IC50 (nM)"]})
    model = load_model(bundle)
    smiles = ["CCO", "CCCN", "c1ccccc1", "CCCl"]
    values = 10 ** (9.0 - model.predict(smiles)["pIC50_pred"])
    path = tmp_path / "in.csv"
    path.write_text("smiles,IC50 (nM)\n" + "".join(f"{a},{b}\n" for a, b in zip(smiles, values, strict=True)))
    assert evaluate_file(model, path).metrics["rmse"] == pytest.approx(0.0, abs=1e-3)


def test_evaluate_classes_by_their_names(make_bundle, tmp_path):
    task = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))
    model = load_model(make_bundle(tasks=(task,), scales=(None,), uncertainty={}))
    smiles = ["CCO", "CCCN", "c1ccccc1", "CCCl"]
    chosen = model.predict(smiles)["toxic_class"]
    path = tmp_path / "in.csv"
    path.write_text("smiles,toxic\n" + "".join(f"{a},{b.upper()}\n" for a, b in zip(smiles, chosen, strict=True)))
    assert evaluate_file(model, path).metrics["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"smiles": ["C", "N"], "CAS": ["74-82-8", "7664-41-7"], "name": ["a", "b"]}, "CAS"),
        ({"name": ["C", "N"], "batch": ["1", "2"]}, ""),
        ({"smiles": ["C", "N", "O"], "drug": ["same", "same", "same"], "title": ["a", "", None]}, "title"),
        ({"smiles": ["C", "N"], "id": ["", None]}, ""),
    ],
)
def test_the_column_with_names_is_found(columns, found):
    assert find_name_column(pd.DataFrame(columns), next(iter(columns))) == found


def test_evaluate_without_measured_values(model, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("smiles,other\nCCO,1\nCCC,2\n")
    with pytest.raises(InputError, match="no measured values to compare with: the model predicts 'logS'"):
        evaluate_file(model, path)


def test_encode_file(model, table, tmp_path):
    result = encode_file(model, table, tmp_path / "v.npy")
    vectors = np.load(tmp_path / "v.npy")
    assert vectors.shape == (3, 32) == (result.rows, result.width)
    assert result.failed == 1
    for name in ("v.csv", "v.parquet"):
        encode_file(model, table, tmp_path / name)
    frame = pd.read_parquet(tmp_path / "v.parquet")
    assert list(frame.columns)[:6] == ["Name", "SMILES", "logS", "note", "e0", "e1"]
    np.testing.assert_allclose(frame["e0"], vectors[:, 0])
    with pytest.raises(InputError, match="ending must be one of"):
        encode_file(model, table, tmp_path / "v.txt")


def test_vectors_step_aside_for_columns_of_the_file(model, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("smiles,e0\nCCO,measured\nCCC,too\n")
    result = encode_file(model, path, tmp_path / "once.csv")
    assert (result.columns[0], result.columns[-1]) == ("e0_mole", "e31_mole")
    # What was made once can be read and extended again.
    assert encode_file(model, tmp_path / "once.csv", tmp_path / "twice.parquet").columns[0] == "e0_mole_mole"
    frame = pd.read_parquet(tmp_path / "twice.parquet")
    assert frame["e0"].tolist() == ["measured", "too"]
    np.testing.assert_allclose(frame["e0_mole_mole"], model.encode(["CCO", "CCC"])[:, 0], rtol=1e-5)


def test_input_file_is_never_overwritten_by_its_result(model, table, tmp_path):
    with pytest.raises(InputError, match="overwritten by its own result"):
        predict_file(model, table, table)
    assert table.read_text() == TABLE


def test_a_record_that_the_reader_could_not_read_says_so(model, tmp_path, monkeypatch):
    monkeypatch.setattr(predictor, "CHUNK", 1)
    (tmp_path / "in.sdf").write_text(f"{Chem.MolToMolBlock(Chem.MolFromSmiles('CCO'))}$$$$\nbroken\n\n\n  3  2\n$$$$\n")
    result = predict_file(model, tmp_path / "in.sdf", tmp_path / "out.csv")
    assert _read(tmp_path / "out.csv")["error"].tolist() == ["", "the record holds no readable structure"]
    assert result.first_error == "row 2: the record holds no readable structure"
