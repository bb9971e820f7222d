"""Pasted rows are kept as a file that says the same."""

from __future__ import annotations

import pytest

from app.services.sources import keep_pasted
from mole_engine.data.readers import read_table
from mole_engine.data.sources import parse_pasted


@pytest.mark.parametrize("separator", ["\t", ";"])
@pytest.mark.parametrize(
    "cells",
    [
        ["1,250", "2,500", "3,125"],
        ["4.512,5", "7.989", "2"],
        ["1,234", "624", "nd"],
        ["1.5", "red, blue", "2"],
        ["1,250", "10", "25"],
    ],
)
def test_numbers_mean_in_the_file_what_they_meant_when_pasted(tmp_path, cells, separator):
    rows = zip(("Verbindung", "CCO", "CCC", "CCN"), ("Wert", *cells), ("Name", "2,4-D", "1,3-X", "a"), strict=True)
    text = "".join(separator.join(row) + "\n" for row in rows)
    pasted = parse_pasted(text)
    kept = read_table(keep_pasted(text, tmp_path))
    assert kept.numbers("Wert").tolist() == pytest.approx(pasted.numbers("Wert").tolist(), nan_ok=True)
    assert list(kept.column_values("Verbindung")) == ["CCO", "CCC", "CCN"]
    assert kept.column_values("Name")[0] == "2,4-D"
    assert kept.info.notes == pasted.info.notes


def test_a_guess_at_pasted_numbers_is_told_and_can_be_corrected(tmp_path):
    text = "smiles\tIC50\n" + "".join(f"{'C' * n}O\t{cell}\n" for n, cell in enumerate(("1,250", "10", "25"), 1))
    path = keep_pasted(text, tmp_path)
    kept = read_table(path)
    (note,) = kept.info.notes
    assert "'1,250' is read as 1250" in note
    assert "set the decimal mark" in note
    assert kept.numbers("IC50").tolist() == [1250, 10, 25]
    assert read_table(path, decimal=",").numbers("IC50").tolist() == [1.25, 10, 25]


@pytest.mark.parametrize(
    "text",
    [
        "CCO ethanol\nCCN amine\n",
        "CCO\nCCN\nc1ccccc1\n",
        "CCO 1,2\nCCN 2,3\n",
        "smiles|y\nCCO|1,5\n",
        'smiles,y\nCCO,"1,5"\n',
    ],
)
def test_other_pasted_texts_say_the_same_in_the_file(tmp_path, text):
    pasted = parse_pasted(text)
    kept = read_table(keep_pasted(text, tmp_path))
    names = [column.name for column in pasted.info.columns]
    assert [column.name for column in kept.info.columns] == names
    assert [[*kept.column_values(name)] for name in names] == [[*pasted.column_values(name)] for name in names]
    assert [column.kind for column in kept.info.columns] == [column.kind for column in pasted.info.columns]
    # The kept file has a header always.
    assert kept.info.notes == tuple(note for note in pasted.info.notes if "no header" not in note)
