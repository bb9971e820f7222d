"""The life of a job: its states, what it says, and every way in which it can end."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mole_engine.contracts.errors import Cancelled, KnownError, MoleError, problem_of
from mole_engine.contracts.events import (
    Event,
    EventHandler,
    Notice,
    RunFailed,
    RunFinished,
    StageProgress,
    StateChanged,
)
from mole_engine.contracts.garbage import collect_garbage
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.files import known_error
from mole_engine.store.run_log import log_line
from mole_engine.store.run_place import RunPlace
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.metrics_table import write_waiting

log = logging.getLogger(__name__)

NOTHING_TO_KEEP = "Stopped before training began: there is no model to keep."

PROGRESS_SECONDS = 0.1
"""Between two reports of the same stage."""


class Job(ABC):
    """One run: works, speaks through its emitter, and ends in exactly one way.

    Parameters
    ----------
    record
        The run as it stands before the work.
    emitter
        Takes the events; its sink should be `show`, or nothing.
    control
        The user's words.
    stages
        Words and unit of a stage that libraries name in their own way.

    Attributes
    ----------
    record
        Kept up to date by the work; saved at every change of state.
    """

    def __init__(
        self,
        record: RunRecord,
        events: Path | None,
        on_event: EventHandler | None,
        control: RunControl,
        stages: Mapping[str, tuple[str, str]] | None = None,
        *,
        redone_from: int | None = None,
    ) -> None:
        self.record = record
        self.control = control
        self.began = time.monotonic()
        self.emitter = EventEmitter(record.run_id, self.show, events, redone_from=redone_from)
        self._on_event = on_event
        self._stages = dict(stages or {})
        self._last_progress: dict[str, float] = {}

    @abstractmethod
    def work(self) -> RunRecord:
        """Do the whole job; the last thing is `end`."""

    @abstractmethod
    def save(self, record: RunRecord) -> None:
        """Write the record down. Raises InputError, KnownError."""

    @property
    def has_trained(self) -> bool:
        """Whether there is something trained already, of before the job went on."""
        return False

    def check(self) -> None:
        """Called between two pieces of work: waits while paused.

        Raises
        ------
        Cancelled
            When the user has cancelled, or has stopped the job before it had anything to keep.
        """
        self.control.checkpoint()
        preparing = self.record.status is RunState.PREPARING
        if preparing and self.control.stop_requested and not self.has_trained:
            # One step of training would make a model that looks finished.
            self.notice(NOTHING_TO_KEEP, "warning")
            raise Cancelled

    def leave(self) -> RunRecord:
        """End after `cancel` or `interrupt`, or a `stop` that came before there was anything to keep."""
        return self.end(RunState.INTERRUPTED if self.control.interrupt_requested else RunState.CANCELLED)

    def clean_up(self) -> None:  # noqa: B027 - most jobs have nothing beside them
        """Let go of what works beside the job; called once, before the terminal event of a failed or dropped run."""

    def run(self) -> RunRecord:
        """Work until the job ends.

        Raises
        ------
        InputError, KnownError, BugError
            After a `RunFailed` event.
        """
        try:
            return self.work()
        except Cancelled:
            self.clean_up()
            return self.leave()
        except KeyboardInterrupt:
            self.clean_up()
            self.end(RunState.INTERRUPTED)
            raise
        except Exception as error:
            self.clean_up()
            known = known_error(error, Path(self.record.run_dir))
            _let_go(error)
            self.fail(known)
            if known is error:
                raise
            raise known from error
        finally:
            self.emitter.close()
            give_memory_back()

    def show(self, event: Event) -> None:
        """Write an event into the log and hand it on."""
        line = log_line(event)
        if line:
            log.info(line)
        if self._on_event is not None:
            self._on_event(event)

    def enter(self, state: RunState, message: str = "", kept_epoch: int = 0) -> None:
        """Move to another state; for `kept_epoch` see `StateChanged`. Raises Cancelled."""
        self.check()
        self.record = replace(self.record, status=state)
        self.save(self.record)
        self.emitter.emit(StateChanged(state=state, message=message, kept_epoch=kept_epoch))

    def progress(self, stage: str, done: int, total: int) -> None:
        """Report a counted stage, at most ten times a second. Raises Cancelled."""
        self.check()
        now = time.monotonic()
        if done < total and now - self._last_progress.get(stage, 0.0) < PROGRESS_SECONDS:
            return
        self._last_progress[stage] = now
        words, unit = self._stages.get(stage, (stage, "molecules"))
        self.emitter.emit(StageProgress(stage=words, done=done, total=total, unit=unit))

    def notice(self, message: str, level: str = "info") -> None:
        """Tell the user something."""
        self.emitter.emit(Notice(message=message, level=level))

    @property
    def results(self) -> Mapping[str, float]:
        """The metrics that the last event tells."""
        return self.record.metrics

    def seconds(self) -> float:
        """Return how long the run has worked."""
        return time.monotonic() - self.began

    def end(self, status: RunState) -> RunRecord:
        """Write the last record, say the last word, and return the record."""
        self._write_waiting()
        seconds = self.seconds()
        self.record = replace(self.record, status=status, seconds=seconds)
        self.save(self.record)
        self.emitter.emit(
            RunFinished(
                status=status,
                metrics=dict(self.results),
                model_path=self.record.model_path,
                run_dir=self.record.run_dir,
                seconds=seconds,
            )
        )
        return self.record

    def _write_waiting(self) -> None:
        """Add the epochs to `metrics.csv` that it lacks since another program has it open, or say which they are."""
        notice = write_waiting(Path(self.record.run_dir) / "metrics.csv")
        if notice is not None:
            self.emitter.emit(notice)

    def fail(self, error: MoleError) -> None:
        """Write down and tell that the run has failed."""
        problem = problem_of(error)
        self.record = replace(self.record, status=RunState.FAILED, error=problem.one_line(), seconds=self.seconds())
        # The first error is what matters: on a full disk, neither the record nor the event can be written down.
        with contextlib.suppress(KnownError, OSError):
            self.save(self.record)
        with contextlib.suppress(KnownError, OSError):
            self._write_waiting()
        with contextlib.suppress(KnownError, OSError):
            self.emitter.emit(RunFailed(problem=problem))


def resumed_step(place: RunPlace) -> int | None:
    """Return the optimiser step that a run goes on from; None for a new run, and for several networks."""
    ensemble = place.config.ensemble
    if not place.is_resumed or ensemble.kind != "none" or ensemble.trees:
        return None
    from mole_engine.training.steering import checkpoint_step

    return checkpoint_step(place.folder.last_checkpoint)


def _let_go(error: BaseException | None) -> None:
    """Clear the frames that an error holds: the model's memory, and half-written files that still fill the disk."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    give_memory_back()


def give_memory_back() -> None:
    """Give back what nobody holds any more."""
    collect_garbage()
    # Another thread may be loading torch at this moment: it is listed from its first line on, and has no parts yet.
    torch = sys.modules.get("torch")
    cuda, mps = getattr(torch, "cuda", None), getattr(torch, "mps", None)
    if cuda is not None and cuda.is_initialized():
        cuda.empty_cache()
    apple = getattr(getattr(torch, "backends", None), "mps", None)
    if mps is not None and apple is not None and apple.is_available():
        # What an Apple GPU keeps is the computer's own memory.
        mps.empty_cache()
