"""Looking at the data: filters, bars, map and lasso, properties, similarity, detail, export."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QTableView, QWidget

from app.text import OWN
from tests.gui.conftest import write_csv

PATIENCE = 60_000
LOGS = "logS (log(mol/L))"


def rows_shown(window) -> list[int]:
    return list(window.data_page.table.molecules.file_rows())


def chips(window) -> list[str]:
    found = window.findChildren(QPushButton)
    shown = [chip for chip in found if chip.objectName().startswith("filterChip") and not chip.isHidden()]
    return [chip.text().removesuffix("  ✕") for chip in shown]


def press(qtbot, window, name: str) -> None:
    qtbot.mouseClick(window.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def choose(window, name: str, data: str) -> None:
    box = window.findChild(QComboBox, name)
    box.setCurrentIndex(box.findData(data))


@pytest.fixture
def page(window, open_file, molecules_csv):
    open_file(molecules_csv)
    return window.data_page


@pytest.fixture
def map_shown(qtbot, window, page):
    """Return the map of the small file, drawn."""
    press(qtbot, window, "mapViewButton")
    shown = page.rows.map.panel.map
    qtbot.waitUntil(lambda: len(shown.rows) == 11, timeout=PATIENCE)
    return shown


def lasso(qtbot, shown, rows: list[int]) -> None:
    """Draw a lasso around the dots of some rows, each by a narrow detour from the corner of the map."""
    corner = QPointF(1, 1)
    path = [corner]
    for row in rows:
        x, y = shown.place_of(row).x(), shown.place_of(row).y()
        path += [QPointF(x - 4, y - 4), QPointF(x + 4, y - 4), QPointF(x + 4, y + 4), QPointF(x - 4, y + 4)]
        path += [QPointF(x - 4, y - 4), corner]
    qtbot.mousePress(shown, Qt.MouseButton.LeftButton, pos=path[0].toPoint())
    for place in path[1:]:
        qtbot.mouseMove(shown, place.toPoint())
    qtbot.mouseRelease(shown, Qt.MouseButton.LeftButton, pos=path[-1].toPoint())


def test_a_smarts_filter_marks_what_it_matches_and_can_be_taken_away(qtbot, window, page):
    choose(window, "searchModeCombo", "smarts")
    search = window.findChild(QLineEdit, "searchEdit")
    search.setText("c1ccccc1[OH]")
    # The second phenol is merged into the first, and found like it.
    qtbot.waitUntil(lambda: rows_shown(window) == [4, 5], timeout=PATIENCE)
    qtbot.keyClick(search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: chips(window) == ["contains c1ccccc1[OH]"], timeout=PATIENCE)
    assert search.text() == ""
    drawn = window.session.depictions
    qtbot.waitUntil(lambda: "c1ccccc1[OH]" in {key.pattern for key in drawn._cache}, timeout=PATIENCE)
    qtbot.waitUntil(lambda: None not in (ask_drawing(drawn, ""), ask_drawing(drawn, "c1ccccc1[OH]")), timeout=PATIENCE)
    marked, plain = ask_drawing(drawn, "c1ccccc1[OH]"), ask_drawing(drawn, "")
    assert marked.image != plain.image
    press(qtbot, window, "filterChip0")
    qtbot.waitUntil(lambda: len(rows_shown(window)) == 14, timeout=PATIENCE)
    assert chips(window) == []


def ask_drawing(depictions, pattern: str):
    return depictions.get("Oc1ccccc1", 194, 82, dark=False, pattern=pattern)


def test_a_half_typed_pattern_is_told_of_and_no_dialog_comes_up(qtbot, window, page):
    choose(window, "searchModeCombo", "smarts")
    window.findChild(QLineEdit, "searchEdit").setText("c1cc(")
    found = window.findChild(QLabel, "foundLabel")
    qtbot.waitUntil(lambda: "not a SMARTS pattern" in found.text(), timeout=PATIENCE)
    assert not window.findChild(QWidget, "problemDialog").isVisible()
    assert len(rows_shown(window)) == 14


def test_a_bar_that_is_clicked_filters_and_ranges_of_one_column_replace_each_other(qtbot, window, page):
    bars = window.findChild(QWidget, "columnHistogram")
    qtbot.waitUntil(lambda: bars.isVisible() and len(bars._counts) > 1, timeout=PATIENCE)
    last = len(bars._counts) - 1
    qtbot.mousePress(bars, Qt.MouseButton.LeftButton, pos=bars.bar_rect(last - 2).center().toPoint())
    qtbot.mouseMove(bars, bars.bar_rect(last).center().toPoint())
    qtbot.mouseRelease(bars, Qt.MouseButton.LeftButton, pos=bars.bar_rect(last).center().toPoint())
    # Ethanol 1.1, the salt 0.5, pyridine 0.76, acetone 1.2; phenol's -0.04 lies below.
    qtbot.waitUntil(lambda: rows_shown(window) == [0, 3, 10, 13], timeout=PATIENCE)
    low, high = window.findChild(QLineEdit, "columnLowEdit"), window.findChild(QLineEdit, "columnHighEdit")
    press(qtbot, window, "columnRangeButton")
    low.setText("-1,0")
    high.setText("0")
    qtbot.keyClick(high, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: rows_shown(window) == [4, 5, 8], timeout=PATIENCE)
    qtbot.waitUntil(lambda: len(chips(window)) == 1, timeout=PATIENCE)
    qtbot.waitUntil(lambda: sum(bars._part) == 3, timeout=PATIENCE)
    choose(window, "columnChoice", "toxic")
    qtbot.waitUntil(lambda: len(bars._labels) == 2, timeout=PATIENCE)
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=bars.bar_rect(0).center().toPoint())
    qtbot.waitUntil(lambda: len(chips(window)) == 2, timeout=PATIENCE)
    press(qtbot, window, "clearFiltersButton")
    qtbot.waitUntil(lambda: len(rows_shown(window)) == 14, timeout=PATIENCE)


def test_a_lasso_on_the_map_selects_rows_of_the_table_and_the_other_way_round(qtbot, window, page, map_shown):
    lasso(qtbot, map_shown, [1, 4, 7])
    table = window.findChild(QTableView, "moleculeTable")
    chosen = sorted(table.model().file_row(index.row()) for index in table.selectionModel().selectedRows())
    assert {1, 4, 7} <= set(chosen)
    assert chosen == sorted(map_shown.selected_rows)
    assert window.findChild(QPushButton, "selectionButton").text() == f"{len(chosen)} selected"
    table.selectRow(9)
    assert map_shown.selected_rows == [9]
    spot = map_shown.place_of(12).toPoint()
    qtbot.mouseClick(map_shown, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, spot)
    assert page.rows.selected_rows() == [9, 12]
    page.rows.show_only_selected()
    qtbot.waitUntil(lambda: rows_shown(window) == [9, 12], timeout=PATIENCE)
    assert page.rows.selected_rows() == [9, 12]


def test_the_map_shows_the_molecule_below_the_pointer_and_colours_by_part(qtbot, window, page, map_shown):
    qtbot.mouseMove(map_shown, QPoint(0, 0))
    qtbot.mouseMove(map_shown, map_shown.place_of(10).toPoint())
    card = map_shown.findChild(QWidget, "hoverCard")
    assert card.isVisible()
    words = " ".join(label.text() for label in card.findChildren(QLabel))
    assert "row 11" in words
    assert "0.76" in words
    choose(window, "mapColorCombo", f"{OWN}set")
    qtbot.waitUntil(lambda: map_shown._coloring.labels == ("train", "val", "test"), timeout=PATIENCE)
    codes = {"train": 0, "val": 1, "test": 2}
    parts = window.session.dataset.parts
    assert map_shown._coloring.shades.tolist() == [codes[parts[row]] for row in map_shown.rows]
    choose(window, "mapMethodCombo", "tsne")
    before = map_shown._points.copy()
    qtbot.waitUntil(lambda: not (map_shown._points == before).all(), timeout=PATIENCE)
    assert len(map_shown.rows) == 11


def test_the_map_can_be_drawn_from_what_the_shipped_encoder_has_learnt(qtbot, window, map_shown):
    drawn = map_shown._points.copy()
    choose(window, "mapMethodCombo", "mole pca")
    qtbot.waitUntil(lambda: not (map_shown._points == drawn).all(), timeout=PATIENCE)
    assert len(map_shown.rows) == 11


def test_thousands_of_scattered_rows_become_a_filter(qtbot, window, page, monkeypatch):
    monkeypatch.setattr("app.widgets.molecule_table._MOST_PIECES", 2)
    page.rows._take_from_map([0, 4, 8], False)
    qtbot.waitUntil(lambda: rows_shown(window) == [0, 4, 8], timeout=PATIENCE)
    qtbot.waitUntil(lambda: chips(window) == ["3 chosen on the map"], timeout=PATIENCE)


def test_properties_become_columns_that_sort_and_filter(qtbot, window, page):
    with qtbot.waitSignal(window.session.columns.own_changed, timeout=PATIENCE):
        page.rows.columns.toggle_property("MW", True)
    columns = page.table.molecules.columns()
    assert columns.count("MW") == 0
    column = columns.index(f"{OWN}MW")
    page.table.horizontalHeader().setSortIndicator(column, Qt.SortOrder.DescendingOrder)
    weights = [page.table.molecules.index(row, column).data() for row in range(14)]
    assert weights[0] == "128.2"
    assert weights[-1] == ""
    choose(window, "columnChoice", f"{OWN}MW")
    high = window.findChild(QLineEdit, "columnHighEdit")
    words = window.findChild(QLabel, "columnWords")
    qtbot.waitUntil(lambda: "mean 82.1" in words.text(), timeout=PATIENCE)
    press(qtbot, window, "columnRangeButton")
    high.setText("60")
    qtbot.keyClick(high, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: sorted(rows_shown(window)) == [0, 13], timeout=PATIENCE)


def test_similar_molecules_come_first(qtbot, window, page):
    page.rows.find_similar("Cc1ccccc1C")
    table = page.table.molecules
    qtbot.waitUntil(lambda: f"{OWN}similarity" in table.columns(), timeout=PATIENCE)
    qtbot.waitUntil(lambda: 0 < len(rows_shown(window)) < 11, timeout=PATIENCE)
    column = table.columns().index(f"{OWN}similarity")
    values = [float(table.index(row, column).data()) for row in range(table.rowCount())]
    assert values == sorted(values, reverse=True)
    assert values[-1] >= 0.4
    window.findChild(QLineEdit, "searchEdit").clear()
    qtbot.waitUntil(lambda: f"{OWN}similarity" not in table.columns(), timeout=PATIENCE)
    assert len(rows_shown(window)) == 14


@pytest.mark.parametrize(
    ("form", "start"),
    [("InChI", "InChI=1S/C6H6/"), ("InChIKey", "UHOVQNZJYSORNB-"), ("Drawing (SVG)", "<?xml"), ("Picture (PNG)", None)],
)
def test_a_structure_is_copied_in_the_form_asked_for(qtbot, window, page, form, start):
    page.table.row_opened.emit(1)
    dialog = window.findChild(QWidget, "moleculeDialog")
    button = dialog.findChild(QPushButton, "copyAsButton")
    QGuiApplication.clipboard().clear()
    next(action for action in button.menu().actions() if action.text() == form).trigger()
    qtbot.waitUntil(lambda: button.text() == "Copied", timeout=PATIENCE)
    clipboard = QGuiApplication.clipboard()
    if start is None:
        assert bytes(clipboard.mimeData().data("image/png").data())[:4] == b"\x89PNG"
    else:
        assert clipboard.text().startswith(start)
    dialog.close()


def test_rows_are_exported_without_formulas_to_run(qtbot, window, open_file, tmp_path):
    path = tmp_path / "formulas.csv"
    rows = [
        ("=1+1", "CCO", "1.5"),
        ("@x", "c1ccccc1", "-2"),
        ("fine", "CCN", "3"),
        ("+3 cm", "CCCC", "4"),
        ("e", "CO", "5"),
    ]
    path.write_text("name,smiles,y\n" + "".join(",".join(row) + "\n" for row in rows))
    open_file(path)
    page = window.data_page
    page.table.select_rows([0, 1, 3])
    for ending in ("csv", "smi", "sdf"):
        target = tmp_path / f"out.{ending}"
        page.export_to(str(target))
        qtbot.waitUntil(target.exists, timeout=PATIENCE)
    with (tmp_path / "out.csv").open(newline="") as stream:
        written = list(csv.DictReader(stream))
    assert [row["name"] for row in written] == ["'=1+1", "'@x", "'+3 cm"]
    assert [row["y"] for row in written] == ["1.5", "-2", "4"]
    assert [row["set"] for row in written] == [window.session.dataset.parts[row] for row in (0, 1, 3)]
    assert (tmp_path / "out.smi").read_text().splitlines()[1] == "c1ccccc1\t@x"
    assert (tmp_path / "out.sdf").read_text().count("$$$$") == 3
    with qtbot.waitSignal(window.session.problem_raised, timeout=PATIENCE):
        page.export_to(str(tmp_path / "nowhere" / "out.csv"))
    assert not Path(tmp_path / "nowhere").exists()
    window.findChild(QWidget, "problemDialog").close()


@pytest.mark.parametrize("size", [(1024, 700), (1280, 800)])
def test_the_measured_value_stays_in_sight_however_long_its_name_is(qtbot, window, open_file, tmp_path, size):
    name = "Solubility at pH 7.4 measured by kinetic turbidimetry at 25 degrees as the mean of three"
    rows = [("smiles", name), *(("C" * n + "OCCNCC(=O)CCCCCCCCCCCC", f"-{n}.25") for n in range(1, 13))]
    window.resize(*size)
    open_file(write_csv(tmp_path / "long.csv", rows))
    table = window.data_page.table
    last = table.model().columnCount() - 1
    qtbot.waitUntil(lambda: table.columnViewportPosition(last) + table.columnWidth(last) <= table.viewport().width())
    assert not table.horizontalScrollBar().isVisible()
    assert table.columnWidth(2) >= 100
    assert table.model().headerData(3, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole) == name
