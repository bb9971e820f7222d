"""A handful of molecules whose predictions move from epoch to epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QGridLayout, QVBoxLayout, QWidget

from app.text import DASH, fixed
from app.theme import SPACE
from app.widgets.basic import Card, ElidedLabel, label, link_button, named, primary_button, row, secondary_button
from app.widgets.file_drags import SmilesEdit
from app.widgets.hover_card import StructureView
from app.widgets.molecule_table import Depictions
from app.widgets.run_curves import RunCurves
from app.widgets.sparkline import Sparkline

MOST = 6
_COLUMNS = 2
_STRUCTURE = QSize(128, 62)


@dataclass(frozen=True, slots=True)
class PinnedMolecule:
    """A molecule to watch; `measured` is its value in the file (NaN and "" where there is none)."""

    smiles: str
    measured: float = math.nan
    measured_words: str = ""


class PinnedMolecules(Card):
    """Structure, newest prediction, measured value, and the way of the prediction as a small curve.

    Signals
    -------
    chosen(list)
        The user wants these SMILES; an empty list: the program shall choose.
    """

    chosen = Signal(list)

    def __init__(self, depictions: Depictions, parent: QWidget | None = None) -> None:
        super().__init__("Pinned molecules", parent=parent)
        self.setObjectName("pinnedMolecules")
        self._depictions = depictions
        self._molecules: tuple[PinnedMolecule, ...] = ()
        self._cells: list[_Cell] = []
        self._curves = RunCurves()
        self.choose_button = link_button("Choose", "choosePinnedButton", "Choose the molecules to watch")
        self.choose_button.clicked.connect(self._ask)
        self.header.addWidget(self.choose_button)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(SPACE[1])
        self._grid.setVerticalSpacing(SPACE[1])
        for column in range(_COLUMNS):
            self._grid.setColumnStretch(column, 1)
        self.body.addLayout(self._grid)

    @property
    def molecules(self) -> tuple[PinnedMolecule, ...]:
        """What is pinned."""
        return self._molecules

    def set_molecules(self, molecules: Sequence[PinnedMolecule]) -> None:
        """Watch these molecules, at most six."""
        self._molecules = tuple(molecules[:MOST])
        while len(self._cells) < len(self._molecules):
            cell = _Cell(self._depictions)
            place = len(self._cells)
            self._grid.addWidget(cell, place // _COLUMNS, place % _COLUMNS)
            self._cells.append(cell)
        for place, cell in enumerate(self._cells):
            cell.setVisible(place < len(self._molecules))
            if place < len(self._molecules):
                cell.show_molecule(self._molecules[place])
        self.setVisible(bool(self._molecules))
        self.refresh()

    def set_curves(self, curves: RunCurves) -> None:
        """Take the predictions from another run."""
        self._curves = curves
        self.refresh()

    def refresh(self) -> None:
        """Show the newest predictions."""
        for cell, molecule in zip(self._cells, self._molecules, strict=False):
            _, values = self._curves.pinned.get(molecule.smiles, ([], []))
            cell.show_values(values, molecule)

    def words(self) -> list[str]:
        """Return what stands below each structure."""
        return [cell.words() for cell, _ in zip(self._cells, self._molecules, strict=False)]

    @Slot()
    def _ask(self) -> None:
        dialog = PinDialog([molecule.smiles for molecule in self._molecules], self.window())
        dialog.chosen.connect(self.chosen)
        dialog.show()


class _Cell(QWidget):
    """One molecule."""

    def __init__(self, depictions: Depictions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._structure = StructureView(depictions, _STRUCTURE)
        self._value = label(DASH, "figure")
        self._measured = ElidedLabel("", "muted")
        self._line = Sparkline("validation")
        self._line.setFixedHeight(22)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._structure, 0, Qt.AlignmentFlag.AlignHCenter)
        words = row(self._value, self._measured, spacing=5)
        words.setStretchFactor(self._measured, 1)
        column.addLayout(words)
        column.addWidget(self._line)

    def show_molecule(self, molecule: PinnedMolecule) -> None:
        self._structure.show_molecule(molecule.smiles)
        self._structure.setToolTip(molecule.smiles)
        # The word itself would leave no room for the number.
        self._measured.show_text(f"/ {molecule.measured_words}" if molecule.measured_words else "")
        said = f"measured {molecule.measured_words}" if molecule.measured_words else ""
        self._measured.setToolTip(said)
        self._measured.setAccessibleName(said)

    def show_values(self, values: Sequence[float], molecule: PinnedMolecule) -> None:
        self._value.setText(fixed(values[-1]) if values else DASH)
        self._line.set_values(values, molecule.measured)

    def words(self) -> str:
        return f"{self._value.text()} {self._measured.toolTip()}".strip()


class PinDialog(QDialog):
    """Asks for the molecules to watch, one SMILES a line.

    Signals
    -------
    chosen(list)
        The lines; an empty list: the program shall choose.
    """

    chosen = Signal(list)

    def __init__(self, smiles: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pinDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Pinned molecules")
        self.edit = named(SmilesEdit("\n".join(smiles)), "pinEdit", "SMILES, one a line")
        self.edit.setTabChangesFocus(True)
        take = primary_button("Watch these", "pinTakeButton")
        take.setDefault(True)
        take.clicked.connect(self._take)
        back = secondary_button("Choose for me", "pinAutomaticButton", "Two validation molecules, a low and a high one")
        back.clicked.connect(self._automatic)
        text = f"Up to {MOST} structures as SMILES, one a line. Their predictions are shown after each epoch of the "
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        layout.setSpacing(SPACE[2])
        layout.addWidget(label("Pinned molecules", "title"))
        layout.addWidget(label(f"{text}next training.", wrap=True))
        layout.addWidget(self.edit, 1)
        layout.addLayout(row(back, None, take))
        self.resize(460, 320)

    @Slot()
    def _take(self) -> None:
        lines = [line.strip() for line in self.edit.toPlainText().splitlines()]
        self.chosen.emit([line for line in dict.fromkeys(lines) if line][:MOST])
        self.close()

    @Slot()
    def _automatic(self) -> None:
        self.chosen.emit([])
        self.close()
