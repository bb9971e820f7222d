"""What every test stands on: no display, no network, no trace in the user's folders, nothing left running.

Importing this file loads neither Qt nor torch, so that tests of plain code stay fast.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import asyncio

    from PySide6.QtWidgets import QApplication, QWidget

# Before anything imports Qt or a numerical library: they read these once. Children of a test inherit them.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# The desktop on which tests are run may fall asleep as it likes; also read by children.
os.environ.setdefault("WAKEPY_FORCE_FAILURE", "1")
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

GRACE_SECONDS = 5.0
"""How long a thread may take to end after its test."""

SHARED_THREADS = ("pydevd.", "TMonitor", "execnet", "QtDBus")
"""Names (beginnings) of threads that belong to the process, not to a test."""


EXPECTED_WARNINGS = (
    r"ignore:.*treespec, LeafSpec.*is deprecated.*",
    r"ignore:.*does not have many workers.*",
    r"ignore:.*Total length of `list` across ranks is zero.*",
    r"ignore:.*Found .* module\(s\) in eval mode at the start of training.*",
)
"""What a training expects of Lightning, and has silenced itself (`quiet_lightning`).

Filters of warnings are the whole process's: pandas, pyqtgraph and scikit-learn set them aside and put them back in
other threads, of the window or beside the training, and with bad luck take away what the training has set meanwhile.
"""

WITH_THREADS = ("gui", "integration")
"""Folders of tests in which something else runs beside a training."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have whole jobs keep to what the program expects, whichever thread was last."""
    places = [Path(__file__).parent / name for name in WITH_THREADS]
    for item in items:
        if any(place in item.path.parents for place in places):
            for words in EXPECTED_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(words))


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return an iterator of new, empty folders."""
    root = tmp_path_factory.mktemp("homes")
    return (root / str(number) for number in count())


@pytest.fixture(autouse=True)
def hermetic_home(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a home, a configuration folder, a cache and a workspace of its own; return the home."""
    home = next(_homes)
    home.mkdir()
    folders = {
        "HOME": home,
        "USERPROFILE": home,
        "APPDATA": home / "AppData" / "Roaming",
        "LOCALAPPDATA": home / "AppData" / "Local",
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "XDG_CACHE_HOME": home / ".cache",
        "MOLE_WORKSPACE": home / "workspace",
    }
    for name, folder in folders.items():
        monkeypatch.setenv(name, str(folder))
    if "PySide6.QtCore" in sys.modules:
        _redirect_qt_settings(home)
    return home


@pytest.fixture
def workspace(hermetic_home: Path) -> Path:
    """Return the folder that `MOLE_WORKSPACE` names, made."""
    folder = hermetic_home / "workspace"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Keep torch at one thread, where a test (or an earlier one) has loaded it."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "set_num_threads"):
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_dangling_threads() -> Iterator[None]:
    """Fail a test that leaves a Python thread behind."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := _new_threads(before)) and time.monotonic() < deadline:
        left[0].join(timeout=0.05)
    if left:
        pytest.fail(f"threads left running: {', '.join(thread.name for thread in left)}")


def _new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    # A foreign thread (a QThread) that once ran Python code stays listed as a dummy after its end.
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before
        and thread.is_alive()
        and not isinstance(thread, threading._DummyThread)
        and not thread.name.startswith(SHARED_THREADS)
    ]


@pytest.fixture(autouse=True)
def _no_dangling_qt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a GUI test that leaves a QThread, a QTimer, an animation or a window behind."""
    if "qapp" not in request.fixturenames:
        yield
        return
    app: QApplication = request.getfixturevalue("qapp")
    from PySide6.QtCore import QAbstractAnimation, QThread, QTimer

    started = {kind: _record_starts(monkeypatch, kind) for kind in (QThread, QTimer, QAbstractAnimation)}
    before = set(app.topLevelWidgets())
    # Collecting garbage in a thread of this test would end the widgets of an earlier one in the wrong thread.
    was_enabled = gc.isenabled()
    gc.disable()
    yield
    _finish_events(app)
    gc.collect()
    # What is left is libraries; the next collection does not look at them again.
    gc.freeze()
    if was_enabled:
        gc.enable()
    leaks = [
        _describe_thread(thread) for thread in _alive(started[QThread]) if not thread.wait(int(GRACE_SECONDS * 1000))
    ]
    leaks += [f"active timer {_owner(timer)}" for timer in _alive(started[QTimer]) if timer.isActive()]
    running = QAbstractAnimation.State.Running
    leaks += [f"animation {_owner(move)}" for move in _alive(started[QAbstractAnimation]) if move.state() == running]
    leaks += [f"window {_owner(widget)}" for widget in _leaked_windows(app, before)]
    if leaks:
        pytest.fail(f"left behind: {'; '.join(leaks)}")


@pytest.fixture
def qt_loop(qapp: QApplication) -> Iterator[asyncio.AbstractEventLoop]:
    """Yield the application's event loop, as the program has it: drive it with `run_until_complete`."""
    import asyncio

    import qasync

    loop = qasync.QEventLoop(qapp, already_running=False)
    asyncio.set_event_loop(loop)
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    asyncio.set_event_loop(None)


def _redirect_qt_settings(home: Path) -> None:
    from PySide6.QtCore import QSettings

    for kind in (QSettings.Format.NativeFormat, QSettings.Format.IniFormat):
        QSettings.setPath(kind, QSettings.Scope.UserScope, str(home / ".config"))


def _record_starts(monkeypatch: pytest.MonkeyPatch, kind: Any) -> list[Any]:
    """Note every object of `kind` on which `start` is called while the test runs, without keeping it alive."""
    started: list[Any] = []
    original = kind.start

    def start(self: Any, *args: Any, **kwargs: Any) -> Any:
        started.append(weakref.ref(self))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(kind, "start", start)
    return started


def _alive(started: list[Any]) -> list[Any]:
    from shiboken6 import isValid

    objects = {reference() for reference in started} - {None}
    return [item for item in objects if isValid(item)]


def _describe_thread(thread: Any) -> str:
    return f"running thread {type(thread).__name__} {thread.objectName()}".rstrip()


def _owner(item: Any) -> str:
    parent = item.parent()
    place = f" of {type(parent).__name__} '{parent.objectName()}'" if parent is not None else ""
    words = f" showing {item.text()!r}" if hasattr(item, "text") else ""
    return f"{type(item).__name__} '{item.objectName()}'{words}{place}"


def _finish_events(app: QApplication) -> None:
    from PySide6.QtCore import QCoreApplication, QEvent

    app.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    app.processEvents()


def _leaked_windows(app: QApplication, before: set[QWidget]) -> list[QWidget]:
    """Return the top-level widgets that the test made and that still exist (menus and tooltips are not windows)."""

    def left() -> list[QWidget]:
        from PySide6.QtCore import Qt

        passing = (Qt.WindowType.Popup, Qt.WindowType.ToolTip)
        return [item for item in app.topLevelWidgets() if item not in before and item.windowType() not in passing]

    if left():
        gc.collect()
        _finish_events(app)
    return left()
