"""A training that its user stops before it has learnt anything: there is no best model to keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from mole_engine.contracts.events import EpochMetrics, Notice, StageProgress, StateChanged, StepMetrics
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.runs import Workspace
from mole_engine.train import train

ENSEMBLE = {"ensemble": {"kind": "folds", "members": 2}}
SEARCH = {"search": {"trials": 2, "epochs": 1}}


def preparing(event):
    return isinstance(event, StateChanged) and event.state is RunState.PREPARING


def counting(event):
    return isinstance(event, StageProgress)


def heard(when, say, **options):
    """Train, have `say` said at the first event that `when` is true of, and return the run and its events."""
    events = []

    def hear(event):
        events.append(event)
        if when(event):
            say()

    return train(on_event=hear, **options), events


@pytest.mark.parametrize("kind", [{}, ENSEMBLE, SEARCH, {"baselines": True}], ids=["one", "folds", "search", "beside"])
@pytest.mark.parametrize("when", [preparing, counting])
def test_a_run_that_is_stopped_while_it_prepares_ends_without_a_model(make_config, when, kind):
    control = RunControl()
    record, events = heard(when, control.stop, config=make_config(**kind), control=control)
    assert record.status is RunState.CANCELLED
    assert record.model_path == ""
    assert not any(isinstance(event, (StepMetrics, EpochMetrics)) for event in events)
    assert [event.message for event in events if isinstance(event, Notice)][-1] == (
        "Stopped before training began: there is no model to keep."
    )
    assert not (Path(record.run_dir) / "model.mole").exists()
    assert not (Path(record.run_dir) / "checkpoints").exists()


def test_it_is_listed_as_cancelled(make_config, workspace):
    control = RunControl()
    record, _ = heard(preparing, control.stop, config=make_config(out=""), control=control)
    assert [(one.run_id, one.status) for one in Workspace(workspace).records()] == [(record.run_id, RunState.CANCELLED)]


@pytest.mark.parametrize("kind", [{}, ENSEMBLE], ids=["one", "folds"])
def test_a_run_that_goes_on_keeps_its_best_model_however_early_it_is_stopped(make_config, kind):
    control = RunControl()
    part, events = heard(
        lambda event: isinstance(event, EpochMetrics) and event.epoch == 2,
        control.interrupt,
        config=make_config(training={"epochs": 30}, **kind),
        control=control,
    )
    assert part.status is RunState.INTERRUPTED
    control = RunControl()
    record, _ = heard(preparing, control.stop, resume=part.run_dir, control=control)
    assert record.status is RunState.COMPLETED
    assert Path(record.model_path).is_file()
    best = [event.epoch for event in events if isinstance(event, EpochMetrics) and event.is_best]
    assert record.best_epoch >= best[-1]


def test_a_run_that_goes_on_without_a_checkpoint_has_nothing_to_keep_either(make_config):
    control = RunControl()
    part, _ = heard(counting, control.interrupt, config=make_config(), control=control)
    assert part.status is RunState.INTERRUPTED
    control = RunControl()
    record, _ = heard(preparing, control.stop, resume=part.run_dir, control=control)
    assert (record.status, record.model_path) == (RunState.CANCELLED, "")


def test_a_stop_in_the_first_epoch_still_keeps_what_there_is(make_config):
    control = RunControl()
    record, _ = heard(lambda event: isinstance(event, StepMetrics), control.stop, config=make_config(), control=control)
    assert (record.status, record.epochs) == (RunState.COMPLETED, 1)
    assert Path(record.model_path).is_file()
