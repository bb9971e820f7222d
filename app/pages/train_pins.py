"""Which molecules the Train page watches."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.services.open_dataset import OpenDataset
from app.text import fixed
from app.widgets.pinned_molecules import PinnedMolecule
from mole_engine.contracts.dataset import TaskKind

_SHARES = (0.2, 0.8)
_LONG = 60
_PART = "val"


def pinned_molecules(dataset: OpenDataset, wanted: Sequence[str]) -> list[PinnedMolecule]:
    """Return the molecules to watch, with what the file says of them.

    Parameters
    ----------
    dataset
        What is open.
    wanted
        SMILES that the user has asked for; none: a low and a high validation molecule.
    """
    rows = {smiles: row for row, smiles in dataset.smiles.items()}
    chosen = list(wanted) or [dataset.smiles[row] for row in _typical_rows(dataset)]
    return [_pinned(dataset, smiles, rows.get(smiles, -1)) for smiles in chosen]


def _typical_rows(dataset: OpenDataset) -> list[int]:
    """Return rows of the validation part (of the training part where there is none) spread over the first target."""
    if not dataset.roles.tasks:
        return []
    parts = dataset.parts
    kept = [row for row in dataset.smiles if parts[row] == _PART] or [row for row in dataset.smiles if parts[row]]
    # A drawing the size of a stamp shows nothing of a giant.
    rows = [row for row in kept if len(dataset.smiles[row]) <= _LONG] or kept
    values = {row: _value(dataset, row) for row in rows}
    ordered = sorted(
        (row for row in rows if math.isfinite(values[row])), key=lambda row: (values[row], dataset.smiles[row])
    )
    if len(ordered) < 2:
        return ordered
    return [ordered[round(share * (len(ordered) - 1))] for share in _SHARES]


def _value(dataset: OpenDataset, row: int) -> float:
    """Return the first target of a row as a number: classes by their place, NaN where there is nothing."""
    task = dataset.roles.tasks[0]
    if task.kind is TaskKind.REGRESSION:
        numbers = dataset.numbers.get(task.name)
        return float(numbers[row]) if numbers is not None else math.nan
    cell = dataset.table.cell(row, task.name).strip()
    return float(task.classes.index(cell)) if cell in task.classes else math.nan


def _pinned(dataset: OpenDataset, smiles: str, row: int) -> PinnedMolecule:
    if row < 0 or not dataset.roles.tasks:
        return PinnedMolecule(smiles)
    task, value = dataset.roles.tasks[0], _value(dataset, row)
    if task.kind is TaskKind.REGRESSION:
        return PinnedMolecule(smiles, value, fixed(value) if math.isfinite(value) else "")
    # Of several classes, a line for the measured one would say nothing.
    reference = value if task.kind is TaskKind.CLASSIFICATION else math.nan
    return PinnedMolecule(smiles, reference, dataset.table.cell(row, task.name).strip())
