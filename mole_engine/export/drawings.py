"""Small charts as SVG text, for pages that load nothing from anywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _PAD = 420.0, 260.0, 48.0, 28.0, 10.0


class _Frame:
    """Maps values to places in the drawing."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        self._ends_x, self._ends_y = _ends(xs), _ends(ys)
        self.low_x, self.high_x = _with_margin(*self._ends_x)
        self.low_y, self.high_y = _with_margin(*self._ends_y)

    def x(self, value: float) -> float:
        share = (value - self.low_x) / (self.high_x - self.low_x)
        return _LEFT + share * (_WIDTH - _LEFT - _PAD)

    def y(self, value: float) -> float:
        share = (value - self.low_y) / (self.high_y - self.low_y)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _PAD)

    def axes(self) -> str:
        """Draw two quiet lines, and the smallest and largest value along each."""
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _PAD
        (left_x, right_x), (low_y, high_y) = self._ends_x, self._ends_y
        lines = f'<path d="M{_LEFT} {_PAD}V{bottom}H{right}" fill="none" stroke="var(--line)"/>'
        words = (
            _text(_LEFT - 6, self.y(low_y) + 4, _value(low_y), "end"),
            _text(_LEFT - 6, self.y(high_y) + 4, _value(high_y), "end"),
            _text(self.x(left_x), bottom + 16, _value(left_x), "middle"),
            _text(self.x(right_x), bottom + 16, _value(right_x), "middle"),
        )
        return lines + "".join(words)


def line_chart(xs: Sequence[float], curves: Mapping[str, Sequence[float]]) -> str:
    """Draw curves over common places; their names are those of the page's colours ("train", "validation")."""
    known = [value for values in curves.values() for value in values if math.isfinite(value)]
    frame = _Frame(xs, known)
    drawn = [frame.axes()]
    for place, (name, values) in enumerate(curves.items()):
        points = [f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in zip(xs, values, strict=True) if math.isfinite(y)]
        color = f"var(--{name})"
        drawn.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" stroke-width="2"/>')
        drawn.append(f'<circle cx="{_WIDTH - 96}" cy="{20 + 16 * place}" r="4" style="fill:{color}"/>')
        drawn.append(_text(_WIDTH - 86, 24 + 16 * place, name, "start"))
    return _svg(drawn, "Curves over epochs")


def parity_chart(measured: Sequence[float], predicted: Sequence[float]) -> str:
    """Draw one point a molecule, and the line on which a perfect model would put them."""
    both = [*measured, *predicted]
    frame = _Frame(both, both)
    ends = [(frame.x(value), frame.y(value)) for value in (frame.low_x, frame.high_x)]
    diagonal = f'<path d="M{ends[0][0]:.1f} {ends[0][1]:.1f}L{ends[1][0]:.1f} {ends[1][1]:.1f}" stroke="var(--muted)"'
    dots = [
        f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3.5" style="fill:var(--train)" opacity="0.6"/>'
        for x, y in zip(measured, predicted, strict=True)
    ]
    return _svg([frame.axes(), f'{diagonal} stroke-dasharray="5 4"/>', *dots], "Predicted against measured values")


def _svg(parts: Sequence[str], title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH:.0f}" height="{_HEIGHT:.0f}" role="img" '
        f'aria-label="{title}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def _value(value: float) -> str:
    return f"{value:.3g}".replace("-", "\u2212")


def _ends(values: Sequence[float]) -> tuple[float, float]:
    known = [value for value in values if math.isfinite(value)]
    return (min(known), max(known)) if known else (0.0, 1.0)


def _with_margin(low: float, high: float) -> tuple[float, float]:
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin
