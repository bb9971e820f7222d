"""From a file to an `OpenDataset`: runs in a thread, and loads the engine's heavy rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from app.services.open_dataset import FreshTable, OpenDataset, TargetSummary
from mole_engine.contracts.config import DataConfig, SplitConfig
from mole_engine.contracts.dataset import TableSource, TaskKind, TaskSpec
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.columns import detect_roles
from mole_engine.data.curation import curate
from mole_engine.data.readers import read_table
from mole_engine.data.splits import make_split

if TYPE_CHECKING:
    from mole_engine.data.dataset import CuratedDataset
    from mole_engine.data.table import RawTable

_BARS = 22
_HEAVY_TAIL = 50.0


def read(table: TableSource | None, data: DataConfig, split: SplitConfig, on_progress: ProgressHandler) -> FreshTable:
    """Read a file (unless `table` is given) and find its columns.

    Raises
    ------
    InputError
        With what is wrong, where, and what to do.
    Cancelled
        From the progress handler.
    """
    raw = (
        read_table(
            data.path, delimiter=data.delimiter, encoding=data.encoding, decimal=data.decimal, on_progress=on_progress
        )
        if table is None
        else cast("RawTable", table)
    )
    roles = detect_roles(raw, data, split)
    # Looked at here, since the window would stand still while it turns a long column into texts.
    for column in (roles.smiles, *(task.name for task in roles.tasks)):
        raw.column_values(column)
    return FreshTable(raw.info, raw, roles)


def assemble(fresh: FreshTable, data: DataConfig, split: SplitConfig, on_progress: ProgressHandler) -> OpenDataset:
    """Clean up, divide and summarise what `read` has returned. Raises as `read` does."""
    raw, roles = cast("RawTable", fresh.table), fresh.roles
    dataset = curate(raw, roles, data.curation, on_progress)
    on_progress("Dividing into parts", 0, 0)
    parts = make_split(dataset, split, 0)
    filled = data.model_copy(
        update={"smiles_column": roles.smiles, "targets": [task.name for task in roles.tasks], "path": raw.info.path}
    )
    rows = [int(row) for row in dataset.source_rows]
    by_row = [""] * raw.info.rows
    for row, part in zip(rows, parts.part_of(len(rows)), strict=True):
        by_row[row] = part
    made = OpenDataset(
        data_config=filled,
        split_config=split,
        info=raw.info,
        table=raw,
        roles=roles,
        report=dataset.report,
        split=parts,
        parts=by_row,
        merged=frozenset(np.flatnonzero(dataset.row_molecules >= 0).tolist()) - frozenset(rows),
        smiles=dict(zip(rows, dataset.smiles, strict=True)),
        summaries=tuple(_summary(task, dataset, index) for index, task in enumerate(roles.tasks)),
        numbers={
            column.name: raw.numbers(column.name).tolist() for column in raw.info.columns if column.kind == "number"
        },
    )
    # Counted here rather than at first use, which would be in the window's thread.
    _ = made.issues, made.issue_counts, made.rows_to_look_at
    return made


def _summary(task: TaskSpec, dataset: CuratedDataset, index: int) -> TargetSummary:
    values = np.asarray(dataset.targets[:, index], dtype=np.float64)
    values = values[np.isfinite(values)]
    if task.kind is TaskKind.REGRESSION:
        return _numbers(task, values)
    counts = np.bincount(values.astype(np.int64), minlength=len(task.classes))
    return TargetSummary(task.name, task.unit, tuple(int(count) for count in counts), task.classes)


def _numbers(task: TaskSpec, values: npt.NDArray[np.float64]) -> TargetSummary:
    if not len(values):
        return TargetSummary(task.name, task.unit, ())
    low, high, median = float(values.min()), float(values.max()), float(np.median(values))
    logarithmic = low > 0 and high / median > _HEAVY_TAIL
    shown = np.log10(values) if logarithmic else values
    counts, _ = np.histogram(shown, bins=_BARS if high > low else 1)
    return TargetSummary(
        task.name, task.unit, tuple(int(count) for count in counts), (), low, high, median, logarithmic
    )
