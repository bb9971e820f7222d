"""Curves between 0 and 1: ROC, precision and recall, reliability, coverage of intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import theme
from app.widgets.plotting import brush, label_axis, new_plot, pen, style_plot

_PADDING = 0.02
_HALF_A_FIGURE = 10
"""Of an axis, in pixels of height."""

_DESCRIPTION = "Curve of the test molecules"


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve with its axes.

    Attributes
    ----------
    level
        What guessing gives (or what is ideal): None for the diagonal, or a height.
    dots
        Whether each place is marked, for curves of few places; `sizes` are how many molecules stand behind each.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    x_title: str
    y_title: str
    level: float | None = None
    dots: bool = False
    sizes: Sequence[int] = ()


class CurvePlot(QWidget):
    """Shows one curve; the plot is made when it is first shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curve: Curve | None = None
        self._plot: Any = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        # Until there is a plot, this widget stands for it.
        self.setObjectName("curvePlot")
        self.setAccessibleName(_DESCRIPTION)
        theme.changed.connect(self._restyle)

    def show_curve(self, curve: Curve | None) -> None:
        """Show another curve, or none."""
        self._curve = curve
        if self._plot is not None or curve is not None:
            self._draw()

    def plot(self) -> Any:
        """Return the plot, made now if this is the first time."""
        if self._plot is None:
            import pyqtgraph as pg

            self._plot = new_plot("curvePlot", _DESCRIPTION)
            self._guess = self._plot.plot([], [])
            self._line = self._plot.plot([], [])
            self._dots = pg.ScatterPlotItem(pxMode=True)
            self._plot.addItem(self._dots)
            self._plot.setXRange(0, 1, padding=_PADDING)
            for side in ("left", "bottom"):
                # By itself the axis leaves out the figures at both ends, which reach over its edges.
                axis = self._plot.getPlotItem().getAxis(side)
                axis.setStyle(hideOverlappingLabels=False)
                axis.setTicks([[(fifth / 5, f"{fifth / 5:.1f}") for fifth in range(6)]])
            self._plot.getPlotItem().layout.setContentsMargins(1, 1, 12, 1)
            self.setObjectName("curvePlotFrame")
            self._layout.addWidget(self._plot)
            self._plot.getPlotItem().getViewBox().sigResized.connect(self._fit)
            self._fit()
            self._color()
        return self._plot

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make and fill the plot."""
        super().showEvent(event)
        self._draw()

    @Slot()
    def _fit(self, *_box: object) -> None:
        """Leave room for the figures at both ends: an axis with grid lines does not draw those that reach over it."""
        height = self._plot.getPlotItem().getViewBox().height()
        self._plot.setYRange(0, 1, padding=max(_PADDING, _HALF_A_FIGURE / max(height - 2 * _HALF_A_FIGURE, 1)))

    def _draw(self) -> None:
        plot, curve = self.plot(), self._curve
        if curve is None:
            for item in (self._line, self._guess, self._dots):
                item.setData([], [])
            return
        self._line.setData(list(curve.xs), list(curve.ys), antialias=True)
        most = max(curve.sizes, default=1)
        sizes = [7 + 11 * (number / most) ** 0.5 for number in curve.sizes] or 8
        dotted = (list(curve.xs), list(curve.ys)) if curve.dots else ([], [])
        self._dots.setData(*dotted, size=sizes if curve.dots else 8)
        self._guess.setData([0, 1], [0, 1] if curve.level is None else [curve.level, curve.level])
        label_axis(plot, "bottom", curve.x_title)
        label_axis(plot, "left", curve.y_title)

    def _color(self) -> None:
        tokens = theme.palette()
        self._line.setPen(pen(tokens.train, 2))
        self._guess.setPen(pen(tokens.baseline, 1, dashed=True))
        self._dots.setPen(pen(tokens.surface, 1))
        self._dots.setBrush(brush(tokens.train, 0.9))

    @Slot()
    def _restyle(self) -> None:
        if self._plot is not None:
            style_plot(self._plot)
            self._color()
            self._draw()
