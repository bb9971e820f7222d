"""A curve as small as a word: no axes, only the way it goes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import theme

_EDGE = 3.0


class Sparkline(QWidget):
    """Draws values from left to right, with a dot at the last one and, if wanted, a dashed line to compare with."""

    def __init__(self, color: str = "train", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._color = color
        self._values: Sequence[float] = ()
        self._reference = math.nan
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(18)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A word's width."""
        return QSize(80, 24)

    def set_values(self, values: Sequence[float], reference: float = math.nan) -> None:
        """Show these values; `reference` is the dashed line, NaN for none."""
        self._values, self._reference = values, reference
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the line."""
        points = thinned(self._values, max(8, self.width() // 2))
        known = [value for _, value in points]
        if not known:
            return
        compared = [*known, self._reference] if math.isfinite(self._reference) else known
        low, high = min(compared), max(compared)
        area = QRectF(self.rect()).adjusted(_EDGE, _EDGE, -_EDGE, -_EDGE)
        last_place = max(len(self._values) - 1, 1)

        def spot(place: float, value: float) -> QPointF:
            share = (value - low) / (high - low) if high > low else 0.5
            return QPointF(area.left() + place / last_place * area.width(), area.bottom() - share * area.height())

        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme.palette()
        if math.isfinite(self._reference):
            painter.setPen(QPen(QColor(tokens.baseline), 1, Qt.PenStyle.DashLine))
            painter.drawLine(spot(0, self._reference), spot(last_place, self._reference))
        color = tokens.color(self._color)
        painter.setPen(QPen(color, 1.5))
        line = [spot(place, value) for place, value in points]
        painter.drawPolyline(QPolygonF(line))
        painter.setBrush(color)
        painter.drawEllipse(line[-1], 1.6, 1.6)
        painter.end()


def thinned(values: Sequence[float], buckets: int) -> list[tuple[float, float]]:
    """Return (index, value) of the finite `values`, of each of `buckets` stretches only the least and the largest."""
    import numpy as np

    series = np.asarray(values, dtype=np.float64)
    places = np.flatnonzero(np.isfinite(series))
    if len(places) > 2 * buckets:
        size = -(-len(places) // buckets)
        kept = set()
        for start in range(0, len(places), size):
            part = places[start : start + size]
            kept |= {int(part[series[part].argmin()]), int(part[series[part].argmax()])}
        places = np.array(sorted(kept | {int(places[-1])}))
    return [(float(place), float(series[place])) for place in places]
