"""The states of a run, and the one way in which the user steers it."""

from __future__ import annotations

import threading
from enum import StrEnum

from mole_engine.contracts.errors import Cancelled


class RunState(StrEnum):
    """Where a run stands; see `TRANSITIONS` for the allowed moves."""

    QUEUED = "queued"
    PREPARING = "preparing"
    TRAINING = "training"
    EVALUATING = "evaluating"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_active(self) -> bool:
        """Whether work is (or should be) going on."""
        return self in ACTIVE

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in TERMINAL


ACTIVE = frozenset({RunState.QUEUED, RunState.PREPARING, RunState.TRAINING, RunState.EVALUATING})
TERMINAL = frozenset({RunState.COMPLETED, RunState.CANCELLED, RunState.FAILED})
_ENDS = frozenset({RunState.CANCELLED, RunState.FAILED, RunState.INTERRUPTED})

TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: _ENDS | {RunState.PREPARING},
    RunState.PREPARING: _ENDS | {RunState.TRAINING},
    RunState.TRAINING: _ENDS | {RunState.EVALUATING},
    RunState.EVALUATING: _ENDS | {RunState.COMPLETED},
    RunState.COMPLETED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.FAILED: frozenset({RunState.PREPARING}),
    RunState.INTERRUPTED: frozenset({RunState.PREPARING}),
}


def can_move(old: RunState, new: RunState) -> bool:
    """Whether a run may go from `old` to `new`."""
    return new in TRANSITIONS[old]


class RunControl:
    """The only words from the user to a running job. Every method may be called from any thread.

    `stop` means: finish now, keep and evaluate the best model. `cancel` means: drop it. `interrupt` means: leave now,
    keep the checkpoints, so that the run can be resumed later. All three wake a paused job.
    """

    def __init__(self) -> None:
        self._running = threading.Event()
        self._running.set()
        self._stop = threading.Event()
        self._cancel = threading.Event()
        self._interrupt = threading.Event()

    def pause(self) -> None:
        """Hold the job at the next batch until `resume`."""
        self._running.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._running.set()

    def stop(self) -> None:
        """End training after the current step, then evaluate and keep the best model."""
        self._stop.set()
        self._running.set()

    def cancel(self) -> None:
        """Drop the job as soon as possible."""
        self._cancel.set()
        self._running.set()

    def interrupt(self) -> None:
        """Leave as soon as possible, but keep the checkpoints: the run ends as INTERRUPTED and can be resumed."""
        self._interrupt.set()
        self.cancel()

    @property
    def is_paused(self) -> bool:
        """Whether the job is asked to hold."""
        return not self._running.is_set()

    @property
    def stop_requested(self) -> bool:
        """Whether the job is asked to finish now and keep the best model."""
        return self._stop.is_set()

    @property
    def cancel_requested(self) -> bool:
        """Whether the job is asked to drop everything."""
        return self._cancel.is_set()

    @property
    def interrupt_requested(self) -> bool:
        """Whether the job is asked to leave in a way that can be resumed (then `cancel_requested` holds as well)."""
        return self._interrupt.is_set()

    def checkpoint(self) -> None:
        """Called by the job between two pieces of work: waits while paused.

        Raises
        ------
        Cancelled
            When the user has cancelled.
        """
        self._running.wait()
        if self._cancel.is_set():
            raise Cancelled
