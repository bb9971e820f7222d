"""What a window of 1024 x 700 or less leaves of tables, lists and their words."""

from __future__ import annotations

from contextlib import closing

import pytest
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel, QListWidget, QPushButton

from app.pages.compare import CompareView
from app.pages.verdict_cells import NUMBER_COLUMNS, class_columns
from app.services.depictions import DepictionService
from app.services.run_shelf import compare_runs
from app.widgets.cell_table import Cell, CellTable
from app.widgets.combo import Combo
from app.widgets.confusion import ConfusionGrid
from app.widgets.hover_card import StructureView
from app.widgets.map_panel import MapPanel
from app.widgets.pinned_molecules import PinDialog
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.runs import Workspace

LARGE, SMALL, LEAST = (1920, 1080), (1024, 700), (960, 620)


def record(run_id, **more):
    given = {"name": "solubility", "status": RunState.COMPLETED, "metrics": {"rmse": 0.5}, "data_name": "a.csv"}
    return RunRecord(run_id=run_id, **{**given, **more})


@pytest.fixture
def resized(qtbot, window):
    """Return a function that resizes the window and waits until it has the size."""

    def resize(size):
        window.resize(*size)
        qtbot.waitUntil(lambda: (window.width(), window.height()) == size)
        qtbot.wait(50)

    return resize


@pytest.mark.parametrize("kind", [TaskKind.REGRESSION, TaskKind.CLASSIFICATION])
def test_structures_of_test_molecules_stay_readable(qtbot, kind):
    table = CellTable("worstTable", "Test molecules", bare=True)
    qtbot.addWidget(table)
    two = kind is TaskKind.CLASSIFICATION
    columns = class_columns(TaskSpec("toxic", kind, classes=("no", "yes"))) if two else NUMBER_COLUMNS
    table.show_rows(columns, 1, lambda _row, _key: Cell("C"))
    table.show()
    for width, all_shown in ((296, False), (420, True)):
        table.resize(width, 300)
        qtbot.waitUntil(lambda shown=all_shown: any(map(table.isColumnHidden, range(len(columns)))) is not shown)
        assert table.columnWidth(0) >= 110


@pytest.mark.parametrize("size", [SMALL, LEAST])
def test_results_of_runs_stay_in_sight_where_the_window_becomes_narrow(qtbot, window, runs_page, resized, size):
    Workspace(window.session.workspace).save(record("r"))
    window.session.runs_changed.emit()
    qtbot.waitUntil(lambda: len(runs_page.list.records()) == 1)
    table = runs_page.table
    resized(LARGE)
    assert not any(table.isColumnHidden(number) for number in range(table.cells.columnCount()))
    resized(size)
    shown = {one.key: number for number, one in enumerate(table.cells.columns) if not table.isColumnHidden(number)}
    ends = {key: table.columnViewportPosition(number) + table.columnWidth(number) for key, number in shown.items()}
    assert {"star", "name", "status", "data", "metric", "seconds", "created"} <= set(ends)
    assert max(ends.values()) <= table.viewport().width()
    assert table.columnWidth(shown["name"]) >= 170
    resized(LARGE)
    assert not any(table.isColumnHidden(number) for number in range(table.cells.columnCount()))


def test_the_legend_of_compared_runs_keeps_what_tells_them_apart(qtbot, shown):
    long = "aqueous solubility of all the compounds of the last two years"
    runs = [
        record("r1", name=long, created=1_800_000_000.0),
        record("r2", name=long, created=1_800_000_600.0),
        record("r3", name="something else"),
    ]
    view = shown(CompareView(), 924, 600)
    view.show_comparison(compare_runs(runs))
    words = [(one.text(), one.toolTip()) for one in view.findChildren(QLabel) if one.toolTip().startswith(long)]
    assert len(words) == 2
    assert all("…, " in short and short.endswith(whole.removeprefix(long)) for short, whole in words), words


MANY = "smiles,inhibition of the first kinase,inhibition of the second kinase\n" + "".join(
    f"{'C' * (number + 1)}O,{number},{number * 2}\n" for number in range(12)
)


