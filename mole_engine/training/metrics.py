"""Metrics of a whole epoch, per task and on average, in the user's units.

Missing labels are left out. A metric that is not defined (one class only, fewer than two values, constant values) is
NaN and stays out of the average.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn import metrics as sk

from mole_engine.contracts.config import TrainingConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.data.scaling import TargetScaler
from mole_engine.training.outputs import OutputLayout

Floats = npt.NDArray[np.float64]
Metric = Callable[[Floats, Floats], float]
"""Of (true, predicted): true (n,); predicted (n,), or (n, k) probabilities of k classes."""

LOSS = "loss"
"""Name of the validation loss where it is monitored like a metric."""


def _classes_of(probability: Floats) -> Floats:
    return (probability >= 0.5).astype(np.float64) if probability.ndim == 1 else probability.argmax(axis=1)


def _one_class(true: Floats) -> bool:
    return bool(np.ptp(true) == 0)


def _r2(true: Floats, predicted: Floats) -> float:
    return math.nan if len(true) < 2 or np.ptp(true) == 0 else float(sk.r2_score(true, predicted))


def _pearson(true: Floats, predicted: Floats) -> float:
    if len(true) < 2 or np.ptp(true) == 0 or np.ptp(predicted) == 0:
        return math.nan
    left, right = true - true.mean(), predicted - predicted.mean()
    norm = math.sqrt(float(left @ left)) * math.sqrt(float(right @ right))
    return float(left @ right) / norm if norm > 0 else math.nan


def _spearman(true: Floats, predicted: Floats) -> float:
    return _pearson(stats.rankdata(true), stats.rankdata(predicted))


def _auroc(true: Floats, probability: Floats) -> float:
    return math.nan if _one_class(true) else float(sk.roc_auc_score(true, probability))


def _auprc(true: Floats, probability: Floats) -> float:
    return math.nan if _one_class(true) else float(sk.average_precision_score(true, probability))


def _balanced_accuracy(true: Floats, probability: Floats) -> float:
    chosen = _classes_of(probability)
    recalls = [float((chosen[true == label] == label).mean()) for label in np.unique(true)]
    return math.nan if len(recalls) < 2 else float(np.mean(recalls))


def _f1(true: Floats, probability: Floats) -> float:
    # Without a positive label there is nothing to find.
    return float(sk.f1_score(true, _classes_of(probability), zero_division=0.0)) if true.any() else math.nan


def _mcc(true: Floats, probability: Floats) -> float:
    return math.nan if _one_class(true) else float(sk.matthews_corrcoef(true, _classes_of(probability)))


def _accuracy(true: Floats, probability: Floats) -> float:
    return float((_classes_of(probability) == true).mean())


def _macro_f1(true: Floats, probability: Floats) -> float:
    return float(sk.f1_score(true, _classes_of(probability), average="macro", zero_division=0.0))


def _auroc_several(true: Floats, probability: Floats) -> float:
    """One class against the rest, averaged over the classes that have labels here."""
    areas = [_auroc((true == label).astype(np.float64), probability[:, int(label)]) for label in np.unique(true)]
    return _mean(areas)


METRICS: dict[TaskKind, dict[str, Metric]] = {
    TaskKind.REGRESSION: {
        "rmse": lambda true, predicted: float(np.sqrt(np.mean((true - predicted) ** 2))),
        "mae": lambda true, predicted: float(np.mean(np.abs(true - predicted))),
        "r2": _r2,
        "pearson": _pearson,
        "spearman": _spearman,
    },
    TaskKind.CLASSIFICATION: {
        "auroc": _auroc,
        "auprc": _auprc,
        "accuracy": _accuracy,
        "balanced_accuracy": _balanced_accuracy,
        "f1": _f1,
        "mcc": _mcc,
    },
    TaskKind.MULTICLASS: {"accuracy": _accuracy, "macro_f1": _macro_f1, "auroc": _auroc_several},
}
LOWER_IS_BETTER = frozenset({"rmse", "mae", LOSS})
DEFAULT_MONITOR = {
    TaskKind.REGRESSION: "rmse",
    TaskKind.CLASSIFICATION: "auroc",
    TaskKind.MULTICLASS: "macro_f1",
}


def compute_metrics(outputs: Any, targets: Any, mask: Any, tasks: Sequence[TaskSpec]) -> dict[str, float]:
    """Return the metrics of all tasks over a whole epoch.

    Parameters
    ----------
    outputs
        (n, outputs) in the user's units or as probabilities, array or tensor.
    targets
        (n, T) in the user's units, classes as 0..k-1.
    mask
        (n, T) bool, true where there is a label.
    tasks
        The T tasks.

    Returns
    -------
    dict
        "rmse/<task>" for each task and "rmse", the mean over the tasks where it is defined; NaN where it is not. Never
        raises: predictions that are not finite give NaN.
    """
    values, truths, known = (_array(item) for item in (outputs, targets, mask))
    results: dict[str, dict[str, float]] = {}
    for place, (task, columns) in enumerate(zip(tasks, OutputLayout(tasks).columns, strict=True)):
        rows = known[:, place].astype(bool)
        predicted = values[rows, columns] if task.kind is TaskKind.MULTICLASS else values[rows, columns.start]
        true = truths[rows, place]
        usable = len(true) > 0 and bool(np.isfinite(predicted).all())
        for name, metric in METRICS[task.kind].items():
            results.setdefault(name, {})[task.name] = metric(true, predicted) if usable else math.nan
    flat = {name: _mean(list(by_task.values())) for name, by_task in results.items()}
    for name, by_task in results.items():
        flat.update({f"{name}/{task}": value for task, value in by_task.items()})
    return flat


def monitor_of(
    tasks: Sequence[TaskSpec], config: TrainingConfig, scaler: TargetScaler | None = None
) -> tuple[str, str]:
    """Return the validation metric that chooses the best epoch, and "min" or "max".

    By default that is the RMSE of one regression target, the AUROC of two-class targets, the macro-F1 of multi-class
    targets. Where an RMSE would hear one side only (several targets in different units, a transformed target whose
    largest values drown the rest, kinds mixed) it is the validation loss, called "loss", which is in scaled units.

    Raises
    ------
    InputError
        When the configured metric does not exist for these tasks.
    """
    kinds = {task.kind for task in tasks}
    known = sorted({LOSS} | {name for kind in kinds for name in METRICS[kind]})
    name = config.monitor
    if name == "auto":
        name = DEFAULT_MONITOR[next(iter(kinds))] if len(kinds) == 1 else LOSS
        transformed = scaler is not None and any(scale and scale.transform != "none" for scale in scaler.scales)
        if name == "rmse" and (len(tasks) > 1 or transformed):
            name = LOSS
    base, _, task_name = name.partition("/")
    if base not in known or (task_name and task_name not in {task.name for task in tasks}):
        raise InputError(
            f"There is no metric '{name}' to choose the best epoch by.",
            "",
            f"Choose auto, or one of: {', '.join(known)}.",
        )
    return name, "min" if base in LOWER_IS_BETTER else "max"


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


def _array(values: Any) -> Floats:
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().numpy()
    return np.asarray(values, dtype=np.float64)
