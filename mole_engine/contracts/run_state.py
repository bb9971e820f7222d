"""The states of a run, and the one way in which the user steers it."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mole_engine.contracts.errors import Cancelled


class RunState(StrEnum):
    """Where a run stands.

    QUEUED, PREPARING, TRAINING, EVALUATING and COMPLETED follow each other; from any of the first four it may go to
    CANCELLED, FAILED or INTERRUPTED, and from the last two of these, when it goes on, to PREPARING.
    """

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


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that a user can want of a running job, at one moment; see the methods of `RunControl`.

    Attributes
    ----------
    stops
        How often the user asked to finish.
    learning_rate_factor
        On the planned rates; 0: nothing was said, so an earlier factor of a resumed run stays.
    last_epoch
        0: nothing was said.
    """

    paused: bool = False
    stops: int = 0
    cancel: bool = False
    interrupt: bool = False
    learning_rate_factor: float = 0.0
    last_epoch: int = 0


class RunControl:
    """The only words from the user to a running job. Every method may be called from any thread.

    `stop` means: finish now, keep and evaluate the best model. `cancel` means: drop it. `interrupt` means: leave now,
    keep the checkpoints, so that the run can be resumed later. All three wake a paused job. A job of several parts (a
    search, networks, simple models) finishes the part under way when it is told to stop. Before training has begun
    there is no best model: a job that is stopped then ends as CANCELLED, one that goes on with what it had.
    """

    def __init__(self) -> None:
        self._running = threading.Event()
        self._running.set()
        self._stop = threading.Event()
        self._stops = 0
        self._cancel = threading.Event()
        self._interrupt = threading.Event()
        self._learning_rate_factor = 0.0
        self._last_epoch = 0
        self._listeners: list[Callable[[Wishes], None]] = []

    def pause(self) -> None:
        """Hold the job at the next batch until `resume`."""
        self._running.clear()
        self._tell()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._running.set()
        self._tell()

    def stop(self) -> None:
        """End training after the current step, then evaluate and keep the best model."""
        self._stops += 1
        self._stop.set()
        self._running.set()
        self._tell()

    def take_stop(self) -> bool:
        """Return whether `stop` was asked for, and forget it: the job has finished one of several parts."""
        asked = self._stop.is_set()
        self._stop.clear()
        return asked

    def cancel(self) -> None:
        """Drop the job as soon as possible."""
        self._cancel.set()
        self._running.set()
        self._tell()

    def interrupt(self) -> None:
        """Leave as soon as possible, but keep the checkpoints: the run ends as INTERRUPTED and can be resumed."""
        self._interrupt.set()
        self.cancel()

    def set_learning_rate(self, factor: float) -> None:
        """Multiply the planned learning rate by `factor` from the next batch on.

        The factor takes the place of an earlier one: 1 goes back to the plan. The job says so with a `Notice`.

        Raises
        ------
        ValueError
            When the factor is not between 0.000001 and 1000000.
        """
        if not 1e-6 <= factor <= 1e6:
            raise ValueError(f"a factor between 0.000001 and 1000000 is needed, not {factor!r}")
        self._learning_rate_factor = factor
        self._tell()

    def set_last_epoch(self, epoch: int) -> None:
        """End training after `epoch` (the first is 1), earlier or later than planned; the job says so with a `Notice`.

        The learning rate's plan is stretched or shortened to end there. An epoch that is already over means: after the
        one under way. Of several networks that are trained one after the other, the epochs are counted through: those
        that would begin later are left out, and none learns for longer than planned.

        Raises
        ------
        ValueError
            When the epoch is not between 1 and 10,000.
        """
        if not 1 <= epoch <= 10_000:
            raise ValueError(f"an epoch between 1 and 10000 is needed, not {epoch!r}")
        self._last_epoch = epoch
        self._tell()

    @property
    def wishes(self) -> Wishes:
        """Everything that was said so far."""
        return Wishes(
            paused=self.is_paused,
            stops=self._stops,
            cancel=self.cancel_requested,
            interrupt=self.interrupt_requested,
            learning_rate_factor=self._learning_rate_factor,
            last_epoch=self._last_epoch,
        )

    @contextlib.contextmanager
    def heard_by(self, listener: Callable[[Wishes], None]) -> Iterator[None]:
        """Call `listener` after every word while the block lasts, in the thread of whoever speaks."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener(self.wishes)

    @property
    def learning_rate_factor(self) -> float:
        """Factor on the planned learning rate; 0: nothing was said."""
        return self._learning_rate_factor

    @property
    def last_epoch(self) -> int:
        """The epoch to end with; 0: nothing was said."""
        return self._last_epoch

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

    def obey(self, wishes: Wishes, before: Wishes) -> None:
        """Take over what the user wants now, in another process than the one that was told; `before` was the last."""
        if wishes.paused != self.is_paused:
            (self.pause if wishes.paused else self.resume)()
        if wishes.learning_rate_factor and wishes.learning_rate_factor != self.learning_rate_factor:
            self.set_learning_rate(wishes.learning_rate_factor)
        if wishes.last_epoch and wishes.last_epoch != self.last_epoch:
            self.set_last_epoch(wishes.last_epoch)
        if wishes.stops > before.stops:
            self.stop()
        if wishes.interrupt:
            self.interrupt()
        elif wishes.cancel:
            self.cancel()


def hear_wishes(
    lines: Iterable[bytes], control: RunControl, other: Callable[[dict[str, Any]], None] | None = None
) -> None:
    """Obey lines of JSON that say "wishes", and interrupt the job when they end: whoever spoke is gone.

    Parameters
    ----------
    lines
        From the other process.
    control
        Of the job in this one.
    other
        Told of messages that say something else.
    """
    before = Wishes()
    for line in lines:
        message = json.loads(line)
        if "wishes" not in message:
            if other is not None:
                other(message)
            continue
        wishes = Wishes(**message["wishes"])
        control.obey(wishes, before)
        before = wishes
    control.interrupt()
