"""Models that come with the program, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

SUFFIX = ".mole"

_opened = ExitStack()


def shipped_models() -> tuple[str, ...]:
    """Return the names of the models that come with the program."""
    return tuple(sorted(entry.removesuffix(SUFFIX) for entry in _entries()))


def shipped_vocabularies() -> tuple[str, ...]:
    """Return the names of the vocabularies that come with the program."""
    folder = files("resources") / "vocabularies"
    names = (entry.name for entry in folder.iterdir()) if folder.is_dir() else ()
    return tuple(sorted(name.removesuffix(".json") for name in names if name.endswith(".json")))


def shipped_path(name: str) -> Path | None:
    """Return the file of the shipped model called `name`; None where there is no such model."""
    return _on_disk(name) if f"{name}{SUFFIX}" in set(_entries()) else None


def _entries() -> Iterator[str]:
    folder = files("resources") / "models"
    if folder.is_dir():
        yield from (entry.name for entry in folder.iterdir() if entry.name.endswith(SUFFIX))


@cache
def _on_disk(name: str) -> Path:
    # Inside a zipped program the file is unpacked for as long as the program runs.
    return _opened.enter_context(as_file(files("resources") / "models" / f"{name}{SUFFIX}"))
