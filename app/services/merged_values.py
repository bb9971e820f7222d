"""What is learned in place of several values of one structure, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.text import plain_minus
from mole_engine.contracts.dataset import TaskSpec

if TYPE_CHECKING:
    from mole_engine.data.dataset import CuratedDataset

_MOST_VALUES = 6
_WAYS = {"mean": "mean", "median": "median", "majority": "most frequent"}


@dataclass(frozen=True, slots=True)
class MergedValue:
    """The value of a target that a molecule got from several rows.

    Attributes
    ----------
    value
        As people read it: "−2.14".
    way
        "mean", "geometric mean", "median", "most frequent" or, of classes, "majority".
    source
        How many values it comes from, and which: "2: −3.64, −0.64".
    """

    value: str
    way: str
    source: str

    @property
    def words(self) -> str:
        """Return "−2.14 (mean of 2: −3.64, −0.64)"."""
        return f"{self.value} ({self.way} of {self.source})"


def merged_values(curated: CuratedDataset, way: str) -> dict[int, dict[str, MergedValue]]:
    """Return what was merged from values that differ, by the row that stands for the molecule and by target.

    Parameters
    ----------
    curated
        The molecules.
    way
        The setting by which they were merged: "mean", "median" or "majority".
    """
    found: dict[int, dict[str, MergedValue]] = {}
    for position, by_target in curated.merged_values.items():
        labels = curated.targets[position].tolist()
        found[int(curated.source_rows[position])] = {
            task.name: _merged(task, label, by_target[task.name], way)
            for task, label in zip(curated.tasks, labels, strict=True)
            if task.name in by_target
        }
    return found


def _merged(task: TaskSpec, label: float, values: tuple[float, ...], way: str) -> MergedValue:
    listed = ", ".join(_words(task, value) for value in values[:_MOST_VALUES])
    more = ", …" if len(values) > _MOST_VALUES else ""
    named = "majority" if task.classes else _WAYS[way]
    if named == "mean" and not math.isclose(label, math.fsum(values) / len(values), rel_tol=1e-9, abs_tol=1e-12):
        # The other scale on which values are merged, where they lie over several decades.
        named = "geometric mean"
    return MergedValue(_words(task, label), named, f"{len(values)}: {listed}{more}")


def _words(task: TaskSpec, label: float) -> str:
    if not math.isfinite(label):
        return "none"
    return task.classes[int(label)] if task.classes else plain_minus(f"{label:.6g}")
