"""The training molecules that resemble one test molecule, side by side with their measured values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.theme import SPACE
from app.widgets.basic import Card, GivingLabel, muted_label, row
from app.widgets.hover_card import StructureView
from app.widgets.molecule_table import Depictions

PLACES = 3
_WIDEST, _HEIGHT = 108, 64
_CHOOSE = "Choose a molecule above or in the plot to see what the model had learned nearby."


@dataclass(frozen=True, slots=True)
class Near:
    """A training molecule: its structure, its measured value and its similarity as words."""

    smiles: str
    value: str
    similarity: str


class NeighbourCard(Card):
    """Up to three training molecules."""

    def __init__(self, depictions: Depictions, parent: QWidget | None = None) -> None:
        super().__init__("Nearest training molecules", parent=parent)
        self.setObjectName("neighbourCard")
        self._hint = muted_label()
        self._places: list[_Place] = [_Place(depictions) for _ in range(PLACES)]
        self._row = QWidget()
        self._row.setLayout(row(*self._places, spacing=SPACE[0]))
        self.add(self._hint)
        self.add(self._row)
        self.body.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(168)
        self.show_neighbours([])

    def look(self) -> None:
        """Say that a molecule's neighbours are on their way, where none are shown."""
        self._hint.setText("Looking through the training molecules.")

    def show_neighbours(self, near: Sequence[Near]) -> None:
        """Show training molecules; none brings back the hint."""
        self._hint.setText(_CHOOSE)
        self._hint.setVisible(not near)
        self._row.setVisible(bool(near))
        for place, holder in enumerate(self._places):
            holder.show_near(near[place] if place < len(near) else None)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the structures as wide as three of them have room."""
        super().resizeEvent(event)
        layout = self.layout()
        if layout is None:
            return
        inside = layout.contentsRect().width() - (PLACES - 1) * SPACE[0]
        for place in self._places:
            place.fit(inside // PLACES)


class _Place(QWidget):
    def __init__(self, depictions: Depictions) -> None:
        super().__init__()
        self._view = StructureView(depictions, QSize(_WIDEST, _HEIGHT))
        # Names of classes may be long.
        self._value = GivingLabel("", "heading")
        self._similarity = GivingLabel("", "small")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        for widget in (self._view, self._value, self._similarity):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)

    def fit(self, room: int) -> None:
        """Take no more than `room` pixels from side to side."""
        room = max(1, room)
        self.setMaximumWidth(room)
        self._view.setFixedSize(min(_WIDEST, room), _HEIGHT)

    def show_near(self, near: Near | None) -> None:
        self._view.show_molecule(near.smiles if near is not None else "")
        self._value.setText(near.value if near is not None else "")
        self._similarity.setText(near.similarity if near is not None else "")
        self.setToolTip(near.smiles if near is not None else "")
        self.setAccessibleName(f"{near.smiles}, {near.value}, {near.similarity}" if near is not None else "")
