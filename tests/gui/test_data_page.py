"""The Data page: what it reads, what it says about bad rows, how guesses are corrected, what happens to bad files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QListWidget, QPushButton, QTableView, QWidget

from app.services.filters import RowsFilter
from app.widgets.split_card import SplitCard
from tests.gui.conftest import write_csv


def cells(window, column: str) -> list[str]:
    model = window.findChild(QTableView, "moleculeTable").model()
    index = model.columns().index(column)
    return [model.index(row, index).data() for row in range(model.rowCount())]


def text(window, name: str) -> str:
    return window.findChild(QLabel, name).text()


def problem(window) -> str:
    dialog = window.findChild(QWidget, "problemDialog")
    words = [dialog.findChild(QLabel, name) for name in ("problemTitle", "problemCause", "problemRemedy")]
    return " ".join(label.text() for label in words)


@pytest.fixture
def page(window, open_file, molecules_csv):
    open_file(molecules_csv)
    return window.data_page


def test_it_says_what_it_read(window, page):
    words = text(window, "readSummary")
    for part in ("<b>smiles</b>", "logS (log(mol/L))", "a number", "comma, UTF-8"):
        assert part in words
    assert page.header.title() == "molecules.csv"
    assert "11 of 14 rows kept" in text(window, "curationSummary")
    assert "1 cannot be read" in text(window, "curationSummary")


def test_rows_say_why_they_are_left_out(window, page):
    reasons, parts = cells(window, "structure"), cells(window, "set")
    assert reasons[2] == "cannot read: ring 1 is never closed"
    assert parts[2] == "left out"
    assert parts[5] == "merged"
    shown = page.table.molecules.content
    assert [row for row in range(14) if shown.is_left_out(row)] == [2, 6]
    assert set(parts[7:]) <= {"train", "val", "test"}
    assert cells(window, "logS (log(mol/L))")[1] == "\u22121.64"


def test_structures_are_drawn_in_the_background(qtbot, window, page):
    table = window.findChild(QTableView, "moleculeTable")
    qtbot.waitUntil(lambda: cells(window, "MW")[0] == "46", timeout=10_000)

    def drawn():
        picture = table.viewport().grab().toImage()
        ratio = picture.devicePixelRatio()
        ring = [picture.pixelColor(round(x * ratio), round(y * ratio)) for x in range(60, 250) for y in range(90, 170)]
        return any(color.lightness() < 90 for color in ring)

    # Pictures are made after the numbers, in a thread of their own.
    qtbot.waitUntil(drawn)


def test_a_wrong_target_can_be_corrected(qtbot, window, page):
    targets = window.findChild(QListWidget, "targetColumnsList")
    names = {targets.item(i).text(): targets.item(i) for i in range(targets.count())}
    assert names["logS (log(mol/L))"].checkState() is Qt.CheckState.Checked
    with qtbot.waitSignal(window.session.dataset_changed, timeout=20_000):
        names["toxic"].setCheckState(Qt.CheckState.Checked)
        names["logS (log(mol/L))"].setCheckState(Qt.CheckState.Unchecked)
    tasks = window.session.dataset.roles.tasks
    assert [task.name for task in tasks] == ["toxic"]
    assert tasks[0].kind == "classification"
    assert window.session.dataset.data_config.targets == ["toxic"]
    assert "2 classes" in text(window, "readSummary")


def test_another_split_can_be_chosen(qtbot, window, page):
    combo = window.findChild(QComboBox, "splitCombo")
    with qtbot.waitSignal(window.session.dataset_changed, timeout=20_000):
        combo.setCurrentIndex(combo.findData("random"))
    assert window.session.dataset.split_config.method == "random"
    assert window.session.dataset.split.method == "random"


def test_a_choice_that_cannot_work_is_explained_and_undone(qtbot, window, page):
    former = window.session.dataset
    combo = window.findChild(QComboBox, "smilesColumnCombo")
    with qtbot.waitSignal(window.session.problem_raised, timeout=20_000):
        combo.setCurrentIndex(combo.findText("toxic"))
    assert "toxic" in problem(window)
    assert window.session.dataset is former
    assert combo.currentText() == "smiles"
    assert text(window, "readSummary").count("<b>smiles</b>") == 1


def test_clean_up_steps_can_be_switched_off_and_on(qtbot, window, page):
    switch = window.findChild(QCheckBox, "merge_duplicatesSwitch")
    with qtbot.waitSignal(window.session.dataset_changed, timeout=20_000):
        qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    assert window.session.dataset.report.kept == 12
    assert window.session.dataset.data_config.curation.merge_duplicates is False
    with qtbot.waitSignal(window.session.dataset_changed, timeout=20_000):
        qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    assert window.session.dataset.report.kept == 11


def test_search_finds_text_and_substructures(qtbot, window, page):
    search = window.findChild(QLineEdit, "searchEdit")
    search.setText("phenol")
    qtbot.waitUntil(lambda: cells(window, "row") == ["5", "6"], timeout=5000)
    search.setText("[NX3;H2]c")
    qtbot.waitUntil(lambda: cells(window, "smiles") == ["Nc1ccccc1"], timeout=5000)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(cells(window, "row")) == 14, timeout=5000)


def test_a_row_can_be_looked_at_and_its_smiles_copied(qtbot, window, page):
    table = window.findChild(QTableView, "moleculeTable")
    table.selectRow(1)
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "c1ccccc1"
    qtbot.keyClick(table, Qt.Key.Key_Return)
    dialog = window.findChild(QWidget, "moleculeDialog")
    assert dialog.windowTitle() == "Row 2"
    assert "benzene" in {label.text() for label in dialog.findChildren(QLabel)}
    qtbot.mouseClick(dialog.findChild(QPushButton, "moleculeCloseButton"), Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()


def test_rows_can_be_ordered_by_value(window, page):
    table = window.findChild(QTableView, "moleculeTable")
    column = table.model().columns().index("logS (log(mol/L))")
    table.horizontalHeader().setSortIndicator(column, Qt.SortOrder.DescendingOrder)
    values = cells(window, "logS (log(mol/L))")
    assert values[:2] == ["1.2", "1.1"]
    assert values[-1] == ""


def test_only_rows_that_need_a_look(qtbot, window, page):
    actions = {action.text(): action for action in window.findChild(QPushButton, "filterButton").menu().actions()}
    actions["Left out"].trigger()
    qtbot.waitUntil(lambda: cells(window, "row") == ["3", "7"], timeout=20_000)


def test_the_report_lists_every_touched_row_and_is_saved(qtbot, window, page, tmp_path):
    qtbot.mouseClick(window.findChild(QPushButton, "curationReportButton"), Qt.MouseButton.LeftButton)
    dialog = window.findChild(QWidget, "issuesDialog")
    model = dialog.findChild(QTableView, "issuesTable").model()
    lines = {model.index(row, 1).data() for row in range(model.rowCount())}
    assert {"4", "5", "7", "8"} <= lines
    target = tmp_path / "report.csv"
    dialog.save_wanted.emit(str(target))
    qtbot.waitUntil(lambda: target.exists() and target.read_text().count("\n") == model.rowCount() + 1, timeout=5000)
    assert "ring 1 is never closed" in target.read_text()
    dialog.close()


def test_the_report_says_one_thing_of_a_row_and_leads_to_it(qtbot, window, open_file, tmp_path):
    rows = [("smiles", "y"), ("CCO", "1"), ("C1CC", "odd"), ("OCC", "1"), ("CC(=O)[O-].[Na+]", "2"), ("CCC", "3")]
    open_file(write_csv(tmp_path / "double.csv", [*rows, *(("C" * n, f"{n}") for n in range(4, 9))]))
    page = window.data_page
    qtbot.mouseClick(window.findChild(QPushButton, "curationReportButton"), Qt.MouseButton.LeftButton)
    table = window.findChild(QWidget, "issuesDialog").findChild(QTableView, "issuesTable")
    model = table.model()
    told = [[model.index(row, column).data() for column in (0, 1, 5)] for row in range(model.rowCount())]
    assert {tuple(cells) for cells in told} == {
        ("2", "3", "left out"),
        ("3", "4", "merged"),
        ("4", "5", "kept"),
    }
    page.rows.add_filter(RowsFilter(frozenset({0}), "one"))
    qtbot.waitUntil(lambda: page.table.molecules.rowCount() == 1)
    table.doubleClicked.emit(model.index([cells[0] for cells in told].index("4"), 3))
    assert page.table.selected_rows() == [3]
    shown = page.table.molecules.content
    assert shown.needs_a_look(1)
    assert not shown.needs_a_look(3)
    assert shown.remarks(3).startswith("removed '[Na+]'")


BAD_FILES = {
    "empty.csv": "",
    "no-smiles.csv": "a,b\n1,2\n3,4\n5,6\n",
    "unreadable.csv": "smiles,y\n" + "C1CC,1\n" * 9,
    "one-row.csv": "smiles,y\nCCO,1.0\n",
}


@pytest.mark.parametrize("name", [*BAD_FILES, "vanished.csv", "folder"])
def test_a_bad_file_is_explained_and_the_former_one_stays(qtbot, window, page, tmp_path, name):
    former = window.session.dataset
    path = tmp_path / name
    if name in BAD_FILES:
        path.write_text(BAD_FILES[name])
    elif name == "folder":
        path.mkdir()
    _fails_with_words(qtbot, window, path)
    assert window.session.dataset is former
    assert page.table.isVisible()
    assert "molecules.csv" in page.header.title()
    assert "molecules.csv stays open" in problem(window)


def test_a_file_whose_structures_nobody_recognises_opens_by_the_column_chosen(qtbot, window, page, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("a,b,y\n" + "".join(f"7,{'C' * n},{n}\n8,{n},\n9,{n}x,\n" for n in range(1, 12)), "utf-8")
    with qtbot.waitSignal(window.session.problem_raised, timeout=10_000):
        window.open_path(path)
    window.findChild(QComboBox, "problemColumn").setCurrentText("b")
    with qtbot.waitSignal(window.session.dataset_opened, timeout=10_000) as opened:
        qtbot.mouseClick(window.findChild(QPushButton, "problemUseColumn"), Qt.MouseButton.LeftButton)
    assert opened.args[0].roles.smiles == "b"


def test_a_file_of_structures_alone_does_not_ask_for_what_it_has_not(qtbot, window, open_file, tmp_path):
    path = tmp_path / "only.csv"
    path.write_text("smiles\n" + "".join(f"{'C' * n}O\n" for n in range(1, 12)), "utf-8")
    open_file(path)
    assert "tick one" not in window.findChild(QLabel, "readSummary").text()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_explained(qtbot, window, molecules_csv):
    molecules_csv.chmod(0)
    _fails_with_words(qtbot, window, molecules_csv)


def test_after_a_bad_first_file_the_window_can_be_used(qtbot, window, open_file, molecules_csv, tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("")
    _fails_with_words(qtbot, window, path)
    assert "stays open" not in problem(window)
    assert window.findChild(QWidget, "dropZone").isVisible()
    open_file(molecules_csv)
    assert window.findChild(QTableView, "moleculeTable").isVisible()


def _fails_with_words(qtbot, window, path: Path) -> None:
    with qtbot.waitSignal(window.session.problem_raised, timeout=20_000):
        window.open_path(path)
    assert window.findChild(QWidget, "problemDialog").isVisible()
    words = problem(window)
    assert path.name in words
    assert "Something went wrong inside" not in words
    assert not window.session.datasets.is_busy


def test_reading_can_be_cancelled(qtbot, window, page, tmp_path):
    former = window.session.dataset
    path = tmp_path / "long.csv"
    # All different, so that cleaning takes many times longer than the wait below.
    rows = (f"{'C' * (1 + i % 25)}N{'C' * (1 + i // 25 % 25)}O{'C' * (1 + i // 625)},{i}\n" for i in range(60_000))
    path.write_text("smiles,y\n" + "".join(rows))
    window.open_path(path)
    qtbot.waitUntil(lambda: window.session.datasets.is_busy)
    with qtbot.waitSignal(window.session.idle, timeout=20_000):
        qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert window.session.dataset is former
    assert not window.findChild(QWidget, "problemDialog").isVisible()
    assert window.findChild(QLabel, "readSummary").isVisible()


def test_a_file_without_target_opens_and_asks_for_one(qtbot, window, open_file, tmp_path):
    path = tmp_path / "library.csv"
    path.write_text("smiles,name\n" + "".join(f"{'C' * (i + 1)}O,alcohol {i}\n" for i in range(12)))
    open_file(path)
    assert "none found" in text(window, "readSummary")
    assert window.findChild(QListWidget, "targetColumnsList").isVisible()
    assert not window.findChild(QPushButton, "chooseModelButton").isEnabled()


@pytest.mark.parametrize(
    ("method", "note", "reason"),
    [
        ("random (too few scaffolds to divide by them)", "random", "Too few scaffolds to divide by them."),
        ("column 'part', validation taken from training", "column 'part'", "Validation taken from training."),
        ("scaffold", "scaffold", ""),
    ],
)
def test_the_reason_for_a_split_has_a_line_of_its_own(qtbot, method, note, reason):
    card = SplitCard()
    qtbot.addWidget(card)
    card.show_split(method, (8, 1, 1), [])
    shown = [words.text() for words in card.findChildren(QLabel) if not words.isHidden()]
    assert card.findChild(QComboBox, "splitCombo").currentText() == f"Chosen: {note}"
    assert (reason in shown) is bool(reason)


def test_the_rows_of_a_long_file_can_be_looked_at_while_it_is_cleaned(qtbot, window, page, tmp_path):
    page.table.molecules.sort(page.table.molecules.columns().index("logS (log(mol/L))"))
    before = cells(window, "row")
    page.table.select_rows([3, 5])
    # All different, so that cleaning takes many times longer than the wait below.
    path = _long_file(tmp_path)
    window.open_path(path)
    qtbot.waitUntil(lambda: page.header.title() == "long.csv", timeout=20_000)
    assert window.session.datasets.is_busy
    assert len(cells(window, "y")) == 60_000
    assert page.table.selected_rows() == []
    assert not window.findChild(QPushButton, "chooseModelButton").isEnabled()
    qtbot.waitUntil(lambda: any(words.startswith("Cleaning up") for words in _status_words(window)))
    assert window.session.datasets.is_busy
    with qtbot.waitSignal(window.session.idle, timeout=20_000):
        qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert page.header.title() == "molecules.csv"
    assert cells(window, "row") == before
    assert page.table.selected_rows() == [3, 5]
    assert window.findChild(QPushButton, "chooseModelButton").isEnabled()


def _long_file(folder: Path) -> Path:
    rows = (f"{'C' * (1 + i % 25)}N{'C' * (1 + i // 25 % 25)}O{'C' * (1 + i // 625)},{i}\n" for i in range(60_000))
    path = folder / "long.csv"
    path.write_text("smiles,y\n" + "".join(rows))
    return path


def _status_words(window) -> list[str]:
    return [label.text() for label in window.findChild(QWidget, "statusLine").findChildren(QLabel)]


def test_rows_that_were_selected_in_one_file_are_not_selected_in_the_next(window, page, open_file, tmp_path):
    page.table.select_rows([3, 5])
    path = tmp_path / "other.csv"
    path.write_text("smiles,y\n" + "".join(f"{'C' * n}O,{n}\n" for n in range(1, 12)))
    open_file(path)
    assert page.table.selected_rows() == []
    assert len(page.rows.rows_to_export()) == 11
