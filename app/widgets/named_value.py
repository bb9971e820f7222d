"""A name and its value on one line, or below each other: a long name is cut, the value never."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.widgets.basic import set_role


class NamedValue(QLabel):
    """Says "solubility −4.16 log(mol/L)"; names differ at their ends, so an ellipsis stands in the middle of one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = self._value = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        set_role(self, role="heading")

    def show_value(self, name: str, value: str) -> None:
        """Show a value; without one, nothing."""
        self._name, self._value = name, value
        self._fit()

    def whole(self) -> str:
        """Return all words on one line."""
        return f"{self._name} {self._value}".strip()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Use one line or two, as there is room."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.ensurePolished()
        metrics, room, name = self.fontMetrics(), self.contentsRect().width(), self._name.rstrip(",")
        cut = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room)
        single = metrics.horizontalAdvance(self.whole()) <= room
        words = self.whole() if single else f"{cut}\n{self._value}"
        self.setToolTip("" if single or cut == name else name)
        if words != self.text():
            self.setText(words)
