"""The background thread that runs one training job, and the pump that brings its events to the window's thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import Cancelled, Problem, problem_of
from mole_engine.contracts.events import Event, EventHandler
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl

TrainFunction = Callable[[TrainConfig, EventHandler, RunControl, str], RunRecord]
"""What `mole_engine.train.train` is, called with positional arguments; the last names a run to go on with, or none."""

TICK_MS = 40
"""How often the window's thread looks for events."""

TICK_SECONDS = 0.008
"""Longest stretch of one look, so that a flood of events never holds the window up."""


def engine_train(config: TrainConfig, on_event: EventHandler, control: RunControl, resume: str) -> RunRecord:
    """Run the engine's `train`; it is imported here, on the thread that needs it."""
    from mole_engine.train import train

    return train(config, on_event=on_event, control=control, resume=resume)


class TrainingThread(QThread):
    """One job on one thread: started once, never reused.

    Attributes
    ----------
    control
        The only way to steer the job.
    events
        What the job says, in order; filled by the job's thread, emptied by the window's.
    record, problem
        How it ended, valid once `finished` was emitted: a record, or the problem that ended it.
    """

    def __init__(
        self,
        config: TrainConfig,
        train: TrainFunction = engine_train,
        resume: str = "",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("trainingThread")
        self.control = RunControl()
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.record: RunRecord | None = None
        self.problem: Problem | None = None
        self._config = config
        self._train, self._resume = train, resume

    def run(self) -> None:
        """Work until the job ends in whatever way; nothing escapes from here."""
        try:
            self.record = self._train(self._config, self.events.put, self.control, self._resume)
        except Cancelled:
            self.record = None
        except BaseException as error:  # noqa: BLE001 - an exception must not end the program with this thread
            # Only text is kept: the traceback's frames would hold the model and its memory.
            self.problem = problem_of(error)


class EventPump(QObject):
    """Hands a thread's events on, in the window's thread, a bounded amount of work at a time.

    Signals
    -------
    arrived(Event)
        In the order of the job.
    drained()
        Once, after the thread has ended and its last event was handed on.
    """

    arrived = Signal(object)
    drained = Signal()

    def __init__(self, thread: TrainingThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = thread
        self._ended = False
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        thread.finished.connect(self._note_end, Qt.ConnectionType.QueuedConnection)
        self._timer.start()

    @Slot()
    def _note_end(self) -> None:
        self._ended = True
        self._tick()

    @Slot()
    def _tick(self) -> None:
        deadline = time.perf_counter() + TICK_SECONDS
        while time.perf_counter() < deadline:
            try:
                item = self._thread.events.get_nowait()
            except Empty:
                if self._ended and self._timer.isActive():
                    self._timer.stop()
                    self.drained.emit()
                return
            self.arrived.emit(item)
