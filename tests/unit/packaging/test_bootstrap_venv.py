"""The environment is made once, recognised as ready, and made anew when what it depends on has changed."""

import io
import json
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def venv(bootstrap_part):
    return bootstrap_part("venv")


@pytest.fixture
def environment(venv, tmp_path):
    """A ready environment in a folder whose name has a space and an accent."""
    root = tmp_path / "mes molécules"
    (root / "packaging").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", root)
    for part in (ROOT / "packaging").glob("bootstrap*.py"):
        shutil.copy(part, root / "packaging")
    made = venv.Environment(root)
    made.python.parent.mkdir(parents=True)
    made.python.symlink_to(sys.executable)
    return made


def test_ready_only_after_the_stamp(environment):
    assert not environment.is_ready(tests=False)
    environment.mark_ready(tests=False)
    assert environment.is_ready(tests=False)


def test_an_environment_for_running_is_not_one_for_testing(environment):
    environment.mark_ready(tests=False)
    assert not environment.is_ready(tests=True)
    environment.mark_ready(tests=True)
    assert environment.is_ready(tests=True)
    assert environment.is_ready(tests=False)


def test_changed_dependencies_ask_for_another_set_up(environment):
    environment.mark_ready(tests=True)
    with (environment.root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert not environment.is_ready(tests=True)


def test_moved_folder_asks_for_another_set_up(environment, venv, tmp_path):
    environment.mark_ready(tests=True)
    shutil.move(environment.root, tmp_path / "elsewhere")
    assert not venv.Environment(tmp_path / "elsewhere").is_ready(tests=True)


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json"])
def test_damaged_stamp_asks_for_another_set_up(environment, content):
    environment.stamp.write_text(content, encoding="utf-8")
    assert not environment.is_ready(tests=False)


def test_lost_interpreter_asks_for_another_set_up(environment):
    environment.mark_ready(tests=False)
    environment.python.unlink()
    assert not environment.is_ready(tests=False)
    assert not environment.is_sound()


@pytest.mark.parametrize("works", [True, False])
def test_another_python_keeps_an_environment_that_works(environment, venv, monkeypatch, works):
    environment.mark_ready(tests=False)
    monkeypatch.setattr(venv.Environment, "is_sound", lambda self: works)
    monkeypatch.setattr(venv.sys, "version", "3.13.9 (another one)")
    assert environment.is_ready(tests=False) is works


def test_ready_environment_runs_nothing(environment, venv, bootstrap_part, monkeypatch):
    environment.mark_ready(tests=True)

    def refuse(*_, **__):
        raise AssertionError("started a process")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    console = bootstrap_part("console").Console(io.StringIO())
    venv.set_up(environment, console, tests=True)


class FakeConsole:
    """Pretends that every command works, and keeps what it was asked to run."""

    def __init__(self, console):
        self._console = console
        self.commands = []

    def run(self, command, **_):
        self.commands.append([str(word) for word in command])
        return 0, []

    def __getattr__(self, name):
        return getattr(self._console, name)


@pytest.fixture
def fake_console(bootstrap_part):
    console = FakeConsole(bootstrap_part("console").Console(io.StringIO()))
    yield console
    console.close()


def test_interrupted_environment_is_made_anew(environment, venv, fake_console, monkeypatch):
    """An environment without a working interpreter is removed, then made and filled, tests included, torch kept."""
    environment.python.unlink()
    stale = environment.folder / "half-written"
    stale.touch()
    monkeypatch.setattr(venv, "provide_libraries", lambda console: None)
    monkeypatch.setattr(venv.bootstrap_torch, "find_card", lambda: None)
    monkeypatch.setattr(venv.Environment, "installed_torch", lambda self: "2.13.0+cpu")
    venv.set_up(environment, fake_console, tests=True)
    assert not stale.exists()
    assert [sys.executable, "-m", "venv", str(environment.folder)] in fake_console.commands
    assert fake_console.commands[-1][-3:] == ["torch==2.13.0+cpu", "-e", f"{environment.root}[test,export]"]
    assert json.loads(environment.stamp.read_text(encoding="utf-8"))["tests"] is True


def test_failed_set_up_leaves_no_stamp(environment, venv, fake_console, bootstrap_part, monkeypatch):
    monkeypatch.setattr(venv, "provide_libraries", lambda console: None)
    monkeypatch.setattr(venv.Environment, "is_sound", lambda self: True)
    monkeypatch.setattr(venv.Environment, "installed_torch", lambda self: "2.13.0+cpu")
    monkeypatch.setattr(venv.bootstrap_torch, "find_card", lambda: None)
    monkeypatch.setattr(fake_console, "run", lambda command, **_: (1, ["[Errno 28] No space left on device"]))
    with pytest.raises(bootstrap_part("console").BootstrapError) as caught:
        venv.set_up(environment, fake_console, tests=False)
    assert "disk is full" in caught.value.remedy
    assert not environment.stamp.exists()


def test_missing_venv_module_is_named_on_debian(environment, venv, fake_console, bootstrap_part, monkeypatch):
    monkeypatch.setattr(venv, "this_distribution", lambda: "debian")
    monkeypatch.setattr(venv, "is_root", lambda: False)
    monkeypatch.setattr(fake_console, "run", lambda command, **_: (1, ["ensurepip is not available"]))
    with pytest.raises(bootstrap_part("console").BootstrapError) as caught:
        venv._make(environment, fake_console)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert caught.value.remedy == f"Run: sudo apt install python{version}-venv"


def test_path_of_the_program_is_written_in_letters_that_every_encoding_has(environment, venv, monkeypatch):
    """pip writes UTF-8, which Python 3.12 reads as cp1252 on a Western Windows; that lacks the second byte of Á."""
    for place in ("Lib/site-packages", f"lib/python3.{sys.version_info[1]}/site-packages"):
        packages = environment.folder / place
        packages.mkdir(parents=True)
        root = environment.root / "Ágnes"
        root.mkdir(exist_ok=True)
        (packages / "_mole_studio.pth").write_text(str(root), encoding="utf-8")
        monkeypatch.setattr(sys, "path", list(sys.path))
        venv.make_path_readable(environment.folder)
        (packages / "_mole_studio.pth").read_text(encoding="ascii")
        site.addsitedir(str(packages))
        assert str(root) in sys.path


def test_filling_makes_the_path_readable(environment, venv, fake_console, monkeypatch):
    path = environment.folder / "lib" / "python3.12" / "site-packages" / "_mole_studio.pth"
    path.parent.mkdir(parents=True)

    def install(command, **_):
        path.write_text(str(environment.root), encoding="utf-8")
        return 0, []

    monkeypatch.setattr(venv.Environment, "installed_torch", lambda self: "2.13.0+cpu")
    monkeypatch.setattr(venv.bootstrap_torch, "find_card", lambda: None)
    monkeypatch.setattr(fake_console, "run", install)
    venv._fill(environment, fake_console, tests=False)
    assert path.read_text(encoding="utf-8").isascii()


def test_a_missing_runtime_of_windows_is_found_by_the_set_up(
    environment, venv, fake_console, bootstrap_part, monkeypatch
):
    said = ['OSError: [WinError 126] ... Error loading "c10.dll" or one of its dependencies.']

    def run(command, **_):
        return (1, said) if "import torch" in str(command[-1]) else (0, [])

    monkeypatch.setattr(venv.Environment, "installed_torch", lambda self: "2.13.0+cpu")
    monkeypatch.setattr(venv.bootstrap_torch, "find_card", lambda: None)
    monkeypatch.setattr(fake_console, "run", run)
    venv._fill(environment, fake_console, tests=False)
    monkeypatch.setattr(venv.sys, "platform", "win32")
    with pytest.raises(bootstrap_part("console").BootstrapError) as caught:
        venv._fill(environment, fake_console, tests=False)
    assert "vc_redist" in caught.value.remedy


def test_real_environment_is_found_sound(environment):
    # Not a link to this interpreter: that of a Linux distribution has no pip of its own.
    subprocess.run([sys.executable, "-m", "venv", "--clear", environment.folder], check=True)
    assert environment.is_sound()
