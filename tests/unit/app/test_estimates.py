"""Estimates before Train: they grow with the work, and learn from what really happened."""

from __future__ import annotations

import numpy as np
import pytest

from app.services.estimates import (
    DataSize,
    SpeedMemory,
    approximate_tokens,
    epoch_seconds,
    epochs_of_job,
    estimate_memory,
    estimate_seconds,
    is_head_only,
    networks_of_job,
)
from app.widgets.figures import main_metric, metric_title, other_metrics, rough_duration, rough_memory, signed
from mole_engine.contracts.presets import load_preset
from mole_engine.training.folds import Fold
from mole_engine.training.plan import plan_networks

DATA = DataSize(480, 60, 60, 25.0)


def test_tokens_are_counted_from_the_letters():
    assert approximate_tokens(["CCO"]) == 4
    assert approximate_tokens(["ClCCl", "Br"]) == pytest.approx((3 + 1) / 2 + 1)
    assert approximate_tokens(["C[C@H](O)N"]) == 5
    assert approximate_tokens([]) > 1


def test_more_work_takes_longer_and_a_faster_device_less():
    small, longer = (load_preset("small").config({"training": {"epochs": epochs}}) for epochs in (10, 100))
    assert estimate_seconds(longer, DATA) > 3 * estimate_seconds(small, DATA)
    assert epoch_seconds(small, DATA, 1e12) < epoch_seconds(small, DATA, 1e10)
    assert estimate_seconds(load_preset("base").config(), DATA) > estimate_seconds(longer, DATA)


def test_an_encoder_that_stays_as_it_is_costs_one_pass():
    trained = load_preset("small").config()
    fixed = load_preset("small").config({"training": {"freeze": "encoder"}})
    assert is_head_only(fixed)
    assert epoch_seconds(fixed, DATA) < epoch_seconds(trained, DATA) / 3
    blended = load_preset("small").config({"training": {"freeze": "encoder"}, "ensemble": {"trees": True}})
    assert estimate_seconds(fixed, DATA) < estimate_seconds(blended, DATA) < estimate_seconds(trained, DATA)


def test_several_networks_and_a_search_count():
    one = load_preset("small").config()
    five = load_preset("small").config({"ensemble": {"kind": "seeds", "members": 5}})
    searched = load_preset("small").config({"search": {"trials": 10, "epochs": 4, "prune": False}})
    epochs = one.training.epochs
    assert epochs_of_job(one) == epochs
    assert epochs_of_job(five) == 5 * epochs
    assert epochs_of_job(searched) == epochs + 40
    assert estimate_seconds(five, DATA) > 3 * estimate_seconds(one, DATA)


def test_fine_tuned_networks_and_several_starts_count():
    fixed = {"training": {"freeze": "encoder"}, "ensemble": {"kind": "folds", "members": 5}}
    one = load_preset("small").config(fixed)
    three = one.updated({"ensemble": {"repeats": 3}})
    assert epochs_of_job(three, DATA) == 3 * epochs_of_job(one, DATA)
    tuned = three.updated({"ensemble": {"fine_tune_from": 500, "fine_tune_epochs": 8}})
    # One start is enough there.
    assert epochs_of_job(tuned, DATA) == epochs_of_job(one, DATA)
    assert estimate_seconds(tuned, DATA) > 3 * estimate_seconds(three, DATA)
    later = tuned.updated({"ensemble": {"fine_tune_from": 5000}})
    assert estimate_seconds(later, DATA) == estimate_seconds(three, DATA)


@pytest.mark.parametrize("molecules", [60, 299, 300, 690, 1500])
@pytest.mark.parametrize("kind", ["folds", "seeds", "none"])
def test_as_many_networks_are_told_as_are_planned(molecules, kind):
    config = load_preset("recommended").config({"ensemble": {"kind": kind, "fine_tune_members": 3}})
    ensemble, rows = config.ensemble, np.arange(molecules)
    members = {"folds": ensemble.repeats, "seeds": ensemble.members, "none": 1}[kind]
    folds = [Fold(number, rows, rows, members) for number in range(ensemble.members if kind == "folds" else 1)]
    planned = plan_networks(config, folds, molecules, 25.0)
    assert networks_of_job(config, DataSize(molecules - 20, 20, 60, 25.0)) == len(planned)


def test_epochs_on_a_few_molecules_take_their_time_too():
    few = DataSize(43, 2, 15, 20.0)
    one, many = (load_preset("recommended").config({"training": {"epochs": epochs}}) for epochs in (1, 20))
    # Fifteen networks: judging and keeping each epoch's takes longer than its two steps do.
    assert estimate_seconds(many, few) - estimate_seconds(one, few) > 15 * 19 * 0.05


