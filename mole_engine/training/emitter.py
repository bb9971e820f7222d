"""The producer's end of the event stream: numbers events, writes them down, then shows them."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TextIO

from mole_engine.contracts.errors import KnownError
from mole_engine.contracts.events import (
    BaselineReady,
    CheckpointSaved,
    EpochMetrics,
    Event,
    EventHandler,
    PinnedPredictions,
    StepMetrics,
    event_from_json,
)
from mole_engine.contracts.paths import put_in_place

log = logging.getLogger(__name__)

STEP_INTERVAL = 0.1
"""Seconds between step metrics that are let through."""


class EventEmitter:
    """Gives events their run, number and time, appends each to the run's log, and hands it to the sink.

    Numbers have no gaps. After a terminal event nothing more passes. Step metrics closer than `STEP_INTERVAL` to the
    one before are dropped here, before they cost anything. An existing log (of a run that is resumed) is continued
    after its last whole event; an earlier end of the run is taken off it. An epoch that stands in it and comes once
    more (of a network that goes on from a checkpoint before it) does not pass.

    Parameters
    ----------
    run_id
        Stamped on every event.
    sink
        Called with every event, in the thread that emits; None: events are only written down.
    log_path
        `events.jsonl`; None: nothing is written.
    redone_from
        Of a run that is resumed: the optimiser step of its checkpoint. What the log says of later steps and epochs is
        taken off it, since that work is done again; None: nothing is.
    """

    def __init__(
        self,
        run_id: str,
        sink: EventHandler | None = None,
        log_path: str | Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        redone_from: int | None = None,
    ) -> None:
        self.run_id = run_id
        self._sink = sink
        self._clock = clock
        self._lock = threading.RLock()
        self._seq = 0
        self._finished = False
        self._posted: SimpleQueue[Event] = SimpleQueue()
        self._last_step = float("-inf")
        self._said_before: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._file: TextIO | None = None
        if log_path is not None:
            self._file = self._open(Path(log_path), redone_from)

    @property
    def finished(self) -> bool:
        """Whether the terminal event has passed."""
        return self._finished

    def wants_step(self) -> bool:
        """Whether step metrics emitted now would pass; producers ask before they compute them."""
        return not self._finished and self._clock() - self._last_step >= STEP_INTERVAL

    def emit(self, event: Event) -> bool:
        """Number, write and show one event.

        Returns
        -------
        bool
            Whether it passed.

        Raises
        ------
        KnownError
            When the log cannot be written (disk full).
        """
        with self._lock:
            self._emit_posted()
            return self._emit(event)

    def post(self, event: Event) -> None:
        """Hand in an event from a thread beside the job; it is emitted by the job's own thread, with its next one."""
        self._posted.put(event)

    def emit_posted(self) -> None:
        """Emit what other threads have handed in. Raises KnownError."""
        with self._lock:
            self._emit_posted()

    def _emit_posted(self) -> None:
        while not self._finished:
            try:
                event = self._posted.get_nowait()
            except Empty:
                return
            # Not by `emit`, which would put what is posted meanwhile before this one.
            self._emit(event)

    def _emit(self, event: Event) -> bool:
        if self._finished:
            log.warning("An event after the end of run %s is dropped: %s", self.run_id, type(event).__name__)
            return False
        if isinstance(event, StepMetrics):
            if not self.wants_step():
                return False
            self._last_step = self._clock()
        if self._is_told(event):
            return False
        stamped = replace(event, run_id=self.run_id, seq=self._seq, time=time.time())
        # A terminal event ends the run even if it cannot be written.
        self._finished = event.is_terminal
        self._seq += 1
        try:
            self._write(stamped)
        finally:
            if event.is_terminal:
                self.close()
                self._show(stamped)
        if not event.is_terminal:
            self._show(stamped)
        return True

    def _is_told(self, event: Event) -> bool:
        """Whether the log's last word on an epoch is just this; another word there gives way to a later one."""
        said = _what_it_says(event) if self._said_before else None
        if said is None or self._said_before.get(said[0]) == said[1]:
            return said is not None
        self._said_before.pop(said[0], None)
        return False

    def close(self) -> None:
        """Close the log; nothing more is written."""
        with self._lock:
            if self._file is not None:
                # A full disk refuses the last lines once more; that was told when they were written.
                with contextlib.suppress(OSError):
                    self._file.close()
                self._file = None

    def _show(self, event: Event) -> None:
        if self._sink is not None:
            self._sink(event)

    def _write(self, event: Event) -> None:
        if self._file is None:
            return
        try:
            self._file.write(event.to_json() + "\n")
            self._file.flush()
        except OSError as error:
            raise KnownError(
                "The run's log cannot be written:",
                f"{error.strerror or error} ({self._file.name}).",
                "Free some space on that disk, then resume the run.",
            ) from error

    def _open(self, path: Path, redone_from: int | None) -> TextIO:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = _unfinished_lines(path)
        if redone_from is not None:
            kept = _without_redone(kept, redone_from)
        self._seq = len(kept)
        for event in map(event_from_json, kept):
            if said := _what_it_says(event):
                self._said_before[said[0]] = said[1]
        if path.exists():
            temporary = path.with_name(path.name + ".tmp")
            temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
            put_in_place(temporary, path)
        return path.open("a", encoding="utf-8")


def _unfinished_lines(path: Path) -> list[str]:
    """Return the lines of a log up to its end, a gap or the first line that is no event."""
    lines: list[str] = []
    if not path.exists():
        return lines
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = event_from_json(line)
        except ValueError:
            break
        if event.is_terminal or event.seq != len(lines):
            break
        lines.append(line)
    return lines


def _what_it_says(event: Event) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return which epoch, checkpoint or pinned predictions these are, and what is said of them; None for other events.

    Training anew from the same state gives the same to the last digit; what differs is something else, and passes.
    """
    match event:
        case EpochMetrics():
            figures = repr(event.train_loss), repr(event.validation_loss)
            return ("epoch", str(event.epoch)), (str(event.step), *figures)
        case CheckpointSaved():
            return ("checkpoint", str(event.epoch), event.path), (str(event.is_best), repr(event.value))
        case PinnedPredictions():
            return ("pinned", str(event.epoch)), (repr(event.values),)
    return None


def _without_redone(lines: list[str], step: int) -> list[str]:
    """Return a log without what a run does again that goes on from a checkpoint after `step`, numbered anew."""
    kept: list[Event] = []
    epoch = 0
    for event in map(event_from_json, lines):
        if isinstance(event, EpochMetrics) and event.step <= step:
            epoch = max(epoch, event.epoch)
    for event in map(event_from_json, lines):
        is_redone = (
            isinstance(event, BaselineReady)
            or (isinstance(event, StepMetrics) and event.step > step)
            or (isinstance(event, (EpochMetrics, PinnedPredictions, CheckpointSaved)) and event.epoch > epoch)
        )
        if not is_redone:
            kept.append(replace(event, seq=len(kept)))
    return [event.to_json() for event in kept]
