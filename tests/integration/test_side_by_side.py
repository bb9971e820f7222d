"""Networks that are trained at the same time give what they give one after the other, and leave nothing behind."""

from __future__ import annotations

import csv
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import EpochMetrics, Notice, RunFailed, RunFinished, StepMetrics
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.bundle import read_bundle
from mole_engine.train import train
from mole_engine.training import side_by_side

TUNED = {
    "model": {"descriptors": True, "pooling": "cls+mean", "standardise_pooled": True, "hidden_dropout": 0.1},
    "training": {"freeze": "encoder", "keep": "last", "epochs": 2},
    "ensemble": {"kind": "folds", "members": 4, "fine_tune_from": 20, "fine_tune_epochs": 4},
    "pinned": ["CCO"],
}
"""Four heads, then four fine-tuned networks: 8 and 16 epochs."""

FAULTS = Path(__file__).with_name("faults.py")


@pytest.fixture
def processes(monkeypatch):
    """Return the processes that train networks; at the end none of them is left."""
    began: list[Any] = []
    begin = side_by_side._Child.begin

    def note(child: Any, *given: Any) -> None:
        began.append(child)
        begin(child, *given)

    monkeypatch.setattr(side_by_side._Child, "begin", note)
    yield began
    assert all(child._process.returncode is not None for child in began)
    assert not [thread for thread in threading.enumerate() if thread.name == "network process"]


@pytest.fixture
def job(make_config, tmp_path):
    def make(name: str, at_once: int, **changes: Any) -> Any:
        runtime = {"threads": 2 if at_once > 1 else 1, "side_by_side": at_once}
        return make_config(**{**TUNED, **changes}, runtime=runtime, out=str(tmp_path / name))

    return make


_kept: list[Any] = []


@pytest.fixture
def apart(job):
    """Return the same job, one network after the other, which is trained for the first test that asks."""
    if not _kept:
        _kept.append(train(job("apart", 1)))
    return _kept[0]


def _epochs(events: list[Any]) -> list[int]:
    return [event.epoch for event in events if isinstance(event, EpochMetrics)]


def _rows(record: Any) -> list[dict[str, str]]:
    with (Path(record.run_dir) / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    # The learning rate is that of the last step that was told, of which there are ten a second.
    timed = {"learning_rate", "seconds"}
    return [{name: value for name, value in row.items() if name not in timed} for row in rows]


def _assert_same(one: Any, other: Any) -> None:
    first, second = (read_bundle(record.model_path).tensors for record in (one, other))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert one.metrics == other.metrics
    assert _rows(one) == _rows(other)


def test_the_same_to_the_last_digit_as_one_after_the_other(job, apart, processes):
    events: list[Any] = []
    control = RunControl()
    # It has ended a search before, and none of these networks.
    control.stop()
    control.take_stop()
    together = train(job("together", 2), on_event=events.append, control=control)
    assert len(processes) == 2
    assert isinstance(events[-1], RunFinished)
    # Told in order, whichever was trained first.
    assert _epochs(events) == list(range(1, 25))
    steps = [event.step for event in events if isinstance(event, StepMetrics)]
    assert steps == sorted(steps)
    assert {event.network for event in events if isinstance(event, EpochMetrics)} == set(range(1, 9))

    _assert_same(apart, together)
    assert len(processes) == 2


def test_a_run_that_was_interrupted_goes_on_with_what_all_have_learnt(job, apart, processes):
    control, events = RunControl(), []

    def interrupt(event: Any) -> None:
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 10:
            control.interrupt()

    first = train(job("interrupted", 2), on_event=interrupt, control=control)
    assert first.status is RunState.INTERRUPTED
    second = train(resume=first.run_dir, on_event=events.append)
    assert second.status is RunState.COMPLETED
    assert len(processes) == 4
    # Also those epochs that another process had behind it before anybody was shown them.
    assert sorted(set(_epochs(events))) == list(range(1, 25))
    _assert_same(apart, second)


def test_who_cancels_at_once_waits_for_no_libraries(job, processes):
    control = RunControl()

    def cancel(event: Any) -> None:
        if isinstance(event, Notice) and event.message.startswith("Network 1"):
            control.cancel()

    assert train(job("cancelled", 2), on_event=cancel, control=control).status is RunState.CANCELLED
    # By themselves, before anybody had to end them.
    assert [child._process.returncode for child in processes] == [0, 0]


def test_who_stops_uses_the_networks_that_are_trained(job, processes):
    control, events = RunControl(), []

    def stop(event: Any) -> None:
        events.append(event)
        # In the third of the fine-tuned networks.
        if isinstance(event, EpochMetrics) and event.epoch == 17:
            control.stop()

    record = train(job("stopped", 2), on_event=stop, control=control)
    assert record.status is RunState.COMPLETED
    said = [event.message for event in events if isinstance(event, Notice) and event.message.startswith("Stopped")]
    # The third had its last epoch behind it when it heard of it, or had not.
    assert said in (["Stopped: 6 of 8 networks are used."], ["Stopped: 7 of 8 networks are used."], [])
    assert read_bundle(record.model_path).card.blend["networks"] >= 6


def test_a_network_that_a_last_epoch_cuts_off_is_not_used(job, processes):
    control, events = RunControl(), []

    def shorten(event: Any) -> None:
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 2:
            # The first epoch of four of the third fine-tuned network.
            control.set_last_epoch(17)

    record = train(job("shortened", 2), on_event=shorten, control=control)
    assert record.status is RunState.COMPLETED
    assert _epochs(events) == list(range(1, 18))
    said = [event.message for event in events if isinstance(event, Notice)]
    assert "Stopped: 6 of 8 networks are used." in said
    assert not any("died" in message for message in said)
    assert read_bundle(record.model_path).card.blend["networks"] == 6


@pytest.fixture
def fault(monkeypatch):
    """Return a function that starts processes with a fault built in."""

    def use(kind: str) -> None:
        command = [sys.executable, str(FAULTS), kind, "networks"]
        monkeypatch.setattr(side_by_side, "own_command", lambda module: command)

    return use


def test_processes_that_die_cost_only_time(job, apart, processes, fault):
    fault("crash")
    events: list[Any] = []
    record = train(job("crashed", 2), on_event=events.append)
    assert record.status is RunState.COMPLETED
    assert sum("or has died" in event.message for event in events if isinstance(event, Notice)) == 4
    assert sorted(set(_epochs(events))) == list(range(1, 25))
    _assert_same(apart, record)


def test_processes_that_cannot_be_started_cost_only_time(job, apart, processes, monkeypatch, tmp_path):
    monkeypatch.setattr(side_by_side, "own_command", lambda module: [str(tmp_path / "is not there")])
    record = train(job("none", 2))
    assert record.status is RunState.COMPLETED
    assert not processes
    _assert_same(apart, record)


def test_what_goes_wrong_in_one_of_them_ends_the_run_in_words(job, processes, fault):
    fault("nan")
    events: list[Any] = []
    with pytest.raises(InputError, match="diverged"):
        train(job("wild", 2), on_event=events.append)
    assert isinstance(events[-1], RunFailed)
    assert "smaller learning rate" in events[-1].problem.remedy
