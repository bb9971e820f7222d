"""Small charts as SVG text, for pages that load nothing from anywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _PAD = 420.0, 270.0, 48.0, 42.0, 10.0
_MOST_DOTS = 3000
"""More points only make the page heavy; an even sample of them is drawn."""

Guide = Literal["diagonal", "zero", "none"]


class _Frame:
    """Maps values to places in the drawing."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float], *, margin: float = 0.04) -> None:
        self._ends_x, self._ends_y = _ends(xs), _ends(ys)
        self.low_x, self.high_x = _with_margin(*self._ends_x, margin)
        self.low_y, self.high_y = _with_margin(*self._ends_y, margin)

    def x(self, value: float) -> float:
        share = (value - self.low_x) / (self.high_x - self.low_x)
        return _LEFT + share * (_WIDTH - _LEFT - _PAD)

    def y(self, value: float) -> float:
        share = (value - self.low_y) / (self.high_y - self.low_y)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _PAD)

    def axes(self, titles: tuple[str, str] = ("", "")) -> str:
        """Draw two quiet lines, the smallest and largest value along each, and what they are."""
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _PAD
        (left_x, right_x), (low_y, high_y) = self._ends_x, self._ends_y
        lines = f'<path d="M{_LEFT} {_PAD}V{bottom}H{right}" fill="none" stroke="var(--line)"/>'
        words = (
            _text(_LEFT - 6, self.y(low_y) + 4, _value(low_y), "end"),
            _text(_LEFT - 6, self.y(high_y) + 4, _value(high_y), "end"),
            _text(self.x(left_x), bottom + 16, _value(left_x), "middle"),
            _text(self.x(right_x), bottom + 16, _value(right_x), "middle"),
            _text((_LEFT + right) / 2, _HEIGHT - 8, titles[0], "middle"),
        )
        middle = (bottom + _PAD) / 2
        turned = f'<g transform="rotate(-90 14 {middle:.1f})">{_text(14, middle, titles[1], "middle")}</g>'
        return lines + "".join(words) + (turned if titles[1] else "")

    def line(self, x1: float, y1: float, x2: float, y2: float) -> str:
        """Draw a dashed line between two points."""
        ends = f"M{self.x(x1):.1f} {self.y(y1):.1f}L{self.x(x2):.1f} {self.y(y2):.1f}"
        return f'<path d="{ends}" stroke="var(--muted)" stroke-dasharray="5 4"/>'


def line_chart(xs: Sequence[float], curves: Mapping[str, Sequence[float]], title: str = "epoch") -> str:
    """Draw curves over common places; their names are those of the page's colours ("train", "validation")."""
    known = [value for values in curves.values() for value in values if math.isfinite(value)]
    frame = _Frame(xs, known)
    drawn = [frame.axes((title, ""))]
    for place, (name, values) in enumerate(curves.items()):
        points = [f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in zip(xs, values, strict=True) if math.isfinite(y)]
        color = f"var(--{name})"
        drawn.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" stroke-width="2"/>')
        drawn.append(f'<circle cx="{_WIDTH - 96}" cy="{20 + 16 * place}" r="4" style="fill:{color}"/>')
        drawn.append(_text(_WIDTH - 86, 24 + 16 * place, name, "start"))
    return _svg(drawn, "Curves over epochs")


def scatter_chart(
    xs: Sequence[float], ys: Sequence[float], titles: tuple[str, str], guide: Guide = "none", name: str = "Points"
) -> str:
    """Draw one point a molecule; `guide` is the line on which a perfect model would put them."""
    step = max(1, math.ceil(len(xs) / _MOST_DOTS))
    both = [*xs, *ys]
    frame = _Frame(both, both) if guide == "diagonal" else _Frame(xs, [*ys, 0.0] if guide == "zero" else ys)
    drawn = [frame.axes(titles)]
    if guide == "diagonal":
        drawn.append(frame.line(frame.low_x, frame.low_x, frame.high_x, frame.high_x))
    elif guide == "zero":
        drawn.append(frame.line(frame.low_x, 0.0, frame.high_x, 0.0))
    drawn += [
        f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3.5" style="fill:var(--train)" opacity="0.6"/>'
        for x, y in zip(xs[::step], ys[::step], strict=True)
    ]
    return _svg(drawn, name)


def parity_chart(measured: Sequence[float], predicted: Sequence[float]) -> str:
    """Draw predicted against measured values, and the line on which a perfect model would put them."""
    titles = ("measured", "predicted")
    return scatter_chart(measured, predicted, titles, "diagonal", "Predicted against measured values")


def share_chart(
    points: Sequence[tuple[float, float]],
    titles: tuple[str, str],
    *,
    level: float | None = None,
    dots: bool = False,
    name: str = "Curve",
) -> str:
    """Draw a curve between 0 and 1 on both axes; `level` is what guessing gives, None for the diagonal."""
    frame = _Frame((0.0, 1.0), (0.0, 1.0), margin=0.0)
    guess = frame.line(0, 0, 1, 1) if level is None else frame.line(0, level, 1, level)
    places = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)
    line = f'<polyline points="{places}" fill="none" stroke="var(--train)" stroke-width="2"/>'
    # Small squares with round corners: circles are molecules.
    style = 'width="6" height="6" rx="3" style="fill:var(--train)"'
    marked = points if dots else ()
    marks = [f'<rect x="{frame.x(x) - 3:.1f}" y="{frame.y(y) - 3:.1f}" {style}/>' for x, y in marked]
    return _svg([frame.axes(titles), guess, line, *marks], name)


def _svg(parts: Sequence[str], title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH:.0f}" height="{_HEIGHT:.0f}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>' if words else ""


def _value(value: float) -> str:
    return f"{value:.3g}".replace("-", "\u2212")


def _ends(values: Sequence[float]) -> tuple[float, float]:
    known = [value for value in values if math.isfinite(value)]
    return (min(known), max(known)) if known else (0.0, 1.0)


def _with_margin(low: float, high: float, share: float = 0.04) -> tuple[float, float]:
    margin = share * (high - low) or (0.5 if low == high else 0.0)
    return low - margin, high + margin
