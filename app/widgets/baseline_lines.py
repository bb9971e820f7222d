"""Dashed lines at the values that simple models reach, with their names where nothing else is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF

from app.text import number
from app.theme import Tokens, text_font, theme
from app.widgets.plotting import brush, pen

_LINE_HEIGHT = 14.0
_MARGIN = 1.0
"""Empty pixels around the words of a text item; as they are painted over, more would cover the words beside them."""

_BETWEEN = 4.0
"""Pixels that a name needs beside its letters so that names one above the other can be told apart."""

_MOST_SHARE = 0.5
"""Of the height of the view; where all names need more, those of the weakest simple models are left out."""

_SAMPLING = 3.0
"""Pixels between the points that stand for a curve where room for words is looked for."""

_MOST_POINTS = 20_000
_FARTHEST = 4
"""Lines of text that words may stand away from their line, where others stand beside it."""

_ON_WORDS, _CROSSED, _ON_LINE, _ON_CURVE, _NOT_RIGHT, _AWAY = 1000.0, 500.0, 30.0, 1.0, 12.0, 2.0
"""What makes a place worse: words that would be covered, words of a lower line that stand higher, another line that
runs through the words as if they were its name, each point of a curve, another side, each line of text between words
and line."""

Size = tuple[QRectF, float]
"""Of words, and where their line is in pixels from above."""

Curve = tuple[Sequence[float], Sequence[float]]


class BaselineLines:
    """Lives inside one plot."""

    def __init__(self, plot: Any) -> None:
        self._plot = plot
        self._box = plot.getPlotItem().getViewBox()
        self._values: list[float] = []
        self._titles: list[str] = []
        self._lower = False
        self._lines: list[Any] = []
        self._words: list[Any] = []
        self._curves: tuple[Curve, ...] = ()
        self._other: Any = None

    def show(
        self,
        baselines: Sequence[tuple[str, float]],
        curves: Sequence[Curve] = (),
        other: Any = None,
        *,
        lower: bool = False,
    ) -> None:
        """Draw these lines (title, value) and no others.

        Parameters
        ----------
        baselines
            Title and value of each.
        curves
            Places and values of what else is drawn, which the names keep off.
        other
            A text item that they keep off as well, if it is visible.
        lower
            Whether the lowest value is the strongest.
        """
        self._curves, self._other, self._lower = tuple(curves), other, lower
        self._titles, self._values = [title for title, _ in baselines], [value for _, value in baselines]
        while len(self._lines) < len(baselines):
            self._add()
        for place, (line, words) in enumerate(zip(self._lines, self._words, strict=True)):
            shown = place < len(baselines)
            line.setVisible(shown)
            words.setVisible(shown)
            if shown:
                line.setPos(baselines[place][1])
        self.place()

    def texts(self) -> list[str]:
        """Return the words that are shown, in order of the lines."""
        return [str(words.toPlainText()) for words in self._words[: len(self._values)] if words.isVisible()]

    def unnamed(self) -> list[str]:
        """Return title and value of each line in view whose name has no room in full, the strongest first."""
        lower, upper = self._box.viewRange()[1]
        told = self.texts()
        return [
            words
            for place in self._by_strength(range(len(self._values)))
            if lower <= self._values[place] <= upper and (words := self._full(place)) not in told
        ]

    def color(self, tokens: Tokens) -> None:
        """Take the colours of the palette in force."""
        for line, words in zip(self._lines, self._words, strict=True):
            line.setPen(pen(tokens.baseline, 1, dashed=True))
            words.setColor(tokens.baseline)
            words.fill = brush(tokens.surface, 0.85)

    def place(self) -> None:
        """Put each name beside its line, inside the view and where it covers as little as can be.

        The right end and above the line are preferred; names of lines that are close stand one above the other. Where
        there are more than the view has room for, the strongest are named; their lines stay in any case.
        """
        view = self._box.viewRect()
        wide, high = (abs(size) for size in self._box.viewPixelSize())
        if not self._values or not view.width() or not wide or not high:
            return
        inside = QRectF(0, 0, view.width() / wide, view.height() / high)
        top = view.y() + view.height()
        points = _sampled([((xs, view.x(), wide), (ys, top, -high)) for xs, ys in self._curves], inside)
        taken = self._taken(view.x(), top, wide, high)
        named = self._named(top, high, inside)
        sizes = [(self._words[place].boundingRect(), (top - self._values[place]) / high) for place in named]
        for place, spot in zip(named, _best_places(sizes, inside, points, taken), strict=True):
            self._words[place].setPos(view.x() + spot.x() * wide, top - spot.y() * high)

    def _named(self, top: float, high: float, inside: QRectF) -> list[int]:
        """Write and show the names that there is room for; return their places, the lowest value first."""
        places = range(len(self._values))
        seen = [place for place in places if 0 <= (top - self._values[place]) / high <= inside.height()]
        for place in seen:
            self._words[place].setText(self._fitting(place, inside.width()))
        heights = (self._words[place].boundingRect().height() - 2 * _MARGIN + _BETWEEN for place in seen)
        tallest = max(heights, default=_LINE_HEIGHT)
        most = max(1, int(_MOST_SHARE * inside.height() / tallest))
        named = self._by_strength(seen)[:most]
        for place in places:
            self._words[place].setVisible(place in named)
        return sorted(named, key=self._values.__getitem__)

    def _by_strength(self, places: Iterable[int]) -> list[int]:
        return sorted(places, key=self._values.__getitem__, reverse=not self._lower)

    def _full(self, place: int) -> str:
        return f"{self._titles[place]} {number(self._values[place])}"

    def _fitting(self, place: int, width: float) -> str:
        """Return a name that is cut rather than its value, where the view is too narrow for both."""
        metrics, value = QFontMetricsF(text_font(11)), f" {number(self._values[place])}"
        room = width - 2 * _MARGIN - metrics.horizontalAdvance(value)
        return metrics.elidedText(self._titles[place], Qt.TextElideMode.ElideRight, max(0.0, room)) + value

    def _taken(self, left: float, top: float, wide: float, high: float) -> list[QRectF]:
        """Return where the other words stand, in pixels."""
        if self._other is None or not self._other.isVisible():
            return []
        box = self._other.mapRectToView(self._other.boundingRect())
        upper = max(box.top(), box.bottom())
        return [QRectF((box.x() - left) / wide, (top - upper) / high, box.width() / wide, abs(box.height()) / high)]

    def _add(self) -> None:
        import pyqtgraph as pg

        line = pg.InfiniteLine(angle=0, movable=False)
        words = pg.TextItem(anchor=(0, 0))
        words.setFont(text_font(11))
        words.textItem.document().setDocumentMargin(_MARGIN)
        # All behind the curves, of which nothing is to be hidden where a small chart leaves words no other place.
        line.setZValue(-10)
        words.setZValue(-5)
        for item in (line, words):
            self._plot.addItem(item, ignoreBounds=True)
        self._lines.append(line)
        self._words.append(words)
        self.color(theme.palette())


def _best_places(sizes: Sequence[Size], inside: QRectF, points: Any, taken: Sequence[QRectF]) -> list[QRectF]:
    """Return where words are to stand, in pixels from the upper left corner of the view; the lowest line is first."""
    # Those that are placed first have the best places: at the top of the view that should be the highest.
    upwards = _placed(sizes, inside, points, taken, 1)
    downwards = _placed(sizes[::-1], inside, points, taken, -1)
    return upwards[1] if upwards[0] <= downwards[0] else downwards[1][::-1]


def _placed(
    sizes: Sequence[Size], inside: QRectF, points: Any, taken: Sequence[QRectF], way: int
) -> tuple[float, list[QRectF]]:
    """Place words one after the other, those of higher lines (`way` 1) or lower ones (-1) beyond those before."""
    total, spots = 0.0, list[QRectF]()
    for size, line in sizes:
        others = [*taken, *map(_inner, spots)]
        rated = []
        for cost, spot in _places(size, line, inside):
            crossed = sum(way * (spot.y() - other.y()) > 0 for other in spots if abs(other.right() - spot.right()) < 1)
            struck = sum(spot.top() < other < spot.bottom() for _, other in sizes if other != line)
            among = _CROSSED * crossed + _ON_LINE * struck
            rated.append((cost + among + _covered(spot, points, others), spot))
        best = min(rated, key=lambda pair: pair[0])
        total += best[0]
        spots.append(best[1])
    return total, spots


def _places(size: QRectF, line: float, inside: QRectF) -> Iterator[tuple[float, QRectF]]:
    """Yield the places for words and how far each is from the one that is wanted."""
    width, height = size.width(), size.height()
    free = max(0.0, inside.width() - width)
    for side, x in ((0.0, free), (_NOT_RIGHT, 0.0), (2 * _NOT_RIGHT, free / 2)):
        for step in range(_FARTHEST + 1):
            for below, y in ((0.0, line - height - step * _LINE_HEIGHT), (_AWAY / 2, line + step * _LINE_HEIGHT)):
                # The margin of the words may leave the view, the words may not.
                held = min(max(y, -_MARGIN), max(-_MARGIN, inside.height() - height + _MARGIN))
                yield side + below + step * _AWAY + abs(held - y) / _LINE_HEIGHT, QRectF(x, held, width, height)


def _inner(place: QRectF) -> QRectF:
    return place.adjusted(0, _MARGIN, 0, -_MARGIN)


def _covered(place: QRectF, points: Any, taken: Sequence[QRectF]) -> float:
    xs, ys = points
    # A curve that passes through the margin is hidden as well.
    on_curve = ((xs >= place.left()) & (xs <= place.right()) & (ys >= place.top()) & (ys <= place.bottom())).sum()
    return _ON_CURVE * float(on_curve) + _ON_WORDS * sum(_inner(place).intersects(other) for other in taken)


def _sampled(curves: Sequence[Any], inside: QRectF) -> tuple[Any, Any]:
    """Return points along curves, in pixels; each axis of a curve is its values, where they begin and their scale."""
    import numpy as np

    found = [np.empty((2, 0))]
    for axes in curves:
        size = min(len(values) for values, _, _ in axes)
        ends = np.stack([(np.asarray(values[:size], dtype=float) - start) / scale for values, start, scale in axes])
        steps = np.abs(np.diff(ends, axis=1)).max(axis=0, initial=0.0)
        if not np.isfinite(steps).any():
            found.append(ends)
            continue
        most = max(1, min(math.ceil(np.nanmax(steps) / _SAMPLING), _MOST_POINTS // size))
        between = np.arange(most) / most
        along = ends[:, :-1, None] + np.diff(ends, axis=1)[:, :, None] * between
        found += [along.reshape(2, -1), ends[:, -1:]]
    points = np.concatenate(found, axis=1)
    seen = np.isfinite(points).all(axis=0) & (points[0] >= 0) & (points[0] <= inside.width())
    return points[0, seen], points[1, seen]
