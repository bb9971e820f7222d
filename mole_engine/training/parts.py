"""The simple models that stand beside the network in a blend: fitted, saved as arrays, and used again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import special

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.training.additive import GROUPS, MAX_MOLECULES, LinearModel, fit_linear
from mole_engine.training.forests import TreeArrays, of_boosting, of_forest
from mole_engine.training.kernels import COUNTS, KernelModel, fit_kernels
from mole_engine.training.library_threads import openmp_threads
from mole_engine.training.outputs import OutputLayout
from mole_engine.training.tabular import Table, boosting, column_medians, fit_in_steps, forest, without_gaps

Arrays = dict[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Tables = Mapping[str, Table]
Check = Callable[[], None]

DESCRIPTORS, EMBEDDINGS = "descriptors", "embeddings"

PARTS: dict[str, str] = {
    "kernel": "Gaussian process",
    "similar": "Gaussian process on fingerprints",
    "additive": "Group contributions",
    "extra": "Extra trees",
    "boosting": "Gradient boosting",
    "random": "Random forest",
}
"""Name and title of each simple model in a blend."""

READS: dict[str, tuple[str, ...]] = {
    "kernel": (DESCRIPTORS, COUNTS, EMBEDDINGS),
    "similar": (COUNTS,),
    "additive": (GROUPS, DESCRIPTORS, EMBEDDINGS),
    "extra": (DESCRIPTORS,),
    "boosting": (DESCRIPTORS,),
    "random": (DESCRIPTORS, COUNTS),
}
"""Which tables each reads, as far as they are there."""

SMOOTH: dict[str, type[KernelModel] | type[LinearModel]] = {
    "kernel": KernelModel,
    "similar": KernelModel,
    "additive": LinearModel,
}
"""Those that are Gaussian processes or sums; the others are trees."""

MAX_KERNEL_MOLECULES = 5_000
"""A Gaussian process keeps its training molecules and takes their number cubed: of more, it gets a sample."""

MOST_LEARNT = {"kernel": MAX_KERNEL_MOLECULES, "similar": MAX_KERNEL_MOLECULES, "additive": MAX_MOLECULES}
"""Molecules that a part learns from at most; trees see all."""

RARE = 8
"""What fewer molecules have says little of others, and forests would look at thousands of such counts."""

SMALLEST = 1e-4
"""Probabilities are kept this far from 0 and 1."""


class Part(Protocol):
    """A fitted simple model."""

    def predict(self, tables: Tables) -> Floats:
        """Return (n, outputs): regression in scaled units, probabilities for classes."""
        ...

    def to_arrays(self, prefix: str) -> Arrays:
        """Return its arrays by name, each name starting with `prefix`."""
        ...


@dataclass(frozen=True)
class TreePart:
    """Trees for each task.

    Attributes
    ----------
    tasks
        What is predicted.
    reads
        Tables whose columns the trees see, in this order.
    filling
        (F,) values that stand for missing ones.
    trees
        One set a task; None where the training molecules had a single label.
    classes
        For each task the classes that its trees know, in the order of their values; empty for regression.
    constants
        (outputs,) what is predicted without trees.
    """

    tasks: tuple[TaskSpec, ...]
    reads: tuple[str, ...]
    filling: Table
    trees: tuple[TreeArrays | None, ...]
    classes: tuple[tuple[int, ...], ...]
    constants: Floats

    def predict(self, tables: Tables) -> Floats:
        """Return (n, outputs) values."""
        features = without_gaps(_side_by_side(tables, self.reads), self.filling)
        result = np.tile(self.constants, (len(features), 1))
        for task, columns, trees, classes in zip(
            self.tasks, OutputLayout(self.tasks).columns, self.trees, self.classes, strict=True
        ):
            if trees is not None:
                result[:, columns] = _values(trees, features, task, classes)
        return result

    def to_arrays(self, prefix: str) -> Arrays:
        """Return the arrays by name."""
        arrays: Arrays = {f"{prefix}filling": self.filling, f"{prefix}constants": self.constants.astype(np.float32)}
        for place, (trees, classes) in enumerate(zip(self.trees, self.classes, strict=True)):
            if trees is not None:
                arrays |= trees.to_arrays(f"{prefix}{place}.")
                arrays[f"{prefix}{place}.classes"] = np.array(classes, dtype=np.int32)
        return arrays


@dataclass(frozen=True)
class SmoothPart:
    """A Gaussian process or a sum; classes are regressed as 0 and 1."""

    tasks: tuple[TaskSpec, ...]
    model: KernelModel | LinearModel

    def predict(self, tables: Tables) -> Floats:
        """Return (n, outputs) values."""
        result = self.model.predict(tables)
        for task, columns in zip(self.tasks, OutputLayout(self.tasks).columns, strict=True):
            if task.kind is not TaskKind.REGRESSION:
                result[:, columns] = result[:, columns].clip(SMALLEST, 1 - SMALLEST)
            if task.kind is TaskKind.MULTICLASS:
                result[:, columns] /= result[:, columns].sum(axis=1, keepdims=True)
        return result

    def to_arrays(self, prefix: str) -> Arrays:
        """Return the arrays by name."""
        return self.model.to_arrays(prefix)


def learnt_from(name: str, rows: Positions, seed: int) -> Positions:
    """Return of the molecules at hand those that a part learns from, so that tables of others are not made."""
    most = MOST_LEARNT.get(name, len(rows))
    return rows if len(rows) <= most else np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def fit_part(
    name: str,
    tables: Tables,
    labels: Floats,
    tasks: Sequence[TaskSpec],
    *,
    seed: int = 0,
    threads: int = 1,
    trees: int = 300,
    groups: Positions | None = None,
    structures: Positions | None = None,
    weights: Floats | None = None,
    check: Check | None = None,
) -> Part:
    """Fit one simple model.

    Parameters
    ----------
    name
        One of `PARTS`.
    tables
        Features of the n training molecules by name; n is what `learnt_from` leaves.
    labels
        (n, T) scaled targets, classes as 0..k-1, NaN where there is none.
    tasks
        The T tasks.
    seed, threads, trees
        Of the trees; boosting takes as many rounds.
    groups
        (n,) a number for each molecule, the same for like ones; see `fit_linear`.
    structures
        (n,) a number for each molecule, the same where tables cannot tell them apart; see `fit_kernels`.
    weights
        (n,) above 0, 1 on average; None: all count the same.
    check
        Called now and then; it may raise to stop the work.
    """
    reads = tuple(table for table in READS[name] if table in tables)
    if name in SMOOTH:
        own = {table: tables[table] for table in reads}
        targets = _as_numbers(labels, tasks)
        return _fit_smooth(name, own, targets, tuple(tasks), groups, structures, weights, seed, check)
    features = _side_by_side(tables, reads)
    filling = column_medians(features)
    columns = _telling(tables, reads)
    features = without_gaps(features, filling)
    if len(columns) < features.shape[1]:
        features = features[:, columns]
    fitted = [
        _fit_trees(name, features, column, task, weights, seed, threads, trees, check)
        for task, column in zip(tasks, labels.T, strict=True)
    ]
    wide = tuple(None if item[0] is None else item[0].reading(columns) for item in fitted)
    constants = np.concatenate([_constant(column, task, weights) for task, column in zip(tasks, labels.T, strict=True)])
    return TreePart(tuple(tasks), reads, filling, wide, tuple(item[1] for item in fitted), constants)


def part_from_arrays(name: str, arrays: Mapping[str, npt.NDArray[Any]], prefix: str, tasks: Sequence[TaskSpec]) -> Part:
    """Rebuild a part from what `to_arrays` gave. Raises ValueError or KeyError when the arrays are not whole."""
    if name in SMOOTH:
        return SmoothPart(tuple(tasks), SMOOTH[name].from_arrays(arrays, prefix))
    trees: list[TreeArrays | None] = []
    classes: list[tuple[int, ...]] = []
    filling, constants = arrays[f"{prefix}filling"], arrays[f"{prefix}constants"].astype(np.float64)
    for place, task in enumerate(tasks):
        known = arrays.get(f"{prefix}{place}.classes")
        trees.append(None if known is None else TreeArrays.from_arrays(arrays, f"{prefix}{place}."))
        classes.append(() if known is None else tuple(known.tolist()))
        last = trees[-1]
        if last is not None and last.reads_up_to() > len(filling):
            raise ValueError("its trees read more columns than there are")
        if classes[-1] and max(classes[-1]) >= max(2, len(task.classes)):
            raise ValueError("its trees know more classes than there are")
    return TreePart(tuple(tasks), READS[name], filling, tuple(trees), tuple(classes), constants)


def _as_numbers(labels: Floats, tasks: Sequence[TaskSpec]) -> Floats:
    """Return (n, outputs): numbers and two classes as they are, several classes as 0 and 1 each; NaN stays NaN."""
    columns = []
    for task, column in zip(tasks, labels.T, strict=True):
        if task.kind is TaskKind.MULTICLASS:
            hot = (column[:, None] == np.arange(task.outputs)).astype(np.float64)
            columns.append(np.where(np.isnan(column)[:, None], np.nan, hot))
        else:
            columns.append(column[:, None])
    return np.concatenate(columns, axis=1)


def _fit_smooth(
    name: str,
    tables: Tables,
    targets: Floats,
    tasks: tuple[TaskSpec, ...],
    groups: Positions | None,
    structures: Positions | None,
    weights: Floats | None,
    seed: int,
    check: Check | None,
) -> SmoothPart:
    # Without a label a class is as likely as not, which is not what a mean of 0 says.
    for task, columns in zip(tasks, OutputLayout(tasks).columns, strict=True):
        if task.kind is not TaskKind.REGRESSION and np.isnan(targets[:, columns]).all():
            targets[:, columns] = 1 / max(2, task.outputs)
    if SMOOTH[name] is LinearModel:
        return SmoothPart(tasks, fit_linear(tables, targets, groups=groups, weights=weights, seed=seed, check=check))
    model = fit_kernels(tables, targets, weights=weights, structures=structures, seed=seed, check=check)
    return SmoothPart(tasks, model)


def _fit_trees(
    name: str,
    features: Table,
    labels: Floats,
    task: TaskSpec,
    weights: Floats | None,
    seed: int,
    threads: int,
    trees: int,
    check: Check | None,
) -> tuple[TreeArrays | None, tuple[int, ...]]:
    known = ~np.isnan(labels)
    if len(np.unique(labels[known])) < 2:
        return None, ()
    if check is not None:
        check()
    if name == "boosting":
        model = boosting(task.kind, rounds=trees, seed=seed)
    else:
        model = forest(name, task.kind, trees=trees, seed=seed, threads=threads)
    if COUNTS in READS[name]:
        # Thousands of columns, most of them empty: a tenth of them is looked at for a split.
        model.set_params(max_features=0.1)
    with openmp_threads(threads):
        fit_in_steps(model, features[known], labels[known], check, None if weights is None else weights[known])
    classes = () if task.kind is TaskKind.REGRESSION else tuple(int(label) for label in model.classes_)
    return (of_boosting(model) if name == "boosting" else of_forest(model)), classes


def _constant(labels: Floats, task: TaskSpec, weights: Floats | None) -> Floats:
    there = ~np.isnan(labels)
    known, much = labels[there], None if weights is None else weights[there]
    if task.kind is not TaskKind.REGRESSION and not len(known):
        # Nothing is known, which is not the same as improbable.
        return np.full(task.outputs, 1 / max(2, task.outputs))
    if task.kind is TaskKind.MULTICLASS:
        shares = np.bincount(known.astype(np.int64), much, minlength=task.outputs)
        return shares / (len(known) if much is None else much.sum())
    return np.array([np.average(known, weights=much) if len(known) else 0.0])


def _values(trees: TreeArrays, features: Table, task: TaskSpec, classes: tuple[int, ...]) -> Floats:
    raw = trees.predict(features)
    if task.kind is TaskKind.REGRESSION:
        return raw
    if not trees.averaged:
        # Boosting speaks in log-odds.
        raw = special.expit(raw) if raw.shape[1] == 1 else special.softmax(raw, axis=1)
    if raw.shape[1] == 1:
        raw = np.concatenate([1 - raw, raw], axis=1)
    whole = np.zeros((len(raw), max(2, len(task.classes))))
    whole[:, list(classes)] = raw
    return whole[:, 1:2] if task.kind is TaskKind.CLASSIFICATION else whole


def _side_by_side(tables: Tables, names: Sequence[str]) -> Table:
    return tables[names[0]] if len(names) == 1 else np.concatenate([tables[name] for name in names], axis=1)


def _telling(tables: Tables, names: Sequence[str]) -> Positions:
    """Return the columns, of these tables side by side, that trees look at: all but the rarest counts."""
    parts = [
        (tables[name] > 0).sum(axis=0) >= RARE if name == COUNTS else np.ones(tables[name].shape[1], dtype=bool)
        for name in names
    ]
    found = np.concatenate(parts)
    return np.flatnonzero(found if found.any() else ~found)
