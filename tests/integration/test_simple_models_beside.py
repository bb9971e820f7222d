"""Simple models that are fitted beside the last networks say what they say after them, and leave nothing behind."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import EpochMetrics, Notice, StageProgress, StateChanged
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.bundle import read_bundle
from mole_engine.train import train
from mole_engine.training import simple_models
from mole_engine.training.side_by_side import SideBySide
from mole_engine.training.simple_fits import SimpleFits
from mole_engine.training.simple_models import SimpleModels

TUNED = {
    "model": {"descriptors": True, "pooling": "cls+mean", "standardise_pooled": True},
    "training": {"freeze": "encoder", "keep": "last", "epochs": 1},
    "ensemble": {"kind": "folds", "members": 3, "trees": True, "fine_tune_from": 20, "fine_tune_epochs": 3},
}
"""Three heads, then three fine-tuned networks: 3 and 9 epochs."""


@pytest.fixture
def job(make_config, tmp_path, monkeypatch):
    monkeypatch.setattr(simple_models, "TREES", 8)

    def make(name: str, at_once: int) -> Any:
        runtime = {"threads": 2 if at_once > 1 else 1, "side_by_side": at_once}
        return make_config(**TUNED, runtime=runtime, out=str(tmp_path / name))

    yield make
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("simple models")]


@pytest.fixture
def begun(monkeypatch):
    """Return the numbers of threads with which simple models began beside networks."""
    given: list[int] = []
    begin = SimpleFits.begin

    def note(self: SimpleFits, folds: Any, threads: int) -> None:
        given.append(threads)
        begin(self, folds, threads)

    monkeypatch.setattr(SimpleFits, "begin", note)
    return given


def test_they_are_fitted_meanwhile_and_say_the_same(job, begun):
    events: list[Any] = []
    together = train(job("together", 2), on_event=events.append)
    # One thread is the last network's.
    assert begun == [1]
    apart = train(job("apart", 1))
    assert begun == [1]
    first, second = (read_bundle(record.model_path) for record in (together, apart))
    assert first.card.blend == second.card.blend
    assert len(first.card.blend["weights"]) > 1
    assert together.metrics == apart.metrics
    # What is still to be fitted is waited for in the job's own words.
    trained = next(n for n, event in enumerate(events) if isinstance(event, StateChanged) and event.trained)
    told = [n for n, event in enumerate(events) if isinstance(event, StageProgress) and "simple" in event.stage]
    assert all(place > trained for place in told)


def _in_last_network(event: Any) -> bool:
    return isinstance(event, EpochMetrics) and event.network == 6


def test_a_stop_in_the_last_network_is_not_theirs(job, begun):
    control, events = RunControl(), []

    def stop(event: Any) -> None:
        if _in_last_network(event) and not any(map(_in_last_network, events)):
            control.stop()
        events.append(event)

    record = train(job("stopped", 2), on_event=stop, control=control)
    assert record.status is RunState.COMPLETED
    assert begun == [1]
    said = [event.message for event in events if isinstance(event, Notice) and event.message.startswith("Stopped")]
    # It had its last epoch behind it when it heard of it, or had not; all simple models are there.
    assert said in (["Stopped: 5 of 6 networks are used."], [])


def test_who_stops_again_leaves_out_the_rest(job, begun, monkeypatch):
    control, events, second, word = RunControl(), [], threading.Event(), threading.Event()
    own = SimpleModels.fit

    def fit(self: SimpleModels, name: str, *given: Any) -> Any:
        # The second waits for the user's word.
        if name == self.names[1]:
            second.set()
            assert word.wait(60)
        return own(self, name, *given)

    def stop(event: Any) -> None:
        events.append(event)
        if isinstance(event, StateChanged) and event.trained:
            assert second.wait(60)
            control.stop()
            word.set()

    monkeypatch.setattr(SimpleModels, "fit", fit)
    record = train(job("twice", 2), on_event=stop, control=control)
    assert record.status is RunState.COMPLETED
    assert begun == [1]
    assert "Stopped: 1 of 5 simple models is fitted." in [e.message for e in events if isinstance(e, Notice)]


def test_who_cancels_in_the_last_network_waits_for_none_of_them(job, begun):
    control = RunControl()

    def cancel(event: Any) -> None:
        if _in_last_network(event):
            control.cancel()

    assert train(job("cancelled", 2), on_event=cancel, control=control).status is RunState.CANCELLED
    assert begun == [1]


def test_a_network_that_fails_beside_them_ends_them_as_well(job, begun, monkeypatch):
    def endless(self: SimpleModels, *given: Any) -> Any:
        while True:
            self.check()
            threading.Event().wait(0.01)

    follow = SideBySide.follow

    def fail(self: SideBySide, number: int, *given: Any) -> bool:
        if number == 5:
            raise InputError("The training diverged.", "", "")
        return follow(self, number, *given)

    monkeypatch.setattr(SimpleModels, "fit", endless)
    monkeypatch.setattr(SideBySide, "follow", fail)
    with pytest.raises(InputError, match="diverged"):
        train(job("failed", 2))
    assert begun == [1]


def test_what_goes_wrong_among_them_ends_the_run(job, begun, monkeypatch):
    def broken(self: SimpleModels, *given: Any) -> Any:
        raise ZeroDivisionError("in a tree")

    monkeypatch.setattr(SimpleModels, "fit", broken)
    events: list[Any] = []
    with pytest.raises(Exception, match="in a tree"):
        train(job("broken", 2), on_event=events.append)
    assert begun == [1]
    # The networks are trained, so that the run can go on when it is mended.
    assert any(map(_in_last_network, events))
