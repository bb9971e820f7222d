"""How wide the columns of the molecule table are: by their cells, so that what was measured stays in sight."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

from app.theme import text_font
from app.widgets.molecule_model import PART, ROW, SMILES, STRUCTURE, WEIGHT, MoleculeModel

STRUCTURE_WIDTH = 206

_NARROW = 640
"""Pixels below which structures are drawn smaller and long headers get less room."""

_NARROW_STRUCTURE = 144
_SMILES_WIDTH, _LEAST_SMILES = 220, 110
_LEAST, _MOST, _MOST_NARROW = 84, 150, 100
_LOOKED_AT = 60
"""Rows whose cells are measured."""

_PADDING = 18


@dataclass(frozen=True, slots=True)
class ColumnWidths:
    """Widths of all columns, left to right.

    Attributes
    ----------
    pixels
        Of each column.
    stretched
        The column of SMILES where it takes the room that the others leave, else -1.
    """

    pixels: tuple[int, ...]
    stretched: int


def column_widths(model: MoleculeModel, room: int) -> ColumnWidths:
    """Return how wide the columns should be in a table of `room` pixels."""
    narrow = room < _NARROW
    keys = model.columns()
    smiles = keys.index(SMILES, 2) if SMILES in keys[2:3] else -1
    pixels = [0 if place == smiles else _width(model, place, key, narrow) for place, key in enumerate(keys)]
    if smiles < 0:
        return ColumnWidths(tuple(pixels), -1)
    left = room - sum(pixels)
    stretches = left >= _LEAST_SMILES
    # Where the table scrolls sideways all the same, SMILES keep a readable width if there is any.
    pixels[smiles] = max(_LEAST_SMILES, left) if stretches or narrow else _SMILES_WIDTH
    return ColumnWidths(tuple(pixels), smiles if stretches else -1)


def _width(model: MoleculeModel, place: int, key: str, narrow: bool) -> int:
    metrics = QFontMetrics(text_font(13))
    if key == ROW and place == 0:
        digits = len(f"{model.content.rows:,}") if model.content else 3
        return max(50, metrics.horizontalAdvance("0" * digits) + 24)
    if key == STRUCTURE and place == 1:
        return _NARROW_STRUCTURE if narrow else STRUCTURE_WIDTH
    if key in (WEIGHT, PART):
        return 56 if key == WEIGHT else 84
    # The header may be a whole sentence, which it tells as a tool tip; the cells are what the column is for.
    words = str(model.headerData(place, Qt.Orientation.Horizontal)).rstrip(" ▾▴")
    most = _MOST_NARROW if narrow else _MOST
    cells = (str(model.index(line, place).data() or "") for line in range(min(_LOOKED_AT, model.rowCount())))
    widest = max((metrics.horizontalAdvance(text) for text in cells), default=0)
    header = metrics.horizontalAdvance(f"{words} ▾")
    return min(most, max(_LEAST, widest + _PADDING, min(header + _PADDING, _LEAST if narrow else most)))
