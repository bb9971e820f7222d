"""Trials of a search as lines across one axis for each setting, the last axis for what they reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import text_font, theme
from app.widgets.config_fields import number_text

_TOP, _BOTTOM, _SIDE = 40.0, 22.0, 56.0
_NEAR = 9.0
_DECADES = 1.5
"""An axis of positive numbers that spans more than this many powers of ten is logarithmic."""


@dataclass(frozen=True)
class Axis:
    """One axis: a title, and the value of each trial (a number, a word, or None where it has none)."""

    title: str
    values: tuple[object, ...]

    def places(self) -> list[float]:
        """Return where each trial stands, 0 at the bottom, 1 at the top, NaN where it has no value."""
        numbers = self._numbers()
        if numbers is None:
            words = self.words()
            step = max(len(words) - 1, 1)
            return [words.index(str(value)) / step if value is not None else math.nan for value in self.values]
        known = [value for value in numbers if math.isfinite(value)]
        if not known:
            return [math.nan] * len(numbers)
        low, high = min(known), max(known)
        return [0.5 if high == low else (value - low) / (high - low) for value in numbers]

    def ends(self) -> tuple[str, str]:
        """Return the figures (or words) at the bottom and at the top."""
        if self._numbers() is None:
            words = self.words()
            return (words[0], words[-1]) if words else ("", "")
        known = [float(value) for value in self.values if _is_number(value) and math.isfinite(float(value))]  # type: ignore[arg-type]
        return (_figure(min(known)), _figure(max(known))) if known else ("", "")

    def words(self) -> list[str]:
        """Return the words on an axis of choices, in order."""
        return sorted({str(value) for value in self.values if value is not None})

    def _numbers(self) -> list[float] | None:
        """Return the values as the axis counts them (logarithms on a wide one), None where any is a word."""
        if any(value is not None and not _is_number(value) for value in self.values):
            return None
        plain = [float(value) if _is_number(value) else math.nan for value in self.values]  # type: ignore[arg-type]
        known = [value for value in plain if math.isfinite(value)]
        if known and min(known) > 0 and math.log10(max(known) / min(known)) > _DECADES:
            return [math.log10(value) if math.isfinite(value) else math.nan for value in plain]
        return plain


class ParallelPlot(QWidget):
    """Each trial is a line; the best is drawn strong, those that ended early faint.

    Signals
    -------
    trial_pointed(int)
        The user has clicked the line of this trial.
    """

    trial_pointed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("parallelPlot")
        self.setAccessibleName("Trials, one line each across their settings")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(180)
        self._axes: tuple[Axis, ...] = ()
        self._faint: tuple[bool, ...] = ()
        self._best = self._chosen = -1
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for a handful of settings."""
        return QSize(560, 260)

    def show_trials(self, axes: Sequence[Axis], faint: Sequence[bool], best: int) -> None:
        """Show trials; `faint` says for each whether it counts less, `best` is the place of the best one or -1."""
        self._axes, self._faint, self._best = tuple(axes), tuple(faint), best
        self.update()

    def choose(self, trial: int) -> None:
        """Bring out the line of one trial; -1: of none."""
        self._chosen = trial
        self.update()

    def lines(self) -> list[list[QPointF]]:
        """Return the corners of each trial's line, in pixels; axes on which a trial has no value are passed over."""
        places = [axis.places() for axis in self._axes]
        found = []
        for trial in range(len(self._faint)):
            corners = [(self._left(column), shares[trial]) for column, shares in enumerate(places)]
            found.append([QPointF(left, self._height_of(share)) for left, share in corners if math.isfinite(share)])
        return found

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Find the line under the pointer."""
        spot = event.position()
        near = [
            (distance, trial) for trial, line in enumerate(self.lines()) if (distance := _distance(spot, line)) <= _NEAR
        ]
        if near:
            self.trial_pointed.emit(min(near)[1])

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint lines, axes, titles and ends."""
        if not self._axes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lines = self.lines()
        order = sorted(range(len(lines)), key=lambda trial: (trial == self._chosen, trial == self._best))
        for trial in order:
            painter.setPen(self._pen(trial))
            painter.drawPolyline(QPolygonF(lines[trial]))
        for column, axis in enumerate(self._axes):
            self._paint_axis(painter, column, axis)
        painter.end()

    def _pen(self, trial: int) -> QPen:
        tokens = theme.palette()
        if trial == self._chosen:
            return QPen(QColor(tokens.ink), 2.4)
        if trial == self._best:
            return QPen(QColor(tokens.validation), 2.4)
        color = QColor(tokens.train)
        color.setAlphaF(0.18 if self._faint[trial] else 0.5)
        return QPen(color, 1.2)

    def _paint_axis(self, painter: QPainter, column: int, axis: Axis) -> None:
        tokens = theme.palette()
        left = self._left(column)
        painter.setPen(QPen(QColor(tokens.muted), 1))
        painter.drawLine(QPointF(left, _TOP), QPointF(left, self.height() - _BOTTOM))
        low, high = axis.ends()
        width = (self.width() - 2 * _SIDE) / max(len(self._axes) - 1, 1)
        room = min(width, 2 * _SIDE) - 8
        center = int(Qt.AlignmentFlag.AlignCenter)
        for text, top, bold in (
            (axis.title, 2.0, True),
            (high, 20.0, False),
            (low, self.height() - _BOTTOM + 3, False),
        ):
            font = text_font(11, bold=bold)
            painter.setFont(font)
            painter.setPen(QColor(tokens.ink if bold else tokens.muted))
            cut = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(room))
            painter.drawText(QRectF(left - room / 2, top, room, 16), center, cut)

    def _left(self, column: int) -> float:
        if len(self._axes) < 2:
            return self.width() / 2
        return _SIDE + column * (self.width() - 2 * _SIDE) / (len(self._axes) - 1)

    def _height_of(self, share: float) -> float:
        return self.height() - _BOTTOM - share * (self.height() - _BOTTOM - _TOP)


def _figure(value: float) -> str:
    """Return a setting's or a metric's value as one types it, with three digits."""
    return number_text(float(f"{value:.2e}"))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _distance(spot: QPointF, line: Sequence[QPointF]) -> float:
    """Return how far `spot` is from a line of corners, in pixels."""
    nearest = math.inf
    for start, end in pairwise(line):
        run = end - start
        length = run.x() ** 2 + run.y() ** 2
        share = ((spot.x() - start.x()) * run.x() + (spot.y() - start.y()) * run.y()) / length if length else 0.0
        foot = start + run * min(1.0, max(0.0, share))
        nearest = min(nearest, math.hypot(spot.x() - foot.x(), spot.y() - foot.y()))
    return nearest
