"""The number of threads: what is tried, what is chosen from the seconds, and that the trial leaves nothing behind."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from mole_engine.contracts.errors import Cancelled
from mole_engine.training import threads, trainer
from mole_engine.training.threads import (
    ThreadTrial,
    candidates,
    fewest_of_the_fastest,
    is_worth_trying,
    long_networks,
    most_to_share,
    networks_at_once,
    take_turns,
    try_threads,
    with_tried_threads,
)


@pytest.mark.parametrize(
    ("cores", "numbers"),
    [(2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 3, 4]), (8, [1, 2, 4, 7, 8]), (64, [1, 2, 4, 8, 16, 32, 63, 64])],
)
def test_what_is_tried(cores, numbers):
    assert candidates(cores) == numbers


@pytest.mark.parametrize(
    ("seconds", "cores", "chosen"),
    [
        # The second core of two makes a wide difference, or none to speak of, or harm.
        ({1: 1.0, 2: 0.6}, 2, 2),
        ({1: 1.0, 2: 0.85}, 2, 1),
        ({1: 1.0, 2: 7.0}, 2, 1),
        # One core is left to the window: four are hardly faster than three.
        ({1: 1.0, 2: 0.55, 3: 0.40, 4: 0.33}, 4, 3),
        # Fewer threads, where more are faster by next to nothing.
        ({1: 1.0, 2: 0.50, 4: 0.30, 7: 0.29, 8: 0.28}, 8, 4),
        # A number that was given up is not there.
        ({1: 1.0, 2: 0.9, 4: 2.0}, 64, 2),
    ],
)
def test_what_is_chosen(seconds, cores, chosen):
    assert fewest_of_the_fastest(seconds, cores) == chosen


def test_numbers_take_turns_and_the_median_counts():
    asked = []
    # A hiccup of the machine in one of the turns of each.
    answers = {1: iter([1.0, 9.0, 1.1, 1.2, 0.9]), 2: iter([0.7, 0.6, 8.0, 0.8, 0.5])}

    def seconds_of(number):
        asked.append(number)
        return next(answers[number])

    assert take_turns([1, 2], seconds_of) == {1: 1.1, 2: 0.7}
    assert asked == [1, 2] * 5


def test_hopeless_numbers_are_not_tried_again():
    asked = []

    def seconds_of(number):
        asked.append(number)
        return {1: 2.1, 2: 1.0, 4: 5.0}[number]

    assert take_turns([1, 2, 4, 8], seconds_of) == {1: 2.1, 2: 1.0, 4: 5.0}
    # Four threads are far worse, so eight are not tried; one thread takes more than twice as long as two, twice.
    assert asked == [1, 2, 4, 1, 2, 2, 2, 2]


def test_a_trial_beside_other_work_does_not_wait_for_threads_that_wait_for_each_other():
    asked = []
    answers = {1: iter([0.4] * 5), 2: iter([0.5, 9.0, 9.0])}

    def seconds_of(number):
        asked.append(number)
        return next(answers[number])

    assert take_turns([1, 2], seconds_of) == {1: 0.4, 2: 9.0}
    assert asked == [1, 2] * 3 + [1, 1]


@pytest.mark.parametrize(
    ("rates", "threads", "networks", "most", "at_once"),
    [
        # A second core brings two thirds more: two at a time, the fifth with both.
        ({1: 114.0, 2: 187.0}, 2, 5, 9, 2),
        # Twice as much for one network: nothing to gain.
        ({1: 114.0, 2: 226.0}, 2, 5, 9, 1),
        # On eight cores all five with one thread each are done first; with room for two, two.
        ({1: 114.0, 2: 200.0, 4: 330.0, 7: 380.0, 8: 390.0}, 7, 5, 9, 5),
        ({1: 114.0, 2: 200.0, 4: 330.0, 7: 380.0, 8: 390.0}, 7, 5, 2, 2),
        ({1: 114.0, 2: 200.0, 4: 330.0, 7: 380.0, 8: 390.0}, 7, 2, 9, 2),
        ({1: 114.0, 2: 187.0}, 2, 5, 0, 1),
        ({1: 114.0, 2: 187.0}, 2, 1, 9, 1),
        ({1: 114.0, 2: 20.0}, 1, 5, 9, 1),
    ],
)
def test_how_many_networks_at_a_time(rates, threads, networks, most, at_once):
    assert networks_at_once(rates, threads, networks, most) == at_once


def test_networks_share_cores_that_help_none_of_them_alone():
    # Seven are no faster than four, and do no harm; the eighth core is the window's.
    assert most_to_share({1: 100.0, 2: 190.0, 4: 380.0, 7: 375.0, 8: 390.0}, 4, 8) == 7
    # Others use the machine: more threads wait for each other.
    assert most_to_share({1: 100.0, 2: 150.0, 4: 80.0}, 2, 8) == 2
    assert most_to_share({1: 114.0, 2: 187.0}, 2, 2) == 2
    # The second core of two helps one network too little to be taken from the window; two networks it helps.
    assert most_to_share({1: 154.0, 2: 156.0}, 1, 2) == 2
    assert most_to_share({1: 154.0, 2: 120.0}, 1, 2) == 1


def test_only_networks_that_take_their_time_are_counted(job, helpers):
    config = helpers.config()
    ready = job.prepare(config, helpers.dataset(helpers.sizes(40)), helpers.split(30, 5, 5))
    folds = {"kind": "folds", "members": 5, "repeats": 3}
    assert long_networks(config, ready) == (1, config.training.epochs)
    assert long_networks(config.updated({"ensemble": folds}), ready)[0] == 15
    assert long_networks(config.updated({"ensemble": {"kind": "seeds", "members": 4}}), ready)[0] == 4
    heads = config.updated({"training": {"freeze": "encoder"}, "ensemble": folds})
    assert long_networks(heads, ready) == (0, 0)
    tuned = heads.updated({"ensemble": {"fine_tune_from": 30, "fine_tune_epochs": 7, "fine_tune_members": 2}})
    assert long_networks(tuned, ready) == (10, 7)


def test_what_the_user_is_told():
    shared = ThreadTrial(2, {1: 114.0, 2: 187.0}, at_once=2)
    assert shared.words == "2 threads: 187 molecules/s, 1 thread: 114. 2 networks are trained at a time."
    assert ThreadTrial(2, {1: 175.3, 2: 284.6}).words == "2 threads: 285 molecules/s, 1 thread: 175."
    assert ThreadTrial(1, {1: 5.31, 2: 4.27}).words == "1 thread: 5.31 molecules/s, 2 threads: 4.27."
    assert ThreadTrial(4, {1: 1000.0, 4: 3456.0}).words == "4 threads: 3,456 molecules/s, 1 thread: 1,000."


@pytest.fixture
def prepared(job, helpers):
    config = helpers.config().updated({"runtime": {"threads": 0}, "model": {"hidden_dropout": 0.1}})
    return config, job.prepare(config, helpers.dataset(helpers.sizes(40)), helpers.split(30, 5, 5))


def test_only_long_jobs_on_several_cores_of_a_cpu_are_worth_it(prepared, monkeypatch):
    config, ready = prepared
    assert not is_worth_trying(config, ready, 8)
    # 4 batches an epoch.
    long = config.updated({"training": {"epochs": 75}})
    monkeypatch.setattr(threads, "WORTH_SECONDS", 0.0)
    assert is_worth_trying(long, ready, 8)
    assert not is_worth_trying(config.updated({"training": {"epochs": 74}}), ready, 8)
    several = config.updated({"training": {"epochs": 15}, "ensemble": {"kind": "seeds", "members": 5}})
    assert is_worth_trying(several, ready, 8)
    assert not is_worth_trying(long, ready, 1)
    assert not is_worth_trying(long.updated({"runtime": {"threads": 1}}), ready, 8)
    heads = long.updated({"training": {"freeze": "encoder"}})
    assert not is_worth_trying(heads, ready, 8)
    # Fine-tuned networks that join those with a fixed encoder take their time: 15 epochs in each of 5 folds.
    folds = {"kind": "folds", "members": 5, "fine_tune_from": 36, "fine_tune_epochs": 15}
    assert not is_worth_trying(heads.updated({"ensemble": folds}), ready, 8)
    assert is_worth_trying(heads.updated({"ensemble": {**folds, "fine_tune_from": 35}}), ready, 8)
    assert not is_worth_trying(
        heads.updated({"ensemble": {**folds, "fine_tune_from": 35, "fine_tune_epochs": 14}}), ready, 8
    )
    assert not is_worth_trying(long.updated({"runtime": {"devices": 2}}), ready, 8)
    monkeypatch.setattr(threads, "WORTH_SECONDS", 60.0)
    assert not is_worth_trying(long, ready, 8)


@pytest.fixture
def always_tried(monkeypatch):
    monkeypatch.setattr(threads, "is_worth_trying", lambda config, prepared, cores: True)
    monkeypatch.setattr(threads, "usable_cores", lambda: 2)


@pytest.mark.usefixtures("always_tried")
def test_the_trial_leaves_nothing_behind(prepared):
    config, ready = prepared
    before = {name: value.clone() for name, value in ready.model.state_dict().items()}
    state, number = torch.get_rng_state(), torch.get_num_threads()
    told = []
    trial = try_threads(config, ready, on_progress=lambda *stage: told.append(stage))
    assert trial is not None
    assert trial.threads in (1, 2)
    assert min(trial.rates.values()) > 0
    assert told[-1][1] == told[-1][2]
    assert all(torch.equal(value, before[name]) for name, value in ready.model.state_dict().items())
    assert all(parameter.grad is None for parameter in ready.model.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == number


def numpy_state():
    return np.random.get_state()[1].tolist()  # noqa: NPY002 - the state that Lightning seeds


@pytest.mark.usefixtures("always_tried")
def test_beside_a_fixed_encoder_a_fine_tuned_network_is_tried(job, helpers, monkeypatch):
    config = helpers.config().updated({"runtime": {"threads": 0}, "training": {"freeze": "encoder"}})
    ready = job.prepare(config, helpers.dataset(helpers.sizes(40)), helpers.split(30, 5, 5))
    pooled = ready.data.labels.pooled.copy()
    before = (random.getstate(), numpy_state(), torch.get_rng_state().tolist())
    made, own = [], threads.prepare_network
    monkeypatch.setattr(threads, "prepare_network", lambda *given, **more: made.append(own(*given, **more)) or made[-1])
    trial = try_threads(config, ready)
    assert trial is not None
    (tried,) = made
    assert all(parameter.requires_grad for parameter in tried.model.encoder.encoder.layers.parameters())
    # Whole molecules go through it, and the job's own network still reads the vectors.
    assert tried.data.labels.pooled is None
    assert np.array_equal(ready.data.labels.pooled, pooled)
    assert (random.getstate(), numpy_state(), torch.get_rng_state().tolist()) == before


def test_vectors_of_a_fixed_encoder_are_computed_again_with_the_number_that_was_chosen(job, helpers, monkeypatch):
    monkeypatch.setattr(trainer, "usable_cores", lambda: 2)
    config = helpers.config().updated({"runtime": {"threads": 0}, "training": {"freeze": "encoder"}})
    ready = job.prepare(config, helpers.dataset(helpers.sizes(40)), helpers.split(30, 5, 5))
    earlier = ready.data.labels.pooled
    monkeypatch.setattr(threads, "try_threads", lambda *given, **more: ThreadTrial(1, {1: 2.0, 2: 1.0}))
    _, again, _ = with_tried_threads(config, ready)
    assert again.data.labels.pooled is not earlier
    np.testing.assert_allclose(again.data.labels.pooled, earlier, rtol=1e-3, atol=1e-5)


@pytest.mark.usefixtures("always_tried")
def test_the_trial_can_be_cancelled(prepared):
    config, ready = prepared
    number = torch.get_num_threads()

    def cancel(stage, done, total):
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        try_threads(config, ready, on_progress=cancel)
    assert all(parameter.grad is None for parameter in ready.model.parameters())
    assert torch.get_num_threads() == number


@pytest.mark.usefixtures("always_tried")
def test_lack_of_memory_is_left_to_the_training(prepared, monkeypatch):
    config, ready = prepared

    def no_room(batch):
        raise MemoryError

    monkeypatch.setattr(ready.model, "predict_batch", no_room)
    assert try_threads(config, ready) is None


@pytest.mark.parametrize(("standardise", "number", "again"), [(True, 1, 1), (True, 2, 0), (False, 1, 0)])
def test_what_the_network_has_measured_is_measured_again(prepared, monkeypatch, standardise, number, again):
    monkeypatch.setattr(trainer, "usable_cores", lambda: 2)
    config, ready = prepared
    config = config.updated({"model": {"standardise_pooled": standardise}})
    calls = []
    monkeypatch.setattr(threads, "prepare_network", lambda *given, **more: calls.append(given) or ready)
    monkeypatch.setattr(threads, "try_threads", lambda *given, **more: ThreadTrial(number, {1: 1.0, 2: 2.0}))
    chosen, _, words = with_tried_threads(config, ready)
    assert chosen.runtime.threads == torch.get_num_threads() == number
    assert words
    assert len(calls) == again


def test_without_a_trial_nothing_changes(prepared):
    config, ready = prepared
    assert with_tried_threads(config, ready) == (config, ready, "")
