"""Networks of an ensemble that are trained at the same time, each by a process with some of the job's threads.

On a CPU that is faster than one after the other with all threads: products of small networks gain little from more of
them, and what is done between products gains nothing. The job's own thread shows one network after the other, as if
they followed each other: what the later ones have told by then is told at once, as epochs only.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import pickle
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

from mole_engine.child_process import ChildProcess, own_command
from mole_engine.contracts.events import (
    CheckpointSaved,
    EpochMetrics,
    Event,
    Notice,
    PinnedPredictions,
    StepMetrics,
    event_from_json,
)
from mole_engine.contracts.run_state import RunControl, Wishes
from mole_engine.isolated import error_of
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.member_fit import MemberWork
from mole_engine.training.members import is_trained, member_folder
from mole_engine.training.metrics_table import last_epoch
from mole_engine.training.network_process import EVENTS
from mole_engine.training.plan import PlannedNetwork
from mole_engine.training.series import Series, SeriesEnd, write_end

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
GOODBYE_SECONDS = 5.0
"""How long the processes have to leave by themselves: they write no checkpoint any more, but may be within a step."""

NOBODY = -1
"""Stands for no network."""

Message = dict[str, Any]


class SideBySide:
    """Trains networks of a plan that share the threads, in processes of their own.

    As a context manager it begins at once, and leaves no process behind. Networks whose process dies, which costs
    nothing but time, are left to the job's own.

    Parameters
    ----------
    work, plan, series
        The ensemble's.
    control
        The user's words, which each process hears as well.
    """

    def __init__(self, work: MemberWork, plan: Sequence[PlannedNetwork], series: Series, control: RunControl) -> None:
        self._work = work
        self._plan = plan
        self._series = series
        self._control = control
        turns = [item.turn for item in plan]
        shared = [item.number for item in plan if item.apart]
        told, notices = last_epoch(work.folder / "metrics.csv"), _notices(work.folder / EVENTS)
        self._events = {number: self._not_told(number, told, notices) for number in shared}
        self._todo = [number for number in shared if not is_trained(member_folder(work.folder, number))]
        self._at_once = min(len(self._todo), max(map(turns.count, turns)))
        self._before = set(shared) - set(self._todo)
        self._trained: set[int] = set()
        self._over = set(self._before)
        self._running: dict[int, int] = {}
        self._steps: dict[int, StepMetrics] = {}
        self._shown: dict[int, StepMetrics] = {}
        self._heard: SimpleQueue[tuple[int, Message]] = SimpleQueue()
        self._children: list[_Child] = []
        self._last_epoch = control.last_epoch
        # A stop that has ended what came before, a search, is none of these networks.
        self._stops_before = control.wishes.stops - control.stop_requested
        self._lock = threading.Lock()
        # Said by a thread of its own: who wishes may be a handler of signals, in the middle of anything.
        self._wished: SimpleQueue[bool] = SimpleQueue()
        self._speaker = threading.Thread(target=self._hand_on_wishes, name="wishes", daemon=True)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        work = pickle.dumps((self._work, tuple(self._plan), self._series.afterwards), protocol=5)
        with self._stack as stack:
            for _ in range(self._at_once):
                try:
                    self._children.append(_Child(stack))
                except OSError as error:
                    # Those that there are do more; without any, the job's own process does it all.
                    log.warning("A process that trains networks cannot be started: %s", error)
                    break
            # All are asked to leave before any is waited for.
            stack.callback(self._hang_up)
            for child in self._children:
                child.begin(work, self._work.folder, self._hear)
            self._speaker.start()
            stack.callback(self._speaker.join)
            stack.callback(self._wished.put, False)
            stack.enter_context(self._control.heard_by(self._note_wish))
            self._wished.put(True)
            self._give()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def has(self, number: int) -> bool:
        """Whether a network is one of those; what was trained before a run went on only has something to tell."""
        return bool(self._events.get(number)) or self.trains(number)

    def trains(self, number: int) -> bool:
        """Whether a network that is not shown yet is trained now, or was in this run."""
        return number in self._events and number not in self._before

    def follow(self, number: int, emitter: EventEmitter) -> bool:
        """Show what a network tells, and return whether its training has come to an end there.

        If not, its process has died, or the user has asked to stop before it began.

        Raises
        ------
        Cancelled
            When the user cancels.
        InputError, KnownError, BugError
            What has ended the training of any of them.
        """
        for event in self._events.pop(number, []):
            emitter.emit(event)
        self._give()
        while True:
            is_over = self._is_over(number)
            self._keep_wish()
            try:
                self._take(*self._heard.get(timeout=0 if is_over else POLL_SECONDS), number, emitter)
            except Empty:
                self._control.checkpoint()
                # Whoever has set a last epoch may have taken it back.
                self._give()
                if is_over:
                    return number in self._trained or number in self._before

    def _is_over(self, number: int) -> bool:
        with self._lock:
            if number in self._over or number in self._running:
                return number in self._over
            return self._control.stop_requested or all(child.is_gone for child in self._children)

    def _take(self, number: int, message: Message, shown: int, emitter: EventEmitter) -> None:
        """Take note of a message in the job's own thread, which alone speaks to the outside."""
        self._control.checkpoint()
        if "problem" in message:
            raise error_of(message)
        event = event_from_json(json.dumps(message["event"]))
        if isinstance(event, StepMetrics):
            self._steps[number] = event
            event = self._shown[number] = self._of_all(event)
        if number == shown:
            emitter.emit(event)
        elif _is_worth_keeping(event):
            self._events[number] += _with_step(event, self._shown.get(number))

    def _keep_wish(self) -> None:
        """Keep a last epoch that was set: no checkpoint of the job's own process does, for a run that goes on."""
        asked = self._control.last_epoch
        if asked != self._last_epoch:
            self._last_epoch = asked
            write_end(self._work.folder, SeriesEnd(asked))

    def _of_all(self, event: StepMetrics) -> StepMetrics:
        """Return a network's step with what all that are being trained make of the machine."""
        with self._lock:
            running = set(self._running)
        steps = [step for number, step in self._steps.items() if number in running] or [event]
        return replace(
            event,
            molecules_per_second=math.fsum(step.molecules_per_second for step in steps),
            memory_bytes=sum(step.memory_bytes for step in steps),
            # In this order, so that what is not known yet stays unknown.
            cpu_percent=min(math.fsum(step.cpu_percent for step in steps), 100.0),
        )

    def _hear(self, child: _Child, message: Message | None) -> None:
        """Note what a process says, or (None) that it is gone, in the thread that listens to it."""
        if message is not None and "done" not in message:
            self._heard.put((child.number, message))
            return
        with self._lock:
            self._running.pop(child.number, None)
            self._over.add(child.number)
            if message is not None:
                self._trained.add(child.number)
            child.number, child.is_gone = NOBODY, message is None
        self._give()

    def _give(self) -> None:
        """Name as many networks as there are threads for, to processes that have nothing to do."""
        with self._lock:
            for child in self._children:
                if not child.is_free:
                    continue
                if not self._todo:
                    # It leaves while others still work: libraries take seconds to be taken down.
                    child.hang_up()
                elif self._may_begin(self._todo[0]):
                    child.number = self._todo.pop(0)
                    self._running[child.number] = self._threads_of(child.number)
                    child.say({"train": child.number})

    def _may_begin(self, number: int) -> bool:
        if self._control.stop_requested or self._series.is_over(number):
            return False
        used = sum(self._running.values())
        return not used or used + self._threads_of(number) <= self._work.config.runtime.threads

    def _threads_of(self, number: int) -> int:
        return self._plan[number].config.runtime.threads

    def _note_wish(self, wishes: Wishes) -> None:
        self._wished.put(True)

    def _hand_on_wishes(self) -> None:
        while self._wished.get():
            wishes = self._control.wishes
            wishes = replace(wishes, stops=wishes.stops - self._stops_before)
            for child in self._children:
                child.say({"wishes": asdict(wishes)})

    def _hang_up(self) -> None:
        with self._lock:
            self._todo.clear()
        for child in self._children:
            child.hang_up()
        deadline = time.monotonic() + GOODBYE_SECONDS
        for child in self._children:
            child.wait(max(0.0, deadline - time.monotonic()))

    def _not_told(self, number: int, last: int, notices: Counter[str]) -> list[Event]:
        """Return what a network has told before a run went on, and nobody was shown.

        Of the whole, `last` is the last epoch that was, and `notices` are those that were; they are counted down, since
        the networks were shown one after the other.
        """
        events: list[Event] = []
        step: StepMetrics | None = None
        for event in _events_in(member_folder(self._work.folder, number) / EVENTS):
            step = event if isinstance(event, StepMetrics) else step
            if not _is_worth_keeping(event):
                continue
            if isinstance(event, Notice):
                if notices[event.message]:
                    notices[event.message] -= 1
                else:
                    events.append(event)
            elif self._series.before(number) + getattr(event, "epoch", last) > last:
                events += _with_step(event, step)
        return events


