"""Which molecules of an open file are worth watching while a model learns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mole_engine.contracts.dataset import ColumnRoles, TableSource, TaskKind

_SHARES = (0.2, 0.8)
_LONG = 60
_PART = "val"
_ENOUGH = 5_000
"""Of more molecules some are looked at, spread over the file: a low and a high one are found among them as well."""


def target_of(table: TableSource, roles: ColumnRoles, numbers: Mapping[str, Sequence[float]], row: int) -> float:
    """Return the first target of a row as a number: classes by their place, NaN where there is nothing."""
    task = roles.tasks[0]
    if task.kind is TaskKind.REGRESSION:
        values = numbers.get(task.name)
        return float(values[row]) if values is not None else math.nan
    cell = table.cell(row, task.name).strip()
    return float(task.classes.index(cell)) if cell in task.classes else math.nan


def typical_rows(
    table: TableSource,
    roles: ColumnRoles,
    numbers: Mapping[str, Sequence[float]],
    smiles: Mapping[int, str],
    parts: Sequence[str],
) -> tuple[int, ...]:
    """Return a low and a high molecule of the validation part (of all parts where there is none) by the first target.

    Parameters
    ----------
    table, roles, numbers, smiles, parts
        As in `OpenDataset`.
    """
    if not roles.tasks:
        return ()
    kept = [row for row in smiles if parts[row] == _PART] or [row for row in smiles if parts[row]]
    kept = kept[:: max(1, len(kept) // _ENOUGH)]
    # A drawing the size of a stamp shows nothing of a giant.
    rows = [row for row in kept if len(smiles[row]) <= _LONG] or kept
    values = {row: target_of(table, roles, numbers, row) for row in rows}
    known = [row for row in rows if math.isfinite(values[row])]
    ordered = sorted(known, key=lambda row: (values[row], smiles[row]))
    if len(ordered) < 2:
        return tuple(ordered)
    return tuple(ordered[round(share * (len(ordered) - 1))] for share in _SHARES)
