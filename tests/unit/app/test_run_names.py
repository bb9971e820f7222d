"""What tells runs of the same name apart."""

from __future__ import annotations

import time

from app.pages.run_names import compared_names, record_differences
from app.services.run_shelf import RunComparison
from app.services.runs import ModelInfo
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

NOON = time.mktime((2026, 11, 24, 12, 0, 0, 0, 0, -1))


def record(name="logp quick-look", seed=0, epochs=10, preset="quick-look", created=NOON, data="logp.csv"):
    return RunRecord(
        "r", name, RunState.COMPLETED, seed=seed, epochs=epochs, preset=preset, created=created, data_name=data
    )


def model(epochs, networks, tuned=0):
    known = ("logp", (), NOON, {}, {}, 1, "small", "logp.csv", {}, "random")
    return ModelInfo("m.mole", *known, epochs=epochs, networks=networks, tuned=tuned)


def compared(records, *settings):
    return RunComparison(tuple(records), tuple(() for _ in records), settings, ())


def test_names_that_tell_runs_apart_need_no_more_words():
    assert record_differences([record("one"), record("two", seed=1)]) == ["", ""]
    assert record_differences([]) == []


def test_the_fewest_facts_that_differ_are_said():
    by_seed = [record(seed=1), record(seed=2, epochs=20), record("other", seed=3)]
    assert record_differences(by_seed) == ["seed 1", "seed 2", ""]
    by_epochs = [record(epochs=1), record(epochs=20)]
    assert record_differences(by_epochs) == ["1 epoch", "20 epochs"]
    two_facts = [record(seed=seed, epochs=epochs) for seed in (1, 2) for epochs in (5, 10)]
    assert record_differences(two_facts) == [
        "seed 1, 5 epochs",
        "seed 1, 10 epochs",
        "seed 2, 5 epochs",
        "seed 2, 10 epochs",
    ]
    assert record_differences([record(), record(preset="small")]) == ["Quick look", "Small"]


def test_a_run_that_was_cut_off_does_not_claim_to_have_no_epochs():
    cut = [record(epochs=0), record(epochs=20, created=NOON + 300)]
    assert record_differences(cut) == ["12:00", "12:05"]
    assert record_differences([record(epochs=0), record(epochs=20, preset="small")]) == ["Quick look", "Small"]


def test_models_of_several_networks_name_them_and_the_epochs_of_each():
    several = [model(20, 1), model(20, 10), model(0, 10, tuned=5)]
    assert record_differences(several[:2]) == ["20 epochs", "10 networks, 20 epochs each"]
    # Fine-tuned ones learn for another number of epochs than the others, which the card does not name.
    assert record_differences([model(0, 5, tuned=2), model(0, 10, tuned=5)]) == ["5 networks", "10 networks"]


def test_runs_of_the_same_settings_are_told_apart_by_their_start():
    assert record_differences([record(), record(created=NOON + 300)]) == ["12:00", "12:05"]
    assert record_differences([record(), record(created=NOON + 20)]) == ["12:00:00", "12:00:20"]
    days = [record(), record(created=NOON + 86400), record(seed=1)]
    assert record_differences(days) == ["seed 0, 24 Nov 12:00", "seed 0, 25 Nov 12:00", "seed 1"]
    assert record_differences([record(), record()]) == ["12:00:00 (1)", "12:00:00 (2)"]


def test_compared_runs_share_their_name_above_and_differ_in_their_labels():
    runs = [record(), record(epochs=20)]
    labels, shared = compared_names(compared(runs, ("training.learning_rate", ("0.001", "0.01"))))
    assert shared == "logp quick-look"
    assert labels == ["learning rate 0.001", "learning rate 0.01"]
    runs.append(record("mine"))
    labels, shared = compared_names(compared(runs, ("init", ("/x/base.mole", "", "")), ("seed", ("0", "0", "3"))))
    assert shared == ""
    assert labels == ["logp quick-look, init base.mole", "logp quick-look, init \u2013", "mine"]
