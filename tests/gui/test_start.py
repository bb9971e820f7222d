"""`python -m app`: words before Qt, no display, the real loop, Ctrl+C, and errors that nobody caught."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox, QWidget

from app.__main__ import _listen_to_signals, main
from app.services.problems import LOG_NAME, UncaughtErrors, start_log
from mole_engine import __version__


def run_app(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


def test_version_and_help_need_no_qt():
    code = "import sys; from app.__main__ import main\ntry: main(['--version'])\nexcept SystemExit: pass\n"
    code += "print([name for name in sys.modules if name.startswith(('PySide6', 'torch'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"MolE Studio {__version__}\n[]\n"
    assert "FILE" in run_app("--help").stdout


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="there is always a display")
def test_without_a_display_it_says_so(monkeypatch, capsys):
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert main([]) == 2
    assert "needs a display" in capsys.readouterr().err


def test_a_workspace_that_cannot_be_used_is_explained(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert main(["--workspace", str(tmp_path / "taken" / "inside")]) == 2
    assert "Choose another one" in capsys.readouterr().err


def test_without_a_terminal_it_is_explained_in_a_box(qapp, tmp_path, monkeypatch):
    """A double-click under Windows leaves a program without standard streams."""
    told = []
    monkeypatch.setattr(QMessageBox, "critical", lambda parent, title, words: told.append(words))
    monkeypatch.setattr(sys, "stderr", None)
    (tmp_path / "taken").write_text("", encoding="utf-8")
    assert main(["--workspace", str(tmp_path / "taken" / "inside")]) == 2
    assert "Choose another one" in told[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a child")
def test_the_program_opens_a_file_on_its_own_loop_and_ends_on_ctrl_c(tmp_path, molecules_csv):
    command = [sys.executable, "-m", "app", str(molecules_csv), "--workspace", str(tmp_path / "work")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        settings = tmp_path / "work" / "settings.ini"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (settings.exists() and "molecules.csv" in settings.read_text()):
            time.sleep(0.1)
        program.send_signal(signal.SIGINT)
        try:
            _, errors = program.communicate(timeout=60)
        finally:
            # One that does not end is a failure, not a wait without end.
            program.kill()
    assert program.returncode == 0, errors
    assert "Traceback" not in errors
    assert "molecules.csv" in settings.read_text()


def test_coroutines_end_before_the_program_does(tmp_path):
    # The loop may be left before it comes back to what was cancelled when the window closed.
    code = """
import asyncio, sys
from PySide6.QtCore import QCoreApplication, QTimer
from app import __main__
from app.main_window import MainWindow

async def work():
    try:
        await asyncio.sleep(600)
    finally:
        print("tidied up with", type(QCoreApplication.instance()).__name__)

def leave(window):
    window.close()
    QCoreApplication.exit()

def show(self, event):
    QTimer.singleShot(0, self, lambda: self.session.start_task(work()))
    QTimer.singleShot(100, self, lambda: leave(self))

MainWindow.showEvent = show
__main__.main(["--workspace", sys.argv[1]])
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "tidied up with QApplication\n"), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a child")
def test_ctrl_c_waits_until_what_runs_has_ended(qtbot):
    before = signal.getsignal(signal.SIGINT)
    lock, closed = threading.Lock(), []

    class Window(QWidget):
        def closeEvent(self, event):
            closed.append(lock.locked())
            super().closeEvent(event)

    window = Window()
    qtbot.addWidget(window)
    window.show()
    ticker = _listen_to_signals(window)
    try:
        # As when a row is being painted: closing now would wait for the lock that is held here.
        with lock:
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.01)
            assert closed == []
        qtbot.waitUntil(lambda: bool(closed))
        assert closed == [False]
    finally:
        ticker.stop()
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def uncaught(qapp):
    heard: list[object] = []
    hooks = UncaughtErrors(heard.append)
    hooks.install()
    yield hooks, heard
    hooks.remove()


def test_what_nobody_caught_reaches_the_window_s_thread(qtbot, uncaught):
    hooks, heard = uncaught

    def fail() -> None:
        raise ZeroDivisionError("in a thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError("in a slot"), None)
    hooks.from_asyncio(None, {"exception": KeyError("in a callback"), "message": ""})
    qtbot.waitUntil(lambda: len(heard) == 3, timeout=5000)
    assert [type(error) for error in heard] == [ZeroDivisionError, ValueError, KeyError]


def test_the_log_is_in_the_workspace(tmp_path: Path):
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    path = start_log(tmp_path)
    logging.getLogger("somewhere").warning("something to keep")
    added = [handler for handler in root.handlers if handler not in before]
    for handler in added:
        handler.close()
        root.removeHandler(handler)
    root.setLevel(level)
    assert path == tmp_path / LOG_NAME
    assert "something to keep" in path.read_text()


def test_the_size_chosen_in_the_window_holds_from_the_next_start_on(window, workspace, monkeypatch):
    from PySide6.QtWidgets import QComboBox, QLabel

    from app.__main__ import _enlarge

    monkeypatch.setenv("QT_SCALE_FACTOR", "1")
    monkeypatch.delenv("QT_SCALE_FACTOR")
    _enlarge(workspace)
    assert "QT_SCALE_FACTOR" not in os.environ
    box = window.page("preferences").findChild(QComboBox, "sizeCombo")
    box.setCurrentIndex(box.findData(200))
    words = [told.text() for told in window.page("preferences").findChildren(QLabel) if "started again" in told.text()]
    # The screen of the tests is 800 pixels wide.
    assert words == [words[0]]
    assert "will not fit" in words[0]
    window.session.settings.save()
    _enlarge(workspace)
    assert os.environ["QT_SCALE_FACTOR"] == "2"
    monkeypatch.setenv("QT_SCALE_FACTOR", "1.25")
    _enlarge(workspace)
    assert os.environ["QT_SCALE_FACTOR"] == "1.25"


@pytest.mark.parametrize("written", ["", "99", "-5", "large", "1e9"])
def test_an_odd_size_in_the_settings_is_the_natural_one(workspace, written):
    from app.services.settings import settings_file, wanted_size

    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / "settings.ini").write_text(f"[window]\nsize={written}\n")
    assert wanted_size(settings_file(workspace)) == 100
