"""The test molecules of a finished run, read back from its folder: `predictions.csv` and `baselines.csv`.

`baselines.csv` holds the test molecules in the order of `predictions.csv`: column `row`, then for each baseline the
columns of a prediction table with its name before them (`fingerprints:logS_pred`, `mean:kind_prob_red`).
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.cells import unguarded
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.records import SET_SEPARATOR
from mole_engine.data.scaling import TaskScale

Floats = npt.NDArray[np.float64]
Rows = list[dict[str, str]]

_INSIDE = {"true": True, "false": False}

MEAN = "mean"
"""Name of the baseline that needs no training: the mean (or the shares of the classes) of the training molecules."""

LOOKED_UP = {MEAN: "the mean", "neighbours": "the most similar molecules"}
"""Baselines that are there without fitting, and what a headline calls them: to beat these is no praise."""

_TITLES = {
    MEAN: "the mean of the training molecules",
    "neighbours": "the 5 most similar molecules",
    "fingerprints": "ECFP4 + random forest",
    "descriptors": "RDKit descriptors + extra trees",
    "boosting": "RDKit descriptors + gradient boosting",
}


@dataclass(frozen=True)
class TaskResult:
    """The n labelled test molecules of one task.

    Attributes
    ----------
    task
        What is predicted.
    smiles
        (n) of the test molecules.
    truth
        (n,) measured values, or classes 0..k-1.
    output
        (n,) values or probabilities of the positive class; of several classes (n, k) probabilities.
    lower, upper, std
        (n,) 90% interval and standard deviation, NaN where unknown.
    similarity, in_domain
        (n,) to the nearest training molecule, NaN where unknown; (n) whether that is near enough, None where unknown.
    baselines
        By name, like `output`.
    sets
        (n) of tasks with classes: the classes that cannot be ruled out, by their places; empty where unknown.
    training_smiles, training_values
        (m) training molecules with a label, and (m,) their values or classes.
    scale
        How a number was learnt, as the run's model says; None where that is not known.
    """

    task: TaskSpec
    smiles: list[str]
    truth: Floats
    output: Floats
    lower: Floats
    upper: Floats
    std: Floats
    similarity: Floats
    training_smiles: list[str]
    training_values: Floats
    in_domain: list[bool | None] = field(default_factory=list)
    sets: list[frozenset[int]] = field(default_factory=list)
    baselines: dict[str, Floats] = field(default_factory=dict)
    scale: TaskScale | None = None
    _prints: list[npt.NDArray[np.uint8]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if not self.in_domain:
            self.in_domain.extend([None] * len(self.smiles))

    def training_fingerprints(self) -> npt.NDArray[np.uint8]:
        """(m, 256) packed ECFP4 of the training molecules, computed on first use."""
        from mole_engine.inference.domain import own_fingerprints

        if not self._prints:
            self._prints.append(own_fingerprints(self.training_smiles))
        return self._prints[0]

    def __len__(self) -> int:
        return len(self.smiles)

    @property
    def predicted_class(self) -> npt.NDArray[np.int64]:
        """(n,) most probable class; only for tasks with classes."""
        single = self.output.ndim == 1
        return np.asarray(self.output >= 0.5 if single else self.output.argmax(axis=1), dtype=np.int64)

    def against_rest(self, place: int) -> TaskResult:
        """Return one of several classes, by its place, against all others: a task of two classes, without baselines."""
        label = self.task.classes[place]
        return replace(
            self,
            task=TaskSpec(self.task.name, TaskKind.CLASSIFICATION, classes=(f"not {label}", label)),
            truth=(self.truth == place).astype(np.float64),
            output=self.output[:, place],
            training_smiles=[],
            training_values=np.zeros(0),
            sets=[],
            baselines={},
            _prints=[],
        )


def read_tasks(dataset: Path) -> tuple[TaskSpec, ...]:
    """Return the tasks that a run's `dataset.json` names; none where it is missing or damaged."""
    try:
        content = json.loads(dataset.read_text(encoding="utf-8"))
        return tuple(TaskSpec.from_dict(item) for item in content["roles"]["tasks"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def baseline_titles(path: Path) -> dict[str, str]:
    """Return how the baselines of a run are called, from its `baselines.json`; the known ones without it."""
    titles = dict(_TITLES)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return titles
    entries = content.get("baselines", content) if isinstance(content, dict) else content
    if isinstance(entries, dict):
        entries = [{"name": name, **item} for name, item in entries.items() if isinstance(item, dict)]
    for item in entries if isinstance(entries, list) else []:
        if isinstance(item, dict) and item.get("name") not in LOOKED_UP and item.get("title"):
            titles[str(item.get("name"))] = str(item["title"])
    return titles


def read_results(predictions: Path, baselines: Path, tasks: Sequence[TaskSpec]) -> list[TaskResult]:
    """Read the test molecules of each task; a missing or damaged file gives results without molecules."""
    rows = _rows(predictions)
    test = [row for row in rows if row.get("part", "test") == "test"]
    training = [row for row in rows if row.get("part") == "train"]
    others = _rows(baselines)
    if not _same_molecules(test, others):
        others = []
    return [_task_result(task, test, training, others) for task in tasks]


def _task_result(task: TaskSpec, test: Rows, training: Rows, others: Rows) -> TaskResult:
    truth = np.array([truth_of(row, task) for row in test], dtype=np.float64)
    output = _outputs(test, task, "")
    known = np.isfinite(truth) & np.isfinite(output if output.ndim == 1 else output.sum(axis=1))
    lower, upper, std = (_column(test, f"{task.name}_{name}")[known] for name in ("lower", "upper", "std"))
    values = np.array([truth_of(row, task) for row in training], dtype=np.float64)
    labelled = np.isfinite(values)
    kept = [row for row, keep in zip(training, labelled, strict=True) if keep]
    kept_test = [row for row, keep in zip(test, known, strict=True) if keep]
    result = TaskResult(
        task=task,
        smiles=[row.get("smiles") or "" for row in kept_test],
        truth=truth[known],
        output=output[known],
        lower=lower,
        upper=upper,
        std=std,
        similarity=_column(test, "nearest_similarity")[known],
        in_domain=[_INSIDE.get((row.get("in_domain") or "").lower()) for row in kept_test],
        sets=[set_of(row, task) for row in kept_test],
        training_smiles=[row.get("smiles") or "" for row in kept],
        training_values=values[labelled],
    )
    result.baselines.update(_baselines(task, others, known))
    if MEAN not in result.baselines and kept:
        result.baselines[MEAN] = _blind(task, result)
    return result


def set_of(row: Mapping[str, str], task: TaskSpec) -> frozenset[int]:
    """Return the classes, by their places, that a row of predictions does not rule out; empty where it does not say."""
    text = row.get(f"{task.name}_set") or ""
    names = text.split(SET_SEPARATOR) if text else []
    return frozenset(place for place, label in enumerate(task.classes) if label in names)


def _baselines(task: TaskSpec, rows: Rows, known: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    if not rows:
        return {}
    end = f":{output_columns(task)[0]}"
    names = [name.removesuffix(end) for name in rows[0] if name and name.endswith(end)]
    # No baseline has a colon in its name; "mean:a:b_pred" is of the target "a:b", not of "b".
    names = [name for name in names if ":" not in name]
    found = {name: _outputs(rows, task, f"{name}:")[known] for name in names}
    return {name: values for name, values in found.items() if np.isfinite(values).all()}


def _blind(task: TaskSpec, result: TaskResult) -> Floats:
    """Return what the training molecules' mean, or the shares of their classes, say of every test molecule."""
    if task.kind is not TaskKind.MULTICLASS:
        return np.full(len(result), float(result.training_values.mean()))
    shares = np.bincount(result.training_values.astype(np.int64), minlength=len(task.classes)).astype(np.float64)
    return np.tile(shares / shares.sum(), (len(result), 1))


def output_columns(task: TaskSpec) -> list[str]:
    """Return the columns of a prediction table that hold the outputs of a task."""
    if task.kind is TaskKind.MULTICLASS:
        return [f"{task.name}_prob_{label}" for label in task.classes]
    return [f"{task.name}_pred"]


def _outputs(rows: Rows, task: TaskSpec, prefix: str) -> Floats:
    columns = [_column(rows, prefix + name) for name in output_columns(task)]
    return np.stack(columns, axis=1) if task.kind is TaskKind.MULTICLASS else columns[0]


def truth_of(row: Mapping[str, str], task: TaskSpec) -> float:
    """Return the measured value of a row as a number (of a class, its place); NaN where there is none."""
    text = row.get(f"{task.name}_true") or ""
    if task.kind is TaskKind.REGRESSION:
        return _float(text)
    if text in task.classes:
        return float(task.classes.index(text))
    place = _float(text)
    return place if math.isfinite(place) and 0 <= int(place) < len(task.classes) else math.nan


def _same_molecules(test: Rows, others: Rows) -> bool:
    """Whether two tables tell of the same molecules in the same order."""
    if len(test) != len(others):
        return False
    return all(row.get("row") == other.get("row", row.get("row")) for row, other in zip(test, others, strict=True))


def _rows(path: Path) -> Rows:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            titles, *rows = list(csv.reader(stream)) or [[]]
    except (OSError, ValueError, csv.Error):
        return []
    # Class labels such as "+" and "++" were guarded when they were written.
    names = list(map(unguarded, titles))
    return [dict(zip(names, map(unguarded, row), strict=False)) for row in rows if row]


def _column(rows: Rows, name: str) -> Floats:
    return np.array([_float(row.get(name)) for row in rows], dtype=np.float64)


def _float(text: str | None) -> float:
    try:
        return float(text or "nan")
    except (ValueError, TypeError):
        return math.nan
