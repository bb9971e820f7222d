"""The simple models of an ensemble: what each says of the molecules it left out, and one of each fitted on all."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind
from mole_engine.contracts.errors import Cancelled
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.run_state import RunControl
from mole_engine.data.data_modules import MolDataModule
from mole_engine.data.scaling import TargetScaler
from mole_engine.data.weights import counting
from mole_engine.training.folds import Fold, fold_numbers, pool_of, structure_numbers
from mole_engine.training.library_threads import linear_algebra_threads
from mole_engine.training.outputs import OutputLayout
from mole_engine.training.parts import MOST_LEARNT, Part, fit_part, learnt_from
from mole_engine.training.simple_tables import SimpleTables

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Result = TypeVar("Result")

STAGE = "Fitting simple models"
TREES, FEW_TREES = 300, 100
MANY_CELLS = 4_000
"""Molecules times targets beyond which forests are smaller, and boosting takes the place of the slowest."""

GROUPS_OF_ONE_FOLD = 5
"""Groups of like molecules in which settings are chosen where there are no folds."""

MOST_CELLS = 20_000
"""Molecules times targets beyond which a second Gaussian process, solved for each target's gaps, takes too long."""

ROWS_AT_ONCE = 10_000
"""Molecules that the models which are fitted at the same time learn from together, which bounds their memory."""

SMALL_MATRIX = 2_000
"""Up to so many rows, threads of linear algebra wait for each other for longer than they work."""

LOOK_UP_SECONDS = 0.1
"""Between two looks at what the user wishes."""


class Stopped(Exception):  # noqa: N818 - a control-flow signal, not an error
    """The user asked to leave out what is not fitted yet."""


