"""Says what a silent job was doing when it was last heard of."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from mole_engine.contracts.events import Event, StageProgress, StateChanged, StepMetrics
from mole_engine.contracts.run_state import RunState

PATIENCE_SECONDS = 15.0
"""How long a job may be silent before that is worth a word."""

LOOK_MS = 1000

_WORDS = {
    RunState.QUEUED: "starting",
    RunState.PREPARING: "preparing the molecules",
    RunState.TRAINING: "training; the first step of an epoch and the validation take longest",
    RunState.EVALUATING: "judging the model",
}


class Watchdog(QObject):
    """Looks once a second whether a job has been silent for long.

    It stands in the window's thread, so that it speaks even when the job's own thread hangs in a library.

    Signals
    -------
    waiting(str)
        What the job was last heard to do, and for how long it has been silent; empty when it speaks again.
    """

    waiting = Signal(str)

    def __init__(self, parent: QObject | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self._clock = clock
        self._heard = 0.0
        self._doing = ""
        self._said = False
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        """Begin to watch a new job."""
        self._doing = "loading the libraries"
        self._heard = self._clock()
        self._timer.start()

    def stop(self) -> None:
        """The job is over, or holds because the user wants it to."""
        self._timer.stop()
        self._quiet()

    def go_on(self) -> None:
        """Watch again after `stop`; what the job was doing is still known."""
        self._heard = self._clock()
        self._timer.start()

    def hear(self, event: Event) -> None:
        """Note a sign of life."""
        self._heard = self._clock()
        self._quiet()
        if isinstance(event, StateChanged):
            self._doing = _WORDS.get(event.state, event.state.value)
        elif isinstance(event, StageProgress):
            share = f" ({event.done:,} of {event.total:,} {event.unit})" if event.total else ""
            self._doing = event.stage[:1].lower() + event.stage[1:] + share
        elif isinstance(event, StepMetrics):
            self._doing = f"training, step {event.step:,} of {event.total_steps:,}"

    @Slot()
    def look(self) -> None:
        """Speak if the job has been silent for too long."""
        silent = self._clock() - self._heard
        if silent >= PATIENCE_SECONDS:
            self._said = True
            self.waiting.emit(f"No news for {silent:.0f} s. Last seen: {self._doing}.")

    def _quiet(self) -> None:
        if self._said:
            self._said = False
            self.waiting.emit("")
