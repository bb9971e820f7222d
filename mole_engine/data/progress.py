"""How long work reports where it stands."""

from __future__ import annotations

from mole_engine.contracts.events import ProgressHandler

Progress = ProgressHandler
"""Called with (stage, done, total); total 0 means unknown. May raise `Cancelled` to unwind the work."""


def report(on_progress: Progress | None, stage: str, done: int, total: int) -> None:
    """Call `on_progress` where there is one."""
    if on_progress is not None:
        on_progress(stage, done, total)
