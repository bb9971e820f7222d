"""Training as the window sees it: start a job, steer it, hear of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.services.run_queue import QueuedRun, RunQueue
from app.services.training_thread import EventPump, TrainFunction, TrainingThread, engine_train
from app.services.watchdog import Watchdog
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError, Problem
from mole_engine.contracts.events import Event, StateChanged
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

QUEUE_FILE = "queue.json"


class TrainingService(QObject):
    """Runs one job at a time in a `TrainingThread`; others wait in a queue that survives the end of the program.

    For every started job: `run_started` once, then `run_event` for each event, then (after a failure) `failed`, then
    `run_finished` once, when the thread has ended.

    Signals
    -------
    state_changed()
        Something that buttons depend on has changed: running, paused, ending.
    queue_changed()
        `queued()` or `is_held` gives another answer.
    run_started(RunRecord)
        The job has made its first sign of life and has an identifier.
    run_event(Event)
        Every event of the job, in order.
    waiting(str)
        The job has been silent for long: what it was last seen doing. Empty when it speaks again.
    failed(Problem)
        The job ended with a problem.
    run_finished(RunRecord)
        The job is over, in whatever way.
    """

    state_changed = Signal()
    queue_changed = Signal()
    run_started = Signal(object)
    run_event = Signal(object)
    waiting = Signal(str)
    failed = Signal(object)
    run_finished = Signal(object)

    def __init__(self, workspace: Path, train: TrainFunction = engine_train, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._train = train
        self._job: _Job | None = None
        self._queue = RunQueue(workspace / QUEUE_FILE)
        # What an earlier session left waits for a word: opening the program shall not start hours of work.
        self._held = len(self._queue) > 0
        self._closing = False
        self._watchdog = Watchdog(self)
        self._watchdog.waiting.connect(self.waiting)

    @property
    def is_running(self) -> bool:
        """Whether a job's thread is alive."""
        return self._job is not None

    @property
    def is_paused(self) -> bool:
        """Whether the job is asked to hold."""
        return self._job is not None and self._job.thread.control.is_paused

    @property
    def ending(self) -> str:
        """What the job was asked for: "stop", "cancel", "interrupt", or nothing yet."""
        return self._job.ending if self._job is not None else ""

    @property
    def has_something_to_keep(self) -> bool:
        """Whether the job has begun to train, or goes on with a run that may have a model from before."""
        job = self._job
        return job is not None and (bool(job.resume) or job.record.status not in (RunState.QUEUED, RunState.PREPARING))

    @property
    def record(self) -> RunRecord | None:
        """The job under way, as far as it is known."""
        return self._job.record if self._job is not None else None

    @property
    def config(self) -> TrainConfig | None:
        """The job under way as it was asked for; of one that goes on, little more than its name."""
        return self._job.config if self._job is not None else None

    @property
    def resumes(self) -> str:
        """Folder of the run that the job goes on with, "" for a new one."""
        return self._job.resume if self._job is not None else ""

    def own_run(self) -> tuple[str, ...]:
        """Return by what the run under way is known: its identifier, the folder it goes on in or was given."""
        job = self._job
        return tuple(filter(None, (job.record.run_id, job.resume, job.config.out))) if job is not None else ()

    def start(self, config: TrainConfig, resume: str = "") -> None:
        """Start a job, or put it into the queue where one is running.

        Parameters
        ----------
        config
            The job.
        resume
            Folder of a run to go on with from its last checkpoint; its own settings count then, not those of `config`.

        Raises
        ------
        InputError, KnownError
            As `enqueue`.
        """
        self._refuse_twice(config, resume)
        if self._job is not None:
            self.enqueue(config, resume)
            return
        config = config.model_copy(update={"workspace": config.workspace or str(self._workspace)})
        thread = TrainingThread(config, self._train, resume, self)
        pump = EventPump(thread, self)
        pump.arrived.connect(self._hand_on)
        pump.drained.connect(self._finish)
        self._job = _Job(thread, pump, config, _first_record(config), resume)
        thread.start(TrainingThread.Priority.LowPriority)
        self._watchdog.start()
        self.state_changed.emit()

    def enqueue(self, config: TrainConfig, resume: str = "") -> QueuedRun:
        """Put a job at the end of the queue; it starts at once where nothing runs, waits or is held.

        Raises
        ------
        InputError
            When it goes on with a run that waits or trains already.
        KnownError
            When the queue cannot be written down.
        """
        self._refuse_twice(config, resume)
        run = self._queue.add(config, resume)
        self.queue_changed.emit()
        self._start_next()
        return run

    def _refuse_twice(self, config: TrainConfig, resume: str) -> None:
        if resume and resume in {self.resumes, *(run.resume for run in self.queued())}:
            raise InputError(f"{config.name or 'This run'} goes on already.", "It trains, or waits in the queue.", "")

    def queued(self) -> list[QueuedRun]:
        """Return the jobs that wait, the next one first."""
        return self._queue.runs()

    @property
    def is_held(self) -> bool:
        """Whether the queue waits for `start_queue`: at the start of the program, with what an earlier one left."""
        return self._held and len(self._queue) > 0

    def move(self, run_id: str, places: int) -> None:
        """Move a waiting job towards the front (negative) or the end. Raises InputError, KnownError."""
        self._queue.move(run_id, places)
        self.queue_changed.emit()

    def drop(self, run_id: str) -> QueuedRun:
        """Remove a waiting job and return it. Raises InputError, KnownError."""
        run = self._queue.drop(run_id)
        self.queue_changed.emit()
        return run

    def run_next(self, run_id: str) -> None:
        """Make a waiting job the next; where nothing runs, it starts now. Raises InputError, KnownError."""
        self.move(run_id, -len(self._queue))
        self.start_queue()

    @Slot()
    def hold_queue(self) -> None:
        """Let nothing further begin by itself; what runs goes on."""
        self._held = True
        self.queue_changed.emit()

    @Slot()
    def start_queue(self) -> None:
        """Let the waiting jobs begin, one after the other."""
        self._held = False
        self.queue_changed.emit()
        self._start_next()

    def _start_next(self) -> None:
        if self._job is not None or self._held or self._closing:
            return
        try:
            run = self._queue.take()
        except KnownError as error:
            # Begun without being written down, it would begin once more with the next start of the program.
            self._held = True
            self.queue_changed.emit()
            self.failed.emit(error.problem)
            return
        if run is not None:
            self.start(run.config, run.resume)
            self.queue_changed.emit()

    @Slot()
    def pause(self) -> None:
        """Hold the job at its next batch."""
        if self._job is not None:
            self._job.thread.control.pause()
            self._watchdog.stop()
            self.state_changed.emit()

    @Slot()
    def resume(self) -> None:
        """Go on after `pause`."""
        if self._job is not None:
            self._job.thread.control.resume()
            self._watchdog.go_on()
            self.state_changed.emit()

    def set_learning_rate(self, factor: float) -> None:
        """Multiply the planned learning rate by `factor` from the next batch on; see `RunControl.set_learning_rate`."""
        if self._job is not None:
            self._job.thread.control.set_learning_rate(factor)

    def set_last_epoch(self, epoch: int) -> None:
        """End training after `epoch`; see `RunControl.set_last_epoch`."""
        if self._job is not None:
            self._job.thread.control.set_last_epoch(epoch)

    @Slot()
    def stop(self) -> None:
        """End training now, then judge and keep the best model."""
        if self._job is not None:
            self._job.ending = self._job.ending or "stop"
            self._job.thread.control.stop()
            self._watchdog.go_on()
            self.state_changed.emit()

    @Slot()
    def cancel(self) -> None:
        """Drop the job as soon as possible."""
        if self._job is not None:
            self._job.ending = "cancel"
            self._job.thread.control.cancel()
            self._watchdog.go_on()
            self.state_changed.emit()

    def shutdown(self) -> bool:
        """Ask a running job to leave so that it can be resumed; return whether nothing is left to wait for.

        Where it returns False, `run_finished` says when the program may go. The queue waits for the next start.
        """
        self._closing = True
        if self._job is not None:
            self._job.ending = self._job.ending or "interrupt"
            self._job.thread.control.interrupt()
            self.state_changed.emit()
        return self._job is None

    def wait_for_end(self) -> None:
        """Block until a job that was asked to leave has left; only for when the window itself is being destroyed."""
        if self._job is not None:
            self._job.thread.wait()

    @Slot(object)
    def _hand_on(self, event: Event) -> None:
        job = self._job
        if job is None:
            return
        if not job.thread.control.is_paused:
            self._watchdog.hear(event)
        if event.run_id and not job.record.run_id:
            job.record = replace(job.record, run_id=event.run_id)
        if isinstance(event, StateChanged):
            job.record = replace(job.record, status=event.state)
            if event.state is RunState.TRAINING and job.ending == "stop":
                # It was the part before that was stopped: a search, or the networks. The next one begins.
                job.ending = ""
                self.state_changed.emit()
        self._announce(job)
        self.run_event.emit(event)

    def _announce(self, job: _Job) -> None:
        if not job.announced:
            job.announced = True
            self.run_started.emit(job.record)

    @Slot()
    def _finish(self) -> None:
        job = self._job
        if job is None:
            return
        self._announce(job)
        self._job = None
        self._watchdog.stop()
        job.thread.wait()
        job.thread.deleteLater()
        job.pump.deleteLater()
        self.state_changed.emit()
        problem = job.thread.problem
        if problem is not None:
            self.failed.emit(problem)
        self.run_finished.emit(job.thread.record or _last_record(job.record, problem))
        self._start_next()


@dataclass
class _Job:
    """What belongs to the one job under way."""

    thread: TrainingThread
    pump: EventPump
    config: TrainConfig
    record: RunRecord
    resume: str = ""
    announced: bool = False
    ending: str = ""


def _first_record(config: TrainConfig) -> RunRecord:
    """Return what is known of a job before it has said a word."""
    return RunRecord(
        run_id="",
        name=config.name or Path(config.data.path).stem,
        status=RunState.QUEUED,
        preset=config.preset,
        data_name=Path(config.data.path).name,
        created=time.time(),
        epochs=config.training.epochs,
        seed=config.seed,
    )


def _last_record(record: RunRecord, problem: Problem | None) -> RunRecord:
    """Return how a job ended that gave no record of its own: with a problem, or dropped."""
    seconds = time.time() - record.created
    if problem is None:
        return replace(record, status=RunState.CANCELLED, seconds=seconds)
    return replace(record, status=RunState.FAILED, seconds=seconds, error=problem.one_line())
