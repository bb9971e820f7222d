"""What a user is told of targets that are learnt on another scale than their own, and why one is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.wording import counted
from mole_engine.data.scaling import propose_transform
from mole_engine.data.values import shown

Floats = npt.NDArray[np.float64]

SCALES = {"log10": "logarithm (log10)", "logit": "logit", "box-cox": "Box-Cox power"}
"""What is learnt in the place of values, in words."""

FEW = 0.1
"""Share of values without a logarithm up to which they look like what stands in the way of one."""

LISTED = 6


def transform_words(
    targets: Floats, tasks: Sequence[TaskSpec], wanted: str
) -> list[tuple[str, Literal["info", "warning"]]]:
    """Say which targets are learnt on a scale that the data proposed.

    Parameters
    ----------
    targets
        (n, T) labels that are learnt from, NaN where there is none.
    tasks
        The T targets.
    wanted
        The job's `data.target_transform`; only "auto" leaves something to say.
    """
    if wanted != "auto":
        return []
    names: dict[str, list[str]] = {}
    barred: list[tuple[str, Literal["info", "warning"]]] = []
    for task, column in zip(tasks, targets.T, strict=True):
        if task.kind is not TaskKind.REGRESSION:
            continue
        values = column[~np.isnan(column)]
        transform = propose_transform(values)
        if transform != "none":
            names.setdefault(transform, []).append(task.name)
        elif len(barred) < LISTED and (words := _barred(task.name, values)):
            barred.append((words, "warning"))
    return [(_learnt(transform, listed), "info") for transform, listed in names.items()] + barred


def _learnt(transform: str, names: Sequence[str]) -> str:
    why = "close to both 0 and 1" if transform == "logit" else "over several decades"
    one = "is learnt as its" if len(names) == 1 else "are learnt as their"
    return (
        f"{shown(names, LISTED)} {one} {SCALES[transform]}, since values lie {why}; "
        "data.target_transform=none learns them as they stand."
    )


def _barred(name: str, values: Floats) -> str:
    """Say that a few values keep a target from being learnt as its logarithm; empty where nothing does."""
    positive = values[values > 0]
    few = len(values) - len(positive)
    if not 0 < few <= FEW * len(values) or propose_transform(positive) != "log10":
        return ""
    verb = "is" if few == 1 else "are"
    return (
        f"'{name}' lies over several decades, but its logarithm cannot be learnt: {counted(few, 'value')} of "
        f"{len(values)} {verb} not above 0. The largest values count nearly alone so. Leave out or correct such rows."
    )
