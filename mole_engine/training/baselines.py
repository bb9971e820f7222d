"""Simple models that a network has to beat: the same data, the same split, the same metrics."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mole_engine.chem.descriptors import rdkit_descriptor_names
from mole_engine.contracts.config import TransformName
from mole_engine.contracts.dataset import Split, TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.scaling import TargetScaler
from mole_engine.data.weights import counting
from mole_engine.training.folds import of_main_file
from mole_engine.training.metrics import compute_metrics
from mole_engine.training.tabular import (
    Table,
    boosting,
    column_medians,
    count_table,
    descriptor_table,
    fit_in_steps,
    forest,
    predict_task,
    without_gaps,
)

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

BASELINES: dict[str, str] = {
    "mean": "Mean of the training molecules",
    "fingerprints": "ECFP4 + random forest",
    "descriptors": "RDKit descriptors + extra trees",
    "boosting": "RDKit descriptors + gradient boosting",
}
"""Name and title of each baseline, in the order in which they are shown."""

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

    Raises
    ------
    InputError
        When there is no such baseline.
    """
    if name not in BASELINES:
        raise InputError(f"There is no baseline '{name}'.", "", f"Choose one of: {', '.join(BASELINES)}.")
    began = time.monotonic()
    rows = {part: np.asarray(getattr(split, part), dtype=np.int64) for part in ("validation", "test")}
    parts, note = _outputs(name, _Work(dataset, seed, threads, transform, on_progress), split, rows, cache_dir, refit)
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


def _outputs(
    name: str,
    work: _Work,
    split: Split,
    rows: dict[str, Positions],
    cache_dir: str | Path | None,
    refit: bool,
) -> tuple[dict[str, Floats], str]:
    """Return (n, outputs) of the validation and the test part, and what a reader has to know."""
    table = work.table(name, cache_dir)
    train, note = _training_rows(split, work.seed)
    joining = of_main_file(work.dataset, rows["validation"])
    if refit and len(joining) and len(rows["test"]):
        more, note = _training_rows(replace(split, train=(*split.train, *joining.tolist())), work.seed)
        learnt = {"validation": train, "test": np.sort(more)}
        return {part: work.outputs(name, table, learnt[part], rows[part]) for part in rows}, note
    outputs = work.outputs(name, table, train, np.concatenate([rows["validation"], rows["test"]]))
    count = len(rows["validation"])
    return {"validation": outputs[:count], "test": outputs[count:]}, note


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
class _Work:
    """One baseline at work, task by task."""

    dataset: CuratedDataset
    seed: int
    threads: int
    transform: TransformName
    on_progress: ProgressHandler | None

    def table(self, name: str, cache_dir: str | Path | None) -> Table:
        """Return the (n, F) features of all molecules; without columns for the mean."""
        smiles = self.dataset.smiles
        if name == "mean":
            return np.zeros((len(smiles), 0), dtype=np.float32)
        if name == "fingerprints":
            return (count_table(smiles, self._check) > 0).astype(np.float32)
        whole = descriptor_table(smiles, cache_dir=cache_dir, on_progress=self.on_progress)
        return whole[:, : len(rdkit_descriptor_names())]

    def outputs(self, name: str, table: Table, train: Positions, rows: Positions) -> Floats:
        """Return (len(rows), outputs) in the user's units or as probabilities."""
        train, weights = counting(self.dataset.weights, train)
        table = without_gaps(table, column_medians(table[train]))
        scaler = TargetScaler.fit(self.dataset.targets[train], self.dataset.tasks, self.transform, weights)
        parts = []
        for place, task in enumerate(self.dataset.tasks):
            self._tell(place)
            labels = self.dataset.targets[train, place]
            known = ~np.isnan(labels)
            own = None if weights is None else weights[known]
            scale = scaler.scales[place]
            if name == "mean":
                parts.append(_mean(labels[known], task, len(rows), own))
                continue
            if scale is not None:
                labels = scale.forward(labels)
            predicted = self._fitted(name, task, table[train[known]], labels[known], table[rows], own)
            parts.append(predicted if scale is None else scale.inverse(predicted))
        self._tell(len(self.dataset.tasks))
        return np.concatenate(parts, axis=1)

    def _fitted(
        self, name: str, task: TaskSpec, features: Table, labels: Floats, wanted: Table, weights: Floats | None
    ) -> Floats:
        from threadpoolctl import threadpool_limits

        if len(np.unique(labels)) < 2 or not len(wanted):
            # Nothing can be told apart (scikit-learn refuses a single class).
            return _mean(labels, task, len(wanted), weights)
        if name == "boosting":
            model = boosting(task.kind, rounds=ROUNDS, seed=self.seed)
        else:
            kind = "random" if name == "fingerprints" else "extra"
            model = forest(kind, task.kind, trees=TREES, seed=self.seed, threads=self.threads)
        # Of the calling thread's OpenMP alone: the network's own threads are not touched.
        with threadpool_limits(self.threads, user_api="openmp"):
            return predict_task(fit_in_steps(model, features, labels, self._check, weights), wanted, task)

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
