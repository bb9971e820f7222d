"""Files that are dragged or pasted: which ones they are, and text fields that do not take their addresses for text."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Signal
from PySide6.QtGui import QDragEnterEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit


def brings_files(mime: QMimeData) -> bool:
    """Whether local files or folders are being dragged, or were copied."""
    return any(url.isLocalFile() for url in mime.urls())


def dropped_files(mime: QMimeData) -> list[str]:
    """Return the local files that are being dragged; none where a folder is among them."""
    paths = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()]
    return [] if any(Path(path).is_dir() for path in paths) else paths


def let_files_through(field: QLineEdit | QPlainTextEdit) -> None:
    """Make a text field leave files that are dragged over it to what lies below it."""
    target = field.viewport() if isinstance(field, QPlainTextEdit) else field
    target.installEventFilter(_FilesPassBy(field))


class _FilesPassBy(QObject):
    """Refuses files on behalf of a text field; Qt then asks its parents, the window last."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Refuse what is dragged in, if it is files; text may still be dropped."""
        if isinstance(event, QDragEnterEvent) and brings_files(event.mimeData()):
            event.ignore()
            return True
        return False


class SmilesEdit(QPlainTextEdit):
    """Where SMILES are pasted; files are left to others, their addresses being no SMILES.

    Signals
    -------
    files_pasted(list[str])
        Paths of files that were copied elsewhere and pasted here.
    """

    files_pasted = Signal(object)

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802 - Qt's name
        """Take text; tell of files."""
        if not brings_files(source):
            super().insertFromMimeData(source)
        elif paths := dropped_files(source):
            self.files_pasted.emit(paths)
