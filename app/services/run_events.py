"""What a run has said so far, read from its folder; blocking."""

from __future__ import annotations

from mole_engine.contracts.events import Event


def read_run_events(run_dir: str) -> tuple[Event, ...]:
    """Return the events of the run in the folder `run_dir`, oldest first."""
    from mole_engine.store.run_folder import RunFolder

    return tuple(RunFolder(run_dir).read_events())
