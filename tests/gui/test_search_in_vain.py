"""A search that finds nothing says so, and leads back; filters are no steps of the clean-up."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit, QPushButton, QWidget

from app.services import filters
from app.services.filters import PatternFilter, RangeFilter
from app.widgets.no_rows import NoRows
from tests.gui.conftest import PATIENCE


@pytest.fixture
def page(window, open_file, molecules_csv):
    open_file(molecules_csv)
    return window.data_page


@pytest.mark.parametrize(
    ("typed", "title", "text"),
    [
        ("zzzz", "No row has “zzzz”", "not a SMARTS pattern"),
        ("[#6", "No row has “[#6”", "not a SMARTS pattern"),
        ("[#92]", "No row has “[#92]”", ""),
    ],
)
def test_what_was_searched_for_in_vain_is_told_and_cleared(qtbot, window, page, typed, title, text):
    search, nothing = window.findChild(QLineEdit, "searchEdit"), window.findChild(NoRows)
    search.setText(typed)
    qtbot.waitUntil(nothing.isVisible)
    assert nothing.title.text() == title
    assert (text in nothing.text.text()) if text else not nothing.text.text()
    qtbot.mouseClick(nothing.findChild(QPushButton, "clearSearchButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.table.isVisible)
    assert search.text() == ""
    assert page.table.molecules.rowCount() == 14


def test_filters_without_a_row_are_lifted_together(qtbot, window, page):
    nothing = window.findChild(NoRows)
    page.rows.add_filter(PatternFilter("[#92]"))
    qtbot.waitUntil(nothing.isVisible)
    assert nothing.title.text() == "No row passes the filters"
    qtbot.mouseClick(nothing.findChild(QPushButton, "clearSearchButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.table.isVisible)
    assert page.rows.filters == []


def test_undo_beside_the_clean_up_is_for_steps_of_the_data_alone(qtbot, window, page):
    undo = page.side.curation.findChild(QWidget, "undoButton")
    page.rows.add_filter(RangeFilter("logS (log(mol/L))", 0.0, 9.0))
    qtbot.waitUntil(lambda: page.table.molecules.rowCount() < 14)
    assert undo.isHidden()
    switch = window.findChild(QCheckBox, "merge_duplicatesSwitch")
    with qtbot.waitSignal(window.session.dataset_changed, timeout=PATIENCE):
        qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not undo.isHidden())
    assert "merge duplicates" in undo.toolTip()
    with qtbot.waitSignal(window.session.dataset_changed, timeout=PATIENCE):
        qtbot.mouseClick(undo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(undo.isHidden)


def test_a_search_that_takes_its_time_says_how_far_it_is(qtbot, window, page, monkeypatch):
    found, release = window.findChild(QLabel, "foundLabel"), threading.Event()

    def slow(dataset, smarts, on_progress, known):
        while not release.wait(0.02):
            on_progress("Searching", 5, 14)
        return known

    monkeypatch.setattr(filters, "_containing", slow)
    search = window.findChild(QLineEdit, "searchEdit")
    search.setText("benzene")
    qtbot.waitUntil(lambda: found.text() == "Searching 5 of 14 …")
    assert found.isVisible()
    assert not window.findChild(QPushButton, "clearFiltersButton").isVisible()
    release.set()
    qtbot.waitUntil(lambda: found.text() == "1 of 14 rows")
    release.clear()
    search.setText("toluene")
    qtbot.waitUntil(lambda: found.text() == "Searching 5 of 14 …")
    search.clear()
    qtbot.waitUntil(lambda: not found.isVisible())
    release.set()
