"""Dashed lines at the values that simple models reach, each with its name at the right end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.text import number
from app.theme import Tokens, text_font, theme
from app.widgets.plotting import brush, pen

_LINE_HEIGHT = 14.0


class BaselineLines:
    """Lives inside one plot."""

    def __init__(self, plot: Any) -> None:
        self._plot = plot
        self._box = plot.getPlotItem().getViewBox()
        self._values: list[float] = []
        self._lines: list[Any] = []
        self._words: list[Any] = []

    def show(self, baselines: Sequence[tuple[str, float]]) -> None:
        """Draw these lines (title, value) and no others."""
        self._values = [value for _, value in baselines]
        while len(self._lines) < len(baselines):
            self._add()
        for place, (line, words) in enumerate(zip(self._lines, self._words, strict=True)):
            shown = place < len(baselines)
            line.setVisible(shown)
            words.setVisible(shown)
            if shown:
                title, value = baselines[place]
                line.setPos(value)
                words.setText(f"{title} {number(value)}")
        self.place()

    def texts(self) -> list[str]:
        """Return the words that are shown, in order of the lines."""
        return [str(words.toPlainText()) for words in self._words[: len(self._values)]]

    def color(self, tokens: Tokens) -> None:
        """Take the colours of the palette in force."""
        for line, words in zip(self._lines, self._words, strict=True):
            line.setPen(pen(tokens.baseline, 1, dashed=True))
            words.setColor(tokens.baseline)
            words.fill = brush(tokens.surface, 0.85)

    def place(self) -> None:
        """Put the words above the right end of their lines, one above the other where lines are close."""
        (left, right), _ = self._box.viewRange()
        pixel = abs(self._box.viewPixelSize()[1])
        edge = right - 0.004 * (right - left)
        lowest = float("-inf")
        for value, words in sorted(zip(self._values, self._words, strict=False), key=lambda pair: pair[0]):
            lowest = max(value, lowest + _LINE_HEIGHT * pixel)
            words.setPos(edge, lowest)

    def _add(self) -> None:
        import pyqtgraph as pg

        line = pg.InfiniteLine(angle=0, movable=False)
        words = pg.TextItem(anchor=(1, 1.08))
        words.setFont(text_font(11))
        # Behind the curves, the words before them.
        line.setZValue(-10)
        words.setZValue(20)
        for item in (line, words):
            self._plot.addItem(item, ignoreBounds=True)
        self._lines.append(line)
        self._words.append(words)
        self.color(theme.palette())
