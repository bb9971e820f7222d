"""The lock of a run's folder as Windows has it, played by a module of its name."""

from __future__ import annotations

import errno
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mole_engine.contracts.errors import InputError
from mole_engine.store import run_folder


class Msvcrt(SimpleNamespace):
    """Knows who holds the first byte of which file; `refuses` is the number of the error in place of any lock."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        super().__init__(held=set(), refuses=0, said=[])

    def locking(self, number: int, mode: int, count: int) -> None:
        place = os.fstat(number).st_ino
        self.said.append((mode, os.lseek(number, 0, os.SEEK_CUR), count))
        if self.refuses or (mode == self.LK_NBLCK and place in self.held):
            code = self.refuses or errno.EACCES
            raise OSError(code, os.strerror(code))
        (self.held.add if mode == self.LK_NBLCK else self.held.remove)(place)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Any]:
    """Return the module as Windows reads it, and what plays its locks."""
    locks = Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", locks)
    spec = importlib.util.spec_from_file_location("run_folder_on_windows", run_folder.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        spec.loader.exec_module(module)
    return module, locks


def test_a_folder_at_work_is_held_and_given_up(windows: tuple[ModuleType, Any], tmp_path: Path) -> None:
    module, locks = windows
    place = tmp_path / "run.lock"
    with module.FolderLock(place) as first:
        assert first.is_sure
        with pytest.raises(InputError, match="Another program"), module.FolderLock(place, patience=0.0):
            pass
    # Before the file is closed: what Windows does of itself afterwards may take a while.
    assert not locks.held
    with module.FolderLock(place, patience=0.0) as second:
        assert second.is_sure
    assert {(place, count) for _, place, count in locks.said} == {(0, 1)}


def test_a_drive_that_knows_no_locks_refuses_no_job(windows: tuple[ModuleType, Any], tmp_path: Path) -> None:
    """Windows calls them an invalid function there, which its C library calls an invalid argument."""
    module, locks = windows
    locks.refuses = errno.EINVAL
    with module.FolderLock(tmp_path / "run.lock") as lock:
        assert not lock.is_sure
