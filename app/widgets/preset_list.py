"""The presets as cards in a list: title, one honest line, about how long it will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen, QTextLayout, QTextOption
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.theme import RADIUS, text_font, theme
from mole_engine.contracts.presets import Preset

_NAME, _SUMMARY, _TIME = (Qt.ItemDataRole.UserRole + offset for offset in range(3))
_PADDING, _GAP = 12, 9
_LINES, _LINES_CHOSEN = 2, 8


class PresetList(QListWidget):
    """Cards to choose from with the mouse or the arrow keys.

    Signals
    -------
    chosen(str)
        Name of the preset that is now selected.
    """

    chosen = Signal(str)

    def __init__(self, presets: Sequence[Preset], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("presetList")
        self.setAccessibleName("Presets")
        self.setFrameShape(self.Shape.NoFrame)
        self.setStyleSheet("QListWidget#presetList { background: transparent; border: none; padding: 0; }")
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setMouseTracking(True)
        self.setItemDelegate(_PresetCard(self))
        self.set_presets(presets)
        self.currentItemChanged.connect(self._choose)
        theme.changed.connect(self.viewport().update)

    def set_presets(self, presets: Sequence[Preset]) -> None:
        """Show these presets; the selected one stays selected, without telling anybody, if it is still there."""
        chosen = self.current_name()
        self.blockSignals(True)
        self.clear()
        for preset in presets:
            item = QListWidgetItem(preset.title)
            item.setData(_NAME, preset.name)
            item.setData(_SUMMARY, preset.summary)
            item.setData(_TIME, "")
            item.setToolTip(preset.summary)
            self.addItem(item)
            self._tell(item)
        self.select(chosen)
        self.blockSignals(False)

    def current_name(self) -> str:
        """Return the selected preset's name, or ""."""
        item = self.currentItem()
        return str(item.data(_NAME)) if item is not None else ""

    def select(self, name: str) -> None:
        """Select a preset by name; an unknown name changes nothing."""
        for row in range(self.count()):
            if self.item(row).data(_NAME) == name:
                self.setCurrentRow(row)

    def set_times(self, times: Mapping[str, str]) -> None:
        """Show about how long each preset takes."""
        for row in range(self.count()):
            item = self.item(row)
            item.setData(_TIME, times.get(str(item.data(_NAME)), ""))
            self._tell(item)

    def _tell(self, item: QListWidgetItem) -> None:
        words = (item.text(), str(item.data(_SUMMARY)), str(item.data(_TIME)))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, ". ".join(word.rstrip(".") for word in words if word))

    @Slot(QListWidgetItem, QListWidgetItem)
    def _choose(self, current: QListWidgetItem | None, _previous: QListWidgetItem | None) -> None:
        # The chosen card shows more of its words than the others.
        self.scheduleDelayedItemsLayout()
        if current is not None:
            self.chosen.emit(str(current.data(_NAME)))


class _PresetCard(QStyledItemDelegate):
    """Paints one card; the selected one has a coloured border, as has the one under the keyboard's focus."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        """Room for title and summary."""
        view = self.parent()
        width = view.viewport().width() if isinstance(view, PresetList) else 240
        lines = len(self._lines(str(index.data(_SUMMARY)), width - 2 * _PADDING, _most_lines(view, index)))
        return QSize(width, 2 * _PADDING + 20 + 17 * lines + _GAP)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint the card."""
        tokens = theme.palette()
        state = option.state
        whole = QRectF(option.rect)
        card = whole.adjusted(1, 1, -1, -_GAP)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        enabled = bool(state & QStyle.StateFlag.State_Enabled)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver) and enabled
        focused = bool(state & QStyle.StateFlag.State_HasFocus) and selected
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.accent if selected else tokens.line), 2 if selected else 1))
        painter.setBrush(QColor(tokens.accent_soft if focused else tokens.hover if hovered else tokens.surface))
        painter.drawRoundedRect(card, RADIUS, RADIUS)
        inner = card.adjusted(_PADDING, _PADDING - 2, -_PADDING, -_PADDING)
        top = QRectF(inner.left(), inner.top(), inner.width(), 20)
        painter.setFont(text_font(12))
        painter.setPen(QColor(tokens.muted))
        painter.drawText(top, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(index.data(_TIME)))
        painter.setFont(text_font(13, bold=True))
        painter.setPen(QColor(tokens.ink if enabled else tokens.muted))
        painter.drawText(top, Qt.AlignmentFlag.AlignVCenter, str(index.data(Qt.ItemDataRole.DisplayRole)))
        painter.setFont(text_font(12))
        painter.setPen(QColor(tokens.muted))
        most = _most_lines(self.parent(), index)
        for number, line in enumerate(self._lines(str(index.data(_SUMMARY)), int(inner.width()), most)):
            spot = QRectF(inner.left(), top.bottom() + 1 + 17 * number, inner.width(), 17)
            painter.drawText(spot, Qt.AlignmentFlag.AlignVCenter, line)
        painter.restore()

    @staticmethod
    def _lines(text: str, width: int, most: int) -> list[str]:
        """Break the summary into lines, the last of at most so many ending in an ellipsis where words are left."""
        layout = QTextLayout(text, text_font(12))
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WordWrap)
        layout.setTextOption(option)
        layout.beginLayout()
        lines: list[str] = []
        while (line := layout.createLine()).isValid():
            line.setLineWidth(max(40, width))
            start = line.textStart()
            if len(lines) + 1 == most:
                rest = QFontMetrics(text_font(12)).elidedText(text[start:], Qt.TextElideMode.ElideRight, max(40, width))
                lines.append(rest.strip())
                break
            lines.append(text[start : start + line.textLength()].strip())
        layout.endLayout()
        return lines


def _most_lines(view: object, index: QModelIndex | QPersistentModelIndex) -> int:
    """Return how many lines of its summary a card shows: the selected one all, the others only what it begins with."""
    chosen = isinstance(view, PresetList) and view.currentRow() == index.row()
    return _LINES_CHOSEN if chosen else _LINES
