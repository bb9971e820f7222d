"""The table of epochs, `metrics.csv`, which a spreadsheet may have open; reads no torch."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.events import Notice
from mole_engine.store.files import atomic_path, storage_problem


@dataclass(frozen=True)
class _Written:
    """How a table was left, so that the next epoch is appended: long tables of short epochs cost more than these."""

    size: int
    columns: list[str]
    epoch: int

    def goes_on_with(self, path: Path, news: Sequence[dict[str, Any]]) -> bool:
        """Whether rows can simply be appended; nobody else has changed the file."""
        later = int(news[0]["epoch"]) > self.epoch and all(row.keys() <= set(self.columns) for row in news)
        return later and path.exists() and path.stat().st_size == self.size


_WRITTEN: dict[Path, _Written] = {}
"""Tables by their absolute path."""

_WAITING: dict[Path, list[dict[str, Any]]] = {}
"""Rows of tables that could not be written yet, by the absolute path."""


def locked_notice(path: Path) -> Notice:
    """Return what the user is told once when `append_row` says so."""
    return Notice(
        message=f"{path.name} cannot be written: another program, such as a spreadsheet, has it open. "
        "Close it there; the epochs until then are added with the next one.",
        level="warning",
    )


def append_row(path: Path, row: dict[str, Any]) -> bool:
    """Add an epoch's row to a CSV file; columns that are new widen the file.

    A spreadsheet on Windows lets nobody write a file that it has open, which is no reason to end a training: the row
    then waits in memory for the next one.

    Returns
    -------
    bool
        Whether this row has to wait, and none did before.

    Raises
    ------
    InputError, KnownError
        When the file cannot be written for another reason.
    """
    # A resumed run writes its epochs anew.
    waiting = [old for old in _WAITING.pop(path.absolute(), []) if old["epoch"] < row["epoch"]]
    try:
        _write_rows(path, [*waiting, row])
    except InputError as error:
        if not isinstance(error.__cause__, PermissionError):
            raise
        _WAITING[path.absolute()] = [*waiting, row]
        return not waiting
    return False


def last_epoch(path: Path) -> int:
    """Return the last epoch that a table has; 0: none. Raises InputError when it cannot be read."""
    try:
        return max((int(row["epoch"]) for row in _read_rows(path)), default=0)
    except OSError as error:
        raise storage_problem(error, path) from error


def write_waiting(path: Path) -> Notice | None:
    """Try once more to write the rows that wait for a CSV file; no further epoch does it when a training has ended.

    Returns
    -------
    Notice or None
        Which epochs the file lacks, where it still cannot be written; the rows go on waiting for a run that goes on.
    """
    waiting = _WAITING.get(path.absolute())
    if not waiting:
        return None
    try:
        _write_rows(path, waiting)
    except (InputError, KnownError) as error:
        epochs = _in_words([int(row["epoch"]) for row in waiting])
        words = f"{path.name} lacks {epochs}: at the end, too, it could not be written."
        return Notice(message=words, level="warning", details=str(error))
    del _WAITING[path.absolute()]
    return None


def _in_words(epochs: Sequence[int]) -> str:
    """Return "epoch 3" or "epochs 3 to 5"; those that wait follow each other."""
    return f"epoch {epochs[0]}" if len(epochs) == 1 else f"epochs {epochs[0]} to {epochs[-1]}"


def _write_rows(path: Path, news: list[dict[str, Any]]) -> None:
    written = _WRITTEN.pop(path.absolute(), None)
    try:
        if written is not None and written.goes_on_with(path, news):
            columns = written.columns
            _append(path, news, written)
        else:
            columns = _rewrite(path, news)
        _WRITTEN[path.absolute()] = _Written(path.stat().st_size, columns, int(news[-1]["epoch"]))
    except OSError as error:
        raise storage_problem(error, path) from error


def _append(path: Path, news: list[dict[str, Any]], written: _Written) -> None:
    text = io.StringIO(newline="")
    csv.DictWriter(text, written.columns, restval="").writerows(news)
    try:
        with path.open("ab") as file:
            file.write(text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        # A full disk has taken half a row.
        with contextlib.suppress(OSError):
            os.truncate(path, written.size)
        raise


def _rewrite(path: Path, news: list[dict[str, Any]]) -> list[str]:
    rows = [*(old for old in _read_rows(path) if int(old["epoch"]) < news[0]["epoch"]), *news]
    columns = list(dict.fromkeys([name for row in rows for name in row]))
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return columns


def _read_rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        text = file.read()
    # A crash may have cut off the last row.
    whole = io.StringIO(text[: text.rfind("\n") + 1], newline="")
    return [row for row in csv.DictReader(whole) if str(row.get("epoch", "")).isdigit()]
