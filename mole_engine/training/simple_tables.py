"""The tables that the simple models of a blend read, at training and at prediction alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mole_engine.chem.descriptors import compute_descriptors, descriptor_names, quick_descriptor_names
from mole_engine.contracts.events import ProgressHandler
from mole_engine.training.additive import GROUPS
from mole_engine.training.kernels import COUNTS
from mole_engine.training.parts import DESCRIPTORS, EMBEDDINGS
from mole_engine.training.tabular import Table, count_table, descriptor_table, group_table

if TYPE_CHECKING:
    from mole_engine.data.data_modules import MolDataModule


def simple_tables(
    data: MolDataModule, *, cache_dir: Path | None = None, on_progress: ProgressHandler | None = None
) -> dict[str, Table]:
    """Return the tables of all molecules of a job by name; embeddings where the encoder is fixed."""
    smiles = list(data.dataset.smiles)
    check = None if on_progress is None else _checker(on_progress, len(smiles))
    whole = data.labels.descriptors
    if whole is None:
        # All of them, since the baselines keep the same table for themselves.
        whole = descriptor_table(smiles, cache_dir=cache_dir, on_progress=on_progress)
    tables = {
        DESCRIPTORS: quick_columns(np.asarray(whole, dtype=np.float32)),
        COUNTS: count_table(smiles, check),
        GROUPS: group_table(smiles, check),
    }
    if data.labels.pooled is not None:
        tables[EMBEDDINGS] = np.asarray(data.labels.pooled, dtype=np.float32)
    return tables


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
