"""Collecting garbage where it may be collected.

Python's collector runs in whichever thread asks for it, and destroys what it finds there. Beside a window that is
fatal: a dead widget must end in the window's thread. So the engine never calls `gc.collect` itself, but
`collect_garbage`, and a program with a window says how that is done.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

_collectors: list[Callable[[], None]] = []


def collect_garbage() -> None:
    """Free what only cycles hold, before memory is needed or given back; returns when that is done."""
    if _collectors:
        _collectors[-1]()
    else:
        gc.collect()


def use_collector(collector: Callable[[], None]) -> None:
    """Have `collect_garbage` call `collector` from now on."""
    _collectors.append(collector)


def drop_collector(collector: Callable[[], None]) -> None:
    """Undo `use_collector`."""
    _collectors.remove(collector)


YOUNG_OBJECTS = 20_000
"""So many have Python look for garbage among them (700 by itself): what libraries make as they load is none."""


def load_quickly() -> None:
    """Let Python look for garbage less often, in a process that is about to load libraries and is all ours."""
    gc.set_threshold(YOUNG_OBJECTS)


def end_quickly() -> None:
    """Spare a process that ends a last look through all libraries, which takes a second or two."""
    gc.freeze()
