"""Small charts of what is worth a glance while a model trains: learning rate, gradients, speed, memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from app.text import DASH, count, number, size
from app.theme import SPACE
from app.widgets.basic import Card, GivingLabel, label, row
from app.widgets.config_fields import rate_text
from app.widgets.run_curves import RunCurves
from app.widgets.sparkline import Sparkline

REDRAW_MS = 300
_HEIGHT, _LOW_HEIGHT = 72, 52
"""Of a tile that has a row with three others, and of one in two rows."""

_WIDTH_OF_FOUR = 545
"""Pixels that four tiles need side by side for their names and values."""


class TrendTile(Card):
    """Title, the newest value, and its way as a line."""

    def __init__(self, title: str, name: str, tip: str, color: str = "train", parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setToolTip(tip)
        # All as wide as each other, whatever their figures are.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(SPACE[1], SPACE[1], SPACE[1], SPACE[1])
            layout.setSpacing(0)
        self.value = label(DASH, "figure")
        self._line = Sparkline(color)
        self.body.setSpacing(2)
        self.body.addLayout(row(GivingLabel(title, "small"), None, self.value, spacing=SPACE[0]))
        self.add(self._line, 1)

    def show_series(self, values: Sequence[float], words: str) -> None:
        """Show a series (numbers, NaN where unknown) and its newest value in words."""
        self.value.setText(words or DASH)
        self._line.set_values(values)


class TrendStrip(QWidget):
    """Four tiles side by side or, in a narrow place, in two rows; redrawn a few times a second at most."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves = RunCurves()
        self._rate = TrendTile("Learning rate", "learningRateTrend", "Step size of the optimiser")
        self._norm = TrendTile(
            "Gradient", "gradientTrend", "Norm of the gradient before clipping; spikes mean unsteady steps"
        )
        self._speed = TrendTile("Molecules/s", "speedTrend", "Averaged over the last seconds", "third")
        self._memory = TrendTile("Memory", "memoryTrend", "Most memory used so far, of the GPU or of this job", "third")
        self._tiles = QGridLayout(self)
        self._tiles.setContentsMargins(0, 0, 0, 0)
        self._tiles.setSpacing(SPACE[1])
        self._arrange(4)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self._draw)

    def set_curves(self, curves: RunCurves) -> None:
        """Show another run."""
        self._curves = curves
        self._draw()

    def refresh(self) -> None:
        """Draw soon."""
        if not self._redraw.isActive() and self.isVisible():
            self._redraw.start()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Put two tiles in a row where four have no room for their words."""
        super().resizeEvent(event)
        if (in_row := 4 if self.width() >= _WIDTH_OF_FOUR else 2) != self._in_row:
            self._arrange(in_row)

    def _arrange(self, in_row: int) -> None:
        self._in_row = in_row
        for place, tile in enumerate((self._rate, self._norm, self._speed, self._memory)):
            self._tiles.addWidget(tile, *divmod(place, in_row))
            # The first has the longest name and the longest numbers.
            share = 6 if place == 0 and in_row == 4 else 5
            self._tiles.setColumnStretch(place, share if place < in_row else 0)
        self.setFixedHeight(_HEIGHT if in_row == 4 else 2 * _LOW_HEIGHT + self._tiles.spacing())

    def values(self) -> list[str]:
        """Return what the tiles say, left to right."""
        return [tile.value.text() for tile in (self._rate, self._norm, self._speed, self._memory)]

    @Slot()
    def _draw(self) -> None:
        steps = self._curves.steps
        shown: tuple[tuple[TrendTile, Sequence[float], Callable[[float], str]], ...] = (
            (self._rate, steps.learning_rates, rate_text),
            (self._norm, steps.gradient_norms, number),
            (self._speed, steps.speeds, lambda value: count(round(value))),
            (self._memory, steps.memories, size),
        )
        for tile, values, speak in shown:
            newest = next((value for value in reversed(values[-50:]) if math.isfinite(value)), math.nan)
            tile.show_series(values, speak(newest) if math.isfinite(newest) else "")
