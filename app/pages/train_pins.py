"""Which molecules the Train page watches."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.services.open_dataset import OpenDataset
from app.services.typical_rows import target_of
from app.text import fixed
from app.widgets.pinned_molecules import PinnedMolecule
from mole_engine.contracts.dataset import TaskKind


def pinned_molecules(dataset: OpenDataset, wanted: Sequence[str]) -> list[PinnedMolecule]:
    """Return the molecules to watch, with what the file says of them.

    Parameters
    ----------
    dataset
        What is open.
    wanted
        SMILES that the user has asked for; none: a low and a high validation molecule.
    """
    if not wanted:
        return [_pinned(dataset, dataset.smiles[row], row) for row in dataset.typical]
    asked = set(wanted)
    rows = {smiles: row for row, smiles in dataset.smiles.items() if smiles in asked}
    return [_pinned(dataset, smiles, rows.get(smiles, -1)) for smiles in wanted]


def _pinned(dataset: OpenDataset, smiles: str, row: int) -> PinnedMolecule:
    if row < 0 or not dataset.roles.tasks:
        return PinnedMolecule(smiles)
    task, value = dataset.roles.tasks[0], target_of(dataset.table, dataset.roles, dataset.numbers, row)
    if task.kind is TaskKind.REGRESSION:
        return PinnedMolecule(smiles, value, fixed(value) if math.isfinite(value) else "")
    # Of several classes, a line for the measured one would say nothing.
    reference = value if task.kind is TaskKind.CLASSIFICATION else math.nan
    return PinnedMolecule(smiles, reference, dataset.table.cell(row, task.name).strip())
