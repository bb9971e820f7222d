"""A table of facts, numbers, chips and structures, whose cells are asked for when they come into view."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.theme import mono_font, text_font, theme
from app.widgets.basic import set_role
from app.widgets.cells import Cell, Column, paint_chip, plain_words
from app.widgets.molecule_table import Depictions
from app.widgets.table_setup import set_up_table

__all__ = ["Cell", "CellTable", "Column"]

Index = QModelIndex | QPersistentModelIndex

STRUCTURE_ROW = 66
PLAIN_ROW = 40
_PAD = 6
_TIGHT = QHeaderView.ResizeMode.Interactive
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class CellTable(QTableView):
    """Shows rows whose cells come from a function.

    Signals
    -------
    row_chosen(int)
        The row (as given, not as sorted) that is now selected.
    row_activated(int)
        A row was double-clicked, or Return was pressed on it.
    """

    row_chosen = Signal(int)
    row_activated = Signal(int)

    def __init__(
        self, name: str, title: str, depictions: Depictions | None = None, *, bare: bool = False, parent: Any = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.depictions = depictions
        self.cells = CellModel(self)
        self.setModel(self.cells)
        self.setItemDelegate(_CellDelegate(self))
        if bare:
            set_role(self, role="bare")
        set_up_table(self, 40)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.horizontalHeader().sortIndicatorChanged.connect(self.cells.sort)
        self._repaint = QTimer(self)
        self._repaint.setSingleShot(True)
        self._repaint.setInterval(30)
        self._repaint.timeout.connect(self.viewport().update)
        if depictions is not None:
            depictions.drawn.connect(self._drawn)
        theme.changed.connect(self.viewport().update)
        self.selectionModel().currentRowChanged.connect(self._tell)
        self.activated.connect(self._tell_activated)

    def show_rows(
        self,
        columns: Sequence[Column],
        count: int,
        cell: Callable[[int, str], Cell],
        orders: Callable[[str], Sequence[Any]] | None = None,
    ) -> None:
        """Show `count` rows; `cell(row, key)` says what stands where.

        For very many rows, `orders(key)` gives what all cells of a column are ordered by, which saves making them.
        """
        self.cells.show_rows(columns, count, cell, orders)
        pictures = any(column.kind == "structure" for column in columns)
        self.verticalHeader().setDefaultSectionSize(STRUCTURE_ROW if pictures else PLAIN_ROW)
        header = self.horizontalHeader()
        for number, column in enumerate(columns):
            # Of other columns, the one in this place may have given way.
            self.setColumnHidden(number, False)
            if column.width:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Interactive)
                self.setColumnWidth(number, column.width)
            else:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)
        self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Let columns give way before others run out of view."""
        super().resizeEvent(event)
        self._make_room()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Copy whole rows; Qt would copy the one cell that nobody sees chosen."""
        if event.matches(QKeySequence.StandardKey.Copy) and self.selectionModel().hasSelection():
            places = sorted(index.row() for index in self.selectionModel().selectedRows())
            QGuiApplication.clipboard().setText(self.cells.rows_as_text(places))
            return
        super().keyPressEvent(event)

    def choose(self, row: int) -> None:
        """Select a row (as given) and show it."""
        place = self.cells.place_of(row)
        if place >= 0:
            self.setCurrentIndex(self.cells.index(place, 0))

    def chosen(self) -> int:
        """Return the selected row (as given), or -1."""
        index = self.currentIndex()
        return self.cells.row_at(index.row()) if index.isValid() else -1

    def _make_room(self) -> None:
        columns, last = self.cells.columns, len(self.cells.columns) - 1
        room = self.viewport().width() - sum(column.width for column in columns)
        for number, column in enumerate(columns):
            hidden = room < column.least
            if not column.least or hidden == self.isColumnHidden(number):
                continue
            self.setColumnHidden(number, hidden)
            if hidden and room >= 0:
                self.horizontalHeader().setSectionResizeMode(last, QHeaderView.ResizeMode.Stretch)
            else:
                self.horizontalHeader().setSectionResizeMode(last, QHeaderView.ResizeMode.Interactive)
                self.setColumnWidth(last, columns[last].width)
        self._give_way(room)

    def _give_way(self, room: int) -> None:
        """Hide spare columns where those that take what is left get too little of it, or there is nothing left."""
        columns, header = self.cells.columns, self.horizontalHeader()
        takers = [number for number, column in enumerate(columns) if not column.width and not column.least]
        missing = sum(columns[number].needs for number in takers) - room
        spare = sorted((column.spare, number) for number, column in enumerate(columns) if column.spare)
        for _, number in spare:
            hidden = missing > 0
            self.setColumnHidden(number, hidden)
            missing -= columns[number].width if hidden else 0
        self.cells.given_way = {columns[number].key for _, number in spare if self.isColumnHidden(number)}
        for number in takers:
            # Without room to share, Qt would leave a column as wide as it was in a wider window.
            tight = missing > 0
            header.setSectionResizeMode(number, _TIGHT if tight else QHeaderView.ResizeMode.Stretch)
            if tight:
                self.setColumnWidth(number, columns[number].needs)

    @Slot(str)
    def _drawn(self, _smiles: str) -> None:
        if not self._repaint.isActive() and self.isVisible():
            self._repaint.start()

    @Slot(QModelIndex, QModelIndex)
    def _tell(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self.row_chosen.emit(self.cells.row_at(current.row()))

    @Slot(QModelIndex)
    def _tell_activated(self, index: QModelIndex) -> None:
        self.row_activated.emit(self.cells.row_at(index.row()))


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
            return _RIGHT if column.kind == "number" else _LEFT
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


class _CellDelegate(QStyledItemDelegate):
    """Paints every cell by hand: one look in both schemes."""

    def __init__(self, table: CellTable) -> None:
        super().__init__(table)
        self._table = table

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        """All rows are equally high."""
        return QSize(80, self._table.verticalHeader().defaultSectionSize())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one cell."""
        tokens = theme.palette()
        column, cell = self._table.cells.columns[index.column()], self._table.cells.cell(index)
        rect: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(tokens.accent_soft))
        painter.setPen(QColor(tokens.line))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        inside = rect.adjusted(_PAD, 2, -_PAD, -2)
        painter.setPen(QColor(str(getattr(tokens, cell.tone or "ink"))))
        if column.kind == "structure":
            self._paint_structure(painter, inside, cell)
        elif column.kind == "chip":
            paint_chip(painter, inside, cell)
        else:
            self._paint_words(painter, inside, column, cell)
        painter.restore()

    def _paint_structure(self, painter: QPainter, rect: QRect, cell: Cell) -> None:
        depictions = self._table.depictions
        if not cell.text and cell.second:
            painter.setFont(text_font(12))
            painter.setPen(QColor(theme.palette().muted))
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, cell.second)
        if depictions is None or not cell.text:
            return
        ratio, dark = self._table.devicePixelRatioF(), theme.palette().dark
        drawing = depictions.get(cell.text, rect.width(), rect.height(), dark=dark, ratio=ratio)
        if drawing is None:
            return
        if drawing.reason:
            painter.setFont(text_font(12))
            painter.setPen(QColor(theme.palette().warning))
            painter.drawText(rect, int(_LEFT) | int(Qt.TextFlag.TextWordWrap), drawing.reason)
        else:
            painter.drawImage(rect.topLeft(), drawing.image)

    @staticmethod
    def _paint_words(painter: QPainter, rect: QRect, column: Column, cell: Cell) -> None:
        if column.kind == "note":
            painter.setFont(text_font(12))
            painter.drawText(rect, int(_LEFT) | int(Qt.TextFlag.TextWordWrap), cell.text)
            return
        side = _RIGHT if column.kind == "number" else _LEFT
        if column.kind == "code":
            painter.setFont(mono_font(12))
        else:
            painter.setFont(text_font(13, bold=cell.bold, tabular=column.kind == "number"))
        words = below = rect
        if cell.second and cell.text:
            # Two lines as one block in the middle of the row.
            middle = rect.center().y()
            words = QRect(rect.left(), middle - 18, rect.width(), 18)
            below = QRect(rect.left(), middle + 1, rect.width(), 16)
        cut = painter.fontMetrics().elidedText(cell.text, Qt.TextElideMode.ElideRight, words.width())
        painter.drawText(words, side, cut)
        if cell.second:
            painter.setFont(text_font(11, tabular=True))
            painter.setPen(QColor(theme.palette().muted))
            cut = painter.fontMetrics().elidedText(cell.second, Qt.TextElideMode.ElideRight, below.width())
            painter.drawText(below, side, cut)
