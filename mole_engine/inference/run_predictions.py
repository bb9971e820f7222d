"""`predictions.csv` of a run: every molecule of the data set with its true values and what the model says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.inference.columns import PredictionColumns
from mole_engine.inference.table_writers import open_writer

Floats = npt.NDArray[np.float64]


def write_run_predictions(
    path: Path,
    columns: PredictionColumns,
    identity: dict[str, Sequence[Any]],
    targets: Floats,
    outputs: Floats,
    logits: Floats,
    similarity: Floats,
    threshold: float,
) -> None:
    """Write the table.

    Parameters
    ----------
    identity
        Columns that stand first, each of n values: row, smiles, part.
    targets
        (n, T) true values in the user's units, NaN where there is none; classes as positions.
    outputs, logits, similarity, threshold
        See `PredictionColumns.frame`.

    Raises
    ------
    InputError, KnownError
        When the file cannot be written.
    """
    truth = {f"{task.name}_true": _true(task, targets[:, place]) for place, task in enumerate(columns.tasks)}
    predicted = columns.frame(outputs, logits, similarity, threshold, [""] * len(outputs))
    frame = pd.concat([pd.DataFrame({**identity, **truth}), predicted], axis=1)
    with open_writer(path, frozenset(map(str, frame.columns))) as writer:
        writer.write(frame)


def _true(task: TaskSpec, values: Floats) -> Any:
    if task.kind is TaskKind.REGRESSION or not task.classes:
        return values
    return [None if np.isnan(value) else task.classes[int(value)] for value in values]
