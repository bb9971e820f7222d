"""Dialogs that save: the kind that is chosen and the ending of the name, which decides what is written."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QFileDialog


def end_as_chosen(dialog: QFileDialog) -> None:
    """Let the name end as the kind chosen does: the ending decides what is written, and few dialogs see to it."""
    dialog.filterSelected.connect(partial(_follow_kind, dialog))


def _follow_kind(dialog: QFileDialog, kind: str) -> None:
    endings = {words: _ending(words) for words in dialog.nameFilters()}
    chosen = endings.get(kind, "")
    if not chosen:
        return
    dialog.setDefaultSuffix(chosen)
    for path in map(Path, dialog.selectedFiles()):
        if path.suffix.lstrip(".").lower() in endings.values():
            dialog.selectFile(str(path.with_suffix(f".{chosen}")))


def _ending(kind: str) -> str:
    """Return "csv" of "Table (*.csv)"."""
    found = re.search(r"\*\.(\w+)", kind)
    return found[1] if found else ""
