"""Read-across: what the most similar training molecules say of a molecule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mole_engine.chem.fingerprints import Packed, similarities
from mole_engine.contracts.dataset import TaskKind, TaskSpec

Floats = npt.NDArray[np.float64]

NEIGHBOURS = 5
_ROWS_AT_A_TIME = 256


def read_across(
    known: Packed, labels: Floats, asked: Packed, task: TaskSpec, weights: Floats | None, check: Callable[[], None]
) -> Floats:
    """Return the mean label of the nearest molecules, each counting as much as it is similar (Tanimoto, ECFP4).

    Parameters
    ----------
    known, labels
        (m, 256) packed fingerprints of molecules and (m,) their values or classes.
    asked
        (n, 256) packed fingerprints.
    task
        What the labels are of.
    weights
        (m,) of the molecules; None: all alike.
    check
        Called between blocks; may raise to stop the work.

    Returns
    -------
    numpy.ndarray
        (n, task.outputs) values, or probabilities. What shares no bit with any of them gets the mean of all.
    """
    values = np.eye(task.outputs)[labels.astype(np.int64)] if task.kind is TaskKind.MULTICLASS else labels[:, None]
    shares = np.ones(len(labels)) if weights is None else weights
    everywhere = np.average(values, axis=0, weights=shares)
    count = min(NEIGHBOURS, len(labels))
    found = np.empty((len(asked), values.shape[1]))
    for start in range(0, len(asked), _ROWS_AT_A_TIME):
        check()
        alike = similarities(asked[start : start + _ROWS_AT_A_TIME], known)
        nearest = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        counting = np.take_along_axis(alike, nearest, axis=1) * shares[nearest]
        total = counting.sum(axis=1, keepdims=True)
        means = (counting[:, :, None] * values[nearest]).sum(axis=1) / np.where(total > 0, total, 1.0)
        found[start : start + len(alike)] = np.where(total > 0, means, everywhere)
    return found
