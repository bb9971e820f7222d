"""Which colour a value has on the map: a ramp for numbers, distinct shades for classes, grey for what is unknown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from app.text import count, number
from app.theme import theme

UNKNOWN = -1
"""Shade of a molecule without a value."""

_STEPS = 32
_CLASS_LIMIT = 7
_HEAVY_TAIL = 50.0
_ENDS_LEFT_OUT = 2.0
# Percent at each end that share the last shade, so that one far value does not turn all others alike.

_RAMP = ("#440154", "#414487", "#2A788E", "#22A884", "#7AD151", "#FDE725")
_RAMP_LIGHT, _RAMP_DARK = (0.0, 0.86), (0.22, 1.0)
# Viridis without its end that would vanish: yellow on white, dark violet on black.

_CLASSES_LIGHT = ("#0072B2", "#D55E00", "#009E73", "#B0579B", "#9A6B00", "#3D97D3", "#6B4FA0")
_CLASSES_DARK = ("#56B4E9", "#E8833A", "#35C29A", "#DB8FC0", "#E2B04A", "#8FC7F0", "#A993E0")


@dataclass(frozen=True, slots=True)
class Coloring:
    """The shades of some molecules, and what they mean.

    Attributes
    ----------
    title
        What is shown: a column with its unit; "" colours all alike.
    shades
        (n,) int16: position in `colors()`, `UNKNOWN` where there is no value.
    labels
        For classes, a name a shade; empty for numbers.
    low, high
        For numbers, what the first and the last shade stand for.
    logarithmic
        Whether the shades are spaced by powers of ten.
    tokens
        Names of palette colours, where the shades have a fixed meaning (parts of the split).
    """

    title: str
    shades: Any
    labels: tuple[str, ...] = ()
    low: float = math.nan
    high: float = math.nan
    logarithmic: bool = False
    tokens: tuple[str, ...] = ()

    @property
    def is_ramp(self) -> bool:
        """Whether the shades stand for numbers."""
        return not self.labels and bool(self.title)

    def colors(self) -> tuple[str, ...]:
        """Return the shades' colours in the palette in force."""
        tokens = theme.palette()
        if self.tokens:
            return tuple(str(getattr(tokens, name)) for name in self.tokens)
        if not self.title:
            return (tokens.train,)
        return class_colors() if self.labels else ramp()

    def legend(self) -> list[tuple[str, str]]:
        """Return words and colour of each class."""
        return list(zip(self.labels, self.colors(), strict=False))

    def ends(self) -> tuple[str, str]:
        """Return the words at the ends of the ramp."""
        return number(self.low), number(self.high)


def plain(size: int) -> Coloring:
    """Return the colouring of `size` molecules that are all alike."""
    import numpy as np

    return Coloring("", np.zeros(size, np.int16))


def color_numbers(title: str, values: Any) -> Coloring:
    """Return the colouring by numbers, (n,) float64 with NaN."""
    import numpy as np

    known = values[np.isfinite(values)]
    if not len(known):
        return Coloring(title, np.full(len(values), UNKNOWN, np.int16), low=math.nan, high=math.nan)
    low, high = (float(value) for value in np.percentile(known, (_ENDS_LEFT_OUT, 100 - _ENDS_LEFT_OUT)))
    if low == high:
        low, high = float(known.min()), float(known.max())
    middle = float(np.median(known))
    logarithmic = bool(known.min() > 0) and low > 0 and high / middle > _HEAVY_TAIL
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.log10(values) if logarithmic else values
        first, last = (math.log10(low), math.log10(high)) if logarithmic else (low, high)
        place = (scaled - first) / ((last - first) or 1.0)
        steps = np.clip(np.nan_to_num(place, nan=0.0, posinf=1.0, neginf=0.0) * _STEPS, 0, _STEPS - 1)
    shades = np.where(np.isfinite(values), steps, UNKNOWN).astype(np.int16)
    return Coloring(title, shades, (), low, high, logarithmic)


def color_classes(title: str, codes: Any, labels: tuple[str, ...], tokens: tuple[str, ...] = ()) -> Coloring:
    """Return the colouring by classes; `codes` are (n,) float64 positions in `labels`, NaN where there is none.

    The most frequent classes get a shade each, all others share the last one.
    """
    import numpy as np

    known = np.isfinite(codes)
    whole = np.where(known, np.nan_to_num(codes), UNKNOWN).astype(np.int64)
    if tokens or len(labels) <= _CLASS_LIMIT:
        return Coloring(title, whole.astype(np.int16), labels, tokens=tokens)
    frequency = np.bincount(whole[known], minlength=len(labels))
    order = np.argsort(-frequency, kind="stable")[: _CLASS_LIMIT - 1]
    shade_of = np.full(len(labels), _CLASS_LIMIT - 1)
    shade_of[order] = np.arange(len(order))
    shades = np.where(known, shade_of[np.maximum(whole, 0)], UNKNOWN).astype(np.int16)
    rest = f"{count(len(labels) - len(order))} others"
    return Coloring(title, shades, (*(labels[place] for place in order), rest))


def class_colors() -> tuple[str, ...]:
    """Return the shades of classes, colour-blind safe, for the palette in force."""
    return _CLASSES_DARK if theme.palette().dark else _CLASSES_LIGHT


def ramp() -> tuple[str, ...]:
    """Return the shades of numbers from low to high, for the palette in force."""
    first, last = _RAMP_DARK if theme.palette().dark else _RAMP_LIGHT
    return tuple(_blend(first + (last - first) * step / (_STEPS - 1)) for step in range(_STEPS))


def _blend(place: float) -> str:
    whole = place * (len(_RAMP) - 1)
    index = min(int(whole), len(_RAMP) - 2)
    share = whole - index
    pairs = [(int(_RAMP[index][i : i + 2], 16), int(_RAMP[index + 1][i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(one + (other - one) * share):02X}" for one, other in pairs)
