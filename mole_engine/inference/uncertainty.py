"""How sure a prediction is: split-conformal 90% intervals and a standard deviation, from validation residuals.

Both are wider for molecules of which larger errors are expected (`difficulty`), where hard ones can be told from easy
ones beforehand. They live in the scaled space of the targets and are brought back to the user's units through the
scaler, so that a target trained on its logarithm gets an interval that is wider above than below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import TargetScaler, TaskScale
from mole_engine.inference.difficulty import factors, fit_difficulty
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
) -> dict[str, TaskUncertainty]:
    """Measure the residuals of each regression task on molecules that the network was not trained on.

    Parameters
    ----------
    logits
        (n, outputs) of the network; those of regression tasks are predictions in the scaled space.
    targets
        (n, T) true values in the user's units, NaN where there is none.
    tasks, scaler
        The T tasks and their scaling.
    similarity
        (n,) of each molecule to the nearest one that its prediction was learnt from, NaN for those that do not
        count; None: all are equally hard.
    spread
        (n, outputs) disagreement of the models in the scaled space; None for a single model.

    Returns
    -------
    dict
        By task name; tasks with classes are left out.
    """
    result = {}
    column = 0
    for place, task in enumerate(tasks):
        scale = scaler.scales[place]
        if task.kind is TaskKind.REGRESSION and scale is not None:
            known = np.isfinite(targets[:, place]) & np.isfinite(logits[:, column])
            if similarity is not None:
                known &= np.isfinite(similarity)
            residuals = scale.forward(targets[known, place]) - logits[known, column]
            near = None if similarity is None else similarity[known]
            apart = None if spread is None else spread[known, column]
            difficulty = None if near is None else fit_difficulty(residuals, near, apart)
            typical = residuals / factors(difficulty, near, apart, len(residuals))
            result[task.name] = TaskUncertainty(
                half_width=conformal_half_width(typical),
                std=float(np.sqrt(np.mean(typical**2))) if len(typical) > 1 else math.nan,
                count=len(residuals),
                difficulty=difficulty,
            )
        column += task.outputs
    return result


def conformal_half_width(residuals: Floats, coverage: float = COVERAGE) -> float:
    """Return the half width that holds a new residual with probability `coverage`; NaN when too few are known.

    Split conformal prediction (Lei et al., J. Am. Stat. Assoc. 113, 2018): the k-th smallest of n absolute residuals
    with k = ceil((n + 1) coverage). With fewer than 9 residuals no finite interval keeps the promise of 90%.
    """
    rank = math.ceil((len(residuals) + 1) * coverage)
    if not len(residuals) or rank > len(residuals):
        return math.nan
    return float(np.sort(np.abs(residuals))[rank - 1])


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
