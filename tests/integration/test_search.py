"""The search for settings: validation chooses, a stop keeps the best so far, an interruption goes on where it was."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from mole_engine.cli import main
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import EpochMetrics, Notice, StateChanged, TrialFinished
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.bundle import read_card
from mole_engine.store.card_text import role_of_validation
from mole_engine.store.run_folder import RunFolder
from mole_engine.train import train

RATE = "training.learning_rate"
SEARCH = {"trials": 4, "epochs": 1, "prune": False, "ranges": {RATE: [1e-6, 1e-2], "training.batch_size": [4, 8, 16]}}


def _trials(events):
    return [event for event in events if isinstance(event, TrialFinished)]


def test_best_trial_on_validation_molecules_is_trained_to_the_end(make_config, table, tmp_path):
    events = []
    record = train(make_config(training={"epochs": 2}, search=SEARCH), on_event=events.append)
    trials = _trials(events)
    assert [trial.number for trial in trials] == [1, 2, 3, 4]
    # The job as it stands is the first, so that a search cannot make it worse by bad luck.
    assert trials[0].settings == {RATE: 0.003, "training.batch_size": 8}
    best = min(trials, key=lambda trial: trial.value)
    assert (trials[0].monitor, trials[0].mode) == ("rmse", "min")
    assert [trial for trial in trials if trial.best][-1] == best
    config = read_card(record.model_path).train_config()
    assert config.training.learning_rate == pytest.approx(best.settings[RATE])
    assert config.training.batch_size == best.settings["training.batch_size"]
    assert config.search.trials == 0
    # Validation has chosen more than an epoch, and whoever reads the card has to know.
    assert "Out of 4 trainings, they chose the settings." in role_of_validation(read_card(record.model_path))
    # Only the training that follows draws curves.
    assert [event.epoch for event in events if isinstance(event, EpochMetrics)] == [1, 2]
    folder = RunFolder(record.run_dir)
    assert folder.read_config().search.trials == 4
    assert not (folder.path / "trials").exists()

    # Other labels in the test part change nothing about the choice.
    changed = pd.read_csv(table)
    changed.loc[changed["part"] == "test", "y"] = 99.0
    changed.to_csv(table, index=False)
    again = []
    train(make_config(training={"epochs": 1}, search=SEARCH, out=str(tmp_path / "again")), on_event=again.append)
    assert [(trial.settings, trial.value) for trial in _trials(again)] == [
        (trial.settings, trial.value) for trial in trials
    ]


def test_interrupted_search_goes_on_and_a_stop_keeps_the_best_so_far(make_config):
    control, events = RunControl(), []

    def interrupt(event):
        events.append(event)
        if isinstance(event, TrialFinished) and event.number == 2:
            control.interrupt()

    part = train(make_config(training={"epochs": 1}, search=SEARCH), on_event=interrupt, control=control)
    assert part.status is RunState.INTERRUPTED

    control, again = RunControl(), []

    def stop(event):
        again.append(event)
        if isinstance(event, TrialFinished):
            control.stop()

    record = train(None, on_event=stop, control=control, resume=part.run_dir)
    assert record.status is RunState.COMPLETED
    assert [trial.number for trial in _trials(again)] == [3]
    assert any(isinstance(event, Notice) and "Best of 3 trials" in event.message for event in again)
    states = [event.state for event in again if isinstance(event, StateChanged)]
    assert states == [RunState.PREPARING, RunState.TRAINING, RunState.TRAINING, RunState.EVALUATING]
    assert record.epochs == 1


def test_a_stop_before_the_first_trial_leaves_the_settings_as_they_stand(make_config):
    control, events = RunControl(), []

    def stop(event):
        if isinstance(event, StateChanged) and event.state is RunState.TRAINING and not control.wishes.stops:
            control.stop()
        events.append(event)

    record = train(make_config(training={"epochs": 2}, search=SEARCH), on_event=stop, control=control)
    assert record.status is RunState.COMPLETED
    assert not _trials(events)
    said = [event.message for event in events if isinstance(event, Notice)]
    assert "Stopped before a trial could be judged: the settings stay as they were." in said
    assert read_card(record.model_path).train_config().training.learning_rate == 0.003
    # What follows the search was not stopped.
    assert record.epochs == 2


def test_trials_that_fall_behind_end_early_and_bad_settings_only_fail(make_config, monkeypatch, tmp_path):
    search = {"trials": 3, "settings": ["model.hidden_size"], "ranges": {"model.hidden_size": [31, 16, 33]}}
    events = []
    with pytest.raises(InputError, match="multiple of heads"):
        train(make_config(search={**search, "ranges": {"model.hidden_size": [31, 33, 35]}}), on_event=events.append)
    trials = _trials(events)
    assert {trial.state for trial in trials} == {"failed"}
    assert all(math.isnan(trial.value) for trial in trials)

    from mole_engine.training import search as module

    monkeypatch.setattr(module, "FIRST_RANDOM", 1)
    import optuna

    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda self: self.number == 1)
    events.clear()
    train(
        make_config(
            training={"epochs": 3},
            search={"trials": 2, "ranges": {RATE: [1e-6, 1e-2]}},
            out=str(tmp_path / "pruned"),
        ),
        on_event=events.append,
    )
    assert [(trial.state, trial.epochs) for trial in _trials(events)] == [("complete", 3), ("pruned", 1)]


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({"settings": ["data.path"]}, "'data.path' cannot be searched"),
        ({"settings": ["training.adam_eps"]}, "no usual range"),
        ({"ranges": {RATE: [0.001, 5.0]}}, "learning_rate"),
    ],
)
def test_search_that_cannot_be_is_said_before_it_begins(make_config, search, words):
    events = []
    with pytest.raises(InputError, match=words):
        train(make_config(search={"trials": 2, **search}), on_event=events.append)
    assert _trials(events) == []


def test_search_command(table, tmp_path, capsys):
    out = tmp_path / "run"
    words = (
        f"search {table} --targets y --split part --trials 2 --epochs 1 --vary {RATE} --device cpu --out {out} --json"
    )
    tiny = ["model.layers=1", "model.hidden_size=16", "model.heads=2", "baselines=false"]
    assert main([*words.split(), *tiny]) == 0
    printed = capsys.readouterr()
    assert "Trial 2/2  rmse" in printed.err
    assert json.loads(printed.out)["status"] == "completed"


def test_where_the_metric_is_undefined_on_the_validation_part_the_loss_chooses(make_config, table):
    rows = pd.read_csv(table)
    rows["y"] = (rows["y"] > rows["y"].median()).astype(int)
    # An AUROC needs two classes, and each training falls back on the loss.
    rows.loc[rows["part"] == "val", "y"] = 1
    rows.to_csv(table, index=False)
    events = []
    record = train(make_config(training={"epochs": 1}, search=SEARCH | {"trials": 2}), on_event=events.append)
    assert record.status is RunState.COMPLETED
    trials = _trials(events)
    assert [(trial.monitor, trial.mode) for trial in trials] == [("loss", "min")] * 2
    assert all(math.isfinite(trial.value) for trial in trials)
