"""Whether the files of an open data set are still what they were when they were read."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mole_engine.contracts.config import DataConfig

FileStates = dict[str, tuple[int, int]]
"""Time of the last change in ns and size in bytes, by path; a file that is not there has none."""


def file_states(data: DataConfig) -> FileStates:
    """Return the states of all files that the settings name; blocking, since a network may be behind them."""
    states: FileStates = {}
    for path in (data.path, *data.extra_paths, data.validation_path, data.test_path):
        try:
            found = Path(path).stat()
        except (OSError, ValueError):
            # A benchmark set is named by its title; a file may be open in a spreadsheet that is just saving it.
            continue
        if path:
            states[path] = (found.st_mtime_ns, found.st_size)
    return states


def hold_the_same(data: DataConfig, states: FileStates, former: FileStates, sha256: str) -> bool:
    """Return whether files were only touched, as by a cloud drive; blocking. Raises OSError.

    Parameters
    ----------
    data
        The settings that name the files.
    states, former
        Of the files now, and when they were read.
    sha256
        Of what was read as the table (see `TableInfo`); files of parts are told by their states alone.
    """
    tables = (data.path, *data.extra_paths)
    if any(path not in states for path in tables):
        # A benchmark set; what has changed is another file.
        return False
    if any(state != former[path] for path, state in states.items() if path not in tables):
        return False
    found = []
    for path in tables:
        with Path(path).open("rb") as stream:
            found.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return sha256 == (found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest())
