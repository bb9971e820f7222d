"""Paths as people write them, and files that are replaced, moved or removed while somebody may look at them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

REFUSES_WHAT_IS_OPEN = os.name == "nt"
"""Whether the system replaces, moves and removes no file that anybody has open, if only to read it."""

_PAUSES = (0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6)
"""Seconds between tries: whoever reads one of our small files, or looks for viruses in it, is done by then."""


def put_in_place(temporary: Path, path: Path) -> None:
    """Let a file take the place of another, which stays whole if that fails.

    On Windows another thread of ours that reads the old file, or a virus scanner that reads the new one, would
    otherwise end a training at the moment when its record is written.

    Raises
    ------
    OSError
        As `Path.replace` does; `PermissionError` under Windows only when the file stays in use.
    """
    patiently(lambda: temporary.replace(path))


def remove(path: Path) -> None:
    """Remove a file, if there is one.

    Raises
    ------
    OSError
        As `Path.unlink` does; `PermissionError` under Windows only when the file stays in use.
    """
    patiently(lambda: path.unlink(missing_ok=True))


def patiently(work: Callable[[], object]) -> None:
    """Do something to a file or a folder; under Windows, try again for a while as long as the system refuses it.

    Raises
    ------
    OSError
        Of the last try.
    """
    for pause in _PAUSES if REFUSES_WHAT_IS_OPEN else ():
        try:
            work()
        except PermissionError:
            time.sleep(pause)
        else:
            return
    work()


def native(path: str) -> str:
    """Return a path as this system writes it, "" for none; Qt's dialogs and drops have slashes also under Windows.

    One file must have one name: by it, a model that is opened is known for one of those that are listed.
    """
    return str(Path(path)) if path else ""


def from_home(path: str | Path) -> Path:
    """Return a path in which a leading `~` is the user's home folder, which no shell puts in for YAML or Python.

    Names such as "~backup.csv", which are nobody's home, stay as they are; `Path.expanduser` raises on them.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111
