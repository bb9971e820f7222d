"""Predicted against measured: one point a molecule, its structure under the pointer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.text import fixed
from app.theme import theme
from app.widgets.figures import places_for
from app.widgets.hover_card import HoverCard
from app.widgets.molecule_table import Depictions
from app.widgets.plotting import brush, label_axis, new_plot, pen, style_plot

_DESCRIPTION = "Predicted against measured values of the test molecules"
_NEAR = 14.0
"""Pixels from the pointer within which a point counts as meant."""


@dataclass(frozen=True, slots=True)
class ParityPoint:
    """One test molecule; `spread` is half the width of its 90% interval, NaN where unknown."""

    smiles: str
    measured: float
    predicted: float
    spread: float = math.nan
    remark: str = ""


class ParityPlot(QWidget):
    """The plot is made when it is first shown."""

    def __init__(self, depictions: Depictions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: tuple[ParityPoint, ...] = ()
        self._unit = ""
        self._plot: Any = None
        self._card = HoverCard(depictions, self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        # Until there is a plot, this widget stands for it.
        self.setObjectName("parityPlot")
        self.setAccessibleName(_DESCRIPTION)
        theme.changed.connect(self._restyle)

    def show_points(self, points: Sequence[ParityPoint], unit: str = "") -> None:
        """Show other molecules."""
        self._points, self._unit = tuple(points), unit
        self._card.hide()
        if self._plot is not None or points:
            self._draw()

    def plot(self) -> Any:
        """Return the plot, made now if this is the first time."""
        if self._plot is None:
            import pyqtgraph as pg

            self._plot = new_plot("parityPlot", _DESCRIPTION)
            self._plot.getPlotItem().getViewBox().setAspectLocked(False)
            self._diagonal = self._plot.plot([], [])
            self._dots = pg.ScatterPlotItem(size=8, pxMode=True)
            self._ring = pg.ScatterPlotItem(size=12, pxMode=True)
            for item in (self._dots, self._ring):
                self._plot.addItem(item)
            self._plot.viewport().setMouseTracking(True)
            self._plot.viewport().installEventFilter(self)
            self.setObjectName("parityPlotFrame")
            self._layout.addWidget(self._plot)
            self._card.raise_()
            self._color()
        return self._plot

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make and fill the plot."""
        super().showEvent(event)
        self._draw()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Show the molecule under the pointer."""
        if event.type() == QEvent.Type.MouseMove:
            self.point_at(event.position())  # type: ignore[attr-defined]  # a QMouseEvent, by its type
        elif event.type() == QEvent.Type.Leave:
            self._card.hide()
            self._ring.setData([], [])
        return False

    def point_at(self, position: QPointF) -> int:
        """Show the card of the molecule nearest to `position` in the plot; return its number, or -1."""
        view = self._plot.getPlotItem().getViewBox()
        best, distance = -1, _NEAR
        for number, point in enumerate(self._points):
            spot = view.mapViewToScene(QPointF(point.measured, point.predicted))
            away = math.hypot(spot.x() - position.x(), spot.y() - position.y())
            if away < distance:
                best, distance = number, away
        if best < 0:
            self._card.hide()
            self._ring.setData([], [])
            return best
        point = self._points[best]
        self._ring.setData([point.measured], [point.predicted])
        spot = view.mapViewToScene(QPointF(point.measured, point.predicted))
        self._card.show_molecule(point.smiles, self._words(point), QPoint(round(spot.x()), round(spot.y())))
        return best

    def _words(self, point: ParityPoint) -> list[tuple[str, str]]:
        places = places_for([point.measured, point.predicted])
        spread = f" ± {fixed(point.spread, places)}" if math.isfinite(point.spread) else ""
        values = f"measured {fixed(point.measured, places)} · predicted {fixed(point.predicted, places)}{spread}"
        return [(values, ""), (point.remark, "warning")]

    def _draw(self) -> None:
        plot = self.plot()
        xs = [point.measured for point in self._points]
        ys = [point.predicted for point in self._points]
        self._dots.setData(xs, ys)
        self._ring.setData([], [])
        ends = [min([*xs, *ys]), max([*xs, *ys])] if xs else [0.0, 1.0]
        margin = 0.03 * (ends[1] - ends[0]) or 0.5
        low, high = ends[0] - margin, ends[1] + margin
        self._diagonal.setData([low, high], [low, high])
        plot.setXRange(low, high, padding=0)
        plot.setYRange(low, high, padding=0)
        unit = f", {self._unit}" if self._unit else ""
        label_axis(plot, "bottom", f"measured{unit}")
        label_axis(plot, "left", f"predicted{unit}")

    def _color(self) -> None:
        tokens = theme.palette()
        self._diagonal.setPen(pen(tokens.muted, 1, dashed=True))
        self._dots.setPen(pen(tokens.surface, 0.5, alpha=0.6))
        self._dots.setBrush(brush(tokens.train, 0.6))
        self._ring.setPen(pen(tokens.validation, 2))
        self._ring.setBrush(brush(tokens.train, 0.9))

    @Slot()
    def _restyle(self) -> None:
        if self._plot is not None:
            style_plot(self._plot)
            self._color()
            self._draw()
