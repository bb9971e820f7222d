"""The double-click starters call the set-up with the file that was dropped on them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGING = Path(__file__).parents[3] / "packaging"
POSIX = pytest.mark.skipif(os.name == "nt", reason="shell scripts")


@pytest.fixture
def copy(tmp_path):
    """A copy of packaging/ in a folder whose name has a space, with a bootstrap that prints what it is given."""
    root = tmp_path / "MolE Studio ü"
    shutil.copytree(PACKAGING, root / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "packaging" / "bootstrap.py").write_text("import sys; print(sys.argv[1:])", encoding="utf-8")
    icon = root / "resources" / "icons"
    icon.mkdir(parents=True)
    (icon / "mole-studio.svg").touch()
    return root


def start(*command: object) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    words = [str(word) for word in command]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


@POSIX
@pytest.mark.parametrize("script", ["linux/mole-studio.sh", "macos/MolE Studio.command"])
def test_starter_passes_the_file_on(copy, script):
    assert start(copy / "packaging" / script, "mes données.csv").strip() == "['run', 'mes données.csv']"
    assert start(copy / "packaging" / script).strip() == "['run']"


@POSIX
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="terminals of Linux desktops")
@pytest.mark.parametrize(("code", "waits"), [(0, False), (2, True)])
def test_terminal_of_a_first_start_stays_open_after_a_failure(copy, tmp_path, code, waits):
    (copy / "packaging" / "bootstrap.py").write_text(f"import sys; print(sys.argv[1:]); sys.exit({code})")
    terminal = tmp_path / "bin" / "x-terminal-emulator"
    terminal.parent.mkdir()
    terminal.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    terminal.chmod(0o755)
    path = os.pathsep.join([str(terminal.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [copy / "packaging" / "linux" / "mole-studio.sh", "mes données.csv"],
        env={**os.environ, "DISPLAY": ":7", "PATH": path},
        capture_output=True,
        text=True,
        input="\n",
        check=True,
        timeout=60,
    )
    assert "['run', 'mes données.csv']" in done.stdout
    assert ("Press Enter" in done.stdout) is waits


@POSIX
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="desktop files")
def test_menu_entry_is_installed_and_removed(copy, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    install = copy / "packaging" / "linux" / "install-menu-entry.sh"
    start(install)
    entry = tmp_path / "share" / "applications" / "mole-studio.desktop"
    lines = entry.read_text(encoding="utf-8").splitlines()
    assert f'Exec="{copy}/packaging/linux/mole-studio.sh" %f' in lines
    assert (tmp_path / "share/icons/hicolor/scalable/apps/mole-studio.svg").is_file()
    start(install, "--remove")
    assert not entry.exists()


def test_windows_starter_has_windows_line_ends_and_calls_the_set_up():
    content = (PACKAGING / "windows" / "MolE Studio.bat").read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n")
    assert rb"packaging\bootstrap.py run" in content


def test_windows_starter_says_when_it_was_started_from_within_a_zip_file():
    """Explorer unpacks the clicked file alone: the folder around it must be looked for before Python is."""
    content = (PACKAGING / "windows" / "MolE Studio.bat").read_text(encoding="ascii")
    assert content.index(r"if not exist packaging\bootstrap.py") < content.index("py -%%v")


def test_packaging_is_no_package():
    """A package of this name would shadow PyPI's `packaging`."""
    assert not (PACKAGING / "__init__.py").exists()
