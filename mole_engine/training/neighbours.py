"""Read-across: what the most similar training molecules say of a molecule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from mole_engine.chem.fingerprints import Packed, similarities
from mole_engine.contracts.dataset import TaskKind, TaskSpec

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

NEIGHBOURS = 5
_ROWS_AT_A_TIME = 256
_LOOKED_AT = 64
"""Nearest molecules that are found once for all tasks; rarely have fewer than five of them a label."""


def said_of(labels: Floats, task: TaskSpec) -> Floats:
    """Return (m, task.outputs) what (m,) values or classes say, NaN where there is no label."""
    if task.kind is not TaskKind.MULTICLASS:
        return labels[:, None]
    known = ~np.isnan(labels)
    said = np.full((len(labels), task.outputs), np.nan)
    said[known] = np.eye(task.outputs)[labels[known].astype(np.int64)]
    return said


def read_across(
    known: Packed, said: Sequence[Floats], asked: Packed, weights: Floats | None, check: Callable[[], None]
) -> Floats:
    """Return the mean label of the nearest molecules, each counting as much as it is similar (Tanimoto, ECFP4).

    Similarities take nearly all of the time, and are the same for all tasks.

    Parameters
    ----------
    known
        (m, 256) packed fingerprints of molecules.
    said
        Of each task (m, outputs), as `said_of` returns it.
    asked
        (n, 256) packed fingerprints.
    weights
        (m,) of the molecules; None: all alike.
    check
        Called between blocks and tasks; may raise to stop the work.

    Returns
    -------
    numpy.ndarray
        (n, outputs of all tasks) values, or probabilities. What shares no bit with any molecule that has a label gets
        the mean of all; where none has one, 0.
    """
    shares = np.ones(len(known)) if weights is None else weights
    everywhere = [_mean(values, shares) for values in said]
    found = np.empty((len(asked), sum(len(mean) for mean in everywhere)))
    for start in range(0, len(asked), _ROWS_AT_A_TIME):
        check()
        alike = similarities(asked[start : start + _ROWS_AT_A_TIME], known)
        first = _nearest(alike, _LOOKED_AT)
        # The nearest before the others.
        first = np.take_along_axis(first, np.argsort(-np.take_along_axis(alike, first, axis=1), kind="stable"), axis=1)
        parts = []
        for values, mean in zip(said, everywhere, strict=True):
            check()
            parts.append(_means(values, mean, alike, first, shares))
        found[start : start + len(alike)] = np.concatenate(parts, axis=1)
    return found


def _mean(values: Floats, shares: Floats) -> Floats:
    known = ~np.isnan(values[:, 0])
    if not known.any():
        return np.zeros(values.shape[1])
    return np.asarray(np.average(values[known], axis=0, weights=shares[known]))


def _nearest(alike: npt.NDArray[np.float32], count: int) -> Places:
    """Return (n, count or all) places of the most similar molecules, in any order."""
    count = min(count, alike.shape[1])
    return np.argpartition(-alike, count - 1, axis=1)[:, :count] if count else np.zeros((len(alike), 0), np.int64)


def _means(values: Floats, everywhere: Floats, alike: npt.NDArray[np.float32], first: Places, shares: Floats) -> Floats:
    """Return (n, outputs) of one task; `first` has the nearest molecules of all, the most similar first."""
    known = ~np.isnan(values[:, 0])
    count = min(NEIGHBOURS, int(known.sum()))
    labelled = known[first]
    nearest = np.take_along_axis(first, np.argsort(~labelled, axis=1, kind="stable")[:, :count], axis=1)
    short = np.flatnonzero(labelled.sum(axis=1) < count)
    if len(short):
        nearest[short] = _nearest(np.where(known, alike[short], np.float32(-1)), count)
    counting = np.take_along_axis(alike, nearest, axis=1) * shares[nearest]
    total = counting.sum(axis=1, keepdims=True)
    means = (counting[:, :, None] * values[nearest]).sum(axis=1) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, means, everywhere)
