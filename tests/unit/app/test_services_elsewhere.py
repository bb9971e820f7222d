"""What the window's services have to know of systems that it was not written on."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

import pytest

from app.services.prefetch import library_files
from app.services.run_queue import RunQueue
from app.services.settings import Settings
from app.text import keys
from mole_engine.contracts.config import TrainConfig


@pytest.mark.parametrize(
    ("system", "there", "pattern", "found"),
    [
        ("linux", ["libarrow.so.2400", "libarrow_python.so.2400"], "libarrow", "libarrow.so.2400"),
        ("darwin", ["libarrow.2400.dylib", "libarrow_python.2400.dylib"], "libarrow", "libarrow.2400.dylib"),
        ("darwin", ["libc10.dylib", "libc10_more.dylib"], "libc10", "libc10.dylib"),
    ],
)
def test_libraries_are_found_by_the_names_of_each_system(
    tmp_path: Path, system: str, there: list[str], pattern: str, found: str
) -> None:
    for name in there:
        (tmp_path / name).touch()
    assert [path.name for path in library_files(tmp_path, pattern, system)] == [found]


def test_a_damaged_queue_that_another_program_has_open_keeps_no_window_from_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "queue.json"
    place.write_text("{", encoding="utf-8")

    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Access is denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        queue = RunQueue(place)
    assert len(queue) == 0
    queue.add(TrainConfig(name="mine"))
    assert [run.name for run in RunQueue(place).runs()] == ["mine"]
    assert place.with_suffix(".damaged").read_text(encoding="utf-8") == "{", "what stood there is not lost"


def test_recent_files_on_a_drive_that_does_not_answer_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = tmp_path / "near.csv"
    near.touch()
    far = tmp_path / "far.csv"
    far.touch()
    settings = Settings(tmp_path)
    settings.remember_file(str(far))
    settings.remember_file(str(near))
    original = Path.stat

    def stat(path: Path, **options: Any) -> Any:
        if path == far:
            # What Windows says with the numbers 59 and 64, an unexpected network error.
            raise OSError(errno.EINVAL, "An unexpected network error occurred")
        return original(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    assert settings.recent == [str(near)]


def test_keys_are_called_as_on_the_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keys("Undo: {} (Ctrl+Z)") == "Undo: {} (Cmd+Z)"
    monkeypatch.setattr(sys, "platform", "win32")
    assert keys("Undo: {} (Ctrl+Z)") == "Undo: {} (Ctrl+Z)"
