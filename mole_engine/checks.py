"""Two checks on a finished run that take trainings of their own: the learning curve and the y-scramble.

Both train again and again on the run's own molecules and parts, taken from its folder alone, and judge on its test
part. What is trained is either a random forest on fingerprints, which takes seconds and speaks for the data more than
for the network, or the run's own network with fewer epochs; the result says which.
"""

from __future__ import annotations

import csv
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mole_engine.contracts.checks import CheckKind, CheckModel, CheckPoint, CheckResult
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import Split, TaskKind
from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.contracts.events import Event, ProgressHandler
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.contracts.wording import counted
from mole_engine.store.reproduce import reproduction
from mole_engine.store.run_checks import add_check
from mole_engine.store.run_folder import RunFolder

if TYPE_CHECKING:
    from mole_engine.data.dataset import CuratedDataset

SHARES = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
REPEATS = {"fingerprints": 3, "network": 1}
SHUFFLES = {"fingerprints": 10, "network": 3}
FEWEST = 8
"""Molecules below which nothing can be fitted."""
_METRIC = {TaskKind.REGRESSION: "rmse", TaskKind.CLASSIFICATION: "auroc", TaskKind.MULTICLASS: "macro_f1"}

Fit = Callable[["CuratedDataset", Split, int], dict[str, float]]
"""Train on a data set, its split and a seed; return test metrics."""


@dataclass(frozen=True)
class _Material:
    """What a run was made of, read back from its folder."""

    config: TrainConfig
    dataset: CuratedDataset
    split: Split
    task: str
    metric: str
    unit: str

    @property
    def key(self) -> str:
        return f"{self.metric}/{self.task}"


def run_check(
    run_dir: str | Path,
    kind: CheckKind,
    task: str = "",
    *,
    model: CheckModel = "fingerprints",
    on_progress: ProgressHandler | None = None,
) -> CheckResult:
    """Make a check on a run and keep its result in the run's folder.

    Parameters
    ----------
    run_dir
        Folder of a finished run.
    kind, task
        Which check, and on which target (by default the first).
    model
        What is trained: "fingerprints" (ECFP4 + random forest) or "network" (the run's own, with fewer epochs).
    on_progress
        Told (stage, done, total) before each training and within it; it may raise `Cancelled`.

    Raises
    ------
    Cancelled
        When the handler says so.
    InputError
        When the folder is not enough for it, or there are no test molecules.
    """
    folder = RunFolder(run_dir)
    with tempfile.TemporaryDirectory(prefix="mole-check-", ignore_cleanup_errors=True) as place:
        material = _material(folder, task, Path(place))
        epochs = short_epochs(material.config.training.epochs)
        fit = _forest(material) if model == "fingerprints" else _network(material, Path(place), epochs, on_progress)
        trained = _words(model, epochs, material.config.training.epochs)
        work = _learning if kind == "learning" else _scramble
        points, real = work(material, fit, model, on_progress or _silent)
    chance = _chance(material)
    names = (trained, material.task, material.metric, material.unit)
    result = CheckResult(kind, model, *names, points, real, chance)
    add_check(folder.checks, result)
    return result


def short_epochs(epochs: int) -> int:
    """Return for how many epochs a check trains the network of a run of so many."""
    return max(1, min(epochs, max(5, round(epochs / 3))))


def _words(model: CheckModel, short: int, epochs: int) -> str:
    if model == "fingerprints":
        return "ECFP4 + random forest, not the network"
    return f"this run's network, {short} of its {counted(epochs, 'epoch')}"


def _material(folder: RunFolder, task: str, place: Path) -> _Material:
    from mole_engine.data.assemble import load_training_data

    config = reproduction(folder.path, place)
    dataset, split = load_training_data(config)
    if not split.test:
        raise InputError("This run has no test molecules to judge on.", "", "Train again with a test part.")
    chosen = next((item for item in dataset.tasks if item.name == task), dataset.tasks[0])
    unit = chosen.unit if chosen.kind is TaskKind.REGRESSION else ""
    return _Material(config, dataset, split, chosen.name, _METRIC[chosen.kind], unit)


def _learning(
    material: _Material, fit: Fit, model: CheckModel, on_progress: ProgressHandler
) -> tuple[tuple[CheckPoint, ...], float]:
    """Train on growing parts of the training molecules; each repetition takes them in another order."""
    train = np.array(material.split.train)
    sizes = sorted({max(FEWEST, round(share * len(train))) for share in SHARES if len(train) >= FEWEST})
    values: dict[int, list[float]] = {size: [] for size in sizes}
    total, done = len(sizes) * REPEATS[model], 0
    for seed in range(REPEATS[model]):
        order = np.random.default_rng(seed).permutation(train)
        for size in sizes:
            on_progress(f"Training on {counted(size, 'molecule')}", done, total)
            part = replace(material.split, train=tuple(sorted(order[:size].tolist())))
            values[size].append(fit(material.dataset, part, seed).get(material.key, math.nan))
            done += 1
    on_progress("Learning curve", total, total)
    return tuple(CheckPoint(size, tuple(found)) for size, found in values.items()), math.nan


