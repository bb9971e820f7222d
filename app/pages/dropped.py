"""Several files dropped at once: which are models, and what is said of those that cannot be taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QUrl

from app.text import counted
from mole_engine.contracts.errors import InputError

_NAMED = 3


def is_model(path: str | Path) -> bool:
    """Whether a file is a model, by its ending."""
    return str(path).lower().endswith(".mole")


def models_first(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the models among some files, and the others."""
    return [path for path in paths if is_model(path)], [path for path in paths if not is_model(path)]


def too_many(paths: Sequence[str]) -> InputError | None:
    """Return what is said of more files than one prediction takes; None for a model, a table or both."""
    models, tables = models_first(paths)
    if max(len(models), len(tables)) <= 1:
        return None
    what = "model is asked" if len(models) > 1 else "file is predicted"
    remedy = "Drop one of them." if not models or not tables else "Drop one model, one table, or one of each."
    return InputError(f"One {what} at a time.", f"{counted(len(paths), 'file')} were dropped: {_names(paths)}.", remedy)


def not_predicted(paths: Sequence[str]) -> InputError | None:
    """Return what is said of a folder, and of more files than one prediction takes; None for what can be predicted."""
    return cannot_open([QUrl.fromLocalFile(path) for path in paths]) or too_many(paths)


def not_opened(left: Sequence[str], opened: str) -> InputError:
    """Return what is said of files that were dropped together with a model, which was opened."""
    title = (
        f"{Path(left[0]).name} was not opened." if len(left) == 1 else f"{counted(len(left), 'file')} were not opened."
    )
    cause = f"A model is opened alone: {Path(opened).name} came together with {_names(left)}."
    remedy = (
        "Drop other models one by one, tables on the Data page to open them or on the Predict page to predict them."
    )
    return InputError(title, cause, remedy)


def cannot_open(urls: Sequence[QUrl]) -> InputError | None:
    """Return what is said of folders and of addresses elsewhere; None where there are only files, or nothing."""
    folders = [url.toLocalFile() for url in urls if url.isLocalFile() and Path(url.toLocalFile()).is_dir()]
    links = [url.toDisplayString() for url in urls if not url.isLocalFile()]
    if folders:
        what = "A folder" if len(folders) == 1 else "Folders"
        return InputError(
            f"{what} cannot be opened.", f"This came: {_names(folders)}.", "Drop the files that lie in it."
        )
    if links:
        what = "An address" if len(links) == 1 else "Addresses"
        cause = f"This came: {links[0]}. Files are read from this computer only."
        return InputError(f"{what} cannot be opened.", cause, "Save the file here, then drop or open it.")
    return None


def _names(paths: Sequence[str]) -> str:
    names = [Path(path).name for path in paths]
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], f"{len(names) - _NAMED:,} others"]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
