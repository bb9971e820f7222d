"""A bar for work with a count, on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from mole_engine.contracts.events import ProgressHandler


@contextlib.contextmanager
def progress_bar() -> Iterator[ProgressHandler]:
    """Yield a function for (stage, done, total); the bar shows only on a terminal."""
    from tqdm import tqdm

    bars: dict[str, Any] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            for bar in bars.values():
                bar.close()
            bars.clear()
            bars[stage] = tqdm(desc=stage.capitalize(), total=total or None, file=sys.stderr, disable=None, leave=False)
        bar = bars[stage]
        bar.total = total or None
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()
