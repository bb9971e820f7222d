"""Rows of the same structure become one molecule: agreeing labels are merged, disagreeing ones are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.dataset import TaskKind, TaskSpec

RELATIVE_TOLERANCE = 0.05
"""Values of one structure agree when they differ by at most this part of the larger one, ..."""

SPREAD_TOLERANCE = 0.1
"""... or by at most this part of the column's interquartile range (which long tails do not stretch)."""


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


def tolerances(targets: npt.NDArray[np.float64], tasks: Sequence[TaskSpec]) -> npt.NDArray[np.float64]:
    """Return (T,) the absolute difference up to which regression labels agree; 0 for classes."""
    allowed = np.zeros(len(tasks))
    for index, task in enumerate(tasks):
        values = targets[:, index]
        values = values[np.isfinite(values)]
        if task.kind is TaskKind.REGRESSION and len(values):
            low, high = np.quantile(values, [0.25, 0.75])
            allowed[index] = SPREAD_TOLERANCE * (high - low)
    return allowed


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
    allowed: npt.NDArray[np.float64],
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
    tasks, allowed
        The tasks and what `tolerances` returned for them.
    how
        Value of merged rows: their mean, their median, or the most frequent one (the median where several are).
    within
        Largest difference of values that agree, in place of `allowed` and what is relative; 0 sets none.
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
            group.labels[index] = _MERGED[how](values)
            if spread > (within or max(allowed[index], RELATIVE_TOLERANCE * np.abs(values).max())):
                group.disagreements[task.name] = f"from {values.min():g} to {values.max():g}"
        else:
            found, counts = np.unique(values, return_counts=True)
            winners = found[counts == counts.max()]
            group.labels[index] = winners[0] if len(winners) == 1 else np.nan
            if len(found) > 1:
                named = ", ".join(f"'{task.classes[int(value)]}'" for value in found)
                group.disagreements[task.name] = named
    return group
