"""The scale on which a number was learnt, in words, and two models compared there.

In the unit of values over several decades one large value decides an RMSE; a model of their logarithms was asked for
something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mole_engine.data.scaling import TaskScale
from mole_engine.inference.bootstrap import Comparison, compare_all
from mole_engine.inference.results import MEAN, TaskResult

Floats = npt.NDArray[np.float64]

_SCALES = {"log10": "logarithms", "logit": "logits", "box-cox": "Box-Cox powers"}


def scale_words(scale: TaskScale | None) -> str:
    """Return what was learnt in the place of values: "logarithms"; empty where they were learnt as they stand."""
    return "" if scale is None else _SCALES.get(scale.transform, "")


def compare_as_learnt(result: TaskResult) -> dict[str, Comparison]:
    """Compare the model of a task with each baseline, of numbers on the scale on which they were learnt."""
    kind, scale = result.task.kind, result.scale
    words = scale_words(scale)
    if scale is None or not words:
        return compare_all(kind, result.truth, result.output, result.baselines)
    truth, output = _learnt(result.truth, scale), _learnt(result.output, scale)
    found = compare_all(kind, truth, output, _baselines(result, scale))
    raw = _rmse(result.truth, result.output)
    return {
        name: replace(item, scale=words, raw_model=raw, raw_baseline=_rmse(result.truth, result.baselines[name]))
        for name, item in found.items()
    }


def _learnt(values: Floats, scale: TaskScale) -> Floats:
    """Return logarithms as such, not divided by their deviation; a value that has none stands at the scale's margin."""
    return scale.forward(values) * scale.std


def _baselines(result: TaskResult, scale: TaskScale) -> Mapping[str, Floats]:
    known = {name: _learnt(values, scale) for name, values in result.baselines.items()}
    if MEAN in known and len(result.training_values):
        # The mean of the values lies far above most of their logarithms, and would be beaten too easily.
        known[MEAN] = np.full(len(result), float(_learnt(result.training_values, scale).mean()))
    return known


def _rmse(truth: Floats, predicted: Floats) -> float:
    return float(np.sqrt(np.mean((predicted - truth) ** 2))) if len(truth) else float("nan")