class SimpleModels:
    """Fits the simple models one after the other.

    Parameters
    ----------
    config, data, scaler
        The job, its molecules, and the scale in which all members speak.
    folds
        What is left out in turns.
    threads
        Of the job; with fewer of them, the models say the same.
    control
        The user's words.
    algebra_threads
        Of linear algebra with large matrices, whose sums depend on them; 0: as many as `threads`.

    Attributes
    ----------
    threads
        Of the model that is fitted next; may be changed at any time.
    on_progress
        Told how far the work is, in the thread that works; None: nobody is.
    progress_so_far
        What was told last.
    hears_stop
        Whether a wish to stop is meant for these models.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: MolDataModule,
        scaler: TargetScaler,
        folds: Sequence[Fold],
        threads: int,
        control: RunControl,
        algebra_threads: int = 0,
    ) -> None:
        self.config = config
        self.data = data
        self.folds = folds
        self.threads = threads
        self.control = control
        self.algebra_threads = algebra_threads or threads
        self.on_progress: ProgressHandler | None = None
        self.progress_so_far = (STAGE, 0, 1)
        self.hears_stop = True
        self._is_dropped = threading.Event()
        self.tasks = data.dataset.roles.tasks
        self.labels = scaler.transform(data.labels.targets)
        self.pool = pool_of(data)

    @property
    def passed_over(self) -> str:
        """Say what was asked for and has no effect on them; empty where that is nothing."""
        kinds = {task.kind for task in self.tasks}
        if not self.config.training.class_weights or kinds == {TaskKind.REGRESSION}:
            return ""
        return (
            "Class weights (training.class_weights) hold for the networks alone: the simple models of the blend "
            "count all classes alike, and so do its shares."
        )

    @property
    def names(self) -> list[str]:
        """Which there are, in the order of their fitting."""
        # Forests on thousands of fingerprint columns take minutes on many molecules, where boosting is at its best.
        cells = len(self.data.features) * len(self.tasks)
        names = ["kernel", "similar", "additive", "extra", "boosting" if cells > MANY_CELLS else "random"]
        return names if cells <= MOST_CELLS else [name for name in names if name != "similar"]

    def check(self) -> None:
        """Called now and then: waits while paused. Raises Cancelled, and `Stopped` once the user has asked to stop."""
        while self.control.is_paused and not self._is_dropped.is_set():
            self._is_dropped.wait(LOOK_UP_SECONDS)
        if self._is_dropped.is_set():
            raise Cancelled
        if self.control.cancel_requested:
            raise Cancelled
        if self.hears_stop and self.control.stop_requested:
            raise Stopped

    def drop(self) -> None:
        """Have the thread that works here end as soon as it can: nobody waits for the models any more."""
        self._is_dropped.set()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Tell how far the work is; raises as `check`."""
        self.progress_so_far = (stage, done, total)
        if self.on_progress is not None:
            self.on_progress(stage, done, total)
        self.check()

    def fit(self, name: str, tables: SimpleTables) -> tuple[Floats, Part]:
        """Return what a model says of the molecules that it was not fitted on, (n, outputs), and one fitted on all.

        Raises
        ------
        Cancelled, Stopped
            As the user wishes.
        """
        result = np.full((len(self.labels), OutputLayout(self.tasks).size), np.nan)
        folds = [fold for fold in self.folds if len(fold.held)]
        jobs = len(folds) + 1
        threads = self.threads
        at_once = self.at_once(name, jobs, threads)
        threads = max(1, threads // at_once)

        def fitted(rows: Positions) -> Part:
            self.check()
            return self._fitted(name, tables, rows, threads)

        def fold_said(fold: Fold) -> Floats:
            return tables.said(name, fitted(fold.train), fold.held)

        self._tell(name, 0, jobs)
        with self._few_threads(name, jobs), ThreadPoolExecutor(at_once, "folds of simple models") as crew:
            try:
                said = [crew.submit(fold_said, fold) for fold in folds]
                part = crew.submit(fitted, self.pool)
                for number, (fold, future) in enumerate(zip(folds, said, strict=True), start=1):
                    result[fold.held] = self._waited_for(future)
                    self._tell(name, number, jobs)
                return result, self._waited_for(part)
            except BaseException:
                # What has begun hears of a wish itself; what has not, shall not.
                crew.shutdown(wait=False, cancel_futures=True)
                raise

    def at_once(self, name: str, jobs: int, threads: int) -> int:
        """Return how many of a model's `jobs` are done at the same time: as many as threads and memory allow."""
        return max(1, min(threads, jobs, ROWS_AT_ONCE // self._most_rows(name)))

    def _most_rows(self, name: str) -> int:
        return max(1, min(len(self.pool), MOST_LEARNT.get(name, len(self.pool))))

    @contextlib.contextmanager
    def _few_threads(self, name: str, jobs: int) -> Iterator[None]:
        large = self._most_rows(name) > SMALL_MATRIX
        few = max(1, self.algebra_threads // self.at_once(name, jobs, self.algebra_threads)) if large else 1
        # Fits at the same time leave the list of warning filters as whichever ends last found it.
        with linear_algebra_threads(few), warnings.catch_warnings():
            yield

    def _waited_for(self, future: Future[Result]) -> Result:
        while True:
            with contextlib.suppress(TimeoutError):
                return future.result(timeout=LOOK_UP_SECONDS)
            self.check()

    @cached_property
    def _alike(self) -> Positions:
        """For each molecule a number, the same for those that are left out together; one for all that do not learn."""
        count = len(self.folds) if len(self.folds) > 1 else min(GROUPS_OF_ONE_FOLD, len(self.pool))
        numbers = np.full(len(self.data.features), -1, dtype=np.int64)
        numbers[self.pool] = fold_numbers(self.config, self.data, self.pool, count)
        return numbers

    @cached_property
    def _structures(self) -> Positions:
        """For each molecule a number, the same for those that no table tells apart."""
        return structure_numbers(self.data.dataset.smiles)

    def _fitted(self, name: str, tables: SimpleTables, rows: Positions, threads: int) -> Part:
        rows, weights = counting(self.data.dataset.weights, rows)
        # Of all that is learnt from in the end: what is weighed, a fold's model, has as many trees as what is kept.
        large = len(self.pool) * len(self.tasks) > MANY_CELLS
        # The sample is drawn before any table is written out.
        drawn = learnt_from(name, rows, self.config.seed)
        if weights is not None:
            order = np.argsort(rows)
            weights = weights[order[np.searchsorted(rows, drawn, sorter=order)]]
        rows = drawn
        return fit_part(
            name,
            tables.of(name, rows),
            self.labels[rows],
            self.tasks,
            seed=self.config.seed,
            threads=threads,
            trees=FEW_TREES if large else TREES,
            groups=self._alike[rows],
            structures=self._structures[rows],
            weights=weights,
            check=self.check,
        )

    def _tell(self, name: str, done: int, total: int) -> None:
        self.progress(STAGE, self.names.index(name) * total + done, len(self.names) * total)
