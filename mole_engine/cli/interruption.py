"""Ctrl-C while a job runs: the first asks it to leave with its checkpoint kept, the second ends it at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from mole_engine.cli.console import note
from mole_engine.contracts.run_state import RunControl


@contextlib.contextmanager
def interruptible(control: RunControl) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `control.interrupt()` for the time of the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if control.interrupt_requested:
            raise KeyboardInterrupt
        note("Leaving after this step; the checkpoint is kept. Press Ctrl-C again to leave at once.")
        control.interrupt()

    before: dict[int, Any] = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