def test_molecules_of_a_validation_file_do_not_count_among_those_that_the_folds_learn_from():
    config = load_preset("small").config({"ensemble": {"kind": "folds", "members": 5}})
    without, beside = DataSize(500, 0, 60, 25.0), DataSize(500, 500, 60, 25.0, apart=500)
    # They are looked at once, which costs next to nothing.
    assert estimate_seconds(config, beside) == pytest.approx(estimate_seconds(config, without), abs=2.0)
    assert estimate_seconds(config, DataSize(500, 500, 60, 25.0)) > 1.8 * estimate_seconds(config, beside)
    # Nor do they make fine-tuned networks join.
    tuned = load_preset("recommended").config({"ensemble": {"fine_tune_from": 600}})
    assert epochs_of_job(tuned, beside) == epochs_of_job(tuned, without)
    never = tuned.updated({"ensemble": {"fine_tune_from": 0}})
    assert estimate_seconds(tuned, beside) == estimate_seconds(never, beside)


def test_each_fine_tuned_network_of_a_fold_counts():
    config = load_preset("recommended").config({"ensemble": {"fine_tune_members": 3}})
    few = DataSize(400, 50, 50, 25.0)
    alone, two, three, four = (
        estimate_seconds(config.updated({"ensemble": {"fine_tune_members": number}}), few) for number in (1, 2, 3, 4)
    )
    assert estimate_seconds(config, few) == three
    assert three - two == pytest.approx(two - alone) == pytest.approx(four - three)
    assert 1.4 * alone < two < 2 * alone


@pytest.mark.parametrize(
    ("molecules", "tokens", "real"), [(1128, 14.3, 202), (1513, 35.1, 469), (578, 23.9, 109), (4200, 28.0, 1944)]
)
def test_the_recommended_job_takes_about_as_long_as_was_measured(molecules, tokens, real):
    """Seconds of one core, in 32 bits (ESOL, BACE, HIA_Hou, Lipophilicity), on cores of 80 GFLOP/s."""
    tenth = molecules // 10
    size = DataSize(molecules - 2 * tenth, tenth, tenth, tokens)
    config = load_preset("recommended").config()
    assert real / 1.6 < estimate_seconds(config, size, 8e10) < 1.6 * real
    # Where nothing is known of the machine, an ordinary core is assumed: too long is better than too short.
    assert real / 1.6 < estimate_seconds(config, size) < 2.5 * real


def test_memory_grows_with_network_batch_and_molecules():
    small, base = load_preset("small").config(), load_preset("base").config()
    assert 0.5e9 < estimate_memory(small, DATA) < 1.5e9
    assert estimate_memory(base, DATA) > 2e9
    wide = load_preset("base").config({"training": {"batch_size": 256}})
    assert estimate_memory(wide, DATA) > 3 * estimate_memory(base, DATA)
    assert estimate_memory(base, DataSize(480, 60, 60, 80.0)) > estimate_memory(base, DATA)
    assert rough_memory(1.04e9) == "About 1.0 GB of memory."
    assert rough_memory(float("nan")) == ""


def test_real_epochs_correct_the_next_estimate(tmp_path):
    memory = SpeedMemory(tmp_path / "speed.json")
    assert memory.correction("cpu") == 1.0
    memory.learn("cpu", 2.0, 5.0)
    again = SpeedMemory(tmp_path / "speed.json")
    assert again.correction("cpu") == 2.5
    assert again.correction("cuda:0") == 1.0
    again.learn("cpu", 1.0, 1e9)
    assert again.correction("cpu") == 20.0


@pytest.mark.parametrize("text", ["", "[]", "{", '{"cpu": "fast"}'])
def test_a_damaged_memory_is_forgotten(tmp_path, text):
    path = tmp_path / "speed.json"
    path.write_text(text, encoding="utf-8")
    assert SpeedMemory(path).correction("cpu") == 1.0


def test_estimates_are_said_with_the_precision_they_have():
    assert [rough_duration(value) for value in (1, 23, 200, 1000, 15_600)] == [
        "about 5 s",
        "about 25 s",
        "about 3 min",
        "about 15 min",
        "about 4.3 h",
    ]
    assert rough_duration(float("nan")) == ""


def test_metrics_have_titles_and_a_main_one():
    assert metric_title("rmse/logS") == "RMSE, logS"
    assert metric_title("some_new_metric") == "Some new metric"
    metrics = {"mae": 0.5, "rmse": 0.7, "r2": 0.9, "rmse/logS": 0.7, "auroc": float("nan")}
    assert main_metric(metrics) == "rmse"
    assert main_metric(metrics, "r2") == "r2"
    assert main_metric({}) == ""
    # The verdict on several classes is about macro F1.
    assert main_metric({"accuracy": 0.25, "macro_f1": 0.14, "auroc": 0.41}) == "macro_f1"
    assert other_metrics(metrics, "rmse") == "MAE 0.50 · R² 0.90"
    assert [signed(value) for value in (1.0, -0.5, 0.001)] == ["+1.00", "\u22120.50", "0.00"]
