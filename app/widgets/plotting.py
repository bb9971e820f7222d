"""pyqtgraph in the house's look. It is slow to import, so only functions here touch it, when a plot is first needed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QColor, QFontMetrics

from app.text import MINUS
from app.theme import text_font, theme

_TITLE_AIR = 10
"""Pixels that the title of an axis keeps free at its ends."""

_MOST_TICKS = 7

SMOOTH_LIMIT = 2000
"""Curves with more points are drawn without antialiasing, which costs more than it shows."""


def new_plot(name: str, description: str) -> Any:
    """Return an empty `PlotWidget` called `name`, without frame, menu or mouse zoom, in the theme's colours."""
    import pyqtgraph as pg

    plot = pg.PlotWidget(background=theme.palette().surface)
    plot.setObjectName(name)
    plot.setAccessibleName(description)
    plot.setFrameShape(plot.Shape.NoFrame)
    plot.setMinimumSize(160, 120)
    # There is nothing to do in it with keys: the focus would only vanish for a moment on its way.
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    item = plot.getPlotItem()
    item.setMenuEnabled(False)
    item.hideButtons()
    item.setMouseEnabled(x=False, y=False)
    item.getViewBox().setDefaultPadding(0.03)
    for side in ("left", "bottom"):
        axis = item.getAxis(side)
        axis.setStyle(tickLength=0, tickTextOffset=6, maxTickLevel=0, hideOverlappingLabels=True)
        axis.setTickDensity(0.7)
        # Behind the curves: the grid is drawn by the axes.
        axis.setZValue(-1000)
        axis.enableAutoSIPrefix(False)
        _dress_figures(axis)
        axis.fitted_title = _AxisTitle(axis)
    style_plot(plot)
    return plot


def style_plot(plot: Any) -> None:
    """Give `plot` the theme's colours and fonts: quiet lines, muted figures, horizontal grid only."""
    import pyqtgraph as pg

    tokens = theme.palette()
    plot.setBackground(tokens.surface)
    for side in ("left", "bottom"):
        axis = plot.getPlotItem().getAxis(side)
        axis.setTickFont(text_font(11))
        axis.setPen(pg.mkPen(tokens.line if side == "bottom" else None))
        axis.setTickPen(pg.mkPen(tokens.line))
        # After the line's pen, which would give its colour to the title as well.
        axis.setTextPen(pg.mkPen(tokens.muted))
        axis.setGrid(255 if side == "left" else False)


def label_axis(plot: Any, side: str, text: str) -> None:
    """Write a quiet title along one side of `plot`, cut where that is too short for it."""
    plot.getPlotItem().getAxis(side).fitted_title.show_text(text)


def fitting_title(text: str, room: float) -> str:
    """Return as much of a title as `room` pixels hold: the unit after its last comma goes first."""
    metrics = QFontMetrics(text_font(11))
    for words in (text, text.rpartition(", ")[0]):
        if words and metrics.horizontalAdvance(words) <= room:
            return words
    return metrics.elidedText(text.rpartition(", ")[0] or text, Qt.TextElideMode.ElideRight, int(room))


class _AxisTitle(QObject):
    """Keeps the title of an axis within its length."""

    def __init__(self, axis: Any) -> None:
        super().__init__(axis)
        self._axis, self._text, self._shown = axis, "", ""
        axis.geometryChanged.connect(self._fit)

    def show_text(self, text: str) -> None:
        """Write another title."""
        self._text = text
        self._write(self._fitting())

    def _fitting(self) -> str:
        size = self._axis.size()
        room = size.height() if self._axis.orientation in ("left", "right") else size.width()
        # Before there is a place for it, nobody knows how much fits.
        return fitting_title(self._text, room - _TITLE_AIR) if room > _TITLE_AIR else self._text

    def _write(self, words: str) -> None:
        self._shown = words
        self._axis.setToolTip(self._text if words != self._text else "")
        self._axis.setLabel(words, color=theme.palette().muted, **{"font-size": "11px"})

    @Slot()
    def _fit(self) -> None:
        # Written once more, the same words would have the plot laid out anew.
        if (words := self._fitting()) != self._shown:
            self._write(words)


def pen(color: str, width: float = 1.0, *, alpha: float = 1.0, dashed: bool = False) -> Any:
    """Return a cosmetic pen; dashes are for baselines and diagonals."""
    import pyqtgraph as pg

    shade = QColor(color)
    shade.setAlphaF(alpha)
    style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
    return pg.mkPen(shade, width=width, style=style)


def faded(color: str, share: float) -> str:
    """Return `color` mixed with the surface: many crossing lines of a transparent pen would add up to the full one."""
    front, back = QColor(color), QColor(theme.palette().surface)
    parts = ((front.red(), back.red()), (front.green(), back.green()), (front.blue(), back.blue()))
    return QColor(*(round(share * one + (1 - share) * other) for one, other in parts)).name()


def brush(color: str, alpha: float = 1.0) -> Any:
    """Return a brush of this colour."""
    import pyqtgraph as pg

    shade = QColor(color)
    shade.setAlphaF(alpha)
    return pg.mkBrush(shade)


def whole_ticks(axis: Any) -> None:
    """Let `axis` stand at whole numbers, and always at its `last_tick`: the end of a training is worth a figure."""
    axis.last_tick = 0.0
    # Else the last figure, which reaches over the end of the axis, would be left out.
    axis.setStyle(hideOverlappingLabels=False)

    def values(low: float, high: float, _size: float) -> list[tuple[float, list[float]]]:
        last = axis.last_tick
        step = next((size for size in _whole_steps() if (high - low) / size <= _MOST_TICKS), 1)
        first = math.ceil(max(low, 0) / step) * step
        ticks = [float(first + place * step) for place in range(max(0, math.floor((high - first) / step)) + 1)]
        if low <= last <= high and last not in ticks:
            # Its neighbour makes room where the two would touch.
            ticks = [tick for tick in ticks if abs(tick - last) > 0.6 * step] + [float(last)]
        return [(float(step), [tick for tick in ticks if tick <= (last or high)])]

    axis.tickValues = values


def _whole_steps() -> Iterator[int]:
    """Yield 1, 2, 5, 10, 20, 50 ..."""
    scale = 1
    while True:
        yield from (scale, 2 * scale, 5 * scale)
        scale *= 10


def _dress_figures(axis: Any) -> None:
    """Write true minus signs, and in log mode plain figures (0.2, 0.5, 1) rather than powers."""
    plain = axis.tickStrings

    def strings(values: list[float], scale: float, spacing: float) -> list[str]:
        if axis.logMode:
            return [f"{10**value:.4g}" for value in values]
        return [str(text).replace("-", MINUS) for text in plain(values, scale, spacing)]

    def log_values(low: float, high: float, _size: float, _plain: Any) -> list[tuple[Any, list[float]]]:
        # One, two and five of each decade, or its ones alone where there are many decades.
        factors = (1.0, 2.0, 5.0) if high - low < 3 else (1.0,)
        decades = range(math.floor(low), math.ceil(high) + 1)
        ticks = [decade + math.log10(factor) for decade in decades for factor in factors]
        return [(1.0, [tick for tick in ticks if low <= tick <= high])]

    axis.tickStrings = strings
    axis.logTickValues = log_values
