"""The same curve of several runs in one chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import theme
from app.widgets.plotting import label_axis, new_plot, pen, style_plot

LIGHT_COLORS = ("#0072B2", "#D55E00", "#009E73", "#B0559B", "#A87900", "#5D6675")
DARK_COLORS = ("#56B4E9", "#E8833A", "#35C29A", "#D48AC2", "#E0C04C", "#98A2B1")
"""Six colours that a colour-blind eye can tell apart (after Okabe and Ito)."""


def run_color(place: int) -> str:
    """Return the colour of the run at this place of a comparison."""
    colors = DARK_COLORS if theme.palette().dark else LIGHT_COLORS
    return colors[place % len(colors)]


@dataclass(frozen=True, slots=True)
class OverlayCurve:
    """One run's curve: epochs, values (NaN where unknown), and the place of its colour."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    place: int


class OverlayPlot(QWidget):
    """Made when it is first shown."""

    def __init__(self, name: str, description: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: tuple[OverlayCurve, ...] = ()
        self._title = ""
        self._plot: Any = None
        self._lines: list[Any] = []
        self._name, self._description = name, description
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setAccessibleName(description)
        theme.changed.connect(self._restyle)

    def show_curves(self, curves: Sequence[OverlayCurve], title: str) -> None:
        """Show other curves; `title` names their values."""
        self._curves, self._title = tuple(curves), title
        if self._plot is not None or self.isVisible():
            self._draw()

    def plot(self) -> Any:
        """Return the plot, made now if this is the first time."""
        if self._plot is None:
            self._plot = new_plot(self._name, self._description)
            label_axis(self._plot, "bottom", "epoch")
            self._layout.addWidget(self._plot)
        return self._plot

    def lines(self) -> list[tuple[list[float], list[float]]]:
        """Return what is drawn, for tests."""
        return [(list(line.getData()[0]), list(line.getData()[1])) for line in self._lines]

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make and fill the plot."""
        super().showEvent(event)
        self._draw()

    def _draw(self) -> None:
        plot = self.plot()
        for line in self._lines:
            plot.removeItem(line)
        self._lines = []
        for curve in self._curves:
            line = plot.plot(
                list(curve.xs), list(curve.ys), connect="finite", antialias=True, pen=pen(run_color(curve.place), 2)
            )
            self._lines.append(line)
        label_axis(plot, "left", self._title)
        plot.enableAutoRange()

    @Slot()
    def _restyle(self) -> None:
        if self._plot is not None:
            style_plot(self._plot)
            label_axis(self._plot, "bottom", "epoch")
            self._draw()


class ColorDot(QWidget):
    """A dot in the colour of a run."""

    def __init__(self, place: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._place = place
        self.setFixedSize(12, 16)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the dot."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(run_color(self._place)))
        painter.drawEllipse(1, 4, 9, 9)
        painter.end()
