"""The learning curve and the y-scramble on a real small run, with the forest and with its own network."""

from __future__ import annotations

import threading

import pandas as pd
import pytest

import mole_engine.train
from mole_engine.checks import run_check, short_epochs
from mole_engine.contracts.errors import Cancelled
from mole_engine.store.run_checks import read_checks
from mole_engine.store.run_folder import RunFolder
from mole_engine.train import train


@pytest.fixture
def run(make_config, table, monkeypatch):
    monkeypatch.setattr("mole_engine.training.baselines.TREES", 20)
    record = train(make_config(training={"epochs": 2}, baselines=False))
    # The checks need nothing but the folder.
    table.unlink()
    return RunFolder(record.run_dir)


def test_more_molecules_make_a_better_forest(run):
    heard = []
    result = run_check(run.path, "learning", on_progress=lambda *words: heard.append(words))
    assert [point.molecules for point in result.points] == [8, 12, 18, 24]
    assert all(len(point.values) == 3 for point in result.points)
    assert result.points[-1].mean < result.points[0].mean
    assert (result.metric, result.task) == ("rmse", "y")
    assert result.trained == "ECFP4 + random forest, not the network"
    assert heard[0] == ("Training on 8 molecules", 0, 12)
    assert heard[-1][1:] == (12, 12)
    # In words, since NaN equals nothing.
    assert repr(read_checks(run.checks)) == repr([result])


def test_shuffled_values_hold_no_signal(run):
    result = run_check(run.path, "scramble", "y")
    (point,) = result.points
    assert len(point.values) == 10
    assert result.real < min(point.values)
    assert result.judgement()[1] == "good"
    assert result.judgement()[0].startswith("No signal in shuffled values, as it should be")


def test_the_network_of_the_run_can_be_trained_instead_and_is_named(run):
    result = run_check(run.path, "scramble", "y", model="network")
    assert result.trained == "this run's network, 2 of its 2 epochs"
    assert len(result.points[0].values) == 3
    assert short_epochs(60) == 20
    assert short_epochs(3) == 3


@pytest.mark.parametrize("model", ["fingerprints", "network"])
def test_a_check_can_be_cancelled_and_leaves_nothing(run, model):
    stop = threading.Event()

    def progress(_stage, done, _total):
        if done >= 1:
            stop.set()
        if stop.is_set():
            raise Cancelled

    with pytest.raises(Cancelled):
        run_check(run.path, "scramble", model=model, on_progress=progress)
    assert read_checks(run.checks) == []


def test_shuffled_values_are_not_judged_by_a_validation_file_of_true_ones(make_config, table, monkeypatch, tmp_path):
    rows = pd.read_csv(table)
    apart = tmp_path / "apart.csv"
    rows.tail(8).to_csv(apart, index=False)
    rows.head(len(rows) - 8).to_csv(table, index=False)
    more = {"data": {"validation_path": str(apart)}, "split": {"method": "random", "column": ""}}
    record = train(make_config(training={"epochs": 1}, baselines=False, **more))
    counted = []

    def trained(config, on_event=None, control=None):
        result = real(config, on_event, control)
        counted.append(result.counts)
        return result

    real = mole_engine.train.train
    monkeypatch.setattr(mole_engine.train, "train", trained)
    run_check(record.run_dir, "scramble", "y", model="network")
    assert record.counts["val"] == 8
    assert {counts["val"] for counts in counted} == {8}
