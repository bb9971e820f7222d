"""Descriptors of many molecules: computed on several cores, and once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mole_engine.chem.descriptors import STAGE, compute_descriptors, descriptor_names
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.feature_cache import FeatureCache, content_key
from mole_engine.data.workers import map_in_processes, worker_count

Table = npt.NDArray[np.float32]

PARALLEL_FROM = 1_000
"""A molecule takes some ten milliseconds: fewer are done before workers would have started."""
CHUNK = 100


def describe(
    smiles: Sequence[str], *, cache_dir: str | Path | None = None, on_progress: ProgressHandler | None = None
) -> Table:
    """Compute descriptors, or take them from the cache.

    Parameters
    ----------
    smiles
        One a molecule.
    cache_dir
        Folder for tables of earlier runs, found again by content; None: no cache.
    on_progress
        Told how far the work is; may raise `Cancelled`.

    Returns
    -------
    numpy.ndarray
        (n, D) float32; see `compute_descriptors`.
    """
    if cache_dir is None:
        return _compute(smiles, on_progress)
    cache = FeatureCache(Path(cache_dir))
    key = content_key(smiles, "descriptors " + " ".join(descriptor_names()))
    cached = cache.load(key)
    if cached is not None:
        table = cached[0].get("descriptors")
        if table is not None and table.shape == (len(smiles), len(descriptor_names())):
            return table.astype(np.float32, copy=False)
    table = _compute(smiles, on_progress)
    cache.save(key, {"descriptors": table}, {})
    return table


def describe_chunk(smiles: Sequence[str], shared: None) -> Table:
    """Compute the descriptors of some molecules in a worker."""
    return compute_descriptors(smiles)


def _compute(smiles: Sequence[str], on_progress: ProgressHandler | None) -> Table:
    workers = worker_count() if len(smiles) >= PARALLEL_FROM else 1
    if workers == 1:
        return compute_descriptors(smiles, on_progress)

    def tell(done: int) -> None:
        if on_progress is not None:
            on_progress(STAGE, done, len(smiles))

    return np.concatenate(map_in_processes(describe_chunk, smiles, None, workers=workers, chunk=CHUNK, on_done=tell))
