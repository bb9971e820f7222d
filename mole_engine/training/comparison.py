"""Simple models fitted beside the network, in a thread of their own, so that there is something to compare with."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import Split
from mole_engine.contracts.errors import Cancelled, problem_of
from mole_engine.contracts.events import BaselineReady, Notice, StateChanged
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.contracts.wording import counted
from mole_engine.data.dataset import CuratedDataset
from mole_engine.training.baselines import AT_ONCE, BASELINES, BaselineResult, fit_baseline
from mole_engine.training.emitter import EventEmitter

log = logging.getLogger(__name__)

STAGE = "Fitting simple models to compare with"
LOWER_PRIORITY = 5
_POLL_SECONDS = 0.1


class Comparison:
    """Fits the baselines one after the other while the network trains; those that need no fitting in every job.

    The thread touches neither the network nor the random numbers of torch, so the network's result does not depend on
    it. What it has to say goes through `EventEmitter.post`, hence comes from the job's own thread.

    Parameters
    ----------
    config, dataset, split
        Of the job.
    emitter
        Told of each baseline that is ready.
    cache_dir
        Keeps descriptors; None: not kept.
    """

    def __init__(
        self,
        config: TrainConfig,
        dataset: CuratedDataset,
        split: Split,
        emitter: EventEmitter,
        *,
        cache_dir: Path | None = None,
    ) -> None:
        self.config = config
        self.dataset = dataset
        self.split = split
        self.emitter = emitter
        self.results: list[BaselineResult] = []
        self._names = tuple(BASELINES) if config.baselines else AT_ONCE
        self._cache_dir = cache_dir
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, name="baselines", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def collect(self, on_progress: Callable[[str, int, int], None], control: RunControl) -> list[BaselineResult]:
        """Wait for what is not ready yet, telling `on_progress` (which may raise), and return the results.

        Asked to stop from now on, it leaves out the rest.
        """
        if self._thread.is_alive():
            # "Stop" has ended the network; this wait can be stopped as well.
            control.take_stop()
            self.emitter.emit(StateChanged(state=RunState.TRAINING, message=STAGE, trained=True))
        while self._thread.is_alive():
            if control.stop_requested:
                self.cancel()
                there, all_of_them = len(self.results), counted(len(self._names), "simple model")
                verb = "is" if there == 1 else "are"
                self.emitter.emit(Notice(message=f"Stopped: {there} of {all_of_them} to compare with {verb} fitted."))
                break
            on_progress(STAGE, len(self.results), len(self._names))
            self.emitter.emit_posted()
            self._thread.join(_POLL_SECONDS)
        self.emitter.emit_posted()
        return list(self.results)

    def cancel(self) -> None:
        """Drop the work and wait for the thread, at most for the trees that it is growing."""
        self._cancelled.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        _step_back()
        ensemble = self.config.ensemble
        for name in self._names:
            try:
                result = fit_baseline(
                    name,
                    self.dataset,
                    self.split,
                    seed=self.config.seed,
                    cache_dir=self._cache_dir,
                    on_progress=self._check,
                    transform=self.config.data.target_transform,
                    # These learn from the validation molecules in the end.
                    refit=ensemble.kind == "folds" or ensemble.trees,
                    described=ensemble.trees or self.config.model.descriptors,
                )
            except Cancelled:
                return
            except Exception as error:
                log.exception("The baseline %s failed", name)
                words = f"'{BASELINES[name]}' could not be fitted to compare with: {problem_of(error).cause or error}"
                self.emitter.post(Notice(message=words, level="warning"))
                continue
            self.results.append(result)
            self.emitter.post(BaselineReady(name=name, title=result.title, metrics=result.validation_metrics))

    def _check(self, stage: str, done: int, total: int) -> None:
        if self._cancelled.is_set():
            raise Cancelled


def _step_back() -> None:
    """Leave the processor to the network where the system knows priorities of threads (Linux)."""
    if hasattr(os, "setpriority") and os.uname().sysname == "Linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWER_PRIORITY)
