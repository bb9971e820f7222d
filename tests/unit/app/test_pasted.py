"""Pasted rows are kept as a file that says the same."""

from __future__ import annotations

import pytest

from app.services.sources import keep_pasted
from mole_engine.data.readers import read_table
from mole_engine.data.sources import parse_pasted


@pytest.mark.parametrize(
    "cells",
    [["1,250", "2,500", "3,125"], ["4.512,5", "7.989", "2"], ["1,234", "624", "nd"], ["1.5", "red, blue", "2"]],
)
def test_numbers_mean_in_the_file_what_they_meant_when_pasted(tmp_path, cells):
    rows = zip(("CCO", "CCC", "CCN"), cells, ("2,4-D", "1,3-X", "a"), strict=True)
    text = "Verbindung\tWert\tName\n" + "".join("\t".join(row) + "\n" for row in rows)
    pasted = parse_pasted(text)
    kept = read_table(keep_pasted(text, tmp_path))
    assert kept.numbers("Wert").tolist() == pytest.approx(pasted.numbers("Wert").tolist(), nan_ok=True)
    assert list(kept.column_values("Verbindung")) == ["CCO", "CCC", "CCN"]
    assert kept.column_values("Name")[0] == "2,4-D"
