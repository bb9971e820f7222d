"""macOS hides what is put into `.venv`, and Python passes over a hidden file that says where the program lies."""

import io
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

NAME = "_mole_studio.pth"
OTHER_FLAG = 0x40


@pytest.fixture
def venv(bootstrap_part):
    return bootstrap_part("venv")


@pytest.fixture
def hidden(tmp_path, monkeypatch):
    """Return an environment's folder whose files are hidden, and the flags that they have."""
    packages = tmp_path / ".venv" / "lib" / "python3.13" / "site-packages"
    packages.mkdir(parents=True)
    flags = {NAME: stat.UF_HIDDEN | OTHER_FLAG, "torch.pth": stat.UF_HIDDEN}
    for name in flags:
        (packages / name).touch()
    original = Path.lstat

    def lstat(path):
        return SimpleNamespace(st_flags=flags[path.name]) if path.name in flags else original(path)

    monkeypatch.setattr(Path, "lstat", lstat)
    monkeypatch.setattr(os, "chflags", lambda path, given: flags.update({path.name: given}), raising=False)
    return tmp_path / ".venv", flags


def test_the_file_that_names_the_program_is_shown_again(venv, hidden):
    folder, flags = hidden
    venv.show_path(folder)
    assert flags == {NAME: OTHER_FLAG, "torch.pth": stat.UF_HIDDEN}


def test_one_that_belongs_to_somebody_else_stays_as_it_is(venv, hidden, monkeypatch):
    folder, flags = hidden

    def refuse(path, given):
        raise PermissionError

    monkeypatch.setattr(os, "chflags", refuse)
    venv.show_path(folder)
    assert flags[NAME] & stat.UF_HIDDEN


def test_systems_without_such_flags_have_nothing_to_show(venv, hidden, monkeypatch):
    folder, _ = hidden
    monkeypatch.delattr(os, "chflags")
    venv.show_path(folder)


def test_every_start_looks_and_so_does_an_installation(venv, bootstrap_part, hidden, monkeypatch):
    folder, flags = hidden
    console = bootstrap_part("console").Console(io.StringIO())
    environment = venv.Environment(folder.parent)
    monkeypatch.setattr(venv.Environment, "is_ready", lambda self, tests: True)
    venv.set_up(environment, console, tests=False)
    assert flags[NAME] == OTHER_FLAG
    flags[NAME] = stat.UF_HIDDEN
    monkeypatch.setattr(venv.Environment, "installed_torch", lambda self: "2.13.0")
    monkeypatch.setattr(venv.bootstrap_torch, "find_card", lambda: None)
    monkeypatch.setattr(console, "run", lambda command, **_: (0, []))
    venv._fill(environment, console, tests=False)
    assert flags[NAME] == 0
