"""A pattern or a structure that cannot be read is no filter, and takes none away."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit

from app.services.filters import PatternFilter, RangeFilter, SimilarFilter
from app.text import OWN
from app.widgets.no_rows import NoRows
from tests.gui.conftest import PATIENCE

LOGS = RangeFilter("logS (log(mol/L))", 0.0, 9.0)
SOLUBLE = [0, 3, 10, 13]
UNREADABLE = [("smarts", "c1ccnc(", "not a SMARTS pattern"), ("similar", "not a smiles", "not a molecule")]


@pytest.fixture
def page(window, open_file, molecules_csv):
    open_file(molecules_csv)
    return window.data_page


@pytest.fixture
def search(window, page):
    return window.findChild(QLineEdit, "searchEdit")


def shown(page):
    return list(page.table.molecules.file_rows())


def look_for(window, search, mode, text):
    box = window.findChild(QComboBox, "searchModeCombo")
    box.setCurrentIndex(box.findData(mode))
    search.setText(text)


@pytest.mark.parametrize(("mode", "text", "why"), UNREADABLE)
def test_return_refuses_what_cannot_be_read_and_says_so(qtbot, window, page, search, mode, text, why):
    page.rows.add_filter(LOGS)
    qtbot.waitUntil(lambda: shown(page) == SOLUBLE, timeout=PATIENCE)
    found = window.findChild(QLabel, "foundLabel")
    look_for(window, search, mode, text)
    qtbot.keyClick(search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: why in found.text(), timeout=PATIENCE)
    qtbot.waitUntil(lambda: not window.session.tasks._tasks, timeout=PATIENCE)
    assert search.text() == text, "to be corrected"
    assert page.rows.filters == [LOGS]
    assert shown(page) == SOLUBLE
    assert page.rows.rows_to_export() == SOLUBLE
    assert found.text().startswith("4 of 14 rows")
    # What was wrong is forgotten with what was typed.
    look_for(window, search, "any", "acetone")
    qtbot.waitUntil(lambda: found.text() == "1 of 14 rows", timeout=PATIENCE)


@pytest.mark.parametrize(("mode", "text", "why"), UNREADABLE)
def test_no_empty_table_stands_where_a_filter_leaves_no_row(qtbot, window, page, search, mode, text, why):
    nothing, found = window.findChild(NoRows), window.findChild(QLabel, "foundLabel")
    page.rows.add_filter(PatternFilter("[#92]"))
    qtbot.waitUntil(nothing.isVisible, timeout=PATIENCE)
    look_for(window, search, mode, text)
    qtbot.waitUntil(lambda: why in found.text(), timeout=PATIENCE)
    assert nothing.isVisible()
    assert nothing.title.text() == "No row passes the filters"


def test_a_structure_is_kept_and_one_half_typed_after_it_leaves_no_column_behind(qtbot, window, page, search):
    look_for(window, search, "similar", "Cc1ccccc1C")
    qtbot.keyClick(search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.rows.filters == [SimilarFilter("Cc1ccccc1C", 0.4)], timeout=PATIENCE)
    assert search.text() == ""
    columns = page.table.molecules.columns
    qtbot.waitUntil(lambda: f"{OWN}similarity" in columns(), timeout=PATIENCE)
    page.rows.clear_filters()
    look_for(window, search, "similar", "Cc1ccccc1C")
    qtbot.waitUntil(lambda: 0 < len(shown(page)) < 11 and f"{OWN}similarity" in columns(), timeout=PATIENCE)
    search.setText("Cc1ccc")
    qtbot.waitUntil(lambda: len(shown(page)) == 14, timeout=PATIENCE)
    qtbot.waitUntil(lambda: f"{OWN}similarity" not in columns(), timeout=PATIENCE)


def test_an_unreadable_filter_that_is_there_all_the_same_leaves_the_others_in_force(qtbot, window, page):
    page.rows._set_filters([PatternFilter("c1ccnc("), LOGS])
    qtbot.waitUntil(lambda: shown(page) == SOLUBLE, timeout=PATIENCE)
