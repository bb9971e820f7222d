"""Figures about columns and parts, ready to be drawn: what services count and widgets show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """How the values of a column are spread over some rows.

    Attributes
    ----------
    key, title, unit, kind
        Its name for us, for people, the unit of its numbers; "number", "class" or "text".
    counts
        Rows in each bar.
    edges
        Of the bars of numbers, one more than there are bars, in the column's unit; empty for classes.
    labels
        Of the bars of classes.
    rows, filled, distinct
        Rows looked at, those with a value, and how many different values these have.
    low, high, median, mean, deviation
        Of the numbers; NaN for others.
    logarithmic
        Whether the bars are equally wide in powers of ten, because a few values are far larger than the rest.
    """

    key: str
    title: str
    unit: str
    kind: str
    counts: tuple[int, ...]
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    rows: int
    filled: int
    distinct: int
    low: float = float("nan")
    high: float = float("nan")
    median: float = float("nan")
    mean: float = float("nan")
    deviation: float = float("nan")
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class PartsSummary:
    """How the values of one target are spread in each part of the split.

    Attributes
    ----------
    name, unit
        Of the target.
    counts
        For training, validation and test part: molecules in each bar. The bars stand at the same values in all three.
    middles
        For each part, the median of the numbers, or the share of the second of two classes; NaN where there is none.
    labels
        One word a bar for classes; empty for numbers.
    """

    name: str
    unit: str
    counts: tuple[tuple[int, ...], ...]
    middles: tuple[float, ...]
    labels: tuple[str, ...] = ()
