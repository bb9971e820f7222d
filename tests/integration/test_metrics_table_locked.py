"""A spreadsheet that keeps `metrics.csv` open, as on Windows: rows of the last epochs are not lost at the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mole_engine.contracts.errors import BugError
from mole_engine.contracts.events import EpochMetrics, Notice, RunFinished, StateChanged
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.train import train

NETWORKS: dict[str, Any] = {"ensemble": {"kind": "folds", "members": 2}, "training": {"epochs": 2}}
ONE: dict[str, Any] = {"training": {"epochs": 4}}


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Return a switch: while it is on, the run's `metrics.csv` can be neither written nor replaced."""
    switch, replace, opened = {"on": False}, Path.replace, Path.open

    def check(path: Path) -> None:
        if switch["on"] and path.parts[-2:] == ("run", "metrics.csv"):
            raise PermissionError(13, "The process cannot access the file")

    def replaced(source: Path, target: Path) -> Path:
        check(Path(target))
        return replace(source, target)

    def opened_for(path: Path, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        if not mode.startswith("r"):
            check(path)
        return opened(path, mode, *arguments, **more)

    monkeypatch.setattr(Path, "replace", replaced)
    monkeypatch.setattr(Path, "open", opened_for)
    return switch


def run(config: Any, hear: Callable[[Any], None], control: RunControl | None = None) -> tuple[list[int], list[Any]]:
    """Return the epochs in the table of a run, and its events."""
    events: list[Any] = []

    def heard(event: Any) -> None:
        hear(event)
        events.append(event)

    record = train(config, heard, control)
    assert isinstance(events[-1], RunFinished)
    return pd.read_csv(Path(record.run_dir) / "metrics.csv")["epoch"].tolist(), events


def warnings_of(events: list[Any]) -> list[str]:
    """Return what was said of the table."""
    said = [event.message for event in events if isinstance(event, Notice) and event.level == "warning"]
    return [text for text in said if "metrics.csv" in text]


@pytest.mark.parametrize("settings", [ONE, NETWORKS], ids=["one", "networks"])
def test_a_table_that_is_closed_after_the_last_epoch_is_whole(
    make_config: Any, locked: dict[str, bool], settings: dict[str, Any]
) -> None:
    def hear(event: Any) -> None:
        if isinstance(event, EpochMetrics) and event.epoch == 1:
            locked["on"] = True
        if isinstance(event, StateChanged) and event.state is RunState.EVALUATING:
            locked["on"] = False

    epochs, events = run(make_config(**settings), hear)
    assert epochs == [1, 2, 3, 4]
    assert len(warnings_of(events)) == 1


@pytest.mark.parametrize(
    ("settings", "interrupted"), [(ONE, False), (NETWORKS, False), (NETWORKS, True)], ids=["one", "networks", "left"]
)
def test_epochs_that_the_table_lacks_in_the_end_are_named(
    make_config: Any, locked: dict[str, bool], settings: dict[str, Any], interrupted: bool
) -> None:
    control = RunControl()

    def hear(event: Any) -> None:
        if isinstance(event, EpochMetrics) and event.epoch == 2:
            locked["on"] = True
        if isinstance(event, EpochMetrics) and event.epoch == 4 and interrupted:
            control.interrupt()

    epochs, events = run(make_config(**settings), hear, control)
    # The row is written before the epoch is told.
    assert epochs == [1, 2]
    assert warnings_of(events)[-1].startswith("metrics.csv lacks epochs 3 to 4: ")


def test_a_failed_run_names_them_too(make_config: Any, locked: dict[str, bool]) -> None:
    events: list[Any] = []

    def hear(event: Any) -> None:
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 1:
            locked["on"] = True
        if isinstance(event, EpochMetrics) and event.epoch == 2:
            raise ZeroDivisionError

    with pytest.raises(BugError):
        train(make_config(**ONE), hear)
    assert warnings_of(events)[-1].startswith("metrics.csv lacks epoch 2: ")
