"""How sure the difference between two models is: a paired bootstrap over the test molecules.

Both models are judged on the same resampled molecules, so what a molecule is hard for counts for both, and only their
difference is left (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: percentile intervals).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.dataset import TaskKind

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Of (b, n) how often each of n molecules was drawn: (b,) values of a metric, NaN where it is undefined."""

RESAMPLES = 2000
FEWEST = 10
"""With fewer molecules a percentile interval is far too narrow to be told."""
_CELLS = 4_000_000
"""Bounds the memory of one block of resamples: 32 MB an array."""

METRIC_OF = {TaskKind.REGRESSION: "rmse", TaskKind.CLASSIFICATION: "auroc", TaskKind.MULTICLASS: "macro_f1"}
"""By which metric two models are compared, by kind of task."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A model and a baseline on the same molecules.

    Attributes
    ----------
    metric
        "rmse" (less is better), "auroc" or "macro_f1" (more is better).
    model, baseline
        The metric of each.
    difference
        By how much the model is better; negative where it is worse.
    low, high
        95% interval of `difference`, NaN with too few molecules to tell.
    molecules
        How many were compared.
    scale
        Of all these, in words, where that is not the values' own: "logarithms".
    raw_model, raw_baseline
        Then the metric of each in the values' own unit; else NaN.
    """

    metric: str
    model: float
    baseline: float
    difference: float
    low: float
    high: float
    molecules: int
    scale: str = ""
    raw_model: float = math.nan
    raw_baseline: float = math.nan

    @property
    def as_measured(self) -> str:
        """Say what the raw figures are; of fractions and powers the largest values need not decide."""
        return "as measured, where the largest values decide" if self.scale == "logarithms" else "as measured"

    @property
    def beats(self) -> bool:
        """Whether the model is better, and not by chance: the whole interval lies above zero."""
        return self.low > 0

    @property
    def loses(self) -> bool:
        """Whether the model is worse, and not by chance."""
        return self.high < 0

    @property
    def lower_is_better(self) -> bool:
        """Whether less of the metric is better."""
        return self.metric == "rmse"


def compare(
    kind: TaskKind, truth: Floats, model: Floats, baseline: Floats, *, resamples: int = 0, seed: int = 0
) -> Comparison:
    """Compare two models on the same n molecules; see `compare_all`."""
    return compare_all(kind, truth, model, {"": baseline}, resamples=resamples, seed=seed)[""]


def compare_all(
    kind: TaskKind,
    truth: Floats,
    model: Floats,
    baselines: Mapping[str, Floats],
    *,
    resamples: int = 0,
    seed: int = 0,
) -> dict[str, Comparison]:
    """Compare a model with several baselines on the same n molecules, all drawn alike.

    Parameters
    ----------
    kind
        Of the task; it fixes the metric.
    truth
        (n,) measured values, or classes 0..k-1.
    model, baselines
        (n,) values or probabilities of the positive class; of several classes (n, k) probabilities.
    resamples
        Of the bootstrap; 0: 2,000, and fewer of many molecules, whose intervals are smooth.
    seed
        Of the draws.
    """
    own, others = (
        statistic(kind, truth, model),
        {name: statistic(kind, truth, item) for name, item in baselines.items()},
    )
    once = np.ones((1, len(truth)))
    value = float(own(once)[0]) if len(truth) else math.nan
    sign = -1.0 if kind is TaskKind.REGRESSION else 1.0
    gains: dict[str, list[Floats]] = {name: [] for name in baselines}
    if len(truth) >= FEWEST:
        number = resamples or min(RESAMPLES, max(500, _CELLS // len(truth)))
        for counts in draws(len(truth), number, seed):
            drawn = own(counts)
            for name, other in others.items():
                gains[name].append(sign * (drawn - other(counts)))
    found = {}
    for name, other in others.items():
        reached = float(other(once)[0]) if len(truth) else math.nan
        low, high = interval(np.concatenate(gains[name])) if gains[name] else (math.nan, math.nan)
        found[name] = Comparison(METRIC_OF[kind], value, reached, sign * (value - reached), low, high, len(truth))
    return found


def draws(molecules: int, resamples: int = RESAMPLES, seed: int = 0) -> Iterator[Floats]:
    """Yield blocks (b, n) of how often each molecule is drawn, `resamples` rows in all."""
    generator = np.random.default_rng(seed)
    share = np.full(molecules, 1.0 / molecules)
    block = max(1, _CELLS // molecules)
    for start in range(0, resamples, block):
        yield generator.multinomial(molecules, share, size=min(block, resamples - start)).astype(np.float64)


def interval(differences: Floats, coverage: float = 0.95) -> tuple[float, float]:
    """Return the ends of the percentile interval; NaN where the metric is mostly undefined."""
    known = differences[np.isfinite(differences)]
    if len(known) < 0.9 * len(differences) or not len(known):
        return math.nan, math.nan
    tail = 50 * (1 - coverage)
    low, high = np.percentile(known, [tail, 100 - tail])
    return float(low), float(high)


def statistic(kind: TaskKind, truth: Floats, predicted: Floats) -> Statistic:
    """Return the metric of a kind of task as a function of how often each molecule counts."""
    if kind is TaskKind.REGRESSION:
        return _rmse(truth, predicted)
    return _auroc(truth, predicted) if kind is TaskKind.CLASSIFICATION else _macro_f1(truth, predicted)


def _rmse(truth: Floats, predicted: Floats) -> Statistic:
    squares = (predicted - truth) ** 2

    def rmse(counts: Floats) -> Floats:
        result: Floats = np.sqrt(counts @ squares / counts.sum(axis=1))
        return result

    return rmse


def _auroc(truth: Floats, score: Floats) -> Statistic:
    order = np.argsort(score, kind="stable")
    positive = truth[order] == 1
    # Molecules of equal score are one step of the curve.
    ranked = score[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(ranked) else np.zeros(0, np.int64)

    def auroc(counts: Floats) -> Floats:
        drawn = counts[:, order]
        ups = np.add.reduceat(drawn * positive, starts, axis=1)
        downs = np.add.reduceat(drawn * ~positive, starts, axis=1)
        below = np.cumsum(downs, axis=1) - downs
        pairs = ups.sum(axis=1) * downs.sum(axis=1)
        right = (ups * (below + downs / 2)).sum(axis=1)
        return np.where(pairs > 0, right / np.maximum(pairs, 1.0), np.nan)

    return auroc


def _macro_f1(truth: Floats, probability: Floats) -> Statistic:
    classes = probability.shape[1]
    cells = truth.astype(np.int64) * classes + probability.argmax(axis=1)
    one_hot = np.eye(classes * classes)[cells]

    def macro_f1(counts: Floats) -> Floats:
        table = (counts @ one_hot).reshape(-1, classes, classes)
        hits = np.diagonal(table, axis1=1, axis2=2)
        size = table.sum(axis=1) + table.sum(axis=2)
        # A class that is neither measured nor predicted says nothing.
        score = np.where(size > 0, 2 * hits / np.maximum(size, 1.0), np.nan)
        result: Floats = np.nanmean(score, axis=1)
        return result

    return macro_f1
