"""Columns and cells of a `CellTable`: what they say, as words for the clipboard, and how a chip is painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from app.theme import text_font, theme


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    kind
        "text", "note" (wraps), "number" (right-aligned, tabular figures), "chip", "structure" or "code" (fixed width).
    width
        In pixels; 0 takes what the others leave.
    least
        Of a column that takes what is left: where that is less, it is hidden and the last one has the room.
    needs
        Of another column that takes what is left: for as much, `spare` columns give way.
    spare
        Which column gives way first, 1 before 2; 0 never does.
    most
        Of a column with a width: to how many pixels it grows for its words where others can spare them; 0: it does not.
    """

    key: str
    title: str
    kind: str = "text"
    width: int = 0
    tip: str = ""
    least: int = 0
    needs: int = 60
    spare: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell says; of a structure, `text` is the SMILES. `order` is what sorting goes by (the text if None).

    `second` says what the column `stands_for` says too (its key): it is left out while that one is shown.
    """

    text: str = ""
    tone: str = ""
    order: Any = None
    tip: str = ""
    second: str = ""
    bold: bool = False
    stands_for: str = ""


def plain_words(cell: Cell) -> str:
    """Return what a cell says, as a spreadsheet takes it: on one line, numbers with a plain minus."""
    return " ".join(cell.text.split()).replace("\N{MINUS SIGN}", "-")


def paint_chip(painter: QPainter, rect: QRect, cell: Cell) -> None:
    """Paint the words of a cell on a pill of its tone."""
    if not cell.text:
        return
    tokens = theme.palette()
    soft = f"{cell.tone}_soft"
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(text_font(12))
    cut = painter.fontMetrics().elidedText(cell.text, Qt.TextElideMode.ElideRight, rect.width() - 18)
    width = painter.fontMetrics().horizontalAdvance(cut) + 18
    pill = QRectF(rect.left(), rect.center().y() - 10, width, 21)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(str(getattr(tokens, soft, tokens.neutral_soft))))
    painter.drawRoundedRect(pill, 10.5, 10.5)
    painter.setPen(QColor(str(getattr(tokens, cell.tone or "muted"))))
    painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, cut)
