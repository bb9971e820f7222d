"""What `mole` writes: results to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import math
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO


def line(text: str = "") -> None:
    """Write a line of results to stdout."""
    sys.stdout.write(text + "\n")


def error_line(text: str) -> None:
    """Write a message to stderr as one line."""
    note(" ".join(text.split()))


def note(text: str) -> None:
    """Write a line about the progress to stderr."""
    with expendable():
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def expendable() -> Iterator[None]:
    """Let what is written to stderr go where nobody reads on (a pipe that has ended, a full disk): the work goes on."""
    try:
        yield
    except OSError:
        silence(sys.stderr)


def is_broken_pipe(error: OSError, system: str = sys.platform) -> bool:
    """Whether nobody reads on what was written to a standard stream, which Windows calls an invalid argument."""
    windows_word = system == "win32" and error.errno == errno.EINVAL and error.filename is None
    return windows_word or isinstance(error, BrokenPipeError)


def silence(stream: TextIO) -> None:
    """Send a standard stream to nowhere, so that closing it at the end does not fail either."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def json_line(content: Mapping[str, Any]) -> None:
    """Write one JSON object as one line to stdout."""
    line(json.dumps(content, ensure_ascii=False, allow_nan=False))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return columns of text aligned under their header."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(text.rstrip() for text in lines)


def duration(seconds: float) -> str:
    """Return a time span as a person says it: "48 s", "3 min 20 s", "2 h 5 min"."""
    if not math.isfinite(seconds):
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if whole >= 10 else f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: float) -> str:
    """Return a number of bytes as a person reads it."""
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GB"


def quiet_libraries() -> None:
    """Send the chatter of libraries (warnings, logs) to nowhere: stderr is for what the user has to know.

    Also write UTF-8 whatever the console's code page: a column name must not end a prediction.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").addHandler(logging.NullHandler())
    logging.getLogger("py.warnings").propagate = False
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric", "torch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.simplefilter("ignore", ResourceWarning)


def write_fault(error: BaseException) -> Path:
    """Append the traceback of a fault of ours to the log of `mole`; return the log's path."""
    from mole_engine.store.runs import default_workspace

    path = default_workspace() / "mole.log"
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"{stamp} {' '.join(sys.argv)}\n{''.join(traceback.format_exception(error))}\n")
    except OSError:
        sys.stderr.write("".join(traceback.format_exception(error)))
    return path
