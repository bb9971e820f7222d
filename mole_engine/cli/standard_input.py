"""DATA that comes through a pipe: `mole predict MODEL -`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mole_engine.cli.console import note

STANDARD_INPUT = "-"


@contextmanager
def data_file(argument: str) -> Iterator[str]:
    """Give the path of a command's DATA.

    What comes through standard input is kept in a temporary file as long as it is read: the format is recognised by
    content, which needs the beginning twice.

    Parameters
    ----------
    argument
        A path, given as it is, or `-` for standard input.
    """
    if argument != STANDARD_INPUT:
        yield argument
        return
    if sys.stdin.isatty():
        note(f"Reading molecules from standard input, a table or one SMILES a line, until its end ({end_keys()}).")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "standard input"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield str(path)


def end_keys(system: str = sys.platform) -> str:
    """Return what ends the input in a terminal."""
    return "Ctrl+Z, then Enter" if system == "win32" else "Ctrl+D"
