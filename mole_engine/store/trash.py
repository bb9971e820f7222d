"""Deleted runs wait in the workspace's `trash` until they are restored or dropped for good."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.paths import patiently
from mole_engine.contracts.records import RunRecord
from mole_engine.store.files import is_in_use, storage_problem
from mole_engine.store.run_folder import RunFolder


class Trash:
    """The folders of deleted runs.

    Attributes
    ----------
    path
        Folder of the trash; made when the first run is put there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, folder: RunFolder) -> None:
        """Move a run's folder here. Raises InputError while the run is at work, KnownError when it cannot go."""
        if folder.is_locked():
            raise InputError("This run is still at work.", "", "Stop it first.")
        target, number = self.path / folder.path.name, 1
        while target.exists():
            # The same run was thrown away before, and brought back by hand.
            number += 1
            target = self.path / f"{folder.path.name}-{number}"
        self._move(folder.path, target)
        # The trash is emptied in the order in which runs came here.
        with contextlib.suppress(OSError):
            os.utime(target)

    def take(self, run_id: str, target: Path) -> RunFolder:
        """Move a run's folder back to `target`. Raises InputError, KnownError."""
        folder = self._find(run_id)
        if target.exists():
            raise InputError("This run cannot be restored:", f"{target} exists already.", "Move that folder away.")
        self._move(folder.path, target)
        return RunFolder(target)

    def records(self) -> list[RunRecord]:
        """Return the runs in the trash, the last deleted first."""
        found = []
        for entry in self._entries():
            with contextlib.suppress(InputError):
                found.append(replace(RunFolder(entry).read_record(), run_id=entry.name))
        return found

    def drop(self, run_id: str) -> None:
        """Delete a run for good. Raises InputError, KnownError."""
        folder = self._find(run_id)
        try:
            patiently(lambda: shutil.rmtree(folder.path))
        except OSError as error:
            raise _refused(error, folder.path, folder.path) from error

    def empty(self) -> int:
        """Delete all runs in the trash for good; return how many. Raises KnownError."""
        entries = self._entries()
        for entry in entries:
            self.drop(entry.name)
        return len(entries)

    def _entries(self) -> list[Path]:
        if not self.path.is_dir():
            return []
        entries = [entry for entry in self.path.iterdir() if entry.is_dir()]
        return sorted(entries, key=lambda entry: (-entry.stat().st_mtime, entry.name))

    def _find(self, run_id: str) -> RunFolder:
        for entry in self._entries():
            if entry.name == run_id:
                return RunFolder(entry)
        raise InputError(f"There is no run '{run_id}' in the trash.", "", "It may have been restored already.")

    @staticmethod
    def _move(source: Path, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            patiently(lambda: source.rename(target))
        except OSError as error:
            raise _refused(error, source, target) from error


def _refused(error: OSError, folder: Path, target: Path) -> KnownError:
    """Put in words why a run's folder does not go; Windows lets none go of which anybody has a file open."""
    if is_in_use(error):
        cause = f"another program has a file in {folder} open, or this folder itself, or it may not be written."
        return InputError("This run cannot go now:", cause, "Close it there (a spreadsheet, say) and try again.")
    return storage_problem(error, target)
