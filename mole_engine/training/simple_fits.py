"""When the simple models of a blend are fitted: after its networks, or beside the last where threads are left over."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.events import Notice, ProgressHandler, StateChanged
from mole_engine.contracts.run_state import RunState
from mole_engine.contracts.wording import counted_of
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.folds import Fold
from mole_engine.training.parts import Part
from mole_engine.training.simple_models import STAGE, SimpleModels, Stopped
from mole_engine.training.simple_tables import SimpleTables, simple_tables

Floats = npt.NDArray[np.float64]

POLL_SECONDS = 0.1


class SimpleFits:
    """The simple models of a blend, one after the other, and what each says of the molecules that it left out.

    As a context manager it leaves no thread behind.

    Parameters
    ----------
    models
        With all of the job's threads.
    emitter, on_progress
        Spoken to in the job's own thread alone; the second, which may raise, hears how far the work is.
    beside
        Threads for them beside the last networks; 0: they wait for these.
    cache_dir
        Keeps descriptors; None: not kept.

    Attributes
    ----------
    left_out, parts
        Of each model that is fitted, by its name.
    tables
        What they read.
    """

    def __init__(
        self,
        models: SimpleModels,
        emitter: EventEmitter,
        *,
        beside: int = 0,
        on_progress: ProgressHandler | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        self.left_out: dict[str, Floats] = {}
        self.parts: dict[str, Part] = {}
        self.tables = SimpleTables()
        self._models = models
        self._threads, self._beside = models.threads, beside
        self._emitter = emitter
        self._control = models.control
        self._on_progress = on_progress
        self._cache_dir = cache_dir
        self._crew = ThreadPoolExecutor(1, "simple models")
        self._begun: Future[None] | None = None
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> Self:
        # Of the whole process: fits in another thread leave them as they found them, not as they are by then.
        self._filters.__enter__()
        if self._models.passed_over:
            self._emitter.emit(Notice(message=self._models.passed_over, level="warning"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._models.drop()
        self._crew.shutdown()
        self._filters.__exit__(kind, error, traceback)

    def begin(self) -> None:
        """Begin beside the last networks, deaf to a stop, which is theirs until `finish`."""
        self._models.threads = self._beside
        self._models.hears_stop = False
        self._begun = self._crew.submit(self._work)

    def finish(self, folds: Sequence[Fold]) -> None:
        """Fit what is not fitted yet, as many as the user waits for, with all threads.

        Parameters
        ----------
        folds
            That networks are used of, after a stop.

        Raises
        ------
        Cancelled
            When the user cancels.
        """
        # "Stop" has ended the networks; what follows can be stopped as well.
        self._control.take_stop()
        self._models.hears_stop = True
        self._models.threads = self._threads
        self._emitter.emit(StateChanged(state=RunState.TRAINING, message=STAGE, trained=True))
        try:
            if self._begun is None:
                # Where they might have begun early, as planned then: a run that goes on says the same.
                self._models.folds = self._models.folds if self._beside else folds
                self._models.on_progress = self._on_progress
                self._work()
            else:
                self._wait_for(self._begun)
        except Stopped:
            there = counted_of(len(self.parts), len(self._models.names), "simple model", "is", "are")
            self._emitter.emit(Notice(message=f"Stopped: {there} fitted."))

    def _wait_for(self, begun: Future[None]) -> None:
        told = None
        while not begun.done():
            self._control.checkpoint()
            now = self._models.progress_so_far
            # Only what is new: who hears nothing for long may ask what is the matter.
            if self._on_progress is not None and now != told:
                self._on_progress(*now)
            told = now
            self._emitter.emit_posted()
            wait([begun], timeout=POLL_SECONDS)
        begun.result()

    def _work(self) -> None:
        models = self._models
        self.tables = simple_tables(models.data, cache_dir=self._cache_dir, on_progress=models.progress)
        for name in models.names:
            left_out, part = models.fit(name, self.tables)
            self.left_out[name], self.parts[name] = left_out, part
