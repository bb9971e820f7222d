"""Classes of Qt are made in the window's thread, before other threads could make some."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

READ_AT_ONCE = """
import sys, threading
from importlib import import_module
from app.services.qt_types import MODULES, make_all_types

make_all_types()
sys.setswitchinterval(1e-5)
names = [(module, name) for module in map(import_module, MODULES) for name in dir(module)]

def read():
    for module, name in names:
        getattr(module, name)

threads = [threading.Thread(target=read) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("alive")
"""

IN_PIECES = """
from app.services.qt_types import make_types

print(sum(1 for _ in make_types()) > 5, next(make_types(), "nothing left"))
"""

BEFORE_A_THREAD = """
import threading
from PySide6.QtCore import QCoreApplication
from app.services.depictions import DepictionService
from app.services.prefetch import Prefetch
from app.services.qt_types import make_types

app = QCoreApplication([])
threading.Thread.start = lambda thread: print(next(make_types(), "nothing left"))
threading.Thread.join = lambda thread: None
service = {service}
service.{begin}
service.close()
"""

BEFORE_OTHER_PAGES = """
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from app.main_window import MainWindow
from app.page_shelf import PageShelf
from app.services.qt_types import make_types

def build(shelf):
    print(next(make_types(), "nothing left"))
    app.exit()
    yield

PageShelf.build = build
app = QApplication([])
window = MainWindow(Path(sys.argv[1]))
window.show()
app.exec()
window.close()
"""


def printed(script: str, *arguments: object) -> str:
    """Run a script in a Python of its own, where nobody has read a name of Qt's yet."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_threads_that_read_the_same_classes_do_not_end_the_program():
    assert printed(READ_AT_ONCE) == "alive"


def test_classes_of_qt_are_made_in_pieces():
    assert printed(IN_PIECES) == "True nothing left"


@pytest.mark.parametrize(
    ("service", "begin"), [("Prefetch()", "start()"), ("DepictionService()", "get('C', 9, 9, dark=False)")]
)
def test_classes_of_qt_are_there_before_a_thread_begins(service, begin):
    assert printed(BEFORE_A_THREAD.format(service=service, begin=begin)) == "nothing left"


def test_the_window_makes_classes_before_it_builds_pages_that_are_not_shown(tmp_path: Path):
    assert printed(BEFORE_OTHER_PAGES, tmp_path / "workspace") == "nothing left"
