"""What comes after the last epoch: simple models are fitted, which can be stopped, and all are judged together."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mole_engine.contracts.events import BaselineReady, EpochMetrics, Notice, StageProgress, StateChanged, StepMetrics
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.inference.predictor import load_model
from mole_engine.store.bundle import read_bundle
from mole_engine.train import train
from mole_engine.training import comparison, emitter, job, simple_models
from mole_engine.training.times import blend_seconds

BLEND: dict[str, Any] = {"ensemble": {"kind": "folds", "members": 2, "trees": True}, "training": {"epochs": 2}}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the forests small."""
    monkeypatch.setattr(simple_models, "TREES", 8)
    monkeypatch.setattr(simple_models, "FEW_TREES", 8)
    # Every word of progress passes, so that it is certain which one comes first.
    monkeypatch.setattr(job, "PROGRESS_SECONDS", 0.0)


def trained_only(event: Any) -> bool:
    """Whether an event says that the networks are trained."""
    return isinstance(event, StateChanged) and event.trained


def fitting(event: Any) -> bool:
    """Whether an event tells of a simple model, the first of which is there."""
    return isinstance(event, StageProgress) and event.stage == simple_models.STAGE and event.done > event.total // 5


def run(config: Any, stop_at: Any = None) -> tuple[Any, list[Any]]:
    """Train, stop at the first event of a kind, and return the run and its events."""
    control, events = RunControl(), []

    def hear(event: Any) -> None:
        if stop_at is not None and stop_at(event) and not any(stop_at(old) for old in events):
            control.stop()
        events.append(event)

    record = train(config, hear, control)
    assert record.status is RunState.COMPLETED
    return record, events


def words(events: list[Any], state: RunState) -> list[str]:
    """Return what was said of a state."""
    return [event.message for event in events if isinstance(event, StateChanged) and event.state is state]


def notices(events: list[Any], start: str) -> list[str]:
    """Return the notices that start so."""
    return [event.message for event in events if isinstance(event, Notice) and event.message.startswith(start)]


def check_model(record: Any) -> None:
    """What a run says of its test molecules is what its model says of them."""
    table = pd.read_csv(Path(record.run_dir) / "predictions.csv")
    test = table[table["part"] == "test"]
    own = load_model(record.model_path).predict(list(test["smiles"]))
    np.testing.assert_allclose(own["y_pred"], test["y_pred"], rtol=1e-3, atol=1e-4)


def test_a_stop_while_simple_models_are_fitted_leaves_out_the_rest(make_config: Any) -> None:
    record, events = run(make_config(**BLEND), fitting)
    assert notices(events, "Stopped") == ["Stopped: 1 of 5 simple models is fitted."]
    assert set(read_bundle(record.model_path).card.blend["weights"]) <= {"network", "kernel"}
    check_model(record)


def test_a_stop_before_the_first_simple_model_leaves_the_networks(make_config: Any) -> None:
    record, events = run(make_config(**BLEND), trained_only)
    assert notices(events, "Stopped") == ["Stopped: 0 of 5 simple models are fitted."]
    assert words(events, RunState.EVALUATING) == ["Judging the 2 networks together"]
    check_model(record)


def test_a_stop_of_the_networks_still_fits_the_simple_models(make_config: Any) -> None:
    _, events = run(make_config(**BLEND), lambda event: isinstance(event, EpochMetrics))
    assert notices(events, "Stopped") == ["Stopped: 1 of 2 networks is used."]
    assert sum(trained_only(event) for event in events) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Judging the model of epoch"),
        ({"ensemble": {"kind": "seeds", "members": 3}}, "Judging the 3 networks together"),
        (BLEND, "Judging the 2 networks and "),
        ({"ensemble": {"trees": True}}, "Judging the network and "),
    ],
)
def test_what_is_judged_is_said_as_it_is(make_config: Any, settings: dict[str, Any], said: str) -> None:
    _, events = run(make_config(**settings))
    (message,) = words(events, RunState.EVALUATING)
    assert message.startswith(said)
    assert message.endswith("together") == bool(settings)
    parts = {event.stage for event in events if isinstance(event, StageProgress) and "part" in event.stage}
    one = {f"Judging the model on the {part} part" for part in ("training", "validation", "test")}
    told = {event.stage for event in events if isinstance(event, StageProgress)}
    together = "Predicting what was left out" if settings == BLEND else "Predicting all parts"
    assert parts | (told & {together}) == ({together} if settings else one)


def test_time_left_counts_the_simple_models(make_config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Networks this small may end before a second step is due to be told.
    monkeypatch.setattr(emitter, "STEP_INTERVAL", 0.0)
    _, events = run(make_config(**BLEND))
    left = [event.eta_seconds for event in events if isinstance(event, StepMetrics) and event.eta_seconds >= 0]
    assert left
    assert min(left) >= blend_seconds(2, 24) > 8
    _, alone = run(make_config(out=make_config().out + "-alone"))
    left = [event.eta_seconds for event in alone if isinstance(event, StepMetrics) and event.eta_seconds >= 0]
    assert min(left) < 2


def test_a_stop_ends_the_wait_for_models_to_compare_with(make_config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real, begun = comparison.fit_baseline, threading.Event()

    def slow(name: str, *arguments: Any, on_progress: Any, **options: Any) -> Any:
        if name == "mean":
            return real(name, *arguments, on_progress=on_progress, **options)
        begun.set()
        while True:
            on_progress("Fitting simple models", 0, 1)
            threading.Event().wait(0.01)

    monkeypatch.setattr(comparison, "fit_baseline", slow)
    record, events = run(make_config(baselines=True), trained_only)
    assert begun.is_set()
    assert notices(events, "Stopped") == ["Stopped: 1 of 5 simple models to compare with is fitted."]
    assert sum(isinstance(event, BaselineReady) for event in events) == 1
    check_model(record)
