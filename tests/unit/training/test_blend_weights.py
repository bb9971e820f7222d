"""Weights of a blend: by error, drawn to equal ones where little is known, and by what averaging will bring."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.training.blend import NETWORK, TUNED
from mole_engine.training.blend_weights import averaged_away, choose_weights

TASKS = (TaskSpec("size", TaskKind.REGRESSION),)


def test_molecules_that_count_little_do_not_choose_the_shares() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(200, 1))
    said = {name: truth + generator.normal(scale=0.5, size=truth.shape) for name in ("a", "b")}
    said["a"][150:] += 50
    weights = np.where(np.arange(200) < 150, 1.0, 1e-9)
    shares = choose_weights(said, truth, TASKS, weights / weights.mean())
    assert abs(shares["a"] - 0.5) < 0.15
    assert choose_weights(said, truth, TASKS)["a"] < 0.1


def test_weights_prefer_the_better_and_stay_near_equal_among_equals() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(200, 1))
    noisy = {name: truth + generator.normal(scale=0.5, size=truth.shape) for name in ("a", "b")}
    alike = choose_weights(noisy, truth, TASKS)
    assert abs(alike["a"] - 0.5) < 0.1
    uneven = choose_weights({**noisy, "bad": generator.normal(scale=3.0, size=truth.shape)}, truth, TASKS)
    assert uneven["bad"] < 0.05
    assert sum(uneven.values()) == pytest.approx(1.0)
    assert choose_weights(noisy, np.full((200, 1), np.nan), TASKS) == {"a": 0.5, "b": 0.5}


def test_weights_follow_small_differences_where_all_are_nearly_right() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(300, 1))
    errors = {"a": 0.03, "b": 0.09}
    near = {name: truth + generator.normal(scale=size, size=truth.shape) for name, size in errors.items()}
    assert choose_weights(near, truth, TASKS)["a"] > 0.7


def test_on_many_labels_the_better_model_counts_more_than_on_few():
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(250, 1))
    said = {name: truth + generator.normal(scale=scale, size=truth.shape) for name, scale in (("a", 0.5), ("b", 1.0))}

    def share(times: int) -> float:
        many = {name: np.tile(values, (times, 1)) for name, values in said.items()}
        return choose_weights(many, np.tile(truth, (times, 1)), TASKS)["a"]

    assert share(1) == pytest.approx(share(2))
    assert share(2) + 0.02 < share(20)


def test_a_model_of_which_averaging_takes_error_away_counts_more_on_many_labels() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(5000, 1))
    noisy = {name: truth + generator.normal(scale=0.5, size=truth.shape) for name in (TUNED, "extra")}
    alone, told = (choose_weights(noisy, truth, TASKS, averaged=by)[TUNED] for by in ({}, {TUNED: 0.16}))
    assert alone == pytest.approx(0.5, abs=0.01)
    # Errors that are independent weigh by their inverse: 1 / (1 + 0.84), a little nearer to equal on 5,000 labels.
    assert told == pytest.approx(0.535, abs=0.01)
    few = {name: values[:2000] for name, values in noisy.items()}
    assert choose_weights(few, truth[:2000], TASKS, averaged={TUNED: 0.16}) == choose_weights(few, truth[:2000], TASKS)


def test_models_that_err_alike_are_weighed_where_averaging_takes_more_than_they_differ_by() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(5000, 1))
    common = truth + generator.normal(scale=0.5, size=truth.shape)
    alike = {name: common + generator.normal(scale=0.01, size=truth.shape) for name in (NETWORK, TUNED)}
    shares = choose_weights(alike, truth, TASKS, averaged={NETWORK: 0.1, TUNED: 0.2})
    assert shares[TUNED] > 0.9
    assert sum(shares.values()) == pytest.approx(1.0)


def test_what_averaging_takes_away_follows_how_many_networks_more_speak_of_a_new_molecule() -> None:
    folds = [(TUNED, fold) for fold in range(5)]
    five = averaged_away([(NETWORK, 0), *folds])
    assert five[NETWORK] == 0
    # Each left-out molecule was predicted by one network, a new one is by the mean of five.
    assert five[TUNED] == pytest.approx(0.15 * (1 - 1 / 5))
    assert averaged_away(folds * 2)[TUNED] == pytest.approx(0.15 * (1 / 2 - 1 / 10))
    # Random starts that leave out the same molecules are averaged there already.
    assert averaged_away([(TUNED, 0)] * 3) == {TUNED: 0}
