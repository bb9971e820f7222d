"""ROC and precision-recall curves of a two-class model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import theme
from app.widgets.plotting import label_axis, new_plot, pen, style_plot

_DESCRIPTION = "ROC or precision-recall curve of the test molecules"


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve with its axes; `level` is what guessing gives: "diagonal", or a height."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    x_title: str
    y_title: str
    level: float | None = None


class CurvePlot(QWidget):
    """Shows one curve; made when it is first shown."""

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
            self._plot = new_plot("curvePlot", _DESCRIPTION)
            self._guess = self._plot.plot([], [])
            self._line = self._plot.plot([], [])
            self._plot.setXRange(0, 1, padding=0.02)
            self._plot.setYRange(0, 1, padding=0.02)
            for side in ("left", "bottom"):
                # By itself the axis leaves out the figures at both ends, which reach over its edges.
                axis = self._plot.getPlotItem().getAxis(side)
                axis.setStyle(hideOverlappingLabels=False)
                axis.setTicks([[(fifth / 5, f"{fifth / 5:.1f}") for fifth in range(6)]])
            self._plot.getPlotItem().layout.setContentsMargins(1, 1, 12, 1)
            self.setObjectName("curvePlotFrame")
            self._layout.addWidget(self._plot)
            self._color()
        return self._plot

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make and fill the plot."""
        super().showEvent(event)
        self._draw()

    def _draw(self) -> None:
        plot, curve = self.plot(), self._curve
        if curve is None:
            self._line.setData([], [])
            self._guess.setData([], [])
            return
        self._line.setData(list(curve.xs), list(curve.ys), antialias=True)
        self._guess.setData([0, 1], [0, 1] if curve.level is None else [curve.level, curve.level])
        label_axis(plot, "bottom", curve.x_title)
        label_axis(plot, "left", curve.y_title)

    def _color(self) -> None:
        tokens = theme.palette()
        self._line.setPen(pen(tokens.train, 2))
        self._guess.setPen(pen(tokens.baseline, 1, dashed=True))

    @Slot()
    def _restyle(self) -> None:
        if self._plot is not None:
            style_plot(self._plot)
            self._color()
            self._draw()
