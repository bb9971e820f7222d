"""The fixtures that catch leaks do catch them."""

from pathlib import Path

CONFTEST = Path(__file__).parents[1] / "conftest.py"

LEAKS = """
import threading
import pytest
from PySide6.QtCore import QPropertyAnimation, QThread, QTimer
from PySide6.QtWidgets import QWidget

kept = []

class Sleeper(QThread):
    def run(self):
        self.sleep(60)

def keep(item):
    kept.append(item)
    return item

def test_thread():
    keep(threading.Thread(target=threading.Event().wait, args=(60,), daemon=True)).start()

def test_qthread(qapp):
    keep(Sleeper()).start()

def test_timer(qapp):
    keep(QTimer()).start(10_000)

def test_animation(qapp):
    widget = keep(QWidget(windowTitle="owner"))
    keep(QPropertyAnimation(widget, b"windowOpacity", duration=60_000, startValue=0.0, endValue=1.0)).start()

def test_window(qtbot):
    keep(QWidget()).show()

def test_clean(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    timer = QTimer(widget)
    timer.start(10_000)
    worker = threading.Thread(target=lambda: None)
    worker.start()

def test_loop(qt_loop):
    import asyncio
    assert qt_loop.run_until_complete(asyncio.sleep(0.01, "done")) == "done"

def test_home(tmp_path):
    import os, pathlib
    assert pathlib.Path.home() == pathlib.Path(os.environ["HOME"])
    assert "homes" in pathlib.Path.home().parent.name

@pytest.fixture(scope="session", autouse=True)
def bury():
    yield
    for item in kept:
        if isinstance(item, QThread):
            item.terminate()
            item.wait()
"""


def test_each_kind_of_leak_fails_its_test(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "conftest.py").write_text(
        CONFTEST.read_text(encoding="utf-8").replace("GRACE_SECONDS = 5.0", "GRACE_SECONDS = 0.2"), encoding="utf-8"
    )
    (tmp_path / "test_leaks.py").write_text(LEAKS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "qt_api=pyside6", str(tmp_path)]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    report = outcome.stdout
    for name, words in {
        "test_thread": "threads left running: Thread-",
        "test_qthread": "running thread Sleeper",
        "test_timer": "active timer QTimer",
        "test_animation": "animation QPropertyAnimation",
        "test_window": "window QWidget",
    }.items():
        assert f"ERROR test_leaks.py::{name} - Failed: " in report, report
        assert words in report
    for name in ("test_clean", "test_loop", "test_home"):
        assert f"::{name} " not in report, report
