"""A table of facts, numbers, chips and structures, whose cells are asked for when they come into view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from PySide6.QtCore import (
    QModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.theme import mono_font, text_font, theme
from app.widgets.basic import set_role
from app.widgets.cell_model import LEFT, RIGHT, CellModel, Index
from app.widgets.cells import Cell, Column, paint_chip
from app.widgets.molecule_table import Depictions
from app.widgets.table_setup import paint_lines, set_up_table

__all__ = ["Cell", "CellTable", "Column"]

STRUCTURE_ROW = 66
PLAIN_ROW = 40
_PAD = 6
_LOOKED_AT = 60
"""Rows whose words are measured."""

_TIGHT = QHeaderView.ResizeMode.Interactive


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
        # Of columns that may grow, by their places: how wide their words are, and how wide they were made.
        self._wanted: dict[int, int] = {}
        self._grown: dict[int, int] = {}

    def show_rows(
        self,
        columns: Sequence[Column],
        count: int,
        cell: Callable[[int, str], Cell],
        orders: Callable[[str], Sequence[Any]] | None = None,
        *,
        again: bool = False,
    ) -> None:
        """Show `count` rows from the first one on; `cell(row, key)` says what stands where.

        For very many rows, `orders(key)` gives what all cells of a column are ordered by, which saves making them.
        `again`: it is the same table with newer words, which stays where it was scrolled to.
        """
        self.cells.show_rows(columns, count, cell, orders)
        if not again:
            self.scrollToTop()
            self.horizontalScrollBar().setValue(0)
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
        self._wanted = {number: self._words_width(number) for number, column in enumerate(columns) if column.most}
        self._grown = {}
        self._make_room()

    @contextmanager
    def staying(self) -> Iterator[None]:
        """Stay where it is scrolled to while its rows are made anew and chosen again."""
        bar = self.verticalScrollBar()
        place = bar.value()
        self.setAutoScroll(False)
        try:
            yield
        finally:
            self.setAutoScroll(True)
            # Else the bar does not know yet how many rows there are now.
            self.doItemsLayout()
            bar.setValue(place)

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
        self._grow()

    def _grow(self) -> None:
        """Give columns whose words are cut the pixels that others can spare."""
        columns = self.cells.columns
        shown = [(number, column) for number, column in enumerate(columns) if not self.isColumnHidden(number)]
        taken = sum(column.width or max(column.needs, column.least) for _, column in shown)
        missing = {n: min(self._wanted[n], column.most) - column.width for n, column in shown if n in self._wanted}
        missing = {number: more for number, more in missing.items() if more > 0}
        room = max(0, self.viewport().width() - taken)
        share = min(1.0, room / (sum(missing.values()) or 1))
        for number, more in missing.items():
            width = columns[number].width + int(share * more)
            # A width that was set by hand stays while there is as much room.
            if width != self._grown.get(number, columns[number].width):
                self._grown[number] = width
                self.setColumnWidth(number, width)

    def _words_width(self, number: int) -> int:
        """Return the pixels in which the title of a column, and its first cells, can be read whole."""
        words, below = QFontMetrics(text_font(13, bold=True)), QFontMetrics(text_font(11))
        widths = []
        for place in range(min(_LOOKED_AT, self.cells.rowCount())):
            cell = self.cells.cell(self.cells.index(place, number))
            widths += [words.horizontalAdvance(cell.text), below.horizontalAdvance(cell.second)]
        # The arrow of the column that orders the rows comes and goes.
        title = self.horizontalHeader().sectionSizeHint(number) + below.horizontalAdvance(" ▾")
        return max(title, *(width + 2 * _PAD for width in widths), 0)

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
        paint_lines(painter, rect, self._table, index)
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
            painter.drawText(rect, int(LEFT) | int(Qt.TextFlag.TextWordWrap), drawing.reason)
        else:
            painter.drawImage(rect.topLeft(), drawing.image)

    @staticmethod
    def _paint_words(painter: QPainter, rect: QRect, column: Column, cell: Cell) -> None:
        if column.kind == "note":
            painter.setFont(text_font(12))
            painter.drawText(rect, int(LEFT) | int(Qt.TextFlag.TextWordWrap), cell.text)
            return
        side = RIGHT if column.kind == "number" else LEFT
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
