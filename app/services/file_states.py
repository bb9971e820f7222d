"""Whether the files of an open data set are still what they were when they were read."""

from __future__ import annotations

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
