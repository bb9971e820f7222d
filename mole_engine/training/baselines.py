"""Simple models that a network has to beat: the same data, the same split, the same metrics."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mole_engine.chem.descriptors import rdkit_descriptor_names
from mole_engine.contracts.config import TransformName
from mole_engine.contracts.dataset import Split, TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.fingerprints import fingerprints_of
from mole_engine.data.scaling import TargetScaler
from mole_engine.data.weights import counting
from mole_engine.training.folds import of_main_file
from mole_engine.training.library_threads import openmp_threads
from mole_engine.training.metrics import compute_metrics
from mole_engine.training.neighbours import NEIGHBOURS, read_across, said_of
from mole_engine.training.tabular import (
    ROWS_AT_A_TIME,
    Table,
    boosting,
    column_medians,
    descriptor_table,
    fit_in_steps,
    forest,
    predict_task,
    small_count_table,
    without_gaps,
    written_out,
)

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

BASELINES: dict[str, str] = {
    "mean": "Mean of the training molecules",
    "neighbours": f"{NEIGHBOURS} most similar molecules",
    "fingerprints": "ECFP4 + random forest",
    "descriptors": "RDKit descriptors + extra trees",
    "boosting": "RDKit descriptors + gradient boosting",
}
"""Name and title of each baseline, in the order in which they are shown."""

AT_ONCE = ("mean", "neighbours")
"""Those that are looked up rather than fitted, which no job is too short for."""

MAX_MOLECULES = 20_000
"""A larger training part is represented by a sample: a baseline must not take longer than the network."""

TREES = 300
ROUNDS = 300
STAGE = "Fitting simple models"


@dataclass(frozen=True)
class BaselineResult:
    """How good a simple model is.

    Attributes
    ----------
    name, title
        As in `BASELINES`.
    validation_metrics, test_metrics
        Named as `compute_metrics` does; empty for a part without molecules.
    test_outputs, validation_outputs
        (n, outputs) in the user's units or as probabilities, in the order of `split.test` and `split.validation`.
    note
        What a reader has to know ("fitted on 20,000 of 41,000 training molecules"); else empty.
    seconds
        Time of fitting and predicting.
    """

    name: str
    title: str
    validation_metrics: dict[str, float]
    test_metrics: dict[str, float]
    test_outputs: Floats
    validation_outputs: Floats
    note: str = ""
    seconds: float = math.nan


def fit_baseline(
    name: str,
    dataset: CuratedDataset,
    split: Split,
    *,
    seed: int = 0,
    threads: int = 1,
    cache_dir: str | Path | None = None,
    on_progress: ProgressHandler | None = None,
    transform: TransformName = "auto",
    refit: bool = False,
    described: bool = False,
) -> BaselineResult:
    """Fit one baseline on the training part, and judge it on the validation and test parts.

    Parameters
    ----------
    name
        One of `BASELINES`.
    dataset, split
        As the network gets them.
    seed, threads
        Of the trees.
    cache_dir
        Keeps descriptors from run to run; None: not kept.
    on_progress
        Told how far the work is; may raise `Cancelled`.
    transform
        Of regression targets, as in the job's configuration.
    refit
        Whether it learns from the validation molecules too before it is judged on the test part, as models over
        folds do (but for those of a separate file): who is compared has to have seen as much.
    described
        Whether the run that it stands beside describes all molecules, so that descriptors of all are in the cache.

    Raises
    ------
    InputError
        When there is no such baseline.
    """
    if name not in BASELINES:
        raise InputError(f"There is no baseline '{name}'.", "", f"Choose one of: {', '.join(BASELINES)}.")
    began = time.monotonic()
    rows = {part: np.asarray(getattr(split, part), dtype=np.int64) for part in ("validation", "test")}
    learnt, note = _learnt(dataset, split, rows, seed, refit)
    # Others may be many more: of them, nothing is computed.
    used = np.unique(np.concatenate([*learnt.values(), *rows.values()]))
    table = _Features(dataset.smiles, used, cache_dir, described, on_progress).table(name)
    parts = _Work(name, dataset, table, used, seed, threads, transform, on_progress).parts(learnt, rows)
    metrics = {part: _metrics(dataset, rows[part], parts[part]) for part in parts}
    return BaselineResult(
        name=name,
        title=BASELINES[name],
        validation_metrics=metrics["validation"],
        test_metrics=metrics["test"],
        test_outputs=parts["test"],
        validation_outputs=parts["validation"],
        note=note,
        seconds=time.monotonic() - began,
    )


def _learnt(
    dataset: CuratedDataset, split: Split, rows: dict[str, Positions], seed: int, refit: bool
) -> tuple[dict[str, Positions], str]:
    """Return what is learnt from before each part is judged, and what a reader has to know."""
    train, note = _training_rows(split, seed)
    learnt = {"validation": train, "test": train}
    joining = of_main_file(dataset, rows["validation"])
    if refit and len(joining) and len(rows["test"]):
        more, note = _training_rows(replace(split, train=(*split.train, *joining.tolist())), seed)
        learnt["test"] = np.sort(more)
    return learnt, note


def _training_rows(split: Split, seed: int) -> tuple[Positions, str]:
    train = np.asarray(split.train, dtype=np.int64)
    if len(train) <= MAX_MOLECULES:
        return train, ""
    chosen = np.random.default_rng(seed).choice(train, MAX_MOLECULES, replace=False)
    return np.sort(chosen), f"fitted on {MAX_MOLECULES:,} of {len(train):,} training molecules"


def _metrics(dataset: CuratedDataset, rows: Positions, outputs: Floats) -> dict[str, float]:
    if not len(rows):
        return {}
    targets = dataset.targets[rows]
    return compute_metrics(outputs, targets, ~np.isnan(targets), dataset.tasks)


@dataclass(frozen=True)
class _Features:
    """What baselines read of the molecules that they use."""

    smiles: Sequence[str]
    used: Positions
    cache_dir: str | Path | None
    described: bool
    on_progress: ProgressHandler | None

    def table(self, name: str) -> Any:
        """Return (len(used), F) features, sparse or not, or packed fingerprints; without columns for the mean."""
        if name == "mean":
            return np.zeros((len(self.used), 0), dtype=np.float32)
        if name == "neighbours":
            return fingerprints_of([self.smiles[row] for row in self.used], lambda *_: self._check())
        if name == "fingerprints":
            return small_count_table([self.smiles[row] for row in self.used], self._check) > 0
        return self._descriptors()[:, : len(rdkit_descriptor_names())]

    def _descriptors(self) -> Table:
        # Of all, the cache serves every split and the run itself; it is no use where most would never be looked at.
        if (self.described and self.cache_dir is not None) or len(self.smiles) <= 2 * len(self.used):
            return descriptor_table(self.smiles, cache_dir=self.cache_dir, on_progress=self.on_progress)[self.used]
        own = [self.smiles[row] for row in self.used]
        return descriptor_table(own, cache_dir=self.cache_dir, on_progress=self.on_progress)

    def _check(self) -> None:
        if self.on_progress is not None:
            self.on_progress(STAGE, 0, 1)


@dataclass(frozen=True)
class _Work:
    """One baseline at work, task by task; `table` holds the features of the molecules `used`."""

    name: str
    dataset: CuratedDataset
    table: Any
    used: Positions
    seed: int
    threads: int
    transform: TransformName
    on_progress: ProgressHandler | None

    def parts(self, learnt: dict[str, Positions], rows: dict[str, Positions]) -> dict[str, Floats]:
        """Return (n, outputs) of the validation and the test part."""
        if learnt["validation"] is not learnt["test"]:
            return {part: self.outputs(learnt[part], rows[part]) for part in rows}
        outputs = self.outputs(learnt["test"], np.concatenate([rows["validation"], rows["test"]]))
        count = len(rows["validation"])
        return {"validation": outputs[:count], "test": outputs[count:]}

    def outputs(self, train: Positions, rows: Positions) -> Floats:
        """Return (len(rows), outputs) in the user's units or as probabilities."""
        train, weights = counting(self.dataset.weights, train)
        filling = None if self.name in ("neighbours", "fingerprints") else column_medians(self._features(train))
        scaler = TargetScaler.fit(self.dataset.targets[train], self.dataset.tasks, self.transform, weights)
        if self.name == "neighbours":
            return self._read_across(train, rows, scaler, weights)
        parts = []
        for place, task in enumerate(self.dataset.tasks):
            self._tell(place)
            labels = self.dataset.targets[train, place]
            known = ~np.isnan(labels)
            own = None if weights is None else weights[known]
            scale = scaler.scales[place]
            if self.name == "mean":
                parts.append(_mean(labels[known], task, len(rows), own))
                continue
            if scale is not None:
                labels = scale.forward(labels)
            predicted = self._fitted(task, train[known], labels[known], rows, filling, own)
            parts.append(predicted if scale is None else scale.inverse(predicted))
        self._tell(len(self.dataset.tasks))
        return np.concatenate(parts, axis=1)

    def _read_across(self, train: Positions, rows: Positions, scaler: TargetScaler, weights: Floats | None) -> Floats:
        self._tell(0)
        tasks, targets = self.dataset.tasks, self.dataset.targets[train]
        labels = [
            values if one is None else one.forward(values) for values, one in zip(targets.T, scaler.scales, strict=True)
        ]
        said = [said_of(values, task) for values, task in zip(labels, tasks, strict=True)]
        found = read_across(self._features(train), said, self._features(rows), weights, self._check)
        parts = np.split(found, np.cumsum([task.outputs for task in tasks])[:-1], axis=1)
        self._tell(len(tasks))
        scaled = zip(parts, scaler.scales, strict=True)
        return np.concatenate([part if one is None else one.inverse(part) for part, one in scaled], axis=1)

    def _features(self, rows: Positions, filling: Table | None = None) -> Any:
        places = np.searchsorted(self.used, rows)
        if self.name == "neighbours":
            return self.table[places]
        if self.name == "fingerprints":
            # Nearly all of it is 0, which trees pass over.
            return self.table[places].astype(np.float32)
        table = written_out(self.table, places)
        return table if filling is None else without_gaps(table, filling)

    def _fitted(
        self,
        task: TaskSpec,
        train: Positions,
        labels: Floats,
        wanted: Positions,
        filling: Table | None,
        weights: Floats | None,
    ) -> Floats:
        if len(np.unique(labels)) < 2 or not len(wanted):
            # Nothing can be told apart (scikit-learn refuses a single class).
            return _mean(labels, task, len(wanted), weights)
        if self.name == "boosting":
            model = boosting(task.kind, rounds=ROUNDS, seed=self.seed)
        else:
            kind = "random" if self.name == "fingerprints" else "extra"
            model = forest(kind, task.kind, trees=TREES, seed=self.seed, threads=self.threads)
        # Of the calling thread's OpenMP alone: the network's own threads are not touched.
        with openmp_threads(self.threads):
            fit_in_steps(model, self._features(train, filling), labels, self._check, weights)
            blocks = [wanted[start : start + ROWS_AT_A_TIME] for start in range(0, len(wanted), ROWS_AT_A_TIME)]
            return np.concatenate([predict_task(model, self._features(block, filling), task) for block in blocks])

    def _tell(self, tasks_done: int) -> None:
        if self.on_progress is not None:
            self.on_progress(STAGE, tasks_done, len(self.dataset.tasks))

    def _check(self) -> None:
        self._tell(0)


def _mean(labels: Floats, task: TaskSpec, count: int, weights: Floats | None) -> Floats:
    """Return the mean label, or the classes' shares, for each of `count` molecules."""
    if task.kind is TaskKind.MULTICLASS:
        shares = np.bincount(labels.astype(np.int64), weights, minlength=task.outputs)
        shares = shares / (max(1, len(labels)) if weights is None else weights.sum() or 1)
        return np.tile(shares, (count, 1))
    return np.full((count, 1), float(np.average(labels, weights=weights)) if len(labels) else 0.0)