def _scramble(
    material: _Material, fit: Fit, model: CheckModel, on_progress: ProgressHandler
) -> tuple[tuple[CheckPoint, ...], float]:
    """Train on the true values once, and on shuffled ones again and again; the test values stay true."""
    total = SHUFFLES[model] + 1
    on_progress("Training on the true values", 0, total)
    real = fit(material.dataset, material.split, 0).get(material.key, math.nan)
    values = []
    for seed in range(SHUFFLES[model]):
        on_progress(f"Training on shuffled values, {seed + 1} of {SHUFFLES[model]}", seed + 1, total)
        shuffled = _shuffled(material.dataset, material.split, seed)
        values.append(fit(shuffled, material.split, seed).get(material.key, math.nan))
    on_progress("y-scramble", total, total)
    return (CheckPoint(len(material.split.train), tuple(values)),), real


def _shuffled(dataset: CuratedDataset, split: Split, seed: int) -> CuratedDataset:
    """Shuffle the values of each target among the training, and among the validation molecules that have one."""
    generator = np.random.default_rng(seed)
    targets = dataset.targets.copy()
    for members in (np.array(split.train, dtype=np.int64), np.array(split.validation, dtype=np.int64)):
        for column in range(targets.shape[1]):
            known = members[~np.isnan(targets[members, column])] if len(members) else members
            targets[known, column] = generator.permutation(targets[known, column])
    return replace(dataset, targets=targets)


def _chance(material: _Material) -> float:
    """Return the metric of saying the same of every molecule."""
    from mole_engine.training.baselines import fit_baseline

    found = fit_baseline("mean", material.dataset, material.split)
    return found.test_metrics.get(material.key, math.nan)


def _forest(material: _Material) -> Fit:
    from mole_engine.training.baselines import fit_baseline

    transform = material.config.data.target_transform

    def fit(dataset: CuratedDataset, split: Split, seed: int) -> dict[str, float]:
        return fit_baseline("fingerprints", dataset, split, seed=seed, transform=transform).test_metrics

    return fit


def _network(material: _Material, place: Path, epochs: int, on_progress: ProgressHandler | None) -> Fit:
    """Return a function that trains the run's own network, shortened, in a folder that is dropped afterwards."""
    from mole_engine.train import train

    def fit(dataset: CuratedDataset, split: Split, seed: int) -> dict[str, float]:
        with tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as folder:
            data = Path(folder) / "data.csv"
            _write_data(data, material.config, dataset, split)
            changes = {
                "seed": seed,
                "out": str(Path(folder) / "run"),
                "baselines": False,
                # Its own validation file is in there: read once more, it would bring true values to shuffled ones.
                "data": {"path": str(data), "validation_path": ""},
                "training": {"epochs": epochs},
                "ensemble": {"kind": "none", "trees": False},
                "search": {"trials": 0},
            }
            control = RunControl()
            record = train(material.config.updated(changes), _watch(control, on_progress), control)
        if record.status is not RunState.COMPLETED:
            raise Cancelled
        return {**record.metrics, material.key: record.metrics.get(material.key, math.nan)}

    return fit


def _watch(control: RunControl, on_progress: ProgressHandler | None) -> Callable[[Event], None]:
    """Return an event handler that cancels the training where the progress handler says so."""

    def hear(_event: Event) -> None:
        if on_progress is None:
            return
        try:
            on_progress("", 0, 0)
        except Cancelled:
            control.cancel()

    return hear


def _write_data(path: Path, config: TrainConfig, dataset: CuratedDataset, split: Split) -> None:
    """Write the molecules of a split as a file that `config` reads; those of no part are left out."""
    parts = split.part_of(len(dataset))
    header = [config.data.smiles_column, *(task.name for task in dataset.tasks), config.split.column]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        weighted = [config.data.weight_column] if config.data.weight_column else []
        writer.writerow([*header, *weighted])
        for place, part in enumerate(parts):
            if part:
                values = [_text(dataset, place, column) for column in range(len(dataset.tasks))]
                weight = [repr(float(dataset.weights[place]))] if weighted else []
                writer.writerow([dataset.smiles[place], *values, part, *weight])


def _text(dataset: CuratedDataset, place: int, column: int) -> str:
    value = float(dataset.targets[place, column])
    if math.isnan(value):
        return ""
    task = dataset.tasks[column]
    return task.classes[int(value)] if task.classes else repr(value)


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Nobody listens."""
