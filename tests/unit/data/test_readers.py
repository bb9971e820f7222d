from __future__ import annotations

import gzip
import hashlib
import os

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.data import other_readers, readers
from mole_engine.data.columns import find_smiles_column
from mole_engine.data.readers import read_table


def read(tmp_path, content, name="a.csv", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **options)


def message(tmp_path, content, name="a.csv", **options):
    with pytest.raises(InputError) as caught:
        read(tmp_path, content, name, **options)
    return caught.value.problem


def test_cells_are_kept_untouched(tmp_path):
    table = read(tmp_path, 'smiles , note,y\n CCO,"a ""b"", c",NA\nCCN,  ,1.50\n')
    assert [column.name for column in table.info.columns] == ["smiles ", " note", "y"]
    assert table.cell(0, "smiles ") == " CCO"
    assert table.cell(0, " note") == 'a "b", c'
    assert list(table.column_values("y")) == ["NA", "1.50"]
    assert table.cell(1, " note") == "  "


def test_lines_are_those_of_an_editor(tmp_path):
    table = read(tmp_path, 'smiles,note,y\n\nCCO,"two\nlines",1\n\n\nCCN,x,2\r\nCCC,y,3\n')
    assert [table.line(row) for row in range(3)] == [3, 7, 8]


def test_lines_after_a_preamble(tmp_path):
    table = read(tmp_path, "# made by X\nsep,\n\nsmiles,note,y\nCCO,a,1\nCCN,b,2\n")
    assert [table.line(row) for row in range(2)] == [5, 6]
    assert "Left out before the table" in table.info.notes[0]


def test_no_cell_of_a_ragged_row_is_lost(tmp_path):
    table = read(tmp_path, "smiles,y\nCCO,1\nCCN,2,more,cells\nCCC\n")
    assert table.frame.to_numpy().tolist() == [["CCO", "1", ""], ["CCN", "2", "more,cells"], ["CCC", "", ""]]
    assert any("line 3" in note for note in table.info.notes)
    assert any("line 4" in note for note in table.info.notes)


@pytest.mark.parametrize("blank", [1, 499, 500, 1203])
def test_only_blank_rows_at_the_end_are_left_out(tmp_path, blank):
    table = read(tmp_path, "smiles,y\nCCO,1\n" + ",\n" * 700 + "CCN,2\n" + ", \n" * blank)
    assert len(table) == 702
    assert list(table.column_values("smiles"))[-1] == "CCN"
    assert table.info.notes == (f"{blank:,} blank row{'s were' if blank > 1 else ' was'} left out at the end.",)


def test_row_names_of_r_shift_the_header(tmp_path):
    table = read(tmp_path, "smiles,y\nr1,CCO,1\nr2,CCN,2\n")
    assert table.frame.to_dict("list") == {"row name": ["r1", "r2"], "smiles": ["CCO", "CCN"], "y": ["1", "2"]}


def test_a_quote_that_never_closes_swallows_nothing(tmp_path):
    rows = "".join(f"CC{'C' * i},{i}\n" for i in range(50))
    table = read(tmp_path, 'smiles,y\nCCO,"1\n' + rows)
    assert len(table) == 51
    assert table.cell(0, "y") == '"1'
    assert table.line(50) == 52


def test_what_was_sniffed_is_told(tmp_path):
    info = read(tmp_path, "SMILES;Wert\nCCO;1,5\nCCN;2,5\n".encode("utf-16"), "a.csv").info
    assert (info.delimiter, info.encoding, info.decimal, info.format) == (";", "utf-16", ",", "csv")


def test_what_the_user_fixes_wins(tmp_path):
    table = read(tmp_path, "smiles;a|y\nCCO;1|5\n", delimiter="|", encoding="latin-1", decimal=",")
    assert [column.name for column in table.info.columns] == ["smiles;a", "y"]
    assert (table.info.encoding, table.info.decimal) == ("iso8859-1", ",")


def test_numbers_follow_the_decimal_mark(tmp_path):
    table = read(tmp_path, "smiles;y\nCCO;1,5\nCCN;>2.000,5\nCCC;\n")
    assert table.numbers("y").tolist()[:2] == [1.5, 2000.5]
    assert table.numbers("y")[2] != table.numbers("y")[2]


def test_the_digest_is_that_of_the_file(tmp_path):
    content = gzip.compress(b"smiles\nCCO\n")
    assert read(tmp_path, content, "a.csv.gz").info.sha256 == hashlib.sha256(content).hexdigest()


