"""A workbook or a Parquet file knows numbers, dates and truth values: predictions stand beside them as they were."""

import numpy as np
import openpyxl
import pandas as pd
import pytest

from mole_engine.data.cell_types import ATTRIBUTE, typed
from mole_engine.inference import predictor
from mole_engine.inference.embeddings import encode_file
from mole_engine.inference.predictor import load_model
from mole_engine.inference.tables import predict_file, predict_table, read_input, write_table


@pytest.fixture
def model(make_bundle):
    return load_model(make_bundle())


@pytest.fixture
def given():
    return pd.DataFrame(
        {
            "smiles": ["CCO", "c1ccccc", "CCCN"],
            "measured": [1.5, np.nan, -2.25e-7],
            "count": [1, 2, 1 << 60],
            "seen": [True, False, True],
            "made": pd.to_datetime(["2024-01-31", "2024-02-01", "1999-12-31"]),
            "id": ["007", "8", "9"],
        }
    )


def test_parquet_columns_come_back_as_they_were(model, given, tmp_path, monkeypatch):
    monkeypatch.setattr(predictor, "CHUNK", 2)
    given.to_parquet(tmp_path / "in.parquet")
    predict_file(model, tmp_path / "in.parquet", tmp_path / "out.parquet")
    out = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(out[list(given.columns)], given, check_dtype=False)
    assert out["count"].dtype == np.int64
    assert out["measured"].dtype == np.float64


def test_numbers_of_a_workbook_stay_numbers(model, given, tmp_path):
    given["count"] = [1, 2, 3]
    given.to_excel(tmp_path / "in.xlsx", index=False)
    predict_file(model, tmp_path / "in.xlsx", tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["predictions"]
    first, second, third = ([cell.value for cell in row][:6] for row in sheet.iter_rows(min_row=2))
    assert first == ["CCO", 1.5, 1, True, pd.Timestamp("2024-01-31"), "007"]
    assert second[1] is None
    assert third[1] == -2.25e-7


def test_truth_values_of_ours_are_no_numbers_in_a_workbook(model, given, tmp_path):
    given.to_csv(tmp_path / "in.csv", index=False)
    predict_file(model, tmp_path / "in.csv", tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["predictions"]
    place = [cell.value for cell in sheet[1]].index("in_domain")
    assert [isinstance(row[place].value, bool) for row in sheet.iter_rows(min_row=2)] == [True, False, True]


def test_columns_of_mixed_cells_stay_texts(model, tmp_path):
    book = openpyxl.Workbook()
    for row in (["smiles", "value"], ["CCO", 1.5], ["CCN", "n.d."], ["CCC", 2]):
        book.active.append(row)
    book.save(tmp_path / "in.xlsx")
    predict_file(model, tmp_path / "in.xlsx", tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["predictions"]
    assert [row[1].value for row in sheet.iter_rows(min_row=2)] == ["1.5", "n.d.", "2"]


def test_vectors_and_the_window_keep_types_too(model, given, tmp_path):
    given.to_parquet(tmp_path / "in.parquet")
    encode_file(model, tmp_path / "in.parquet", tmp_path / "vectors.parquet")
    cells, column = read_input(tmp_path / "in.parquet", model)
    write_table(predict_table(model, cells, column), tmp_path / "window.parquet")
    for name in ("vectors", "window"):
        out = pd.read_parquet(tmp_path / f"{name}.parquet")
        pd.testing.assert_frame_equal(out[list(given.columns)], given, check_dtype=False)


def test_a_column_that_does_not_fit_stays_as_it_is():
    frame = pd.DataFrame({"a": ["1", "x"], "b": ["1", ""]})
    frame.attrs[ATTRIBUTE] = {"a": "integer", "b": "integer", "gone": "number"}
    result = typed(frame)
    assert result["a"].tolist() == ["1", "x"]
    assert result["b"].tolist() == [1, pd.NA]


def test_a_table_without_rows_has_its_columns_types(model):
    assert model.predict([]).dtypes.equals(model.predict(["CCO"]).dtypes)
