"""The curated molecules as a table again, ready to be read by this program or another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mole_engine.contracts.dataset import Split, TaskKind, TaskSpec
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.table import RawTable, free_name

LINE_COLUMN = "source_line"
"""Column behind the file's own: the line that a molecule (the first of merged ones) comes from."""


SPLIT_COLUMN = "split"
"""Column with the part of each molecule, where a split is given: "train", "val", "test", or empty."""


def curated_table(table: RawTable, dataset: CuratedDataset, split: Split | None = None) -> pd.DataFrame:
    """Return the molecules that remain, one a row, in file order.

    Parameters
    ----------
    table, dataset
        The file as read, and what `curate` made of it.
    split
        Parts to write behind the file's columns; "split" is the name that reading them again looks for.

    Returns
    -------
    pandas.DataFrame
        The file's columns: structures standardised, labels merged and written plainly (numbers with a decimal point,
        one spelling for each class), everything else as in the file; behind them the line of the file.
    """
    frame = table.frame.iloc[dataset.source_rows].reset_index(drop=True).astype(object)
    frame[dataset.roles.smiles] = dataset.smiles
    for index, task in enumerate(dataset.tasks):
        frame[task.name] = [
            _label(value, task, merged=place in dataset.merged_values)
            for place, value in enumerate(dataset.targets[:, index].tolist())
        ]
    if dataset.roles.weight is not None:
        frame[dataset.roles.weight] = [f"{value:.17g}" for value in dataset.weights.tolist()]
    if split is not None:
        frame[free_name(SPLIT_COLUMN, set(frame.columns))] = split.part_of(len(dataset))
    frame[free_name(LINE_COLUMN, set(frame.columns))] = [table.line(row) for row in dataset.source_rows.tolist()]
    return frame


def _label(value: float, task: TaskSpec, *, merged: bool) -> str:
    if not np.isfinite(value):
        return ""
    if task.kind is TaskKind.REGRESSION:
        # The mean of 8.22 and 8.23 is no 8.225000000000001; a value that stands in the file stays as it is.
        return f"{value:.15g}" if merged else repr(value).removesuffix(".0")
    return task.classes[int(value)]
