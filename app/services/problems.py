"""One door for everything that nobody caught: from Python, threads, asyncio and Qt into the log and to the user."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, qInstallMessageHandler

from mole_engine.contracts.errors import Cancelled

log = logging.getLogger(__name__)

LOG_NAME = "log.txt"
_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class UncaughtErrors(QObject):
    """Catches what escapes everywhere, and hands it to one receiver in the window's thread.

    Signals
    -------
    caught(BaseException)
        From whichever thread; connected queued.
    """

    caught = Signal(object)

    def __init__(self, receiver: Callable[[Any], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._receiver = receiver
        self._former = (sys.excepthook, threading.excepthook)
        self.caught.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Take over the hooks of Python, of its threads and of Qt."""
        sys.excepthook = self._from_python
        threading.excepthook = self._from_thread
        qInstallMessageHandler(_from_qt)

    def remove(self) -> None:
        """Give the hooks back."""
        sys.excepthook, threading.excepthook = self._former
        qInstallMessageHandler(None)

    def from_asyncio(self, _loop: object, context: dict[str, Any]) -> None:
        """Handle what a loop's callbacks let through; give this to `loop.set_exception_handler`."""
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._take(error)
        else:
            log.warning("asyncio: %s", context.get("message", context))

    def _from_python(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self._take(error)

    def _from_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self._take(args.exc_value)

    def _take(self, error: BaseException) -> None:
        if not isinstance(error, Cancelled):
            self.caught.emit(error)

    def _hand_over(self, error: object) -> None:
        self._receiver(error)


class _SharedLog(RotatingFileHandler):
    """A log that other windows may write as well; Windows then lets none of them give it another name."""

    def doRollover(self) -> None:  # noqa: N802 - the base class's name
        """Begin a new file, or go on with this one to the end where it cannot be put aside."""
        try:
            super().doRollover()
        except OSError:
            self.maxBytes = 0


def start_log(workspace: Path) -> Path:
    """Write the program's log into the workspace; return its path. Old logs are kept small."""
    path = workspace / LOG_NAME
    handler = _SharedLog(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    return path


def _from_qt(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    logging.getLogger("qt").log(_LEVELS.get(kind, logging.INFO), "%s", message)
