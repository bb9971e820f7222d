"""The card that floats beside the pointer: a structure with a few lines of words."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSize, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from app.theme import text_font, theme
from app.widgets.basic import label, set_role
from app.widgets.molecule_table import Depictions


class StructureView(QWidget):
    """One structure, drawn when it is ready."""

    def __init__(self, depictions: Depictions, size: QSize, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._depictions, self._smiles = depictions, ""
        self.setFixedSize(size)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        depictions.drawn.connect(self._drawn)
        theme.changed.connect(self.update)

    def show_molecule(self, smiles: str) -> None:
        """Show a molecule; "" shows nothing."""
        self._smiles = smiles
        self.setAccessibleName(f"Structure of {smiles}" if smiles else "")
        self.update()

    @Slot(str)
    def _drawn(self, smiles: str) -> None:
        if smiles == self._smiles:
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the drawing, if there is one by now, or why there is none."""
        if not self._smiles:
            return
        ratio, dark = self.devicePixelRatioF(), theme.palette().dark
        drawing = self._depictions.get(self._smiles, self.width(), self.height(), dark=dark, ratio=ratio)
        if drawing is None:
            return
        painter = QPainter(self)
        if drawing.reason:
            painter.setFont(text_font(11))
            painter.setPen(QColor(theme.palette().warning))
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect(), flags, drawing.reason)
        else:
            painter.drawImage(0, 0, drawing.image)
        painter.end()


class HoverCard(QFrame):
    """Floats over its parent; the mouse goes through it."""

    def __init__(self, depictions: Depictions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("hoverCard")
        set_role(self, role="card")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._view = StructureView(depictions, QSize(204, 96))
        self._lines = [label(), label("", "muted")]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(2)
        layout.addWidget(self._view)
        for line in self._lines:
            layout.addWidget(line)
        self.hide()

    def show_molecule(self, smiles: str, lines: Sequence[tuple[str, str]], at: QPoint) -> None:
        """Show a molecule and lines (words, tone) beside the point `at` of the parent."""
        self._view.show_molecule(smiles)
        for place, line in enumerate(self._lines):
            words, tone = lines[place] if place < len(lines) else ("", "")
            line.setText(words)
            line.setVisible(bool(words))
            set_role(line, tone=tone)
        self.adjustSize()
        parent = self.parentWidget()
        if parent is not None:
            left = at.x() + 16 if at.x() + 16 + self.width() < parent.width() else at.x() - 16 - self.width()
            top = min(max(4, at.y() - self.height() // 2), parent.height() - self.height() - 4)
            self.move(max(4, left), top)
        self.raise_()
        self.show()
