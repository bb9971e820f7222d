"""One point a molecule: its structure under the pointer, and a click that chooses it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import theme
from app.widgets.hover_card import HoverCard
from app.widgets.molecule_table import Depictions
from app.widgets.plotting import brush, label_axis, new_plot, pen, style_plot

Guide = Literal["diagonal", "zero", "none"]
_NEAR = 14.0
"""Pixels from the pointer within which a point counts as meant."""


@dataclass(frozen=True, slots=True)
class ScatterPoint:
    """A molecule at a place; `words` and `remark` stand below its structure."""

    smiles: str
    x: float
    y: float
    words: str
    remark: str = ""


class MoleculeScatter(QWidget):
    """The plot is made when it is first shown.

    Signals
    -------
    chosen(int)
        The user has clicked on a point.
    """

    chosen = Signal(int)

    def __init__(
        self,
        name: str,
        description: str,
        depictions: Depictions,
        guide: Guide = "none",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._points: tuple[ScatterPoint, ...] = ()
        self._titles = ("", "")
        self._name, self._description, self._guide_kind = name, description, guide
        self._marked = -1
        self._plot: Any = None
        self._card = HoverCard(depictions, self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        # Until there is a plot, this widget stands for it.
        self.setObjectName(name)
        self.setAccessibleName(description)
        theme.changed.connect(self._restyle)

    def show_scatter(self, points: Sequence[ScatterPoint], x_title: str, y_title: str) -> None:
        """Show other molecules."""
        self._points, self._titles, self._marked = tuple(points), (x_title, y_title), -1
        self._card.hide()
        if self._plot is not None or points:
            self._draw()

    def mark(self, place: int) -> None:
        """Put a ring around a molecule; a negative place takes it away."""
        self._marked = place
        if self._plot is not None:
            self._draw_mark()

    def plot(self) -> Any:
        """Return the plot, made now if this is the first time."""
        if self._plot is None:
            import pyqtgraph as pg

            self._plot = new_plot(self._name, self._description)
            self._guide = self._plot.plot([], [])
            self._dots = pg.ScatterPlotItem(size=8, pxMode=True)
            self._mark = pg.ScatterPlotItem(size=15, pxMode=True)
            self._ring = pg.ScatterPlotItem(size=12, pxMode=True)
            for item in (self._dots, self._mark, self._ring):
                self._plot.addItem(item)
            view = self._plot.viewport()
            view.setMouseTracking(True)
            view.installEventFilter(self)
            self.setObjectName(f"{self._name}Frame")
            self._layout.addWidget(self._plot)
            self._card.raise_()
            self._color()
        return self._plot

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make and fill the plot."""
        super().showEvent(event)
        self._draw()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Show the molecule under the pointer, and choose it with a click."""
        if event.type() == QEvent.Type.MouseMove and isinstance(event, QMouseEvent):
            found = self.point_at(event.position())
            shape = Qt.CursorShape.PointingHandCursor if found >= 0 else Qt.CursorShape.ArrowCursor
            self._plot.viewport().setCursor(shape)
        elif event.type() == QEvent.Type.MouseButtonRelease and isinstance(event, QMouseEvent):
            found = self.point_at(event.position())
            if found >= 0:
                self.chosen.emit(found)
        elif event.type() == QEvent.Type.Leave:
            self._forget_pointer()
        return False

    def point_at(self, position: QPointF) -> int:
        """Show the card of the molecule nearest to `position` in the plot; return its number, or -1."""
        best = self._nearest(position)
        if best < 0:
            self._forget_pointer()
            return best
        point = self._points[best]
        self._ring.setData([point.x], [point.y])
        spot = self._plot.getPlotItem().getViewBox().mapViewToScene(QPointF(point.x, point.y))
        lines = [(point.words, ""), (point.remark, "warning")]
        self._card.show_molecule(point.smiles, lines, QPoint(round(spot.x()), round(spot.y())))
        return best

    def _nearest(self, position: QPointF) -> int:
        import numpy as np

        if not self._points or self._plot is None:
            return -1
        view = self._plot.getPlotItem().getViewBox()
        # The way from values to pixels is a straight one, so two corners tell it for all points at once.
        origin, unit = view.mapViewToScene(QPointF(0, 0)), view.mapViewToScene(QPointF(1, 1))
        x = origin.x() + (unit.x() - origin.x()) * self._xs - position.x()
        y = origin.y() + (unit.y() - origin.y()) * self._ys - position.y()
        away = np.hypot(x, y)
        best = int(away.argmin())
        return best if away[best] < _NEAR else -1

    def _forget_pointer(self) -> None:
        self._card.hide()
        if self._plot is not None:
            self._ring.setData([], [])

    def _draw(self) -> None:
        import numpy as np

        plot = self.plot()
        self._xs = np.array([point.x for point in self._points], dtype=float)
        self._ys = np.array([point.y for point in self._points], dtype=float)
        self._dots.setData(self._xs, self._ys)
        self._ring.setData([], [])
        self._draw_mark()
        wide, high = _reach(self._xs), _reach(self._ys)
        if self._guide_kind == "diagonal":
            wide = high = _reach([*wide, *high], margin=0.0)
            self._guide.setData(wide, wide)
        elif self._guide_kind == "zero":
            high = (-max(map(abs, high)), max(map(abs, high)))
            self._guide.setData(wide, (0.0, 0.0))
        plot.setXRange(*wide, padding=0)
        plot.setYRange(*high, padding=0)
        label_axis(plot, "bottom", self._titles[0])
        label_axis(plot, "left", self._titles[1])

    def _draw_mark(self) -> None:
        if 0 <= self._marked < len(self._points):
            point = self._points[self._marked]
            self._mark.setData([point.x], [point.y])
        else:
            self._mark.setData([], [])

    def _color(self) -> None:
        tokens = theme.palette()
        self._guide.setPen(pen(tokens.muted, 1, dashed=True))
        self._dots.setPen(pen(tokens.surface, 0.5, alpha=0.6))
        self._dots.setBrush(brush(tokens.train, 0.6))
        self._ring.setPen(pen(tokens.validation, 2))
        self._ring.setBrush(brush(tokens.train, 0.9))
        self._mark.setPen(pen(tokens.ink, 2))
        self._mark.setBrush(brush(tokens.train, 0.0))

    @Slot()
    def _restyle(self) -> None:
        if self._plot is not None:
            style_plot(self._plot)
            self._color()
            self._draw()


def _reach(values: Any, margin: float = 0.04) -> tuple[float, float]:
    known = [float(value) for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    gap = margin * (high - low) or (0.5 if high == low else 0.0)
    return low - gap, high + gap
