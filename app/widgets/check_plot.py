"""What a check has found: a curve over the number of training molecules, or true against shuffled values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import theme
from app.widgets.plotting import brush, label_axis, new_plot, pen, style_plot
from mole_engine.contracts.checks import CheckResult

_DESCRIPTION = "Test metric over the number of training molecules, or of true against shuffled values"


class CheckPlot(QWidget):
    """The plot is made when it is first shown with a result."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: CheckResult | None = None
        self._title = ""
        self._plot: Any = None
        self._items: list[Any] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setAccessibleName(_DESCRIPTION)
        theme.changed.connect(self._restyle)

    def show_result(self, result: CheckResult | None, title: str) -> None:
        """Show a result, or none; `title` is how its metric is written."""
        self._result, self._title = result, title
        if self.isVisible() or self._plot is not None:
            self._draw()

    def drawn(self) -> list[tuple[list[float], list[float]]]:
        """Return the places of what is drawn, for tests."""
        return [tuple(list(map(float, part)) for part in item.getData()) for item in self._items]  # type: ignore[misc]

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make and fill the plot."""
        super().showEvent(event)
        self._draw()

    def _draw(self) -> None:
        result = self._result
        if result is None:
            if self._plot is not None:
                self._plot.hide()
            return
        if self._plot is None:
            self._plot = new_plot("checkPlot", _DESCRIPTION)
            self._layout.addWidget(self._plot)
        for item in self._items:
            self._plot.removeItem(item)
        self._items = []
        self._plot.show()
        (self._draw_learning if result.kind == "learning" else self._draw_scramble)(result)

    def _draw_learning(self, result: CheckResult) -> None:
        tokens = theme.palette()
        known = [point for point in result.points if math.isfinite(point.mean)]
        xs, ys = [float(point.molecules) for point in known], [point.mean for point in known]
        self._plot.getPlotItem().getAxis("left").setTicks(None)
        for point in known:
            if point.spread:
                ends = [point.mean - point.spread, point.mean + point.spread]
                self._line([float(point.molecules)] * 2, ends, pen(tokens.train, 1, alpha=0.6))
        self._line(xs, ys, pen(tokens.train, 2))
        self._dots(xs, ys, tokens.train)
        if math.isfinite(result.chance) and xs:
            self._line([0.0, xs[-1]], [result.chance] * 2, pen(tokens.baseline, 1, dashed=True))
        label_axis(self._plot, "bottom", "training molecules")
        label_axis(self._plot, "left", f"{self._title}, test set")
        self._plot.enableAutoRange()

    def _draw_scramble(self, result: CheckResult) -> None:
        tokens = theme.palette()
        values = [value for point in result.points for value in point.values if math.isfinite(value)]
        # Side by side where they would cover each other.
        heights = [1.0 + 0.16 * ((place % 3) - 1) for place in range(len(values))]
        self._dots(values, heights, tokens.validation)
        if math.isfinite(result.real):
            self._dots([result.real], [2.0], tokens.train)
        if math.isfinite(result.chance):
            self._line([result.chance] * 2, [0.4, 2.6], pen(tokens.baseline, 1, dashed=True))
        self._plot.getPlotItem().getAxis("left").setTicks([[(1.0, "shuffled"), (2.0, "true")]])
        label_axis(self._plot, "bottom", f"{self._title}, test set (dashed: saying the same of all)")
        label_axis(self._plot, "left", "training values")
        self._plot.enableAutoRange(x=True)
        self._plot.setYRange(0.4, 2.6, padding=0)

    def _line(self, xs: Sequence[float], ys: Sequence[float], drawn: Any) -> None:
        self._items.append(self._plot.plot(list(xs), list(ys), pen=drawn, antialias=True))

    def _dots(self, xs: Sequence[float], ys: Sequence[float], color: str) -> None:
        import pyqtgraph as pg

        item = pg.ScatterPlotItem(size=9, pxMode=True, pen=pen(theme.palette().surface, 1), brush=brush(color, 0.85))
        item.setData(list(xs), list(ys))
        self._plot.addItem(item)
        self._items.append(item)

    @Slot()
    def _restyle(self) -> None:
        if self._plot is not None:
            style_plot(self._plot)
            self._draw()