def test_names_of_targets_can_be_read_and_no_fields_overlap(qtbot, window, open_file, find, resized, tmp_path):
    data = tmp_path / "kinases.csv"
    data.write_text(MANY, encoding="utf-8")
    open_file(data)
    for size in (SMALL, (1280, 800), SMALL):
        resized(size)
        if find("targetColumnsList").isHidden() or not find("targetColumnsList").isVisible():
            find("changeRolesButton", QPushButton).click()
            qtbot.wait(50)
        fields = ["smilesColumnCombo", "taskCombo", "transformCombo", "unitEdit", "targetColumnsList"]
        boxes = [find(name) for name in (*fields, "separatorCombo", "decimalCombo", "encodingCombo")]

        def apart(boxes=boxes, size=size):
            places = [box.rect().translated(box.mapTo(window, box.rect().topLeft())) for box in boxes]
            for number, place in enumerate(places):
                over = [
                    boxes[number + 1 + k] for k, other in enumerate(places[number + 1 :]) if place.intersects(other)
                ]
                assert not over, (size, boxes[number])

        # On a busy machine the layout may need longer than a moment.
        qtbot.waitUntil(apart)
        names = find("targetColumnsList", QListWidget)
        widest = max(names.fontMetrics().horizontalAdvance(names.item(row).text()) for row in range(names.count()))
        # The box to tick stands before the name.
        assert names.viewport().width() - 36 >= min(widest, 150), size


def test_the_map_leaves_its_legend_free(qtbot, window, open_file, find, resized, tmp_path):
    data = tmp_path / "kinases.csv"
    data.write_text(MANY, encoding="utf-8")
    open_file(data)
    resized(LEAST)
    find("mapViewButton", QPushButton).click()
    panel = window.findChild(MapPanel)
    qtbot.waitUntil(lambda: panel.isVisible() and not panel._strip.isVisible())
    qtbot.waitUntil(lambda: panel.map.geometry().bottom() < panel._legend.geometry().top())


def test_words_of_a_narrow_list_end_in_an_ellipsis(qtbot, shown):
    box = Combo()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.addItem("inhibition of the second kinase")
    box = shown(box, 140, 30)
    assert box.shown_text().startswith("inh")
    assert "…" in box.shown_text()
    box.resize(400, 30)
    assert box.shown_text() == "inhibition of the second kinase"


def test_tab_leaves_notes_and_pinned_molecules(qtbot, window, runs_page, shown):
    Workspace(window.session.workspace).save(record("r"))
    window.session.runs_changed.emit()
    qtbot.waitUntil(runs_page.list.notes.isEnabled)
    dialog = shown(PinDialog(["CCO"]))
    for edit in (runs_page.list.notes, dialog.edit):
        before = edit.toPlainText()
        QTest.keyClick(edit, Qt.Key.Key_Tab)
        assert edit.toPlainText() == before


def inked_columns(widget, area):
    """Return how many columns of pixels in an area are not as its first pixel."""
    image = widget.grab(area).toImage()
    ground = image.pixelColor(0, 0)
    rows = range(image.height())
    return sum(any(image.pixelColor(x, y) != ground for y in rows) for x in range(image.width()))


def test_rows_of_a_narrow_confusion_matrix_keep_the_names_of_their_classes(qtbot, shown):
    grid = shown(ConfusionGrid(), 240, 320)
    classes = ("high", "low", "medium", "very high")
    grid.show_table(classes, [[1] * 4] * 4)
    last = QRect(0, 320 - 70, 80, 60)
    alone = shown(ConfusionGrid(), 900, 320)
    alone.show_table(classes, [[1] * 4] * 4)
    assert inked_columns(grid, last) == pytest.approx(inked_columns(alone, last), abs=2)


def test_a_structure_that_cannot_be_drawn_says_why(qtbot, shown):
    with closing(DepictionService()) as depictions:
        view = shown(StructureView(depictions, QSize(128, 62)))
        with qtbot.waitSignal(depictions.drawn):
            view.show_molecule("C1CC")
            view.repaint()
        assert inked_columns(view, view.rect()) > 20
