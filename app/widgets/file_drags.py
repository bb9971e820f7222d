"""Files that are dragged or pasted: which ones they are, and text fields that do not take their addresses for text."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit


def brings_files(mime: QMimeData) -> bool:
    """Whether local files or folders are being dragged, or were copied."""
    return any(url.isLocalFile() for url in mime.urls())


def dropped_files(mime: QMimeData) -> list[str]:
    """Return the local files that are being dragged; none where a folder is among them."""
    paths = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()]
    return [] if any(Path(path).is_dir() for path in paths) else paths


def let_files_through(field: QLineEdit | QPlainTextEdit) -> None:
    """Make a text field leave files that are dragged over it to what lies below it.

    A field of one line leaves files that were copied to the window's own Paste, too.
    """
    target = field.viewport() if isinstance(field, QPlainTextEdit) else field
    target.installEventFilter(_FilesPassBy(field))


class _FilesPassBy(QObject):
    """Refuses files on behalf of a text field; Qt then asks its parents, the window last."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Refuse what is dragged in or pasted, if it is files; text may still be."""
        if isinstance(event, QDragEnterEvent):
            if brings := brings_files(event.mimeData()):
                event.ignore()
            return brings
        if not isinstance(watched, QLineEdit) or not _is_paste(event) or not _clipboard_brings_files():
            return False
        if isinstance(event, QContextMenuEvent):
            _menu_without_paste(watched, event)
        # What asks whether the field wants the key is told that it does not: then the window's shortcut gets it.
        event.setAccepted(event.type() != QEvent.Type.ShortcutOverride)
        return True


def _is_paste(event: QEvent) -> bool:
    """Whether an event pastes into a field, or opens the menu that does."""
    if isinstance(event, QKeyEvent):
        return event.type() != QEvent.Type.KeyRelease and event.matches(QKeySequence.StandardKey.Paste)
    return isinstance(event, QContextMenuEvent)


def _clipboard_brings_files() -> bool:
    mime = QGuiApplication.clipboard().mimeData()
    return isinstance(mime, QMimeData) and brings_files(mime)


def _menu_without_paste(field: QLineEdit, event: QContextMenuEvent) -> None:
    menu = field.createStandardContextMenu()
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    for action in menu.actions():
        if action.objectName() == "edit-paste":
            action.setEnabled(False)
    menu.popup(event.globalPos())


class SmilesEdit(QPlainTextEdit):
    """Where SMILES are pasted; files are left to others, their addresses being no SMILES.

    Signals
    -------
    files_pasted(list[str])
        Paths of files, or folders, that were copied elsewhere and pasted here.
    """

    files_pasted = Signal(object)

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802 - Qt's name
        """Take text; tell of files."""
        if not brings_files(source):
            super().insertFromMimeData(source)
        else:
            self.files_pasted.emit([url.toLocalFile() for url in source.urls() if url.isLocalFile()])
