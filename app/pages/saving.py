"""Asking for a place to save files, without blocking the window."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from app.widgets.save_kinds import end_as_chosen

_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]", re.IGNORECASE)


def ask_where_to_save(parent: QWidget, title: str, name: str, kinds: str, chosen: Callable[[str], None]) -> QFileDialog:
    """Open a dialog that suggests `name`; `chosen` is called with the path, or never.

    Parameters
    ----------
    kinds
        File types as Qt writes them: "Table (*.csv);;Workbook (*.xlsx)".
    chosen
        A method of an object that lives as long as `parent`.
    """
    dialog = QFileDialog(parent, title, str(Path.home() / name), kinds)
    dialog.setObjectName("saveDialog")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(Path(name).suffix.lstrip("."))
    dialog.selectFile(name)
    end_as_chosen(dialog)
    dialog.fileSelected.connect(chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog


def ask_for_folder(parent: QWidget, title: str, chosen: Callable[[str], None]) -> QFileDialog:
    """Open a dialog for a folder; `chosen` (a method, as above) is called with its path, or never."""
    dialog = QFileDialog(parent, title, str(Path.home()))
    dialog.setObjectName("folderDialog")
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.fileSelected.connect(chosen)
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog


def suggested_name(title: str, ending: str) -> str:
    """Return a file name made of a title, legal on every system."""
    stem = re.sub(r"[^\w.-]+", "-", title).strip("-.") or "model"
    # Windows takes some names for devices, whatever their ending.
    own = "MolE-" if _DEVICES.fullmatch(stem.partition(".")[0]) else ""
    return f"{own}{stem}.{ending}"
