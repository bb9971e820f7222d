"""A training in a process of its own: the same events, the same words, and a crash there that is only a failed run.

Both ends speak lines of JSON over the child's standard streams; nothing is pickled. The child reads what the user wants
from its input, and takes the end of that input (its parent has died) as the wish to leave with its checkpoint kept.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from dataclasses import asdict, replace
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mole_engine.child_process import ChildProcess, own_command
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import BugError, Cancelled, InputError, KnownError, MoleError, Problem, problem_of
from mole_engine.contracts.events import Event, EventHandler, RunFailed, RunFinished, event_from_json
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl, RunState, Wishes

if TYPE_CHECKING:
    from mole_engine.store.run_folder import RunFolder

LEAVE_SECONDS = 60.0
"""How long the child has to leave once it is told to, or has said its last word; then it is ended.

It may have to finish a step or a simple model, of which nothing would be kept. One that takes longer may hang in a
driver, and then for ever.
"""

_KINDS: dict[str, type[MoleError]] = {kind.__name__: kind for kind in (InputError, KnownError, BugError)}


def train_isolated(
    config: TrainConfig, on_event: EventHandler | None, control: RunControl, resume: str = ""
) -> RunRecord:
    """Train in a child process; parameters, result and errors are those of `mole_engine.train.train`.

    Events come in the calling thread. When the child dies without a last word (a driver's fault, memory taken by the
    system, a kill), the run is marked as failed, can be resumed, and `RunFailed` is its last event.

    Raises
    ------
    InputError
        When several devices are asked for, or the job's input is at fault.
    KnownError, BugError
        As `train`; `KnownError` also when the child has died.
    Cancelled
        When the child had to be ended after `cancel` before there was a run.
    """
    if config.runtime.devices * config.runtime.num_nodes > 1:
        raise InputError(
            "Several devices cannot be used by an isolated training.",
            "Each of them needs a process of its own.",
            "Set runtime.isolated to false, and start the job from the command line.",
        )
    with ChildProcess(_command()) as child:
        with _Patience(child) as patience:
            talk = _Talk(child, on_event, control, patience)
            # Said before anything can be heard: the child waits for the job.
            child.say({"job": config.to_dict(), "resume": resume})
            with control.heard_by(talk.wish):
                talk.wish(control.wishes)
                talk.listen()
            child.hang_up()
            patience.begin()
            code = child.wait()
        if talk.record is not None:
            return talk.record
        if talk.error is not None:
            raise talk.error
        if patience.is_lost and control.cancel_requested:
            return talk.left()
        raise talk.died(code or 0, child.last_words())


class _Patience:
    """Ends a child that does not leave: it may hang in a driver, and whoever waits for it would wait for ever.

    Attributes
    ----------
    is_lost
        Whether the child had to be ended.
    """

    def __init__(self, child: ChildProcess) -> None:
        self.is_lost = False
        self._child = child
        # Whoever wishes may be a handler of signals, in the middle of anything: a queue takes that, an event does not.
        self._words: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._wait, name="patience", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._words.put(False)
        self._thread.join()

    def begin(self) -> None:
        """Count from now on, unless it is counted already."""
        self._words.put(True)

    def _wait(self) -> None:
        if not self._words.get():
            return
        deadline = time.monotonic() + LEAVE_SECONDS
        try:
            while self._words.get(timeout=max(0.0, deadline - time.monotonic())):
                continue
        except Empty:
            self.is_lost = True
            self._child.kill()


class _Talk:
    """The parent's side of the conversation."""

    def __init__(
        self, child: ChildProcess, on_event: EventHandler | None, control: RunControl, patience: _Patience
    ) -> None:
        self.record: RunRecord | None = None
        self.error: MoleError | None = None
        self._child = child
        self._on_event = on_event
        self._control, self._patience = control, patience
        self._saying = threading.RLock()
        self._folder = ""
        self._ended = False

    def wish(self, wishes: Wishes) -> None:
        """Hand on what the user wants."""
        if wishes.cancel:
            self._patience.begin()
        # All that is wanted by now: what is said last counts, and of two threads one may have come with older wishes.
        with self._saying:
            self._child.say({"wishes": asdict(self._control.wishes)})

    def listen(self) -> None:
        """Hand on every event until the child has said everything."""
        for message in self._child.messages():
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            event = event_from_json(json.dumps(message["event"]))
            self._ended = self._ended or event.is_terminal
            self._show(event)
        elif "folder" in message:
            self._folder = str(message["folder"])
        elif "record" in message:
            self.record = RunRecord.from_dict(message["record"])
        elif "problem" in message:
            self.error = error_of(message)

    def _show(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)

    def died(self, code: int, said: str) -> KnownError:
        """Put the death of the child into its run folder and into an event; return the error that says so."""
        error = KnownError(
            "The training's process has ended without a word:",
            f"{_cause(code)}.",
            "The checkpoint of the last whole epoch is kept: resume the run."
            if self._folder
            else "Start it again; if that does not help, try another device or a smaller batch.",
            said,
        )
        if self._folder and not self._ended:
            folder = self._run_folder()
            failed = replace(folder.read_record(), status=RunState.FAILED, error=error.problem.one_line())
            self._write_down(folder, failed, RunFailed(problem=error.problem))
        return error

    def left(self) -> RunRecord:
        """Do what the child would have done after `cancel` or `interrupt`; return the record. Raises Cancelled."""
        from mole_engine.store.files import remove_left_overs

        if not self._folder:
            raise Cancelled
        folder, status = self._run_folder(), RunState.INTERRUPTED
        if not self._control.interrupt_requested:
            status = RunState.CANCELLED
            folder.drop_checkpoints()
        # What it was writing when it was ended.
        remove_left_overs(folder.path)
        record = folder.read_record()
        if not self._ended:
            record = replace(record, status=status)
            self._write_down(folder, record, RunFinished(status=status, run_dir=record.run_dir))
        return record

    def _run_folder(self) -> RunFolder:
        from mole_engine.store.run_folder import RunFolder

        return RunFolder(self._folder)

    def _write_down(self, folder: RunFolder, record: RunRecord, end: Event) -> None:
        from mole_engine.store.run_place import workspace_of
        from mole_engine.training.emitter import EventEmitter

        with contextlib.suppress(KnownError, OSError):
            folder.write_record(record)
            workspace = workspace_of(folder)
            if workspace is not None:
                workspace.save(record)
        emitter = EventEmitter(record.run_id, self._on_event, folder.events)
        with contextlib.suppress(KnownError, OSError):
            emitter.emit(end)
        emitter.close()


