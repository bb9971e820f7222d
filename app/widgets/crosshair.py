"""A vertical line under the pointer with the values that the curves have there."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from app.text import number
from app.theme import Tokens, text_font, theme
from app.widgets.plotting import brush, pen

_BESIDE = 1.06
"""Width of the words and of the gap between them and the line, in widths of the words."""


class Crosshair:
    """Lives inside one plot; hidden while the pointer is elsewhere."""

    def __init__(self, plot: Any) -> None:
        import pyqtgraph as pg

        self._box = plot.getPlotItem().getViewBox()
        self._line = pg.InfiniteLine(angle=90, movable=False)
        self._words = pg.TextItem(anchor=(0, 0))
        self._words.setFont(text_font(11))
        self._line.setZValue(50)
        self._words.setZValue(60)
        for item in (self._line, self._words):
            item.setVisible(False)
            plot.addItem(item, ignoreBounds=True)
        self.color(theme.palette())

    def color(self, tokens: Tokens) -> None:
        """Take the colours of the palette in force."""
        self._line.setPen(pen(tokens.muted, 1, alpha=0.7))
        self._words.fill = brush(tokens.surface, 0.94)
        self._words.border = pen(tokens.line, 1)

    def text(self) -> str:
        """Return what it tells at the moment, "" while hidden."""
        return str(self._words.toPlainText()) if self._words.isVisible() else ""

    def show_at(self, epoch: float, readings: Sequence[tuple[str, str]]) -> None:
        """Stand at `epoch` and tell `readings` (words, palette's colour); hide where there are none."""
        (left, right), (_, top) = self._box.viewRange()
        shown = bool(readings) and math.isfinite(epoch) and left <= epoch <= right
        self._line.setVisible(shown)
        self._words.setVisible(shown)
        if not shown:
            return
        tokens = theme.palette()
        lines = [f'<span style="color:{tokens.muted}">epoch {html.escape(number(epoch))}</span>']
        lines += [
            f'<span style="color:{getattr(tokens, color)}">●</span> '
            f'<span style="color:{tokens.ink}">{html.escape(words)}</span>'
            for words, color in readings
        ]
        self._words.setHtml("<br>".join(lines))
        # On the side of the line where there is room, and inside the chart where there is too little.
        width = self._words.boundingRect().width() * abs(self._box.viewPixelSize()[0])
        start = epoch - _BESIDE * width if epoch > (left + right) / 2 else epoch + (_BESIDE - 1) * width
        self._line.setPos(epoch)
        self._words.setPos(max(left, min(start, right - width)), top)
