"""What is dragged over the window or pasted into it: files are handed on, and of all else it is said why it is not."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QMimeData, QObject, QUrl, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QWidget

from app.pages.dropped import cannot_open
from app.widgets.drop_zone import DropOverlay
from app.widgets.file_drags import dropped_files
from mole_engine.contracts.errors import InputError

_ENCODED, _READABLE = QUrl.ComponentFormattingOption.FullyEncoded, QUrl.ComponentFormattingOption.PrettyDecoded


class Drops(QObject):
    """Takes drops on behalf of the window, wherever nothing below the pointer has taken them.

    Parameters
    ----------
    window
        Where files may be dropped.
    words
        Says what a drop will do where it would fall now.

    Signals
    -------
    files(list[str])
        Paths of what was dropped or pasted.
    refused(InputError)
        Why something was not taken.
    """

    files = Signal(object)
    refused = Signal(object)

    def __init__(self, window: QWidget, words: Callable[[], str]) -> None:
        super().__init__(window)
        self._words = words
        self._overlay = DropOverlay(window)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def paste(self) -> bool:
        """Take what is on the clipboard, if it is files, or something in their place that is refused."""
        mime = QGuiApplication.clipboard().mimeData()
        # There may be none: another program holds the clipboard.
        return isinstance(mime, QMimeData) and self._take(mime)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Cover the window with what a drop will do, and take it."""
        if isinstance(event, QDropEvent) and not isinstance(event, QDragEnterEvent):
            return self._drop(event) if event.type() == QEvent.Type.Drop else False
        if isinstance(event, QDragEnterEvent):
            return self._enter(event)
        # A window that loses the drag is not told so.
        if event.type() in (QEvent.Type.DragLeave, QEvent.Type.WindowDeactivate):
            self._overlay.hide()
        return False

    def _enter(self, event: QDragEnterEvent) -> bool:
        fault = _fault(event.mimeData())
        if fault is None and not dropped_files(event.mimeData()):
            return False
        event.acceptProposedAction()
        self._overlay.cover(fault.problem.title if fault else self._words())
        return True

    def _drop(self, event: QDropEvent) -> bool:
        self._overlay.hide()
        taken = self._take(event.mimeData())
        if taken:
            event.acceptProposedAction()
        return taken

    def _take(self, mime: QMimeData) -> bool:
        fault = _fault(mime)
        paths = dropped_files(mime)
        if fault is not None:
            self.refused.emit(fault)
        elif paths:
            self.files.emit(paths)
        return fault is not None or bool(paths)


def _fault(mime: QMimeData) -> InputError | None:
    """Return why something is not opened; None where it may be, or is a text that comes with a link to its origin."""
    urls = mime.urls()
    if not urls:
        # A long text need not be read for that.
        return None
    links = {url.toString(form) for url in urls for form in (_ENCODED, _READABLE)}
    lines = {line.strip() for line in mime.text().splitlines()} - {""}
    is_text = not any(url.isLocalFile() for url in urls) and not lines <= links
    return None if is_text else cannot_open(urls)