_WINDOWS_CRASHES = {
    0xC0000005: "a library or a driver has crashed",
    0xC0000017: "there was not enough memory",
    0xC000001D: "a library uses instructions that this processor lacks",
    0xC00000FD: "a library or a driver has crashed",
    0xC0000135: "a library of Windows is missing",
    0xC000012D: "there was not enough memory",
    0xC0000374: "a library or a driver has crashed",
    0xC0000409: "a library or a driver has given up",
}
"""What Windows says of the end of a process in place of a signal (NTSTATUS)."""


def _cause(code: int) -> str:
    if code in _WINDOWS_CRASHES:
        return f"{_WINDOWS_CRASHES[code]} ({code:#x})"
    if code >= 0:
        return f"it left with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    words = {
        "SIGKILL": "the system (often for want of memory) or a user has killed it",
        "SIGSEGV": "a library or a driver has crashed",
        "SIGABRT": "a library or a driver has given up",
        "SIGBUS": "a file that it had mapped was cut off, or memory is faulty",
    }
    return f"{words.get(name, 'it was ended from outside')} ({name})"


def error_of(message: dict[str, Any]) -> MoleError:
    """Return the error that a child's message tells of."""
    problem = Problem.from_dict(message["problem"])
    kind = _KINDS.get(str(message.get("kind")), BugError)
    return kind(problem.title, problem.cause, problem.remedy, problem.details)


def problem_message(error: BaseException) -> dict[str, Any]:
    """Return a child's message that tells of an error; `error_of` in the parent makes it one again."""
    kind = type(error).__name__ if isinstance(error, MoleError) else "BugError"
    return {"problem": problem_of(error).to_dict(), "kind": kind}


def _command() -> list[str]:
    return own_command("mole_engine.isolated_child")
