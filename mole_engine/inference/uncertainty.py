"""How sure a prediction is, from the validation molecules: 90% intervals and deviations, or sets of classes.

Intervals and deviations are wider for molecules of which larger errors are expected (`difficulty`), where hard ones
can be told from easy ones beforehand. They live in the scaled space of the targets and are brought back to the user's
units through the scaler, so that a target trained on its logarithm gets an interval that is wider above than below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import TargetScaler, TaskScale
from mole_engine.inference.difficulty import FEWEST, factors, fit_difficulty
from mole_engine.store.card import TaskUncertainty

Floats = npt.NDArray[np.float64]

COVERAGE = 0.9


def measure_uncertainty(
    logits: Floats,
    targets: Floats,
    tasks: Sequence[TaskSpec],
    scaler: TargetScaler,
    similarity: Floats | None = None,
    spread: Floats | None = None,
    counts: npt.NDArray[np.bool_] | None = None,
) -> dict[str, TaskUncertainty]:
    """Measure each task on molecules that the network was not trained on.

    Parameters
    ----------
    logits
        (n, outputs) of the network; those of regression tasks are predictions in the scaled space.
    targets
        (n, T) true values in the user's units, NaN where there is none.
    tasks, scaler
        The T tasks and their scaling.
    similarity
        (n,) of each molecule to the nearest one that its prediction was learnt from, NaN for those by which no
        interval is measured; None: all are equally hard. Classes are measured without it.
    spread
        (n, outputs) disagreement of the models in the scaled space; None for a single model.
    counts
        (n,) whether a molecule has any weight; None: all have.

    Returns
    -------
    dict
        By task name.
    """
    result = {}
    column = 0
    for place, task in enumerate(tasks):
        scale = scaler.scales[place]
        part = logits[:, column : column + task.outputs]
        known = np.isfinite(targets[:, place]) & np.isfinite(part).all(axis=1)
        if counts is not None:
            known &= counts
        if task.kind is not TaskKind.REGRESSION:
            truth = targets[known, place].astype(np.int64)
            least = conformal_least(class_probabilities(part[known]), truth)
            result[task.name] = TaskUncertainty(count=len(truth), least=least)
        elif scale is not None:
            near = similarity
            if near is not None:
                judged = known & np.isfinite(near)
                # The sample of a large set may miss nearly all labels of a rare target: then all count, equally wide.
                enough = judged.sum() >= min(FEWEST, known.sum())
                known, near = (judged, near[judged]) if enough else (known, None)
            residuals = scale.forward(targets[known, place]) - part[known, 0]
            apart = None if spread is None else spread[known, column]
            result[task.name] = _of_residuals(residuals, near, apart)
        column += task.outputs
    return result


def _of_residuals(residuals: Floats, near: Floats | None, apart: Floats | None) -> TaskUncertainty:
    difficulty = None if near is None else fit_difficulty(residuals, near, apart)
    typical = residuals / factors(difficulty, near, apart, len(residuals))
    return TaskUncertainty(
        half_width=conformal_half_width(typical),
        std=float(np.sqrt(np.mean(typical**2))) if len(typical) > 1 else math.nan,
        count=len(residuals),
        difficulty=difficulty,
    )


def conformal_half_width(residuals: Floats, coverage: float = COVERAGE) -> float:
    """Return the half width that holds a new residual with probability `coverage`; NaN when too few are known.

    Split conformal prediction (Lei et al., J. Am. Stat. Assoc. 113, 2018): the k-th smallest of n absolute residuals
    with k = ceil((n + 1) coverage). With fewer than 9 residuals no finite interval keeps the promise of 90%.
    """
    rank = math.ceil((len(residuals) + 1) * coverage)
    if not len(residuals) or rank > len(residuals):
        return math.nan
    return float(np.sort(np.abs(residuals))[rank - 1])


def class_probabilities(logits: Floats) -> Floats:
    """Return (n, k) probabilities of all classes from (n, 1) logits of the second of two, or (n, k) of several."""
    if logits.shape[1] == 1:
        return both_classes(np.exp(-np.logaddexp(0.0, -logits[:, 0])))
    return np.asarray(np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)), dtype=np.float64)


def both_classes(positive: Floats) -> Floats:
    """Return (n, 2) probabilities of two classes from (n,) of the second."""
    return np.stack([1 - positive, positive], axis=1)


def conformal_least(
    probabilities: Floats, truth: npt.NDArray[np.int64], coverage: float = COVERAGE
) -> tuple[float, ...]:
    """Return for each class the probability below which it is ruled out.

    Class-conditional (Mondrian) conformal prediction (Vovk, Asian Conference on Machine Learning 2012; for chemistry
    Norinder et al., J. Chem. Inf. Model. 54, 2014): of each class, rare or frequent, a new molecule is not ruled out
    with probability `coverage`. Empty where a class has fewer than 9 molecules: it could never be ruled out.

    Parameters
    ----------
    probabilities, truth
        (n, k) of molecules that the model was not fitted on, and (n,) what they are.
    """
    widths = [conformal_half_width(1 - probabilities[truth == k, k], coverage) for k in range(probabilities.shape[1])]
    return () if any(math.isnan(width) for width in widths) else tuple(1 - width for width in widths)


def class_sets(probabilities: Floats, least: Sequence[float], likely: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return (n, k) whether each class cannot be ruled out; the likeliest one never is.

    Parameters
    ----------
    probabilities
        (n, k); a row of NaN where there is no prediction has an empty set.
    least
        See `conformal_least`.
    likely
        (n,) which class is said.
    """
    # As wide as rounding to 32 bits, so that a molecule whose probability is the bound itself stays inside.
    inside = probabilities >= np.asarray(least) - 1e-6
    known = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
    inside[known, likely[known]] = True
    return inside


def interval(scaled: Floats, scale: TaskScale, uncertainty: TaskUncertainty, times: Floats) -> tuple[Floats, Floats]:
    """Return (n,) lower and upper ends, in the user's units, of the 90% interval around scaled predictions.

    Parameters
    ----------
    times
        (n,) of the typical width; see `factors`.
    """
    half = uncertainty.half_width * times
    return scale.inverse(scaled - half), scale.inverse(scaled + half)


def deviation(scaled: Floats, scale: TaskScale, uncertainty: TaskUncertainty, times: Floats) -> Floats:
    """Return (n,) standard deviations in the user's units: half the span of one deviation below to one above."""
    std = uncertainty.std * times
    return (scale.inverse(scaled + std) - scale.inverse(scaled - std)) / 2
