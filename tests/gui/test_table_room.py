"""Where tables are scrolled to, and which column has the room."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QFontMetrics

from app.pages.models import COLUMNS
from app.pages.predict_cells import prediction_cell, prediction_columns
from app.theme import text_font, theme
from app.widgets.cell_table import Cell, CellTable, Column
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from tests.gui.test_predict_page import made
from tests.gui.test_verdict_small import show, small

__all__ = ["small"]

SOLUBILITY = TaskSpec("solubility (log(mol/L))", TaskKind.REGRESSION, "log(mol/L)")


@pytest.fixture
def table(shown):
    """Return a table of 60 rows, scrolled down."""
    numbers = shown(CellTable("aTable", "Numbers"), 300, 200)
    numbers.show_rows([Column("a", "a")], 60, lambda row, _key: Cell(str(row)))
    numbers.scrollToBottom()
    assert numbers.verticalScrollBar().value() > 0
    return numbers


def test_other_rows_are_shown_from_the_first_one_on(table):
    table.show_rows([Column("a", "a")], 60, lambda row, _key: Cell(f"other {row}"))
    assert table.verticalScrollBar().value() == 0
    assert table.indexAt(table.viewport().rect().topLeft()).row() == 0


def test_newer_words_in_the_same_rows_and_another_order_keep_the_place(qtbot, table):
    before = table.verticalScrollBar().value()
    table.show_rows([Column("a", "a")], 60, lambda row, _key: Cell(f"newer {row}"), again=True)
    assert table.verticalScrollBar().value() == before
    table.cells.sort(0)
    assert table.verticalScrollBar().value() == before


def test_the_worst_molecule_of_another_run_is_in_sight(qtbot, runs_page, small):
    small.worst.scrollToBottom()
    bar = small.worst.verticalScrollBar()
    assert bar.value() > 0
    before, story = bar.value(), small._story
    small.show_story(story)
    assert bar.value() == before, "the same run was read again"
    record = replace(story.record, run_id="another")
    show(qtbot, runs_page, replace(story, record=record, verdict=replace(story.verdict, record=record)))
    qtbot.waitUntil(lambda: bar.value() == 0)
    assert small.worst.indexAt(small.worst.viewport().rect().topLeft()).row() == 0


def title_is_whole(table, key):
    place = next(number for number, column in enumerate(table.cells.columns) if column.key == key)
    wanted = QFontMetrics(text_font(11, bold=True)).horizontalAdvance(table.cells.columns[place].title)
    return table.columnWidth(place) >= wanted + 12


def predictions_shown(table, task):
    predictions = made((task,), **{f"{task.name}_pred": [1.0, 2.0]})
    table.show_rows(prediction_columns(predictions), 2, lambda row, key: prediction_cell(predictions, row, key))


@pytest.mark.parametrize(("width", "name"), [(562, "solubility"), (980, "aqueous solubility of the shake flask")])
def test_the_name_of_a_predicted_target_has_the_room_that_others_leave(qapp, shown, width, name):
    theme.apply(qapp)
    table = shown(CellTable("predictionTable", "Predictions"), width, 300)
    predictions_shown(table, replace(SOLUBILITY, name=f"{name} (log(mol/L))"))
    assert title_is_whole(table, "value:0")
    ends = [table.columnViewportPosition(n) + table.columnWidth(n) for n in range(len(table.cells.columns))]
    assert max(ends) <= table.viewport().width()


def test_a_name_that_nothing_has_room_for_is_told_by_the_header(shown):
    table = shown(CellTable("predictionTable", "Predictions"), 562, 300)
    long = replace(SOLUBILITY, name="solubility " * 20)
    predictions_shown(table, long)
    tips = [column.tip for column in table.cells.columns if column.key == "value:0"]
    assert tips[0].startswith(f"{long.name} (log(mol/L))\n")
    ends = [table.columnViewportPosition(n) + table.columnWidth(n) for n in range(len(table.cells.columns))]
    assert max(ends) <= table.viewport().width()


@pytest.mark.parametrize("width", [600, 900])
def test_models_name_what_they_predict(shown, width):
    table = shown(CellTable("modelsTable", "Models"), width, 300)
    words = {"name": "solubility quick-look", "tasks": SOLUBILITY.name, "metric": "RMSE 1.85"}
    table.show_rows(COLUMNS, 2, lambda _row, key: Cell(words.get(key, "")))
    place = [column.key for column in COLUMNS].index("tasks")
    cell = table.visualRect(table.cells.index(0, place))
    assert cell.width() >= QFontMetrics(text_font(13)).horizontalAdvance(SOLUBILITY.name) + 12
    assert table.columnWidth(0) >= 160
    assert QRect(0, 0, table.viewport().width(), 300).contains(cell)


def test_a_width_set_by_hand_stays_while_the_table_does(shown):
    table = shown(CellTable("modelsTable", "Models"), 900, 300)
    table.show_rows(COLUMNS, 2, lambda _row, key: Cell(SOLUBILITY.name if key == "tasks" else ""))
    table.setColumnWidth(1, 60)
    table.resize(890, 300)
    assert table.columnWidth(1) == 60
