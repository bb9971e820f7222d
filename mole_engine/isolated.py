"""A training in a process of its own: the same events, the same words, and a crash there that is only a failed run.

Both ends speak lines of JSON over the child's standard streams; nothing is pickled. The child reads what the user wants
from its input, and takes the end of that input (its parent has died) as the wish to leave with its checkpoint kept.
"""

from __future__ import annotations

import contextlib
import json
import signal
from dataclasses import asdict, replace
from typing import Any

from mole_engine.child_process import ChildProcess, own_command
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import BugError, InputError, KnownError, MoleError, Problem, problem_of
from mole_engine.contracts.events import Event, EventHandler, RunFailed, event_from_json
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl, RunState, Wishes

CHILD_FLAG = "--isolated-training"
"""The packaged command starts as the child when this is its only argument."""

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
    """
    if config.runtime.devices * config.runtime.num_nodes > 1:
        raise InputError(
            "Several devices cannot be used by an isolated training.",
            "Each of them needs a process of its own.",
            "Set runtime.isolated to false, and start the job from the command line.",
        )
    with ChildProcess(_command()) as child:
        talk = _Talk(child, on_event)
        # Said before anything can be heard: the child waits for the job.
        child.say({"job": config.to_dict(), "resume": resume})
        with control.heard_by(talk.wish):
            talk.wish(control.wishes)
            talk.listen()
        child.hang_up()
        code = child.wait()
        if talk.record is not None:
            return talk.record
        if talk.error is not None:
            raise talk.error
        raise talk.died(code or 0, child.last_words())


class _Talk:
    """The parent's side of the conversation."""

    def __init__(self, child: ChildProcess, on_event: EventHandler | None) -> None:
        self.record: RunRecord | None = None
        self.error: MoleError | None = None
        self._child = child
        self._on_event = on_event
        self._folder = ""
        self._ended = False

    def wish(self, wishes: Wishes) -> None:
        """Hand on what the user wants."""
        self._child.say({"wishes": asdict(wishes)})

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
            self._write_down(error.problem)
        return error

    def _write_down(self, problem: Problem) -> None:
        from mole_engine.store.run_folder import RunFolder
        from mole_engine.store.run_place import workspace_of
        from mole_engine.training.emitter import EventEmitter

        folder = RunFolder(self._folder)
        record = replace(folder.read_record(), status=RunState.FAILED, error=problem.one_line())
        with contextlib.suppress(KnownError, OSError):
            folder.write_record(record)
            workspace = workspace_of(folder)
            if workspace is not None:
                workspace.save(record)
        emitter = EventEmitter(record.run_id, self._on_event, folder.events)
        with contextlib.suppress(KnownError, OSError):
            emitter.emit(RunFailed(problem=problem))
        emitter.close()


def _cause(code: int) -> str:
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
    return own_command("mole_engine.isolated_child", CHILD_FLAG)
