"""Explanations as a table and as a page: one row an atom, nothing that runs, everything escaped."""

from __future__ import annotations

import csv
import sys
import xml.etree.ElementTree as ET

import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.explanations import ExplainedAtom, Explanation, TaskExplanation
from mole_engine.export.explanations import MOST_ON_A_PAGE, atom_table, explanation_page, write_explanations

EVIL = TaskSpec("<b>=1+1</b>", TaskKind.REGRESSION, "<i>")
ATOMS = (ExplainedAtom("C", 1), ExplainedAtom("O", None))
GOOD = Explanation(
    "OC", "CO", ATOMS, (TaskExplanation(EVIL, 1.5, (0.25, -0.5), 0.5, lower=1.0, upper=2.0),), ("A <note>.",), "", 0.4
)
BAD = Explanation("=HYPERLINK(1)", error="it does not follow the rules of SMILES")


def test_one_row_an_atom_and_one_for_what_cannot_be_read():
    frame = atom_table([GOOD, BAD])
    assert frame["row"].tolist() == [1, 1, 2]
    assert frame["symbol"].tolist()[:2] == ["C", "O"]
    assert frame["atom"].tolist()[0] == 2
    assert frame["atom"].isna().tolist() == [False, True, True]
    assert frame["atom_read"].tolist()[:2] == [1, 2]
    assert frame["contribution"].tolist()[:2] == [0.25, -0.5]
    assert frame["error"].tolist()[2] == BAD.error


def test_a_spreadsheet_runs_nothing(tmp_path):
    write_explanations([GOOD, BAD], tmp_path / "o.csv", "m")
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[2]["smiles"] == "'=HYPERLINK(1)"
    assert float(rows[1]["contribution"]) == -0.5
    assert not any(cell.startswith(("=", "@")) for row in rows for cell in row.values())


def test_the_page_escapes_everything_and_has_a_picture():
    page = explanation_page([GOOD, BAD], "<script>alert(1)</script>")
    assert "<script>" not in page
    assert "<b>=1+1" not in page
    assert "A &lt;note&gt;." in page
    assert page.count("<svg") == 1
    assert "<title>C2: +0.25</title>" in page
    assert "It cannot be read: it does not follow" in page
    assert "1 to 2" in page
    for picture in page.split("<svg")[1:]:
        ET.fromstring("<svg" + picture[: picture.index("</svg>")] + "</svg>")


def test_without_the_library_that_draws_the_page_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "mole_engine.chem.contribution_picture", None)
    page = explanation_page([GOOD], "m")
    assert "Structures cannot be drawn on this computer" in page
    assert "1 to 2" in page


def test_endings_and_sizes_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match=r"\.html"):
        write_explanations([GOOD], tmp_path / "o.docx", "m")
    with pytest.raises(InputError, match="too many for a page"):
        write_explanations([BAD] * (MOST_ON_A_PAGE + 1), tmp_path / "o.html", "m")
    assert list(tmp_path.iterdir()) == []
