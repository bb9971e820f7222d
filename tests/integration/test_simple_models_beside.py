"""Simple models that are fitted beside the last networks say what they say after them, and leave nothing behind."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import threadpoolctl

from mole_engine.contracts.events import EpochMetrics, Notice, StageProgress, StateChanged
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.bundle import read_bundle
from mole_engine.train import train
from mole_engine.training import simple_models
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

    def note(self: SimpleFits) -> None:
        begin(self)
        given.append(self._beside)

    monkeypatch.setattr(SimpleFits, "begin", note)
    return given


def test_they_are_fitted_meanwhile_and_say_the_same(job, begun, monkeypatch):
    threads, own = [], SimpleModels._fitted

    def note(self: SimpleModels, *given: Any) -> Any:
        libraries = threadpoolctl.threadpool_info()
        threads.append({library["num_threads"] for library in libraries if library["user_api"] == "blas"})
        return own(self, *given)

    monkeypatch.setattr(SimpleModels, "_fitted", note)
    events: list[Any] = []
    together = train(job("together", 2), on_event=events.append)
    # One thread is the last network's.
    assert begun == [1]
    # What is still to be fitted is waited for in the job's own words.
    trained = next(n for n, event in enumerate(events) if isinstance(event, StateChanged) and event.trained)
    told = [n for n, event in enumerate(events) if isinstance(event, StageProgress) and "simple" in event.stage]
    assert all(place > trained for place in told)

    control = RunControl()

    def interrupt(event: Any) -> None:
        if isinstance(event, StateChanged) and event.trained:
            control.interrupt()

    part = train(job("interrupted", 2), on_event=interrupt, control=control)
    assert part.status is RunState.INTERRUPTED
    assert begun == [1, 1]
    # Behind its networks, which are there, simple models have all threads; sums are as they were planned.
    whole = train(resume=part.run_dir)
    assert begun == [1, 1]
    assert threads
    assert all(number == {1} for number in threads)
    apart = train(job("apart", 1))
    first, *others = (read_bundle(record.model_path).card.blend for record in (together, whole, apart))
    assert len(first["weights"]) > 1
    assert others == [first, first]
    assert together.metrics == whole.metrics == apart.metrics


def test_a_stop_in_the_last_network_is_not_theirs(job, begun):
    control, events = RunControl(), []

    def stop(event: Any) -> None:
        if isinstance(event, EpochMetrics) and event.network == 6 and not control.wishes.stops:
            control.stop()
        events.append(event)

    record = train(job("stopped", 2), on_event=stop, control=control)
    assert record.status is RunState.COMPLETED
    assert begun == [1]
    said = [event.message for event in events if isinstance(event, Notice) and event.message.startswith("Stopped")]
    # It had its last epoch behind it when it heard of it, or had not; of the simple models, none is left out.
    assert said in (["Stopped: 5 of 6 networks are used."], [])
