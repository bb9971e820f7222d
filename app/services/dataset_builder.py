"""From a file to an `OpenDataset`: runs in a thread, and loads the engine's heavy rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from app.services.kept_rows import KeptRows
from app.services.merged_values import merged_values
from app.services.open_dataset import FreshTable, OpenDataset
from app.services.row_columns import NumberColumns, bars_of
from app.services.typical_rows import typical_rows
from app.summaries import PartsSummary
from mole_engine.contracts.config import DataConfig, SplitConfig
from mole_engine.contracts.dataset import ColumnRoles, Split, TableSource, TaskKind, TaskSpec
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.assemble import divide
from mole_engine.data.columns import detect_roles, further_targets, why_no_target
from mole_engine.data.curation import curate, preview
from mole_engine.data.molar import molar_offers
from mole_engine.data.sources import open_table

if TYPE_CHECKING:
    from mole_engine.data.dataset import CuratedDataset
    from mole_engine.data.table import RawTable

_BARS = 22
_HEAVY_TAIL = 50.0


def read(table: TableSource | None, data: DataConfig, split: SplitConfig, on_progress: ProgressHandler) -> FreshTable:
    """Read what the settings name (unless `table` is given) and find its columns.

    Raises
    ------
    InputError
        With what is wrong, where, and what to do.
    Cancelled
        From the progress handler.
    """
    raw = open_table(data, on_progress) if table is None else cast("RawTable", table)
    roles = detect_roles(raw, data, split)
    # Looked at here, since the window would stand still while it turns a long column into texts.
    for column in (roles.smiles, *(task.name for task in roles.tasks)):
        raw.column_values(column)
    return FreshTable(raw.info, raw, roles)


def assemble(
    fresh: FreshTable, data: DataConfig, split: SplitConfig, seed: int, on_progress: ProgressHandler
) -> OpenDataset:
    """Clean up, divide (by the job's `seed`) and summarise what `read` has returned. Raises as `read` does."""
    raw, roles = cast("RawTable", fresh.table), fresh.roles
    curated = curate(raw, roles, data.curation, on_progress)
    on_progress("Dividing into parts", 0, 0)
    dataset, parts = divide(curated, data, split, seed, on_progress)
    filled = data.model_copy(
        update={"smiles_column": roles.smiles, "targets": [task.name for task in roles.tasks], "path": raw.info.path}
    )
    # Molecules of separate validation and test files come after those of this one.
    of_rows = parts.part_of(len(dataset))
    by_row = [""] * raw.info.rows
    for place, row in enumerate(curated.source_rows.tolist()):
        by_row[row] = of_rows[place]
    smiles, numbers = KeptRows(curated.source_rows, curated.smiles, raw.info.rows), NumberColumns(raw)
    made = OpenDataset(
        data_config=filled,
        split_config=split,
        info=raw.info,
        table=raw,
        roles=roles,
        report=curated.report,
        split=parts,
        parts=by_row,
        merged=_merged(curated),
        learned=merged_values(curated, data.curation.duplicates),
        smiles=smiles,
        structures=curated.smiles,
        summaries=tuple(_summary(task, dataset, parts, index) for index, task in enumerate(roles.tasks)),
        typical=typical_rows(raw, roles, numbers, smiles, by_row),
        numbers=numbers,
        leaked=_leaked(dataset, parts),
        apart=int((dataset.file_of[list(parts.validation)] > 0).sum()),
        no_target=_no_target(raw, roles),
        further=tuple(further_targets(raw, roles)),
        offers=tuple((offer.column, offer.unit, offer.name) for offer in molar_offers(raw, data.units)),
    )
    # Counted here rather than at first use, which would be in the window's thread.
    _ = made.issues, made.issue_counts, made.rows_to_look_at, made.left_out
    for task in roles.tasks:
        if task.name in made.numbers:
            _ = made.numbers[task.name]
    return made


def _no_target(raw: RawTable, roles: ColumnRoles) -> str:
    """Say why there is nothing to learn, and what the file is good for all the same."""
    if roles.tasks:
        return ""
    predict = " A model can predict for them on the Predict page." if len(raw.info.columns) == 1 else ""
    return f"{why_no_target(raw, roles)}{predict}"


def _merged(curated: CuratedDataset) -> frozenset[int]:
    """Return the rows that went into an earlier one."""
    inside = curated.row_molecules >= 0
    inside[curated.source_rows] = False
    return frozenset(np.flatnonzero(inside).tolist())


def _leaked(dataset: CuratedDataset, split: Split) -> int:
    """Count the structures that stand in both the training and the test part."""
    trained, judged = ({dataset.smiles[place] for place in part} for part in (split.train, split.test))
    return len(trained & judged)


def effects(dataset: OpenDataset, on_progress: ProgressHandler) -> dict[str, int]:
    """Count what each clean-up step does or would do, rows by step (see `mole_engine.data.curation.preview`)."""
    return preview(cast("RawTable", dataset.table), dataset.roles, dataset.data_config.curation, on_progress)


def _summary(task: TaskSpec, dataset: CuratedDataset, split: Split, index: int) -> PartsSummary:
    values = np.asarray(dataset.targets[:, index], dtype=np.float64)
    members = [values[list(part)] for part in (split.train, split.validation, split.test)]
    known = [part[np.isfinite(part)] for part in members]
    if task.kind is TaskKind.REGRESSION:
        edges = _edges(values[np.isfinite(values)])
        middles = tuple(float(np.median(part)) if len(part) else float("nan") for part in known)
        return PartsSummary(task.name, task.unit, tuple(bars_of(part, edges, 0) for part in known), middles)
    counts = tuple(bars_of(part, (), len(task.classes)) for part in known)
    shares = tuple(float(part.mean()) if len(part) and len(task.classes) == 2 else float("nan") for part in known)
    return PartsSummary(task.name, task.unit, counts, shares, task.classes)


def _edges(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Edges of the bars that all parts share; equally wide in powers of ten where a few values are far larger."""
    if not len(values):
        return (0.0, 1.0)
    low, high, middle = float(values.min()), float(values.max()), float(np.median(values))
    if low == high:
        return (low - 0.5, high + 0.5)
    heavy = low > 0 and high / middle > _HEAVY_TAIL
    edges = np.logspace(np.log10(low), np.log10(high), _BARS + 1) if heavy else np.linspace(low, high, _BARS + 1)
    edges[0], edges[-1] = low, high
    return tuple(edges.tolist())
