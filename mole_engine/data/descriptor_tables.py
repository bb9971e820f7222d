"""Descriptors of many molecules: computed on several cores, and once."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mole_engine.chem.descriptors import STAGE, compute_descriptors, descriptor_names
from mole_engine.contracts.errors import Cancelled
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.feature_cache import FeatureCache, content_key
from mole_engine.data.workers import map_in_processes, worker_count

log = logging.getLogger(__name__)

Table = npt.NDArray[np.float32]

PARALLEL_FROM = 200
"""A molecule takes 10 to 20 milliseconds: much fewer are done before workers would have started."""
CHUNK = 50

LIBRARIES = "pytorch_lightning"
"""What takes seconds to load; where it is there, everything else is."""

POLL_SECONDS = 0.1


def describe(
    smiles: Sequence[str], *, cache_dir: str | Path | None = None, on_progress: ProgressHandler | None = None
) -> Table:
    """Compute descriptors, or take them from the cache or from who is computing them already.

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
    key = _key(smiles)
    ahead = _AHEAD.get(key)
    if ahead is not None:
        return ahead.table(on_progress)
    return _kept(smiles, key, cache_dir, on_progress)


def _key(smiles: Sequence[str]) -> str:
    return content_key(smiles, "descriptors " + " ".join(descriptor_names()))


def _kept(smiles: Sequence[str], key: str, cache_dir: str | Path | None, on_progress: ProgressHandler | None) -> Table:
    if cache_dir is None:
        return _compute(smiles, on_progress)
    cache = FeatureCache(Path(cache_dir))
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


class DescriptorsAhead:
    """Descriptors that are computed by other processes while this one loads libraries.

    Until `end`, `describe` waits for them and returns them, whoever asks.

    Parameters
    ----------
    smiles, cache_dir
        As for `describe`.
    """

    def __init__(self, smiles: Sequence[str], cache_dir: str | Path | None = None) -> None:
        self._smiles = smiles
        self._cache_dir = cache_dir
        self._key = _key(smiles)
        self._table: Table | None = None
        self._done = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="descriptors ahead", daemon=True)
        _AHEAD[self._key] = self
        self._thread.start()

    def table(self, on_progress: ProgressHandler | None = None) -> Table:
        """Wait for them, and return what `describe` does; `on_progress` is told and may raise `Cancelled`."""
        while self._thread.is_alive():
            if on_progress is not None:
                on_progress(STAGE, self._done, len(self._smiles))
            self._thread.join(POLL_SECONDS)
        if self._table is None:
            return _kept(self._smiles, self._key, self._cache_dir, on_progress)
        return self._table

    def end(self) -> None:
        """End the work, if it has not come to its end, and forget it."""
        self._ended.set()
        self._thread.join()
        _AHEAD.pop(self._key, None)

    def _work(self) -> None:
        try:
            self._table = _kept(self._smiles, self._key, self._cache_dir, self._note)
        except Cancelled:
            return
        except Exception:
            # Tried once more by whoever needs them, which says what is wrong.
            log.exception("Descriptors could not be computed ahead")

    def _note(self, stage: str, done: int, total: int) -> None:
        if self._ended.is_set():
            raise Cancelled
        self._done = done


_AHEAD: dict[str, DescriptorsAhead] = {}
"""What is being computed, by its key."""


def describe_ahead(smiles: Sequence[str], cache_dir: str | Path | None = None) -> DescriptorsAhead | None:
    """Begin to compute descriptors where that takes long enough, and libraries are still to be loaded; else None."""
    if LIBRARIES in sys.modules or len(smiles) < PARALLEL_FROM or worker_count() == 1:
        return None
    return DescriptorsAhead(smiles, cache_dir)