def test_column_kinds(tmp_path):
    rows = "".join(
        f"m{i},{'C' * (i + 1)}O,{i % 2},{i}.5,{'abc'[i % 3]}x,,{'train' if i else 'test'}\n" for i in range(12)
    )
    info = read(tmp_path, "id,structure,active,IC50 (nM),group,nothing,split\n" + rows).info
    kinds = {column.name: column.kind for column in info.columns}
    assert kinds == {
        "id": "text",
        "structure": "smiles",
        "active": "binary",
        "IC50 (nM)": "number",
        "group": "class",
        "nothing": "empty",
        "split": "split",
    }
    assert info.column("IC50 (nM)").unit == "nM"


def test_workbooks_give_the_texts_that_one_sees(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for row in [["smiles", "y", "ok"], ["CCO", 1.0, True], [None, None, None], ["CCN", 0.25, False]]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx")
    assert table.frame.to_numpy().tolist() == [["CCO", "1", "TRUE"], ["CCN", "0.25", "FALSE"]]
    assert [table.line(row) for row in range(2)] == [2, 4]


@pytest.fixture
def workbook(tmp_path):
    """Write and read a workbook of several sheets."""
    import openpyxl

    def make(**sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / "two.xlsx")
        return read_table(tmp_path / "two.xlsx")

    return make


README = [["note"], ["Measured in 2024"], ["See the other sheet"]]
MOLECULES = [["mol", "y"], ["CCO", 1], ["CCN", 2], ["c1ccccc1", 3]]


def test_the_sheet_with_structures_is_read(workbook):
    table = workbook(Readme=README, Data=MOLECULES, More=MOLECULES[:2])
    assert list(table.column_values("mol")) == ["CCO", "CCN", "c1ccccc1"]
    assert table.info.notes == ("The workbook has 3 sheets; 'Data' was read, the first with structures.",)
    assert table.info.name == "two.xlsx"
    assert workbook(Data=MOLECULES, Readme=README).info.notes == ("The workbook has 2 sheets; 'Data' was read.",)


def test_a_sheet_that_only_names_structures_comes_before_one_that_has_none(workbook):
    table = workbook(Readme=README, Data=[["SMILES", "y"], ["aspirin", 1], ["caffeine", 2]])
    assert [column.name for column in table.info.columns] == ["SMILES", "y"]


def test_where_no_sheet_has_structures_they_are_named(workbook):
    table = workbook(Readme=README, Results=[["name", "y"], ["aspirin", 1]], Empty=[])
    with pytest.raises(InputError) as caught:
        find_smiles_column(table)
    words = caught.value.problem.one_line()
    assert words.startswith("two.xlsx (sheet 'Readme'; others: 'Results', 'Empty') has no column with SMILES.")


def test_any_damage_to_a_workbook_is_told(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for index in range(40):
        book.active.append([f"{'C' * index}O", index])
    book.save(tmp_path / "a.xlsx")
    content = (tmp_path / "a.xlsx").read_bytes()
    opened = 0
    for position in range(0, len(content), 61):
        damaged = content[:position] + b"\xaa\x55\xaa" + content[position + 3 :]
        try:
            opened += len(read(tmp_path, damaged, "a.xlsx")) > 0
        except InputError:
            continue
    assert opened


def test_sdf_fields_become_columns(tmp_path):
    from rdkit import Chem

    blocks = []
    for smiles, value in (("CCO", "1,5"), ("c1ccccc1", "two\nlines")):
        mol = Chem.MolFromSmiles(smiles)
        mol.SetProp("_Name", f"name of {smiles}")
        blocks.append(f"{Chem.MolToMolBlock(mol)}>  <value> (1)\n{value}\n\n$$$$\n")
    blocks.insert(1, "broken\n\n\n  x\nM  END\n$$$$\n")
    table = read(tmp_path, "".join(blocks), "a.sdf")
    assert list(table.column_values("smiles")) == ["CCO", "", "c1ccccc1"]
    assert list(table.column_values("value")) == ["1,5", "", "two\nlines"]
    assert table.cell(0, "name") == "name of CCO"
    assert list(table.problems) == [1]
    assert table.line(1) == blocks[0].count("\n") + 1


def test_gz_bombs_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MAX_UNPACKED_BYTES", 1 << 20)
    assert "too large" in message(tmp_path, gzip.compress(bytes(8 << 20)), "a.csv.gz").title


def test_workbook_bombs_are_bounded(tmp_path, monkeypatch):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["smiles"])
    book.save(tmp_path / "a.xlsx")
    monkeypatch.setattr(other_readers, "MAX_WORKBOOK_BYTES", 100)
    with pytest.raises(InputError, match="too large"):
        read_table(tmp_path / "a.xlsx")


def test_a_vanished_file(tmp_path):
    with pytest.raises(InputError, match=r"There is no file .*gone\.csv"):
        read_table(tmp_path / "gone.csv")


def test_a_folder(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_no_permission(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("smiles\nCCO\n")
    path.chmod(0)
    with pytest.raises(InputError, match="may not be read"):
        read_table(path)


def test_permission_denied_is_told_in_words(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("smiles\nCCO\n")

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(InputError, match="may not be read"):
        read_table(path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delimiter": "ab"}, "one character"),
        ({"encoding": "klingon"}, "not known"),
        ({"encoding": "ascii"}, "not written in"),
    ],
)
def test_wrong_settings_are_told(tmp_path, options, words):
    assert words in message(tmp_path, "smiles,ü\nCCO,1\n", **options).one_line()


def test_reading_can_be_cancelled(tmp_path):
    def stop(_stage, _done, _total):
        raise Cancelled

    with pytest.raises(Cancelled):
        read(tmp_path, "smiles\nCCO\n", on_progress=stop)


def test_unknown_columns_are_answered_with_close_ones(tmp_path):
    table = read(tmp_path, "smiles,logS measured\nCCO,1\n")
    assert table.resolve("LogS Measured ") == "logS measured"
    with pytest.raises(InputError, match="Did you mean 'logS measured'"):
        table.resolve("logS mesured")


@pytest.mark.parametrize("text", ["CCO ethanol\nCCN\n", "CCO ethanol\nCCN\nCCC\n", "CCO\tethanol\nCCN\nCCC\n"])
def test_a_title_that_only_the_first_molecule_has_is_one(tmp_path, text):
    table = read(tmp_path, text, "a.smi")
    assert [column.name for column in table.info.columns] == ["smiles", "name"]
    assert table.column_values("smiles")[:2] == ["CCO", "CCN"]
    assert table.column_values("name")[:2] == ["ethanol", ""]


def test_an_smi_file_without_titles_may_have_a_header_of_two_words(tmp_path):
    table = read(tmp_path, "Canonical SMILES\nCCO\nCCN\n", "a.smi")
    assert [column.name for column in table.info.columns] == ["Canonical SMILES"]


@pytest.mark.parametrize("first", ["c1ccc2c(c1)[nH]c3ccccc23C pent", "CN(C)(C)(C)C amine", "wrong_one x"])
def test_an_smi_file_that_begins_with_an_unreadable_molecule_keeps_its_row(tmp_path, first):
    table = read(tmp_path, f"{first}\nCCO e\nCCN a\n".encode(), "a.smi")
    assert [column.name for column in table.info.columns] == ["smiles", "name"]
    assert [table.line(row) for row in range(len(table))] == [1, 2, 3]


def test_an_smi_file_of_more_columns_may_name_them_as_it_likes(tmp_path):
    table = read(tmp_path, b"Inhibitor\tID\tKi\nCCO\tA1\t1.2\nCCN\tA2\t2.3\n", "a.smi")
    assert [column.name for column in table.info.columns] == ["Inhibitor", "ID", "Ki"]


def test_an_smi_file_may_have_a_header(tmp_path):
    table = read(tmp_path, b"smiles name\nCCO e\nCCN a\n", "a.smi")
    assert [column.name for column in table.info.columns] == ["smiles", "name"]
    assert [table.line(row) for row in range(len(table))] == [2, 3]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(alphabet='smilesC,;\t"|\n\r #1.5é\0', max_size=300).map(str.encode))
@pytest.mark.parametrize("name", ["a.csv", "a.smi", "a.sdf"])
def test_any_bytes_open_or_are_refused_in_words(tmp_path, name, content):
    try:
        table = read(tmp_path, content, name)
    except InputError:
        return
    assert table.info.rows == len(table) > 0
    lines = [table.line(row) for row in range(len(table))]
    assert lines == sorted(set(lines))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["CCO", "c1ccccc1", "CC(=O)N"]), st.text(alphabet="ab ,;\"\n'é", max_size=12), st.integers()
        ),
        min_size=2,
        max_size=8,
    ),
    delimiter=st.sampled_from([",", ";", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_csv_writer_wrote_comes_back(tmp_path, rows, delimiter, encoding):
    import csv
    import io

    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter)
    writer.writerow(["smiles", "note", "y"])
    writer.writerows(rows)
    table = read(tmp_path, stream.getvalue().encode(encoding), delimiter=delimiter)
    assert table.frame.to_numpy().tolist() == [[smiles, note, str(value)] for smiles, note, value in rows]


def test_every_reader_counts_in_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(other_readers, "_REPORT_EVERY", 1)
    frame = pd.DataFrame({"smiles": ["CCO", "CCN", "CCC"], "y": ["1", "2", "3"]})
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    for name in ("a.xlsx", "a.parquet"):
        told = []
        read_table(tmp_path / name, on_progress=lambda *step, told=told: told.append(step))
        size = (tmp_path / name).stat().st_size
        assert all(total == size for _, _, total in told)
        assert [done for stage, done, _ in told if stage == "read"][-2:] == [size, size]
