"""Rows of the same structure become one molecule: agreeing labels are merged, disagreeing ones are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import propose_transform

RELATIVE_TOLERANCE = 0.05
"""Values of one structure agree when they differ by at most this part of the larger one, ..."""

SPREAD_TOLERANCE = 0.1
"""... or by at most this part of the column's interquartile range (which long tails do not stretch)."""

MOST_WITHOUT_LOGARITHM = 0.01
"""Share of values not above 0 up to which a column is one that lies over decades, such as IC50 with a few zeros."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """When values of a target agree.

    Attributes
    ----------
    allowed
        Largest difference in which they do, besides what is relative; 0 for classes.
    decades
        The same of logarithms (log10), of which the mean is taken too: errors of an IC50 are factors, and the mean of
        1 and 1000 nM lies beside the second. It counts for groups of positive values; None where the column is none
        of logarithms.
    """

    allowed: float = 0.0
    decades: float | None = None


@dataclass
class Group:
    """Several rows of one structure.

    Attributes
    ----------
    rows
        Positions in the table, ascending; the first one stands for the group.
    labels
        (T,) the merged labels, NaN where there is none.
    disagreements
        In words, by task name; empty when all labels agree.
    values
        The labels that were merged, by task name, of tasks where they are not all the same.
    """

    rows: list[int]
    labels: npt.NDArray[np.float64]
    disagreements: dict[str, str] = field(default_factory=dict)
    values: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass
class Molecules:
    """What remains: one molecule for each structure.

    Attributes
    ----------
    first
        (n,) int64, the row that stands for each molecule.
    labels
        (n, T) float64.
    several
        Rows of the molecules that several were merged into, by position.
    values
        What their differing labels were merged from, by position (see `Group`).
    """

    first: npt.NDArray[np.int64]
    labels: npt.NDArray[np.float64]
    several: dict[int, list[int]] = field(default_factory=dict)
    values: dict[int, dict[str, tuple[float, ...]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.first)

    def of_rows(self, total: int) -> npt.NDArray[np.int64]:
        """Return (total,) the molecule that each row went into, -1 for rows that are left out."""
        found = np.full(total, -1, np.int64)
        found[self.first] = np.arange(len(self.first))
        for position, rows in self.several.items():
            found[rows] = position
        return found


def group_rows(
    rows: Sequence[int], keys: Sequence[str], parts: Sequence[str] | None
) -> tuple[list[int], dict[int, list[int]]]:
    """Find the rows of each structure.

    Parameters
    ----------
    rows
        Rows to look at.
    keys
        What makes rows of the table duplicates: canonical SMILES, or InChIKeys.
    parts
        Given part of every row, or None; rows of different parts are never merged, since that would move a test
        molecule into the training part.

    Returns
    -------
    first
        The first row of each structure, in order of appearance.
    several
        All rows of those structures that have more than one, by position in `first`: a million structures that stand
        there once need no million lists.
    """
    first: list[int] = []
    several: dict[int, list[int]] = {}
    known: dict[str | tuple[str, str], int] = {}
    for row in rows:
        place = known.setdefault(keys[row] if parts is None else (keys[row], parts[row]), len(first))
        if place == len(first):
            first.append(row)
        else:
            several.setdefault(place, [first[place]]).append(row)
    return first, several


def agreements(targets: npt.NDArray[np.float64], tasks: Sequence[TaskSpec]) -> list[Agreement]:
    """Return for each of T tasks when values agree: of regression, by the spread of its column on its scale.

    The scale is logarithmic where the values call for it, as for outliers (see `scaling.propose_transform`). A zero
    among a hundred values does not change what the others are.
    """
    found = []
    for index, task in enumerate(tasks):
        values = targets[:, index]
        values = values[np.isfinite(values)]
        if task.kind is not TaskKind.REGRESSION or not len(values):
            found.append(Agreement())
            continue
        positive = values[values > 0]
        few = len(values) - len(positive) <= MOST_WITHOUT_LOGARITHM * len(values)
        logarithmic = few and propose_transform(positive) == "log10"
        found.append(Agreement(_allowed(values), _allowed(np.log10(positive)) if logarithmic else None))
    return found


def _allowed(values: npt.NDArray[np.float64]) -> float:
    low, high = np.quantile(values, [0.25, 0.75])
    return SPREAD_TOLERANCE * float(high - low)


def _most_frequent(values: npt.NDArray[np.float64]) -> float:
    found, counts = np.unique(values, return_counts=True)
    winners = found[counts == counts.max()]
    return float(winners[0] if len(winners) == 1 else np.median(values))


_MERGED: dict[str, Callable[[npt.NDArray[np.float64]], float]] = {
    "mean": lambda values: float(values.mean()),
    "median": lambda values: float(np.median(values)),
    "majority": _most_frequent,
}


def merge(
    rows: list[int],
    targets: npt.NDArray[np.float64],
    tasks: Sequence[TaskSpec],
    agreement: Sequence[Agreement],
    how: Literal["mean", "median", "majority"] = "mean",
    within: float = 0.0,
) -> Group:
    """Merge the labels of one structure: one value of several, majority of classes (none when evenly contradicted).

    Parameters
    ----------
    rows
        Rows of the group, at least two.
    targets
        (rows of the table, T) labels.
    tasks, agreement
        The tasks and what `agreements` returned for them.
    how
        Value of merged rows: their mean, their median, or the most frequent one (the median where several are).
    within
        Largest difference of values that agree, in their unit, in place of all that; 0 sets none.
    """
    group = Group(rows, np.full(len(tasks), np.nan))
    for index, task in enumerate(tasks):
        values = targets[rows, index]
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        spread = values.max() - values.min()
        if spread > 0:
            group.values[task.name] = tuple(values.tolist())
        if task.kind is TaskKind.REGRESSION:
            logarithmic = agreement[index].decades is not None and values.min() > 0
            group.labels[index] = _merged(values, how, logarithmic=bool(logarithmic))
            if not _agree(values, agreement[index], within):
                group.disagreements[task.name] = f"from {values.min():g} to {values.max():g}"
        else:
            found, counts = np.unique(values, return_counts=True)
            winners = found[counts == counts.max()]
            group.labels[index] = winners[0] if len(winners) == 1 else np.nan
            if len(found) > 1:
                named = ", ".join(f"'{task.classes[int(value)]}'" for value in found)
                group.disagreements[task.name] = named
    return group


def _merged(values: npt.NDArray[np.float64], how: str, *, logarithmic: bool) -> float:
    scaled = np.log10(values) if logarithmic else values
    merged = _MERGED[how](scaled)
    # One of the values stays what it is, to the last digit.
    same = values[scaled == merged]
    if len(same) or not logarithmic:
        return float(same[0]) if len(same) else merged
    return float(10.0**merged)


def _agree(values: npt.NDArray[np.float64], agreement: Agreement, within: float) -> bool:
    low, high = float(values.min()), float(values.max())
    if within:
        return high - low <= within
    if agreement.decades is not None and low > 0:
        near = np.log10(high / low) <= agreement.decades
    else:
        near = high - low <= agreement.allowed
    return bool(near or high - low <= RELATIVE_TOLERANCE * max(abs(low), abs(high)))
