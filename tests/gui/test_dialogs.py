"""Dialogs: what Return and Esc do, and whether they fit the window."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QMenu, QPushButton, QTableView
from shiboken6 import isValid

from app.widgets.hover_card import StructureView
from app.widgets.molecule_view import MoleculeDialog
from app.widgets.problem_dialog import ProblemDialog
from mole_engine.contracts.errors import Problem
from tests.gui.conftest import write_csv


@pytest.fixture
def report(window, open_file, molecules_csv, click, find):
    """Return the dialog of the clean-up report, in the smallest window."""
    window.resize(window.minimumSize())
    open_file(molecules_csv)
    click("curationReportButton")
    return find("issuesDialog")


def test_return_in_the_report_closes_it(window, report):
    QTest.keyClick(report, Qt.Key.Key_Return)
    assert not report.isVisible()
    assert not window.findChildren(QFileDialog)


def test_the_report_is_no_wider_than_the_window(window, report):
    assert report.width() < window.width()


def test_the_rows_of_the_report_are_ordered_with_the_keys(qtbot, report):
    table = report.findChild(QTableView, "issuesTable")
    assert table.model().rowCount() > 1
    QTest.keySequence(report, QKeySequence("Ctrl+Shift+O"))
    menu = report.findChild(QMenu, "sortMenu")
    actions = {action.text(): action for action in menu.actions()}
    assert {"row", "line", "what", "reason"} <= set(actions)
    actions["reason"].trigger()
    column = [table.model().headerData(place, Qt.Orientation.Horizontal) for place in range(7)].index("reason")
    reasons = [table.model().index(place, column).data() for place in range(table.model().rowCount())]
    assert reasons == sorted(reasons)
    menu.close()


def test_one_row_of_the_report_was_changed(window, open_file, click, find, tmp_path):
    rows = [("smiles", "y"), ("C1CC", "1"), *(("C" * n, f"{n}") for n in range(1, 9))]
    open_file(write_csv(tmp_path / "one.csv", rows))
    click("curationReportButton")
    words = [label.text() for label in find("issuesDialog").findChildren(QLabel)]
    assert any(text.startswith("1 of 9 rows was changed, left out, or needs a look.") for text in words), words


@pytest.mark.parametrize("letters", [60, 75, 400])
def test_a_long_name_in_a_problem_is_not_broken_off(qtbot, window, letters):
    name = f"'{'solubility_' * 40}"[: letters - 5] + ".csv'"
    problem = Problem(f"{name} cannot be read:", f"row 3 of {name} has no cell.", f"Look into {name}.")
    window._show_problem(problem)
    dialog = window.findChild(ProblemDialog)
    assert dialog.width() < window.minimumWidth()
    for part in ("problemTitle", "problemCause", "problemRemedy"):
        words = dialog.findChild(QLabel, part)
        flags = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft
        needed = words.fontMetrics().boundingRect(QRect(0, 0, words.width(), 9999), flags, words.text())
        assert needed.width() <= words.width(), part
        assert ".csv" in words.text()
        assert (name in words.text()) is (letters < 400 and (part != "problemTitle" or letters < 70))
    qtbot.mouseClick(dialog.findChild(QPushButton, "problemCopy"), Qt.MouseButton.LeftButton)
    assert name in QGuiApplication.clipboard().text()
    dialog.show_problem(Problem("Short.", "", ""))
    assert dialog.findChild(QLabel, "problemTitle").width() < 500


def test_a_molecule_s_dialog_may_be_closed_before_what_it_copies_is_there(qtbot, window, open_file, molecules_csv):
    problems, free = [], threading.Event()
    window.session.problem_raised.connect(problems.append)
    open_file(molecules_csv)
    window.data_page._show_molecule(1)
    dialog = window.findChild(MoleculeDialog)
    # The threads have other work first.
    for _ in range(window.session.tasks._pool._max_workers):
        window.session.tasks._pool.submit(free.wait, 20)
    dialog.copy_wanted.emit("smiles")
    dialog.accept()
    qtbot.waitUntil(lambda: not isValid(dialog))
    QGuiApplication.clipboard().setText("of before")
    free.set()
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    assert problems == []
    assert QGuiApplication.clipboard().text() == "c1ccccc1"


def test_a_problem_that_was_covered_by_another_one_can_still_be_read(window, qtbot):
    for words in ("The first training failed.", "The first training failed.", "The second training failed."):
        window._show_problem(Problem(words, f"Why: {words}", ""))
    dialog = window.findChild(ProblemDialog)
    title, before = dialog.findChild(QLabel, "problemTitle"), dialog.findChild(QPushButton, "problemBefore")
    assert title.text() == "The second training failed."
    assert before.isVisible()
    qtbot.mouseClick(before, Qt.MouseButton.LeftButton)
    assert title.text() == "The first training failed."
    assert not before.isVisible()
    qtbot.waitUntil(dialog.isActiveWindow)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    window._show_problem(Problem("A third one.", "", ""))
    assert not before.isVisible()


def test_the_clean_up_report_shows_the_structure_and_the_whole_reason_of_a_row(qtbot, open_file, click, find, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("smiles,y\nCCO,1\nC1CC,2\nCC(=O)[O-].[Na+],3\nCCN,4\nCCCC,5\n", encoding="utf-8")
    open_file(path)
    click("curationReportButton")
    dialog = find("issuesDialog")
    table, picture = dialog.findChild(QTableView, "issuesTable"), dialog.findChild(StructureView)
    drawn = {}
    for row in range(table.model().rowCount()):
        table.selectRow(row)
        line = table.model().index(row, 1).data()
        words = next(one.text() for one in dialog.findChildren(QLabel) if one.text().startswith(f"Line {line}: "))
        assert words.endswith(table.model().index(row, 3).data())
        drawn[line] = picture.accessibleName()
    assert drawn == {"3": "Structure of C1CC", "4": "Structure of CC(=O)[O-].[Na+]"}
    dialog.close()


def test_a_long_structure_in_a_reason_does_not_widen_the_report(window, open_file, click, find, tmp_path):
    rows = [("smiles", "y"), ("C" * 190 + "O.O", "1"), *(("C" * n, f"{n}") for n in range(1, 9))]
    open_file(write_csv(tmp_path / "long.csv", rows))
    click("curationReportButton")
    dialog = find("issuesDialog")
    assert any(f"{'C' * 24}\u200b" in one.text() for one in dialog.findChildren(QLabel))
    assert dialog.minimumSizeHint().width() < window.minimumWidth()
    dialog.close()


def test_the_clean_up_report_is_written_as_the_kind_that_is_chosen(open_file, click, find, molecules_csv, tmp_path):
    open_file(molecules_csv)
    click("curationReportButton")
    report = find("issuesDialog")
    report._choose_place()
    asked = report.findChild(QFileDialog)
    asked.selectFile(str(tmp_path / "mine.html"))
    for kind, ending in zip(asked.nameFilters()[::-1], ("csv", "json", "html"), strict=True):
        # As the dialogs of Linux do, which leave the name alone.
        asked.filterSelected.emit(kind)
        assert asked.selectedFiles() == [str(tmp_path / f"mine.{ending}")]
        assert asked.defaultSuffix() == ending
    asked.close()
    report.close()
