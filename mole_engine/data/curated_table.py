"""The curated molecules as a table again, ready to be read by this program or another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.table import RawTable

LINE_COLUMN = "source_line"
"""Column behind the file's own: the line that a molecule (the first of merged ones) comes from."""


def curated_table(table: RawTable, dataset: CuratedDataset) -> tuple[pd.DataFrame, list[str]]:
    """Return the molecules that remain, one a row, in file order.

    Parameters
    ----------
    table, dataset
        The file as read, and what `curate` made of it.

    Returns
    -------
    frame
        The file's columns: structures standardised, labels merged and written plainly (numbers with a decimal point,
        one spelling for each class), everything else as in the file; behind them the line of the file.
    own
        Names of the columns that hold what we wrote.
    """
    frame = table.frame.iloc[dataset.source_rows].reset_index(drop=True).astype(object)
    frame[dataset.roles.smiles] = dataset.smiles
    for index, task in enumerate(dataset.tasks):
        frame[task.name] = [_label(value, task) for value in dataset.targets[:, index].tolist()]
    if dataset.roles.weight is not None:
        frame[dataset.roles.weight] = [f"{value:.17g}" for value in dataset.weights.tolist()]
    line_column = LINE_COLUMN
    while line_column in frame.columns:
        line_column += "_mole"
    frame[line_column] = [table.line(row) for row in dataset.source_rows.tolist()]
    return frame, [dataset.roles.smiles, *(task.name for task in dataset.tasks), line_column]


def _label(value: float, task: TaskSpec) -> str:
    if not np.isfinite(value):
        return ""
    if task.kind is TaskKind.REGRESSION:
        return repr(value).removesuffix(".0")
    return task.classes[int(value)]
