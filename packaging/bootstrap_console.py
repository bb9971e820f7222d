"""What the set-up prints: numbered steps with times, the condensed output of long commands, and a log of everything."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

TAIL_LINES = 15
TAIL_WIDTH = 160


class BootstrapError(Exception):
    """A step cannot be done. `remedy` says what to do, `code` is the exit code."""

    def __init__(self, message: str, remedy: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.code = code


class Console:
    """Prints steps to the terminal and everything to a log file.

    Attributes
    ----------
    log_path
        The log, or None before `open_log`.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._log: IO[str] | None = None
        self._done = 0
        self.log_path: Path | None = None

    def open_log(self, path: Path) -> None:
        """Start the log file at `path`."""
        self.close()
        self.log_path = path
        self._log = path.open("w", encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Close the log file."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def say(self, text: str = "") -> None:
        """Print one line, and log it."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        shown = text.encode(encoding, "replace").decode(encoding)
        print(shown, file=self._stream, flush=True)
        self.note(text)

    def note(self, text: str) -> None:
        """Write one line to the log only."""
        if self._log is not None:
            self._log.write(text + "\n")
            self._log.flush()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a numbered step, and say how long it took."""
        self._done += 1
        self.say(f"[{self._done}] {title}")
        start = time.monotonic()
        yield
        self.say(f"    done in {duration(time.monotonic() - start)}")

    def run(
        self,
        command: Sequence[str | Path],
        *,
        shorten: Callable[[str], str] | None = None,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> tuple[int, list[str]]:
        """Run a command; log all it prints and show what `shorten` makes of each line.

        Returns
        -------
        tuple
            The exit code, and the last lines printed.
        """
        words = [str(word) for word in command]
        self.note("$ " + " ".join(words))
        tail: deque[str] = deque(maxlen=200)
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=None if environment is None else dict(environment),
                cwd=cwd,
            )
        except OSError as error:
            return 127, [f"{words[0]}: {error.strerror or error}"]
        with process:
            for raw in process.stdout or ():
                line = raw.rstrip()
                self.note(line)
                tail.append(line)
                if shorten is not None and (shown := shorten(line)):
                    self.say(f"    {shown}")
        return process.returncode, list(tail)


def duration(seconds: float) -> str:
    """Return seconds in words: "3 s", "2 min 5 s"."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


_DOWNLOAD = re.compile(r"^\s*(?:Downloading|Using cached)\s+(?P<file>\S+?)(?:\s+\((?P<size>[^)]+)\))?$")
_WHEEL = re.compile(r"(?P<name>[A-Za-z0-9_.]+)-(?P<version>\d[^-]*)-[^/]*\.(?:whl|tar\.gz|zip)(?:\.metadata)?$")


def shorten_pip(line: str) -> str:
    """Return what to show of a line of pip's output: one line for each package fetched, warnings, or nothing."""
    match = _DOWNLOAD.match(line)
    if match:
        file = match["file"].rsplit("/", 1)[-1]
        wheel = _WHEEL.match(file)
        if wheel is None or file.endswith(".metadata"):
            return ""
        size = f" ({match['size']})" if match["size"] else ""
        return f"{wheel['name'].replace('_', '-')} {wheel['version']}{size}"
    if line.startswith("Installing collected packages:"):
        count = line.count(",") + 1
        return f"unpacking {count} package{'s' if count > 1 else ''}"
    return ""


_LONG_PATH = (
    "The path of this folder is too long for Windows. Move the folder to a short one, such as C:\\MolE-Studio,\n"
    "and start again."
)
_IN_USE = (
    "Windows does not let its files be changed: a program uses them, or the folder is not yours.\n"
    "Close MolE Studio and whatever else uses .venv (a synchronising cloud drive, too), then start again.\n"
    "A folder under C:\\Program Files has to be moved to your own files."
)
_RUNTIME = (
    "Windows lacks a library that they need. Install the Microsoft Visual C++ Redistributable from\n"
    "  https://aka.ms/vs/17/release/vc_redist.x64.exe\n"
    "and start again."
)

_CAUSES = (
    ("No space left on device", "The disk is full; MolE Studio needs about 2 GB (5 GB with CUDA). Free some space."),
    (
        "certificate verify failed",
        "A secure connection is refused, often by a company's proxy. Tell pip of its certificate:\n"
        "  pip config set global.cert PATH-OF-CERTIFICATE",
    ),
    ("[WinError 112]", "The disk is full; MolE Studio needs about 2 GB (5 GB with CUDA). Free some space."),
    ("[WinError 1455]", "Memory is full. Close other programs, or let Windows choose the size of its paging file."),
    ("DLL load failed", _RUNTIME),
    ("or one of its dependencies", _RUNTIME),
    ("Long Path", _LONG_PATH),
    ("[WinError 206]", _LONG_PATH),
    ("[WinError 5]", _IN_USE),
    ("[WinError 32]", _IN_USE),
    ("Permission denied", "A folder may not be written. Check who owns this folder and .venv."),
    ("Read-only file system", "A folder may not be written. Move this folder to a place of your own."),
    (
        "Temporary failure in name resolution",
        "This computer cannot reach the package index. Check the network (or the proxy) and start again.",
    ),
    (
        "NewConnectionError",
        "This computer cannot reach the package index. Check the network (or the proxy) and start again.",
    ),
    ("ConnectTimeout", "The package index does not answer. Check the network (or the proxy) and start again."),
    ("ReadTimeoutError", "The download stalled. Start again: what is already here is kept."),
    (
        "No matching distribution",
        "A package is not offered for this Python and system. If this computer is offline, go online;\n"
        "otherwise use Python 3.11, 3.12 or 3.13 for 64 bits.",
    ),
)


def remedy_for(lines: Sequence[str]) -> str:
    """Return what to do about a failed command, judged by what it printed."""
    text = "\n".join(lines)
    for sign, remedy in _CAUSES:
        if sign in text:
            return remedy
    return "Start again; if it fails the same way, the log says more."


def failure(what: str, lines: Sequence[str], remedy: str = "") -> BootstrapError:
    """Return the error for a failed command: its last lines, then what to do."""
    said = [line for line in lines if line.strip() and not line.startswith("WARNING: Retrying")]
    shown = "\n".join(f"    | {line[:TAIL_WIDTH]}" for line in said[-TAIL_LINES:])
    return BootstrapError(f"{what}\n{shown}" if shown else what, remedy or remedy_for(lines))
