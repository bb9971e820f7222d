"""A training in a process of its own: the same events, the same words, and a crash there that is only a failed run.

Both ends speak lines of JSON over the child's standard streams; nothing is pickled. The child reads what the user wants
from its input, and takes the end of that input (its parent has died) as the wish to leave with its checkpoint kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import BugError, InputError, KnownError, MoleError, Problem
from mole_engine.contracts.events import Event, EventHandler, RunFailed, event_from_json
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl, RunState, Wishes

CHILD_FLAG = "--isolated-training"
"""The packaged command starts as the child when this is its only argument."""

MOST_DETAILS = 20_000
"""Characters of what a dead child had to say that are kept."""

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
    with tempfile.TemporaryFile() as noise, _child(noise) as process:
        talk = _Talk(process, on_event)
        # Said before anything can be heard: the child waits for the job.
        talk.say({"job": config.to_dict(), "resume": resume})
        with control.heard_by(talk.wish):
            talk.wish(control.wishes)
            talk.listen()
        talk.hang_up()
        code = process.wait()
        if talk.record is not None:
            return talk.record
        if talk.error is not None:
            raise talk.error
        noise.seek(0)
        said = noise.read().decode(errors="replace")[-MOST_DETAILS:]
        raise talk.died(code, said)


class _Talk:
    """The parent's side of the conversation."""

    def __init__(self, process: subprocess.Popen[bytes], on_event: EventHandler | None) -> None:
        self.record: RunRecord | None = None
        self.error: MoleError | None = None
        self._process = process
        self._on_event = on_event
        self._folder = ""
        self._ended = False
        self._lock = threading.Lock()

    def say(self, message: dict[str, Any]) -> None:
        """Write a message to the child; one that has ended hears nothing."""
        stream = self._process.stdin
        if stream is None:
            return
        with self._lock, contextlib.suppress(OSError, ValueError):
            stream.write(json.dumps(message).encode() + b"\n")
            stream.flush()

    def hang_up(self) -> None:
        """End what the child hears, so that its listening thread ends."""
        stream = self._process.stdin
        if stream is not None:
            with self._lock, contextlib.suppress(OSError):
                stream.close()

    def wish(self, wishes: Wishes) -> None:
        """Hand on what the user wants."""
        self.say({"wishes": asdict(wishes)})

    def listen(self) -> None:
        """Hand on every event until the child has said everything."""
        stream = self._process.stdout
        for line in stream or ():
            try:
                message = json.loads(line)
            except ValueError:
                # Cut off by the child's death.
                continue
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
            problem = Problem.from_dict(message["problem"])
            kind = _KINDS.get(str(message.get("kind")), BugError)
            self.error = kind(problem.title, problem.cause, problem.remedy, problem.details)

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


@contextlib.contextmanager
def _child(noise: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the child; whatever happens to us, nothing of it is left behind."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        _command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=noise,
        env=environment,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        # A packaged program has no interpreter; the command beside the window takes its place.
        program = Path(sys.executable)
        return [str(program.with_name("mole" + program.suffix)), CHILD_FLAG]
    return [sys.executable, "-m", "mole_engine.isolated_child"]