def _notices(path: Path) -> Counter[str]:
    """Return how often each notice stands in the log of a run."""
    return Counter(event.message for event in _events_in(path) if isinstance(event, Notice))


def _events_in(path: Path) -> Iterator[Event]:
    """Yield the events of a log, up to a line that a crash has cut off."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            yield event_from_json(line)
        except ValueError:
            return


def _is_worth_keeping(event: Event) -> bool:
    """Whether something is told later that could not be shown when it happened."""
    if isinstance(event, Notice):
        return event.level != "info"
    return isinstance(event, (EpochMetrics, CheckpointSaved, PinnedPredictions))


def _with_step(event: Event, step: StepMetrics | None) -> list[Event]:
    """Return an event behind the step that was told before it: the table of epochs has that one's learning rate."""
    return [step, event] if isinstance(event, EpochMetrics) and step is not None else [event]


class _Child(ChildProcess):
    """One process, and the thread that listens to it."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        super().__init__(own_command("mole_engine.training.network_process"))
        self.number = NOBODY
        self.is_gone = False
        self._thread: threading.Thread | None = None
        stack.callback(self.leave)

    @property
    def is_free(self) -> bool:
        return self.number == NOBODY and not self.is_gone

    def begin(self, work: bytes, folder: Path, hear: Callable[[_Child, Message | None], None]) -> None:
        """Hand over what it works on, and listen to it from now on."""
        self.say({"work": len(work), "folder": str(folder)}, work)
        self._thread = threading.Thread(target=self._listen, args=(hear,), name="network process", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """End it, if it has not left by itself, and the thread."""
        self.kill()
        if self._thread is not None:
            self._thread.join()
        self.end()

    def _listen(self, hear: Callable[[_Child, Message | None], None]) -> None:
        for message in self.messages():
            hear(self, message)
        if self.number != NOBODY:
            log.warning("A process that trained network %d has ended: %s", self.number + 1, self.last_words())
        hear(self, None)
