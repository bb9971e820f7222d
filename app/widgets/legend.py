"""Coloured dots with words: what the lines of a chart are."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import text_font, theme

_DOT, _GAP, _BETWEEN = 9, 5, 12


class Legend(QWidget):
    """Entries of words and the palette's name of their colour; repaints itself when the theme changes."""

    def __init__(self, entries: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries = tuple(entries)
        self.setFont(text_font(12))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Legend: " + ", ".join(words for words, _ in self._entries))
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for every entry on one line."""
        metrics = self.fontMetrics()
        widths = [_DOT + _GAP + metrics.horizontalAdvance(words) for words, _ in self._entries]
        return QSize(sum(widths) + _BETWEEN * max(0, len(widths) - 1) + 2, 22)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """In a narrow place entries are left out rather than the chart widened."""
        return QSize(0, 22)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint dots and words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left, middle = 0.0, self.height() / 2
        for words, token in self._entries:
            if left + _DOT + _GAP + self.fontMetrics().horizontalAdvance(words) > self.width():
                break
            color = QColor(str(getattr(theme.palette(), token)))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawEllipse(QRectF(left, middle - _DOT / 2, _DOT, _DOT))
            left += _DOT + _GAP
            width = self.fontMetrics().horizontalAdvance(words)
            painter.setPen(QColor(theme.palette().ink))
            painter.drawText(QRectF(left, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, words)
            left += width + _BETWEEN
        painter.end()
