"""A bar for work with a count, on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from mole_engine.contracts.events import ProgressHandler


def new_bar(stage: str, total: int, unit: str = "it") -> Any:
    """Return a tqdm bar on stderr that shows only on a terminal and starts no thread."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc,unused-ignore]
        monitor_interval = 0

    return Bar(desc=stage, total=total or None, unit=unit, file=sys.stderr, disable=None, leave=False)


@contextlib.contextmanager
def progress_bar() -> Iterator[ProgressHandler]:
    """Yield a function for (stage, done, total); the bar shows only on a terminal."""
    bars: dict[str, Any] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            for bar in bars.values():
                bar.close()
            bars.clear()
            bars[stage] = new_bar(stage.capitalize(), total)
        bar = bars[stage]
        bar.total = total or None
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()
