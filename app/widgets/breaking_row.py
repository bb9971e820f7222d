"""Widgets side by side where they have room, one below the other where they have not."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from app.theme import SPACE

_BESIDE, _BELOW = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom


class BreakingRow(QWidget):
    """A row whose widgets are never cut: too narrow a one becomes a column.

    Parameters
    ----------
    items
        What stands in it; the last one takes the room that is left.
    """

    def __init__(self, *items: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items = items
        self._line = QBoxLayout(_BESIDE, self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(SPACE[1])
        for item in items:
            self._line.addWidget(item, int(item is items[-1]))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As narrow as the widest of the widgets: it can break."""
        least = max((item.minimumSizeHint().width() for item in self._items if not item.isHidden()), default=0)
        return QSize(least, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Break, or become one line again."""
        super().resizeEvent(event)
        self._break()

    def event(self, event: QEvent) -> bool:
        """Look again where a widget has become wider, or another one is shown."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._break()
        return super().event(event)

    def _break(self) -> None:
        shown = [item.sizeHint().width() for item in self._items if not item.isHidden()]
        wanted = sum(shown) + self._line.spacing() * max(0, len(shown) - 1)
        direction = _BELOW if wanted > self.width() else _BESIDE
        if direction is not self._line.direction():
            self._line.setDirection(direction)
