"""A comma or a dot before three digits: thousands or decimals, decided by column and told where nothing proves it."""

from __future__ import annotations

from unittest import mock

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mole_engine.contracts.config import CurationConfig, DataConfig, SplitConfig
from mole_engine.data import number_marks
from mole_engine.data.columns import detect_roles
from mole_engine.data.curation import curate
from mole_engine.data.readers import read_table
from mole_engine.data.sources import read_tables
from mole_engine.data.text_format import find_decimal
from mole_engine.data.unit_cells import with_unit_columns

CHAIN = "C" * 12


def read(tmp_path, cells, delimiter="\t", decimal="", beside=None):
    """Read a table of alcohols with the column 'y', and perhaps one more column beside it."""
    columns = [[f"{CHAIN[: row + 1]}O" for row in range(len(cells))], cells, *([beside] if beside else [])]
    lines = [delimiter.join(f'"{cell}"' for cell in row) for row in zip(*columns, strict=True)]
    header = delimiter.join(["smiles", "y", "beside"][: len(columns)])
    (tmp_path / "a.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return read_table(tmp_path / "a.csv", decimal=decimal)


@pytest.mark.parametrize(
    ("cells", "delimiter", "values"),
    [
        (["4.512,5", "7.989", "1.565,5"], ";", [4512.5, 7989.0, 1565.5]),
        (["1.234.567", "7.989", "12"], ";", [1234567.0, 7989.0, 12.0]),
        (["0,512", "-1,234", "3,456"], "\t", [0.512, -1.234, 3.456]),
        (["0,512", "-1,234", "3,456"], ",", [0.512, -1.234, 3.456]),
        (["4,512E+03", "7,500E+01"], "\t", [4512.0, 75.0]),
        (["1,234.5", "7,989", "12"], "\t", [1234.5, 7989.0, 12.0]),
        (["1,234", "12.5"], "\t", [1234.0, 12.5]),
        (["1,234", "624"], ",", [1234.0, 624.0]),
    ],
)
def test_what_the_cells_prove_is_read_without_a_word(tmp_path, cells, delimiter, values):
    table = read(tmp_path, cells, delimiter)
    assert table.numbers("y").tolist() == values
    assert not table.info.notes


@pytest.mark.parametrize(
    ("cells", "delimiter", "values"),
    [
        (["4,512", "7,989", "4,431", "624"], "\t", [4512.0, 7989.0, 4431.0, 624.0]),
        (["> 10,000", "624", "12"], "\t", [10000.0, 624.0, 12.0]),
        (["4.512", "7.989", "624"], ";", [4512.0, 7989.0, 624.0]),
        (["4.512", "7.989", "624,5"], ";", [4512.0, 7989.0, 624.5]),
        (["1,234", "2", "3,456"], "\t", [1.234, 2.0, 3.456]),
        (["1.250", "2.500", "10", "25", "50"] * 4, ";", [1.25, 2.5, 10.0, 25.0, 50.0] * 4),
        (["1.250", "2.500", "10", "25", "50"] * 4 + ["100"], ";", [1.25, 2.5, 10.0, 25.0, 50.0] * 4 + [100.0]),
        (["1,250", "2,500", "10", "25", "50"] * 4, ";", [1.25, 2.5, 10.0, 25.0, 50.0] * 4),
        (["4,512", "7,989"], "\t", [4.512, 7.989]),
    ],
)
def test_what_nothing_proves_is_on_one_scale_and_told(tmp_path, cells, delimiter, values):
    table = read(tmp_path, cells, delimiter)
    assert table.numbers("y").tolist() == values
    (note,) = table.info.notes
    # As the window's banner looks for what concerns a target.
    assert note.startswith("The column 'y' ")
    assert f"'{cells[0]}' is read as" in note


def test_decimal_commas_in_the_table_make_dots_part_thousands(tmp_path):
    cells = ["1.250", "2.500", "10", "25", "50"]
    table = read(tmp_path, cells, ";", beside=["1,5", "2,5", "3,5", "0,5", "7,25"])
    assert table.numbers("y").tolist() == [1250.0, 2500.0, 10.0, 25.0, 50.0]
    assert len(table.info.notes) == 1


def test_a_mark_that_is_set_is_not_to_be_set_again(tmp_path):
    cells = ["4.512", "7.989", "624"]
    (guessed,) = read(tmp_path, cells, ";").info.notes
    assert "set the decimal mark" in guessed
    as_points = read(tmp_path, cells, ";", decimal=".")
    assert as_points.numbers("y").tolist() == [4.512, 7.989, 624.0]
    assert not as_points.info.notes
    for set_to_comma in (cells, ["4.512", "7.989", "5"]):
        table = read(tmp_path, set_to_comma, ";", decimal=",")
        assert table.numbers("y").tolist() == [4512.0, 7989.0, float(set_to_comma[2])]
        (note,) = table.info.notes
        assert "set the decimal mark" not in note
        assert "write all decimals with the mark that is set" in note


def test_a_rare_thousand_far_below_is_seen(tmp_path):
    cells = [*(f"{100 + row}" for row in range(3000)), "4,512"]
    (tmp_path / "a.tsv").write_text("smiles\ty\n" + "".join(f"CCO\t{cell}\n" for cell in cells), encoding="utf-8")
    assert read_table(tmp_path / "a.tsv").numbers("y")[-1] == 4512.0


def test_other_columns_tell_the_mark(tmp_path):
    assert read(tmp_path, ["4,512", "7,989"], beside=["1.5", "2.25"]).numbers("y").tolist() == [4512.0, 7989.0]
    assert read(tmp_path, ["4,512", "7,989"], beside=["1,5", "2,25"]).numbers("y").tolist() == [4.512, 7.989]
    # Two columns may be written differently.
    table = read(tmp_path, ["4,51", "7,98"], ";", beside=["100.25", "101.25"])
    assert table.numbers("beside").tolist() == [100.25, 101.25]


def test_numbers_with_points_beside_commas_stay_decimals_between_commas(tmp_path):
    table = read(tmp_path, ["1.234", "5.678", "100"], ",", beside=["1,5", "2,5", "3,5"])
    assert table.numbers("y").tolist() == [1.234, 5.678, 100.0]
    assert not table.info.notes


def test_names_before_a_number_tell_no_mark():
    assert find_decimal(["B1,5", "C2,5", "1.5"], ";") == "."


def test_the_user_has_the_last_word(tmp_path):
    assert read(tmp_path, ["4,512", "624"], decimal=",").numbers("y").tolist() == [4.512, 624.0]
    assert read(tmp_path, ["4,512", "7,989"], decimal=".").numbers("y").tolist() == [4512.0, 7989.0]


def test_labels_and_units_follow_the_column(tmp_path):
    table = read(tmp_path, ["4.512,5", "7.989", "1.565,5"], ";")
    dataset = curate(table, detect_roles(table, DataConfig(targets=["y"]), SplitConfig()), CurationConfig())
    assert dataset.targets[:, 0].tolist() == [4512.5, 7989.0, 1565.5]
    table = with_unit_columns(read(tmp_path, ["4,512 nM", "7,989 nM", "624 nM"]))
    assert table.numbers("y (nM)").tolist() == [4512.0, 7989.0, 624.0]


def test_files_with_different_marks_keep_their_numbers(tmp_path):
    (tmp_path / "one.csv").write_text("smiles,y,mw,ic50\nCCO,1.5,100.25,3.5 nM\nCCN,2.5,90.5,2 nM\n")
    (tmp_path / "two.csv").write_text("smiles;y;mw;ic50\nCCC;3,5;101.25;5,234 nM\nCCCl;4.512,5;102.5;1,5 nM\n")
    table = with_unit_columns(read_tables([tmp_path / "one.csv", tmp_path / "two.csv"]))
    assert table.numbers("y").tolist() == [1.5, 2.5, 3.5, 4512.5]
    assert table.numbers("mw").tolist() == [100.25, 90.5, 101.25, 102.5]
    assert table.numbers("ic50 (nM)").tolist() == [3.5, 2.0, 5.234, 1.5]


CELLS = st.one_of(
    st.from_regex(r"-?[0-9]{0,5}([.,][0-9]{1,5})?", fullmatch=True),
    st.sampled_from(["", "1.234", "0.123", "12.345,6", "> 1.5", "1.5 nM", "1.5e3", "a.b", "1.2.3", "-", "1.\n2"]),
)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=4), st.sampled_from([",", ";", "\t"]))
def test_columns_of_plain_decimals_are_seen_at_once_and_decided_alike(columns, delimiter):
    frame = pd.DataFrame({str(place): pd.array(cells, dtype="str") for place, cells in enumerate(columns)})
    known = (frame, list(frame.columns), ".", delimiter)
    at_once = number_marks.find_marks(*known, fixed=False)
    with mock.patch.object(number_marks, "_only_points", return_value=None) as looked:
        assert number_marks.find_marks(*known, fixed=False) == at_once
    assert looked.called
