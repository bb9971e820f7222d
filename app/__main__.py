"""`mole-studio [FILE]`, also `python -m app`: the window first, everything heavy afterwards."""

from __future__ import annotations

import argparse
import contextlib
import locale
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from app.main_window import MainWindow

log = logging.getLogger(__name__)

_NO_DISPLAY = (
    "MolE Studio needs a display, and there is none here. "
    "Work without a window with the command 'mole' (see 'mole --help'), or log in with X forwarding."
)
_SIGNAL_TICK_MS = 200
_SWITCH_SECONDS = 0.002
_LAST_SECONDS = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    multiprocessing.freeze_support()
    arguments = _parse(sys.argv[1:] if argv is None else argv)
    if not has_display():
        sys.stderr.write(_NO_DISPLAY + "\n")
        return 2
    workspace = Path(arguments.workspace).expanduser() if arguments.workspace else _default_workspace()
    try:
        workspace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _refuse(
            f"Cannot use the workspace {workspace}: {error.strerror or error}. Choose another one with --workspace."
        )
        return 2
    return _run(workspace, arguments.file)


def _refuse(words: str) -> None:
    """Say why no window opens: on the terminal, or in a box where there is none (a double-click under Windows)."""
    stream: Any = sys.stderr
    if stream is not None:
        stream.write(words + "\n")
        return
    from PySide6.QtWidgets import QApplication, QMessageBox

    application = QApplication.instance() or QApplication(sys.argv[:1])
    QMessageBox.critical(None, "MolE Studio", words)
    del application


def has_display() -> bool:
    """Whether a window can be shown at all."""
    if sys.platform in {"win32", "darwin"} or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    from mole_engine._version import __version__

    parser = argparse.ArgumentParser(prog="mole-studio", description="Opens the window of MolE Studio.")
    parser.add_argument("file", nargs="?", default="", metavar="FILE", help="file with molecules, or a .mole model")
    parser.add_argument("--workspace", default="", metavar="DIR", help="folder that keeps runs and settings")
    parser.add_argument("--version", action="version", version=f"MolE Studio {__version__}")
    return parser.parse_args(argv)


def _default_workspace() -> Path:
    from mole_engine.store.runs import default_workspace

    return Path(default_workspace())


def _run(workspace: Path, file: str) -> int:
    from PySide6.QtCore import QTimer

    from app.services.plain_imports import import_plainly

    # Before anything else is imported: all that comes is then read once.
    import_plainly()
    import qasync
    from PySide6.QtWidgets import QApplication

    from app.main_window import MainWindow
    from app.services.problems import UncaughtErrors, start_log

    # Threads that import or read give the lock back sooner, so that the window keeps answering.
    sys.setswitchinterval(_SWITCH_SECONDS)
    start_log(workspace)
    _enlarge(workspace)
    app = _application(QApplication)
    window = MainWindow(workspace)
    uncaught = UncaughtErrors(window.session.report, window)
    uncaught.install()
    loop: Any = qasync.QEventLoop(app, already_running=False)
    loop.set_exception_handler(uncaught.from_asyncio)
    ticker = _listen_to_signals(window)
    window.show()
    if file:
        QTimer.singleShot(0, window, lambda: window.open_path(file))
    try:
        with loop:
            loop.run_forever()
            _end_tasks(loop)
    finally:
        ticker.stop()
        uncaught.remove()
        logging.shutdown()
    return 0


def _end_tasks(loop: Any) -> None:
    """Let coroutines that were cancelled as the window closed come to their end.

    Those that are left are destroyed by Python, which runs what they have to tidy up when Qt's objects are gone.
    """
    import asyncio

    left = asyncio.all_tasks(loop)
    if left:
        # Whoever quits once more (Cmd+Q twice, the end of the session) does not want to wait.
        with contextlib.suppress(RuntimeError):
            loop.run_until_complete(asyncio.wait(left, timeout=_LAST_SECONDS))


def _enlarge(workspace: Path) -> None:
    """Show everything in the size that the user has chosen; Qt reads this when the application is made."""
    from app.services.settings import settings_file, wanted_size

    size = wanted_size(settings_file(workspace))
    if size != 100:
        # What somebody has set for this start counts more.
        os.environ.setdefault("QT_SCALE_FACTOR", f"{size / 100:g}")


def _application(kind: type[QApplication]) -> QApplication:
    from app.theme import icon

    app = kind(sys.argv[:1])
    for part in (locale.LC_NUMERIC, locale.LC_TIME):
        # Qt has set them as the user has (Linux, macOS): decimal commas for libraries, months in another language than
        # the words around them.
        locale.setlocale(part, "C")
    app.setApplicationName("MolE Studio")
    app.setOrganizationName("MolE Studio")
    app.setDesktopFileName("mole-studio")
    app.setWindowIcon(icon("models", "#2E6BE6", 64))
    return app


def _listen_to_signals(window: MainWindow) -> Any:
    """Let Ctrl+C close the window.

    Python looks at signals only when Qt calls back into it, and then in the midst of whatever runs, perhaps with a lock
    held. So the signal only leaves word, and the window closes at the next tick, when nothing else runs.
    """
    from PySide6.QtCore import QTimer

    asked: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: asked.append(number))

    def look() -> None:
        if asked:
            asked.clear()
            window.close()

    ticker = QTimer(window)
    ticker.timeout.connect(look)
    ticker.start(_SIGNAL_TICK_MS)
    return ticker


if __name__ == "__main__":
    sys.exit(main())
