"""The tables that the simple models of a blend read, at training and at prediction alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mole_engine.chem.descriptors import compute_descriptors, descriptor_names, quick_descriptor_names
from mole_engine.contracts.events import ProgressHandler
from mole_engine.training.additive import GROUPS
from mole_engine.training.kernels import COUNTS
from mole_engine.training.parts import DESCRIPTORS, EMBEDDINGS, READS, Part
from mole_engine.training.tabular import (
    ROWS_AT_A_TIME,
    Table,
    count_table,
    descriptor_table,
    group_table,
    small_count_table,
    small_group_table,
    written_out,
)

if TYPE_CHECKING:
    from mole_engine.data.data_modules import MolDataModule

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SimpleTables:
    """The tables of all molecules of a job, kept small: counts, nearly all of them 0, are sparse.

    Attributes
    ----------
    tables
        By name, (n, D) arrays or sparse tables.
    """

    tables: Mapping[str, Any] = field(default_factory=dict)

    def of(self, name: str, rows: Positions) -> dict[str, Table]:
        """Return what the simple model called `name` reads of some molecules, written out."""
        return {key: written_out(self.tables[key], rows) for key in READS[name] if key in self.tables}

    def said(self, name: str, part: Part, rows: Positions) -> Floats:
        """Return (len(rows), outputs) predictions of that model, a block of molecules at a time."""
        blocks = [rows[start : start + ROWS_AT_A_TIME] for start in range(0, max(1, len(rows)), ROWS_AT_A_TIME)]
        return np.concatenate([part.predict(self.of(name, block)) for block in blocks])


def simple_tables(
    data: MolDataModule, *, cache_dir: Path | None = None, on_progress: ProgressHandler | None = None
) -> SimpleTables:
    """Return the tables of all molecules of a job; embeddings where the encoder is fixed."""
    smiles = list(data.dataset.smiles)
    check = None if on_progress is None else _checker(on_progress, len(smiles))
    whole = data.labels.descriptors
    if whole is None:
        # All of them, since the baselines keep the same table for themselves.
        whole = descriptor_table(smiles, cache_dir=cache_dir, on_progress=on_progress)
    tables = {
        DESCRIPTORS: quick_columns(np.asarray(whole, dtype=np.float32)),
        COUNTS: small_count_table(smiles, check),
        GROUPS: small_group_table(smiles, check),
    }
    if data.labels.pooled is not None:
        tables[EMBEDDINGS] = np.asarray(data.labels.pooled, dtype=np.float32)
    return SimpleTables(tables)


def tables_of(smiles: Sequence[str], embeddings: Table | None, descriptors: Table | None = None) -> dict[str, Table]:
    """Return the tables of new molecules.

    Parameters
    ----------
    smiles
        Cleaned; "" for an unreadable one.
    embeddings
        (n, d) of the fixed encoder; None where the model was made without.
    descriptors
        (n, D) all descriptors, if they are there already.
    """
    if descriptors is None:
        quick = compute_descriptors(smiles, None, names=quick_descriptor_names())
    else:
        quick = quick_columns(descriptors)
    tables = {DESCRIPTORS: quick, COUNTS: count_table(smiles), GROUPS: group_table(smiles)}
    if embeddings is not None:
        tables[EMBEDDINGS] = embeddings
    return tables


def quick_columns(table: Table) -> Table:
    """Return the columns of the quick descriptors out of a table of all."""
    return table[:, _quick_places()]


@cache
def _quick_places() -> npt.NDArray[np.int64]:
    names = descriptor_names()
    return np.array([names.index(name) for name in quick_descriptor_names()], dtype=np.int64)


def _checker(on_progress: ProgressHandler, count: int) -> Callable[[], None]:
    return lambda: on_progress("Computing fingerprints", 0, count)
