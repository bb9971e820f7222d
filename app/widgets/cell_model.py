"""The rows of a `CellTable` as Qt's model: their order, and what each cell says. No drawing here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QWidget

from app.widgets.cells import Cell, Column, plain_words

Index = QModelIndex | QPersistentModelIndex

RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class CellModel(QAbstractTableModel):
    """Rows in an order; asks for a cell when it is needed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns: tuple[Column, ...] = ()
        self.given_way: set[str] = set()
        self._cell: Callable[[int, str], Cell] = lambda row, key: Cell()
        self._orders: Callable[[str], Sequence[Any]] | None = None
        self._order: list[int] = []
        self._given: list[int] = []
        # By its key: among the columns of other rows, the same one may stand elsewhere.
        self._sorted = ("", Qt.SortOrder.AscendingOrder)

    def show_rows(
        self,
        columns: Sequence[Column],
        count: int,
        cell: Callable[[int, str], Cell],
        orders: Callable[[str], Sequence[Any]] | None = None,
    ) -> None:
        """Show other rows, in the order given."""
        self.beginResetModel()
        self.columns, self._cell, self._given = tuple(columns), cell, list(range(count))
        self._orders = orders
        self._arrange()
        self.endResetModel()

    def arrange(self, order: Sequence[int]) -> None:
        """Put the rows (as given) in another first order, from which sorting departs."""
        self._given = list(order)
        self._arrange_anew()

    def row_at(self, place: int) -> int:
        """Return which row (as given) stands at `place`."""
        return self._order[place] if 0 <= place < len(self._order) else -1

    def place_of(self, row: int) -> int:
        """Return where a row (as given) stands, or -1."""
        return self._order.index(row) if row in self._order else -1

    def cell(self, index: Index) -> Cell:
        """Return what a cell says."""
        cell = self._cell(self._order[index.row()], self.columns[index.column()].key)
        return replace(cell, second="") if cell.stands_for and cell.stands_for not in self.given_way else cell

    def rows_as_text(self, places: Sequence[int]) -> str:
        """Return titles and rows as a spreadsheet takes them: tabs between cells, numbers with a plain minus."""
        shown = [number for number, column in enumerate(self.columns) if column.kind != "structure"]
        lines = [[self.columns[number].title for number in shown]]
        lines += [[plain_words(self.cell(self.index(place, number))) for number in shown] for place in places]
        return "\n".join("\t".join(line) for line in lines)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and default
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and default
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, its tip or its alignment."""
        if not index.isValid():
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            cell = self.cell(index)
            return f"{cell.text} {cell.second}".strip()
        if role == Qt.ItemDataRole.ToolTipRole:
            cell = self.cell(index)
            return cell.tip or cell.text or None
        return None

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return titles, with an arrow at the one that orders the rows."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            at, order = self._sorted
            arrow = "" if at != column.key else " ▾" if order is Qt.SortOrder.DescendingOrder else " ▴"
            return column.title + arrow
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if column.kind == "number" else LEFT
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.tip or None
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; a negative one means the order given."""
        if column >= len(self.columns) or (column >= 0 and self.columns[column].kind == "structure"):
            return
        self._sorted = (self.columns[column].key if column >= 0 else "", order)
        self._arrange_anew()

    def _arrange_anew(self) -> None:
        """Arrange the rows that are shown: what is chosen goes with its rows."""
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        rows = [self._order[index.row()] for index in held]
        self._arrange()
        places = {row: place for place, row in enumerate(self._order)} if held else {}
        moved = [self.index(places[row], index.column()) for row, index in zip(rows, held, strict=True)]
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        key, order = self._sorted
        self._order = list(self._given)
        if not key or all(column.key != key for column in self.columns):
            return
        ranks = [_rank(value) for value in self._values(key)]
        descending = order is Qt.SortOrder.DescendingOrder
        texts = [row for row in self._order if isinstance(ranks[row], str)]
        numbers = [row for row in self._order if ranks[row] is not None and not isinstance(ranks[row], str)]
        for rows in (texts, numbers):
            rows.sort(key=ranks.__getitem__, reverse=descending)
        # Rows without a value stay at the end, whichever way the rest is ordered.
        rest = [row for row in self._order if ranks[row] is None]
        self._order = [*texts, *numbers, *rest] if descending else [*numbers, *texts, *rest]

    def _values(self, key: str) -> Sequence[Any]:
        """Return what the rows (as given) are ordered by."""
        if self._orders is not None:
            return self._orders(key)
        cells = (self._cell(row, key) for row in range(len(self._given)))
        return [cell.text if cell.order is None else cell.order for cell in cells]


def _rank(value: Any) -> Any:
    """Return a value as it is compared, None where there is none."""
    if isinstance(value, str):
        return value.casefold() or None
    return None if math.isnan(value) else value
