"""How the values of one target are spread."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.text import counted
from app.theme import text_font, theme

_BAR_GAP = 2.0
_LABEL_HEIGHT = 20


class Histogram(QWidget):
    """Bars with up to three words below: left, middle, right; or one word a bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: tuple[int, ...] = ()
        self._ends: tuple[str, str, str] = ("", "", "")
        self._labels: tuple[str, ...] = ()
        self.setMinimumHeight(104)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A card's width."""
        return QSize(278, 104)

    def show_counts(
        self, counts: Sequence[int], ends: tuple[str, str, str] = ("", "", ""), labels: Sequence[str] = ()
    ) -> None:
        """Show bars of these heights; `labels` name each bar, `ends` only the axis."""
        self._counts, self._ends, self._labels = tuple(counts), ends, tuple(labels)
        self.setAccessibleName("Distribution of the target")
        self.setAccessibleDescription(", ".join(labels) or f"from {ends[0]} to {ends[2]}, {ends[1]}")
        self.update()

    def event(self, event: QEvent) -> bool:
        """Tell the count of the bar below the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._counts:
            bar = int(event.pos().x() / max(1.0, self.width() / len(self._counts)))
            if 0 <= bar < len(self._counts):
                words = self._labels[bar] if bar < len(self._labels) else counted(self._counts[bar], "molecule")
                QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint bars and words."""
        tokens = theme.palette()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(0, 2, self.width(), self.height() - _LABEL_HEIGHT - 2)
        if self._counts and max(self._counts) > 0:
            self._paint_bars(painter, area)
        painter.setFont(text_font(11))
        painter.setPen(QColor(tokens.muted))
        below = QRectF(0, self.height() - _LABEL_HEIGHT + 3, self.width(), _LABEL_HEIGHT - 3)
        if self._labels:
            self._paint_labels(painter, below)
        else:
            sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight)
            for side, words in zip(sides, self._ends, strict=True):
                painter.drawText(below, side | Qt.AlignmentFlag.AlignVCenter, words)
        painter.end()

    def _paint_bars(self, painter: QPainter, area: QRectF) -> None:
        color = QColor(theme.palette().train)
        color.setAlphaF(0.85)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        step = area.width() / len(self._counts)
        # Two bars alone would be slabs; they keep a slim shape in the middle of their place.
        width = min(step - _BAR_GAP, 64.0)
        highest = max(self._counts)
        for index, number in enumerate(self._counts):
            if number:
                height = max(1.0, area.height() * number / highest)
                left = area.left() + index * step + (step - width) / 2
                bar = QRectF(left, area.bottom() - height, width, height)
                round_by = min(2.0, height / 2)
                painter.drawRoundedRect(bar, round_by, round_by)

    def _paint_labels(self, painter: QPainter, area: QRectF) -> None:
        step = area.width() / len(self._labels)
        for index, words in enumerate(self._labels):
            place = QRectF(area.left() + index * step, area.top(), step, area.height())
            cut = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, round(step) - 4)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, cut)
