"""Which epoch of a trial counts: the one that would become the model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mole_engine.contracts.events import EpochMetrics, TrialFinished
from mole_engine.store.bundle import read_card
from mole_engine.train import train
from mole_engine.training import search as module
from mole_engine.training.fitting import FitResult

RATE = "training.learning_rate"
CURVES = ([1.0, 0.4, 0.9], [1.0, 0.8, 0.7])
"""Of two trials: a lucky epoch in between, and one that ends better."""


@pytest.mark.parametrize(("keep", "values", "better"), [("last", [0.9, 0.7], 1), ("best", [0.4, 0.7], 0)])
def test_a_trial_is_judged_by_the_epoch_that_would_be_kept(make_config, monkeypatch, keep, values, better):
    curves = iter(CURVES)

    def fit(config, prepared, folder, emitter, control):
        epoch = EpochMetrics(epoch=0, total_epochs=3, step=1, train_loss=1.0, validation_loss=1.0, monitor="rmse")
        for number, value in enumerate(next(curves), start=1):
            emitter.emit(replace(epoch, epoch=number, metrics={"rmse": value}))
        return FitResult(epochs=3, kept_epoch=3, best_epoch=2, best_value=0.4, monitor="rmse")

    monkeypatch.setattr(module, "fit_model", fit)
    events = []
    search = {"trials": 2, "prune": False, "ranges": {RATE: [1e-6, 1e-2]}}
    record = train(make_config(training={"epochs": 1, "keep": keep}, search=search), on_event=events.append)
    trials = [event for event in events if isinstance(event, TrialFinished)]
    assert [trial.value for trial in trials] == values
    learnt = read_card(record.model_path).train_config().training.learning_rate
    assert learnt == pytest.approx(trials[better].settings[RATE])
