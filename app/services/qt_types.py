"""PySide's classes are made in the window's thread only: two threads that make some at once end the program."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

MODULES = ("PySide6.QtCore", "PySide6.QtGui", "PySide6.QtWidgets", "PySide6.QtSvg")
"""Modules whose classes the window and its threads use."""

_PIECE_SECONDS = 0.005


def make_types() -> Iterator[None]:
    """Make every class that does not exist yet, a few milliseconds' worth between two yields.

    PySide makes a class when its name is first read. That is not safe where another thread does the same, and one that
    imports a plotting library or draws a molecule does. So all are there before the first such thread begins.
    """
    until = time.monotonic() + _PIECE_SECONDS
    for module in map(import_module, MODULES):
        for name in missing_types(module):
            # A name that another version lists and does not have is nothing to fail of.
            getattr(module, name, None)
            if time.monotonic() > until:
                yield
                until = time.monotonic() + _PIECE_SECONDS


def make_all_types() -> None:
    """Make what is still missing at once (nothing, a fifth of a second after the start); for the window's thread."""
    for _ in make_types():
        pass


def missing_types(module: ModuleType) -> list[str]:
    """Return the names of a module of PySide that nobody has read so far."""
    return [name for name in dir(module) if name not in vars(module)]
