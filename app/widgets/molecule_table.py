"""The table of molecules: structures drawn as they come into view, warnings in words, parts as chips."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QGuiApplication, QImage, QKeyEvent, QKeySequence, QPainter, QResizeEvent
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
from app.widgets.molecule_columns import ColumnWidths, column_widths
from app.widgets.molecule_model import PART, ROW, SMILES, STRUCTURE, MoleculeModel, TableContent
from app.widgets.table_setup import paint_lines, set_up_table

ROW_HEIGHT = 86
_PAD, _BELOW = 6, 18
_MOST_PIECES = 1500
# Qt compares every piece of an old selection with every piece of the new one.


class Drawing(Protocol):
    """A drawn molecule, or why there is none."""

    image: QImage
    weight: float
    reason: str


class Depictions(Protocol):
    """Where drawings come from; `drawn` is a signal that says that another one is ready."""

    drawn: Any

    def get(self, smiles: str, width: int, height: int, *, dark: bool, ratio: float = 1.0, pattern: str = "") -> Any:
        """Return a drawing, or None and have it made."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """How a file is shown: its order, what stands uppermost, the current line and the rows that are selected."""

    source: object
    sorting: tuple[str, bool] | None
    scroll: int
    line: int
    chosen: list[int]


class MoleculeTable(QTableView):
    """Shows the rows of a file with their structures.

    Signals
    -------
    row_opened(int)
        Row of the file that was double-clicked, or on which Return was pressed.
    rows_chosen(list[int])
        The rows of the file that are selected have changed by hand.
    column_menu_wanted(str, QPoint)
        The menu of a column is asked for, at a point of the screen.
    """

    row_opened = Signal(int)
    rows_chosen = Signal(object)
    column_menu_wanted = Signal(str, QPoint)

    def __init__(self, depictions: Depictions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("moleculeTable")
        self.setAccessibleName("Molecules")
        self._depictions = depictions
        self._weights: dict[str, float] = {}
        self._pattern = ""
        self._chosen: frozenset[int] = frozenset()
        self._restoring = False
        self._left: _View | None = None
        self._widths = ColumnWidths((), -1)
        self.molecules = MoleculeModel(self.weight_of, self)
        self.setModel(self.molecules)
        self.setItemDelegate(_MoleculeDelegate(self))
        self._set_up()
        self._repaint = QTimer(self)
        self._repaint.setSingleShot(True)
        self._repaint.setInterval(16)
        self._repaint.timeout.connect(self.viewport().update)
        depictions.drawn.connect(self._another_drawn)
        self.doubleClicked.connect(self._open_row)
        self.molecules.modelAboutToBeReset.connect(self._hold_selection)
        self.molecules.modelReset.connect(self._put_selection_back)
        self.selectionModel().selectionChanged.connect(self._tell_selection)
        theme.changed.connect(self.viewport().update)

    def show_content(self, content: TableContent, *, passing: bool = False) -> None:
        """Show a file; order, scroll position and selection survive when it is the same one.

        `passing`: the file that is shown now may come back, and is then shown as it is now.
        """
        now = self._view()
        former = self._left if self._left is not None and self._left.source is content.source else now
        same = former.source is content.source
        self._left = (self._left or now) if passing and not same else None
        if former is not now or not same:
            # Nobody has chosen the rows of the same numbers in another file.
            self.clearSelection()
        self.molecules.show_content(content, former.sorting if same else None)
        self._size_columns()
        if not same:
            self.scrollToTop()
            return
        if former is not now:
            self.select_rows(former.chosen, scroll=False)
            self.rows_chosen.emit(former.chosen)
        self.verticalScrollBar().setValue(former.scroll)
        if 0 <= former.line < self.molecules.rowCount():
            flag = QItemSelectionModel.SelectionFlag.NoUpdate
            self.selectionModel().setCurrentIndex(self.molecules.index(former.line, 0), flag)

    def _view(self) -> _View:
        source = self.molecules.content and self.molecules.content.source
        scroll, line = self.verticalScrollBar().value(), self.currentIndex().row()
        return _View(source, self.molecules.sorting, scroll, line, self.selected_rows())

    def mark_pattern(self, smarts: str) -> None:
        """Mark the atoms that match a SMARTS pattern in every drawing; "" marks none."""
        if smarts != self._pattern:
            self._pattern = smarts
            self.viewport().update()

    def selected_rows(self) -> list[int]:
        """Return the selected rows of the file, ascending."""
        selection = self.selectionModel().selection()
        parts = [selection.at(place) for place in range(selection.count())]
        lines = {line for part in parts for line in range(part.top(), part.bottom() + 1)}
        return sorted(self.molecules.file_row(line) for line in lines)

    def select_rows(self, rows: Iterable[int], *, scroll: bool = True) -> bool:
        """Select rows of the file and show the first; nothing is announced.

        Returns
        -------
        bool
            False, and nothing is selected, where they lie in more pieces than Qt can handle quickly.
        """
        lines = sorted(line for line in (self.molecules.line_of(row) for row in rows) if line >= 0)
        pieces = _pieces(lines)
        fits = len(pieces) <= _MOST_PIECES
        selection, last = QItemSelection(), max(0, self.molecules.columnCount() - 1)
        for first, final in pieces if fits else []:
            selection.append(QItemSelectionRange(self.molecules.index(first, 0), self.molecules.index(final, last)))
        blocked = self._restoring
        self._restoring = True
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if lines and fits and scroll:
            self.scrollTo(self.molecules.index(lines[0], 0), QAbstractItemView.ScrollHint.PositionAtTop)
        self._restoring = blocked
        return fits

    def drawing(self, smiles: str, width: int, height: int) -> Any:
        """Return the drawing of a molecule, or None while it is being made."""
        ratio = self.devicePixelRatioF()
        dark = theme.palette().dark
        found = self._depictions.get(smiles, width, height, dark=dark, ratio=ratio, pattern=self._pattern)
        if found is not None:
            self._weights[smiles] = found.weight
        return found

    def weight_of(self, smiles: str) -> float:
        """Return the molecular weight of a molecule that was drawn, NaN of any other."""
        return self._weights.get(smiles, math.nan)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Return opens the row, Copy takes its SMILES."""
        index, content = self.currentIndex(), self.molecules.content
        if not index.isValid() or content is None:
            super().keyPressEvent(event)
        elif event.matches(QKeySequence.StandardKey.Copy):
            rows = sorted(self.selected_rows(), key=self.molecules.line_of) or [self.molecules.file_row(index.row())]
            texts = content.source.column_values(content.roles.smiles)
            QGuiApplication.clipboard().setText("\n".join(texts[row] for row in rows))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open_row(index)
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _open_row(self, index: QModelIndex) -> None:
        self.row_opened.emit(self.molecules.file_row(index.row()))

    @Slot()
    def _hold_selection(self) -> None:
        self._chosen = frozenset(self.selected_rows()) if self.selectionModel().hasSelection() else frozenset()
        self._restoring = True

    @Slot()
    def _put_selection_back(self) -> None:
        if self._chosen:
            self.select_rows(self._chosen, scroll=False)
        self._restoring = False
        if self._chosen and frozenset(self.selected_rows()) != self._chosen:
            self.rows_chosen.emit(self.selected_rows())

    @Slot()
    def _tell_selection(self) -> None:
        if not self._restoring:
            self.rows_chosen.emit(self.selected_rows())

    @Slot(QPoint)
    def _ask_for_column_menu(self, place: QPoint) -> None:
        header = self.horizontalHeader()
        column = header.logicalIndexAt(place)
        if column >= 0:
            self.column_menu_wanted.emit(self.molecules.columns()[column], header.mapToGlobal(place))

    @Slot(str)
    def _another_drawn(self, smiles: str) -> None:
        # Many drawings arrive within one frame; the view is painted once for all of them.
        self._repaint.start()

    def _set_up(self) -> None:
        set_up_table(self, 44)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setWordWrap(False)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalScrollBar().setSingleStep(ROW_HEIGHT // 4)
        header = self.horizontalHeader()
        # Names of assays differ at their ends.
        header.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header.sortIndicatorChanged.connect(self.molecules.sort)
        # A selection of its own, always empty: with the table's, it would ask about every row to paint a bold name.
        header.setSelectionModel(QItemSelectionModel(self.molecules, self))
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._ask_for_column_menu)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Size the columns anew where another number of them has room."""
        super().resizeEvent(event)
        widths = column_widths(self.molecules, self.viewport().width())
        # Widths that were set by hand stay while the window is merely a little wider or narrower.
        if widths.stretched != self._widths.stretched or self._fixed(widths) != self._fixed(self._widths):
            self._size_columns()

    @staticmethod
    def _fixed(widths: ColumnWidths) -> list[int]:
        return [wide for place, wide in enumerate(widths.pixels) if place != widths.stretched]

    def _size_columns(self) -> None:
        header = self.horizontalHeader()
        header.setStretchLastSection(False)
        self._widths = column_widths(self.molecules, self.viewport().width())
        for place, wide in enumerate(self._widths.pixels):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.Interactive)
            self.setColumnWidth(place, wide)
        if self._widths.stretched >= 0:
            header.setSectionResizeMode(self._widths.stretched, QHeaderView.ResizeMode.Stretch)


class _MoleculeDelegate(QStyledItemDelegate):
    """Paints every cell by hand: one look in both schemes, and no white box behind a structure."""

    def __init__(self, table: MoleculeTable) -> None:
        super().__init__(table)
        self._table = table

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        """All rows are equally high."""
        return QSize(80, ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one cell."""
        model = self._table.molecules
        content = model.content
        if content is None:
            return
        tokens = theme.palette()
        row, key = model.file_row(index.row()), model.columns()[index.column()]
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        left_out = content.is_left_out(row)
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(tokens.accent_soft))
        elif left_out:
            painter.fillRect(rect, QColor(tokens.warning_soft))
        paint_lines(painter, rect, self._table, index)
        inside = rect.adjusted(_PAD, 2, -_PAD, -2)
        text = str(index.data() or "")
        if key == STRUCTURE and index.column() == 1:
            self._paint_structure(painter, inside, row, text)
        elif key == SMILES and index.column() == 2:
            shade = tokens.warning if content.needs_a_look(row) else tokens.muted
            self._paint_smiles(painter, inside, text, content.remarks(row), shade)
        elif key == PART:
            _paint_part(painter, inside, text)
        else:
            side = Qt.AlignmentFlag.AlignRight if model.is_number(index.column()) else Qt.AlignmentFlag.AlignLeft
            learned = content.learned_value(row, key)
            if learned is not None:
                # Below what the file says.
                shade = tokens.warning if content.disagrees(row) else tokens.muted
                said = f"{learned.way} {learned.value}"
                _paint_line(painter, inside.adjusted(0, _BELOW, 0, 0), side, said, shade, 11)
                inside.adjust(0, 0, 0, -_BELOW)
            shade = tokens.warning if content.bound(row, key) else tokens.ink
            _paint_line(painter, inside, side, text, tokens.muted if key == ROW else shade, 13)
        painter.restore()

    def _paint_structure(self, painter: QPainter, rect: QRect, row: int, reason: str) -> None:
        smiles = self._table.molecules.drawn_smiles(row)
        drawing = self._table.drawing(smiles, rect.width(), rect.height()) if smiles else None
        words = reason or (drawing.reason if drawing is not None else "")
        if words:
            painter.setPen(QColor(theme.palette().warning))
            painter.setFont(text_font(12))
            flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
            painter.drawText(rect, int(flags), words)
        elif drawing is not None:
            painter.drawImage(rect.topLeft(), drawing.image)

    @staticmethod
    def _paint_smiles(painter: QPainter, rect: QRect, text: str, remarks: str, shade: str) -> None:
        tokens = theme.palette()
        painter.setFont(mono_font(12))
        painter.setPen(QColor(tokens.muted))
        metrics = painter.fontMetrics()
        cut = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        if not remarks:
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, cut)
            return
        middle = rect.center().y()
        painter.drawText(rect.left(), middle - 4, cut)
        painter.setFont(text_font(11))
        painter.setPen(QColor(shade))
        said = painter.fontMetrics().elidedText(remarks, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect.left(), middle + 14, said)


def _paint_line(painter: QPainter, rect: QRect, side: Qt.AlignmentFlag, text: str, shade: str, size: int) -> None:
    painter.setPen(QColor(shade))
    painter.setFont(text_font(size, tabular=True))
    cut = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
    painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, cut)


def _paint_part(painter: QPainter, rect: QRect, text: str) -> None:
    if not text:
        return
    tokens = theme.palette()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(text_font(12))
    if text == "left out":
        painter.setPen(QColor(tokens.warning))
        painter.drawText(rect.adjusted(9, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        return
    width = painter.fontMetrics().horizontalAdvance(text) + 18
    pill = QRectF(rect.left(), rect.center().y() - 10, min(width, rect.width()), 21)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(tokens.neutral_soft))
    painter.drawRoundedRect(pill, 10.5, 10.5)
    painter.setPen(QColor(tokens.muted))
    painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, text)


def _pieces(lines: Sequence[int]) -> list[tuple[int, int]]:
    """Return first and last of every run of lines that follow one another."""
    found: list[tuple[int, int]] = []
    for line in lines:
        if found and found[-1][1] == line - 1:
            found[-1] = (found[-1][0], line)
        else:
            found.append((line, line))
    return found
