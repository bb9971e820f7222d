"""What the command line has to know of systems that it was not written on."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from mole_engine.cli import doctor
from mole_engine.cli.runs import _row
from mole_engine.cli.standard_input import end_keys
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState


def test_a_workspace_on_a_drive_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a drive of Windows there is nothing: its parent is the drive itself, for ever."""
    asked: list[Path] = []

    def exists(path: Path) -> bool:
        asked.append(path)
        assert len(asked) < 50, "it looks for ever"
        return False

    monkeypatch.setenv("MOLE_WORKSPACE", "/gone/mole")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", exists)
        (check,) = doctor._places()
    assert not check.is_ok
    assert "drive that is not there" in check.found
    assert "MOLE_WORKSPACE" in check.remedy


def test_a_workspace_on_a_drive_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def exists(path: Path) -> bool:
        raise OSError(errno.EINVAL, "An unexpected network error occurred", str(path))

    monkeypatch.setenv("MOLE_WORKSPACE", "/far/mole")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", exists)
        (check,) = doctor._places()
    assert not check.is_ok
    assert "drive that is not there" in check.found


def test_the_folder_around_a_workspace_that_is_to_be_made_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOLE_WORKSPACE", str(tmp_path / "one" / "two"))
    assert all(check.is_ok for check in doctor._places())


def test_the_keys_that_end_typed_molecules_are_those_of_the_system() -> None:
    assert end_keys("win32") == "Ctrl+Z, then Enter"
    assert end_keys("linux") == end_keys("darwin") == "Ctrl+D"


def test_a_run_without_its_time_is_listed() -> None:
    """Windows refuses to say what `astimezone` asks of the first day of 1970."""
    row = _row(RunRecord(run_id="one", name="one", status=RunState.COMPLETED))
    assert row[:3] == ("one", "-", "completed")
