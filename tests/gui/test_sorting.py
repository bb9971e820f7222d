"""Ordered by a column, a table goes on showing the same rows as chosen, and copies them as they stand."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtTest import QTest

from app.widgets.cell_table import Cell, CellTable, Column
from app.widgets.molecule_table import MoleculeTable
from tests.gui.conftest import write_csv

NAMES, VALUES = ("first", "second", "third", "fourth"), (3.0, 1.0, 4.0, 2.0)
COLUMNS = (Column("name", "name"), Column("value", "value", "number", 80))


@pytest.fixture
def table(shown):
    """Return four rows that several can be chosen of."""
    made = CellTable("someTable", "Some rows")
    made.setSelectionMode(CellTable.SelectionMode.ExtendedSelection)
    made.show_rows(COLUMNS, 4, lambda row, key: Cell(NAMES[row]) if key == "name" else Cell("", order=VALUES[row]))
    return shown(made)


def chosen(table):
    return sorted(table.cells.row_at(index.row()) for index in table.selectionModel().selectedRows())


def test_the_chosen_row_stays_chosen_where_the_order_changes(table):
    heard = []
    table.choose(2)
    table.row_chosen.connect(heard.append)
    for order in (Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder):
        table.sortByColumn(1, order)
        assert (table.chosen(), chosen(table)) == (2, [2])
    table.cells.arrange([3, 2, 1, 0])
    assert (table.chosen(), chosen(table)) == (2, [2])
    # The same row is chosen as before: nobody has to be told.
    assert heard == []


def test_several_chosen_rows_stay_chosen_too(table):
    model, flags = table.selectionModel(), QItemSelectionModel.SelectionFlag
    for place in (0, 2, 3):
        model.select(table.cells.index(place, 0), flags.Select | flags.Rows)
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert chosen(table) == [0, 2, 3]


def test_molecules_are_copied_in_the_order_in_which_they_stand(window, open_file, tmp_path):
    rows = [("smiles", "value"), ("CCO", "2.5"), ("CCCO", "9.5"), ("CCCCO", "4.5"), ("CCCCCO", "7.5")]
    open_file(write_csv(tmp_path / "alcohols.csv", rows))
    molecules = window.findChild(MoleculeTable, "moleculeTable")
    molecules.sortByColumn(molecules.molecules.columns().index("value"), Qt.SortOrder.DescendingOrder)
    molecules.setFocus()
    molecules.setCurrentIndex(molecules.molecules.index(0, 0))
    molecules.select_rows([1, 2, 3])
    QTest.keySequence(molecules, QKeySequence(QKeySequence.StandardKey.Copy))
    assert QGuiApplication.clipboard().text().split() == ["CCCO", "CCCCCO", "CCCCO"]


def places(table):
    return [table.cells.row_at(place) for place in range(table.cells.rowCount())]


def test_numbers_and_words_of_one_column_are_ordered_apart(shown):
    table = CellTable("someTable", "Some rows")
    orders = (2.0, "b", None, 1.0, float("nan"), "A")
    table.show_rows(COLUMNS[1:], 6, lambda row, key: Cell("", order=orders[row]))
    table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert places(shown(table)) == [3, 0, 5, 1, 2, 4]
    table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert places(table) == [1, 5, 0, 3, 2, 4]


def test_other_rows_are_ordered_by_the_same_column_wherever_it_stands(table):
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert places(table) == [2, 0, 3, 1]
    table.show_rows(COLUMNS[::-1], 4, lambda row, key: Cell("x", order=row if key == "value" else -row))
    assert places(table) == [3, 2, 1, 0]
    table.show_rows(COLUMNS[:1], 4, lambda row, key: Cell("x"))
    assert places(table) == [0, 1, 2, 3]
