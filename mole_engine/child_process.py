"""A process of our own that works for this one: both ends speak lines of JSON over its standard streams.

Needs the standard library only. What is said last is never lost, and the end of either stream says that a side is gone.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from mole_engine.contracts.events import Event
from mole_engine.contracts.garbage import end_quickly, load_quickly

MOST_DETAILS = 20_000
"""Characters of what a dead child had to say that are kept."""


CHILDREN = (
    "mole_engine.cli.qt_probe",
    "mole_engine.data.worker_process",
    "mole_engine.isolated_child",
    "mole_engine.training.network_process",
    "mole_engine.training.trial_steps",
)
"""Modules whose `main() -> int` works for another process of ours."""

CHILD_FLAG = "--child-process"
"""The packaged command starts as one of them when this and its name are its only arguments."""


def own_command(module: str) -> list[str]:
    """Return how a child is started, one of `CHILDREN`: as a module or, in a packaged program, by the command."""
    if getattr(sys, "frozen", False):
        # A packaged program has no interpreter; the command beside the window takes its place.
        program = Path(sys.executable)
        return [str(program.with_name("mole" + program.suffix)), CHILD_FLAG, module]
    return [sys.executable, "-m", module]


class ChildProcess:
    """The parent's end. As a context manager it leaves nothing of the child behind, whatever happens.

    Parameters
    ----------
    command
        See `own_command`.
    """

    def __init__(self, command: list[str]) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._lock = threading.Lock()
        self._noise: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the child lives
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._noise,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError:
            self._noise.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def say(self, message: dict[str, Any], data: bytes = b"") -> None:
        """Write a message, and bytes behind it, to the child; one that has ended hears nothing."""
        stream = self._process.stdin
        if stream is None:
            return
        with self._lock, contextlib.suppress(OSError, ValueError):
            stream.write(json.dumps(message).encode() + b"\n" + data)
            stream.flush()

    def hang_up(self) -> None:
        """End what the child hears: it takes that as the wish to leave."""
        stream = self._process.stdin
        if stream is not None:
            with self._lock, contextlib.suppress(OSError):
                stream.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what the child says, until it has said everything."""
        for line in self._process.stdout or ():
            # A last line may have been cut off by the child's death.
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for the child's end and return its exit code; None where it has not come by then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def last_words(self) -> str:
        """Return the end of what it has printed on its standard error."""
        with contextlib.suppress(OSError, ValueError):
            self._noise.seek(0)
            return self._noise.read().decode(errors="replace")[-MOST_DETAILS:]
        return ""

    def kill(self) -> None:
        """End the child, whatever it is doing; what it has said can still be read."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """End the child and what connects it to us."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._noise):
            if stream is not None:
                # What was still to be sent has nobody to go to.
                with contextlib.suppress(OSError):
                    stream.close()


class Answers:
    """The child's mouth; several threads may speak.

    Parameters
    ----------
    stream
        To the parent.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def say(self, message: dict[str, Any]) -> None:
        """Write a message; a parent that has died says so by its silence on the other stream."""
        # Windows calls a pipe that nobody reads an invalid argument.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(json.dumps(message) + "\n")
            self._stream.flush()

    def show(self, event: Event, **further: Any) -> None:
        """Write an event."""
        self.say({"event": json.loads(event.to_json()), **further})

    def close(self) -> None:
        """End what the parent hears, and be quick about it."""
        with contextlib.suppress(OSError):
            self._stream.close()
        end_quickly()


def open_ends() -> tuple[io.FileIO, Answers]:
    """Return what the parent says and what it hears, in a child that has just begun and has no libraries yet."""
    load_quickly()
    # The end of a native crash is told on stderr, which the parent keeps.
    faulthandler.enable()
    # Ctrl-C reaches the parent as well, and it says what shall happen.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints, also from C, must not get between the messages.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    # Not `sys.stdin`: whoever waits for a line holds its buffer's lock, and an interpreter that ends meanwhile aborts.
    # Nor its number: on Windows a library that asks what the standard input is waits until a reader of it has read.
    requests = io.FileIO(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, Answers(answers)


def read_exactly(stream: io.FileIO, count: int) -> bytes:
    """Return so many bytes. Raises EOFError when the stream ends before."""
    parts: list[bytes] = []
    while count:
        part = stream.read(count)
        if not part:
            raise EOFError("the parent has gone")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
