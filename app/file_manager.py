"""Folders in the system's file manager."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices


def show_folder(path: str | Path) -> None:
    """Open a folder where it really lies.

    Windows keeps what a Python from the Microsoft Store writes below AppData in a place of its own, and shows it there
    to that Python alone; the file manager has to be told of the real one.
    """
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(path).resolve())))
