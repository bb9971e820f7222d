"""What is open in the window, and the services around it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from PySide6.QtCore import QObject, Signal, Slot

from app.services.checks import CheckService
from app.services.columns import ColumnService
from app.services.datasets import DatasetService, OpenDataset, Wanted
from app.services.depictions import DepictionService
from app.services.explanations import ExplanationService
from app.services.filters import FilterService
from app.services.garbage import GarbageCollector
from app.services.history import DatasetHistory
from app.services.model_shelf import ModelShelf
from app.services.predictions import PredictionService
from app.services.prefetch import Prefetch
from app.services.runs import RunsService
from app.services.settings import Settings
from app.services.space import SpaceService
from app.services.tasks import Progress, TaskRunner
from app.services.training import TrainingService
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import Cancelled, Problem, problem_of

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Session(QObject):
    """Composes the services; pages know nothing else.

    Attributes
    ----------
    workspace
        Folder that keeps runs, settings and the log.
    settings, datasets, history, columns, filters, space, depictions, training, predictions, explanations, runs, checks,
    prefetch
        The services.
    dataset
        What is open, or None.

    Signals
    -------
    dataset_opened(OpenDataset)
        A file was read; it is now `dataset`.
    dataset_changed(OpenDataset)
        The same file, with other roles, clean-up steps or split.
    run_started(RunRecord), run_event(Event), run_finished(RunRecord)
        Forwarded from training.
    predictions_ready(object)
        Forwarded from predictions.
    problem_raised(Problem)
        The one door for everything that goes wrong.
    busy(stage, done, total), idle()
        Work beside the window, for the status bar.
    job_offered(TrainConfig)
        The settings of an earlier run are to be trained again; its data set is open.
    runs_changed(), models_changed()
        The workspace has another list of runs or models.
    """

    dataset_opened = Signal(object)
    dataset_changed = Signal(object)
    run_started = Signal(object)
    run_event = Signal(object)
    run_finished = Signal(object)
    predictions_ready = Signal(object)
    problem_raised = Signal(object)
    busy = Signal(str, int, int)
    idle = Signal()
    job_offered = Signal(object)
    runs_changed = Signal()
    models_changed = Signal()

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = Path(workspace)
        self.workspace.mkdir(parents=True, exist_ok=True)
        self._looking = False
        self._looks: set[asyncio.Task[Any]] = set()
        # What was told of looks that failed, and which kinds of look have failed so.
        self._told: dict[str, set[str]] = {}
        self.garbage = GarbageCollector(self)
        self.tasks = TaskRunner(self)
        self.settings = Settings(self.workspace, self)
        self.datasets = DatasetService(self.tasks, self.workspace, self)
        self.history = DatasetHistory(self.datasets, self)
        self.columns = ColumnService(self.tasks, self)
        self.filters = FilterService(self.tasks, self.columns.read, self)
        self.space = SpaceService(self.tasks, self)
        self.depictions = DepictionService(self)
        self.training = TrainingService(self.workspace, parent=self)
        shelf = ModelShelf()
        self.predictions = PredictionService(self.tasks, shelf, self)
        self.explanations = ExplanationService(self.tasks, shelf)
        self.runs = RunsService(self.tasks, self.workspace, self.training.own_run, self)
        self.checks = CheckService(self.tasks, self)
        self.prefetch = Prefetch(self)
        self._connect()

    def _connect(self) -> None:
        self.tasks.failed.connect(self.report)
        self.datasets.opened.connect(self._dataset_opened)
        self.datasets.changed.connect(self.dataset_changed)
        self.history.wanted.connect(self._remake)
        self.columns.own_changed.connect(self.filters.forget)
        # Answers about a former data set would keep it in memory.
        self.datasets.changed.connect(self.filters.forget)
        self.datasets.busy.connect(self.busy)
        self.datasets.idle.connect(self.idle)
        self.training.run_started.connect(self.run_started)
        self.training.run_event.connect(self.run_event)
        self.training.failed.connect(self.report)
        self.training.run_finished.connect(self._run_finished)
        self.predictions.ready.connect(self.predictions_ready)
        self.predictions.busy.connect(self.busy)
        self.predictions.idle.connect(self.idle)
        self.prefetch.started.connect(self.garbage.hold)
        self.prefetch.devices_known.connect(self.garbage.spare_libraries)

    @property
    def dataset(self) -> OpenDataset | None:
        """What is open, or None."""
        return self.datasets.current

    def start_task(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine; its failure becomes `problem_raised`, closing the window cancels it."""
        if not self._looking:
            return self.tasks.start(work)
        task = self.tasks.start(self._told_once(work))
        # Where the window closes before the task has begun, nobody has awaited it.
        task.add_done_callback(lambda _: work.close())
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)
        return task

    @property
    def is_looking(self) -> bool:
        """Whether tasks that nobody has asked for go on; not while a changed file is read, which may take minutes."""
        return bool(self._looks) and not self.datasets.is_busy

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Begin tasks that nobody has asked for: what is wrong with them is told once, not whenever one looks again.

        A dialog that closes activates the window, which looks again: told each time, it could not be closed. When a
        look that has failed succeeds, its words are forgotten: the same trouble later is a new one.
        """
        before, self._looking = self._looking, True
        try:
            yield
        finally:
            self._looking = before

    async def _told_once(self, work: Coroutine[Any, Any, T]) -> T:
        kind: str = getattr(work, "__qualname__", "")
        try:
            found = await work
        except Cancelled:
            raise
        except Exception as error:
            words = problem_of(error).one_line()
            is_known = words in self._told
            # Other kinds of look that fail in the same way have the same cause.
            self._told.setdefault(words, set()).add(kind)
            if not is_known:
                raise
            log.info("Again: %s", words)
            raise Cancelled from error
        self._told = {words: kinds for words, kinds in self._told.items() if kind not in kinds}
        return found

    async def offer_job(self, config: TrainConfig) -> None:
        """Open the data set of an earlier job and bring its settings to where jobs are set up. Raises InputError."""
        await self.datasets.open_job(config.data, config.split)
        self.job_offered.emit(config)

    async def run_blocking(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread and await its result."""
        return await self.tasks.run_blocking(work, *args, **kwargs)

    def new_progress(self) -> Progress:
        """Return a progress handler for blocking work; closing the window cancels it."""
        return self.tasks.new_progress()

    @Slot(object)
    def report(self, error: BaseException | Problem) -> None:
        """Show an error or a problem to the user."""
        problem = error if isinstance(error, Problem) else problem_of(error)
        log.error("%s\n%s", problem.one_line(), problem.details)
        self.problem_raised.emit(problem)

    def close(self) -> None:
        """End everything beside the window; a running training must have ended before."""
        self.depictions.close()
        self.prefetch.close()
        self.tasks.close()
        self.garbage.close()
        self.settings.save()

    @Slot(object)
    def _dataset_opened(self, dataset: OpenDataset) -> None:
        self.filters.forget()
        self.settings.remember_file(dataset.info.path)
        self.dataset_opened.emit(dataset)

    @Slot(object)
    def _remake(self, settings: object) -> None:
        self.start_task(self.datasets.apply(cast(Wanted, settings)))

    @Slot(object)
    def _run_finished(self, record: object) -> None:
        self.run_finished.emit(record)
        self.runs_changed.emit()
        self.models_changed.emit()
