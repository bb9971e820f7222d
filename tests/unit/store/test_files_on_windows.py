"""What Windows does to files: it replaces none that is open, and writes other line ends."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mole_engine.contracts import paths
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, is_out_of_memory, problem_of
from mole_engine.export.scripts import write_job_scripts
from mole_engine.isolated import _cause
from mole_engine.store.files import check_writable, write_text
from mole_engine.training.emitter import EventEmitter

Refuse = Callable[[int], list[str]]


def refusal(path: Path, number: int = 5) -> PermissionError:
    error = PermissionError(errno.EACCES, "Access is denied", str(path))
    error.winerror = number
    return error


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Return a function that makes the next so many attempts to replace a file fail; it returns their names."""
    original = Path.replace
    asked: list[str] = []

    def refuse(times: int) -> list[str]:
        def replace(source: Path, target: Path) -> Path:
            asked.append(Path(target).name)
            if len(asked) <= times:
                raise refusal(Path(target))
            return original(source, target)

        monkeypatch.setattr(Path, "replace", replace)
        monkeypatch.setattr(paths, "REFUSES_WHAT_IS_OPEN", True)
        monkeypatch.setattr(paths.time, "sleep", lambda seconds: None)
        return asked

    return refuse


def test_a_file_that_is_read_for_a_moment_is_replaced_after_it(in_use: Refuse, tmp_path: Path) -> None:
    asked = in_use(3)
    write_text(tmp_path / "record.json", "{}")
    assert (tmp_path / "record.json").read_text(encoding="utf-8") == "{}"
    assert len(asked) == 4


def test_settings_and_events_wait_for_their_readers_too(in_use: Refuse, tmp_path: Path) -> None:
    in_use(2)
    TrainConfig().to_yaml(tmp_path / "config.yaml")
    assert (tmp_path / "config.yaml").is_file()
    (tmp_path / "events.jsonl").write_text("no event\n", encoding="utf-8")
    in_use(6)
    EventEmitter("run", None, tmp_path / "events.jsonl").close()
    assert (tmp_path / "events.jsonl").read_text(encoding="utf-8") == ""


def test_a_spreadsheet_that_keeps_the_file_is_named(in_use: Refuse, tmp_path: Path) -> None:
    in_use(1000)
    place = tmp_path / "predicted.csv"
    place.write_text("old", encoding="utf-8")
    with pytest.raises(InputError, match="another program"):
        write_text(place, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["predicted.csv"]
    assert place.read_text(encoding="utf-8") == "old"


def test_elsewhere_a_refusal_is_told_at_once(in_use: Refuse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = in_use(1000)
    monkeypatch.setattr(paths, "REFUSES_WHAT_IS_OPEN", False)
    with pytest.raises(InputError, match="permission denied"):
        write_text(tmp_path / "record.json", "{}")
    assert len(asked) == 1


def test_a_file_in_a_spreadsheet_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "predicted.csv"
    place.touch()
    original = Path.open

    def open_(self: Path, mode: str = "r", *options: Any, **more: Any) -> Any:
        if self == place and "+" in mode:
            raise refusal(place, 32)
        return original(self, mode, *options, **more)

    monkeypatch.setattr(Path, "open", open_)
    with pytest.raises(InputError, match="another program"):
        check_writable(place)


def test_scripts_for_a_cluster_have_line_ends_that_its_shell_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.open

    def open_(self: Path, mode: str = "r", *options: Any, **more: Any) -> Any:
        if "w" in mode and "b" not in mode and more.get("newline") is None:
            more["newline"] = "\r\n"  # what Windows does where nothing is said
        return original(self, mode, *options, **more)

    monkeypatch.setattr(Path, "open", open_)
    scripts = write_job_scripts(TrainConfig(), tmp_path / "job")
    assert b"\r" not in scripts.torchrun.read_bytes()
    assert b"\r" not in scripts.slurm.read_bytes()


def test_ends_of_processes_are_told_in_words() -> None:
    assert _cause(3221225477) == "a library or a driver has crashed (0xc0000005)"
    assert _cause(1) == "it left with code 1"


@pytest.mark.parametrize(
    "error",
    [
        OSError(22, 'The specified module could not be found. Error loading "c10.dll" or one of its dependencies.'),
        ImportError("DLL load failed while importing rdBase: The specified module could not be found."),
    ],
)
def test_a_missing_runtime_is_named_with_where_it_is_to_be_had(error: Exception) -> None:
    assert "vc_redist" in problem_of(error).remedy


def test_a_paging_file_that_is_too_small_is_want_of_memory() -> None:
    error = OSError(22, 'The paging file is too small. Error loading "cublas64.dll" or one of its dependencies.')
    assert not is_out_of_memory(error)
    error.winerror = 1455
    assert is_out_of_memory(error)
    assert "memory" in problem_of(error).title


def test_a_path_with_too_many_letters_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows says of it what it says of a folder that is not there."""
    folder = tmp_path / ("a" * 110) / ("b" * 110)
    folder.mkdir(parents=True)

    def refuse(path: Path, *_: Any, **__: Any) -> Any:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    for place, words in (
        (folder / "out.csv", "path is too long"),
        (folder / "none" / "out.csv", "folder does not exist"),
        (tmp_path / "out.csv", "folder does not exist"),
    ):
        with pytest.raises(InputError, match=words):
            check_writable(place)
