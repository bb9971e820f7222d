"""Which networks an ensemble trains: enough starts on small sets, fine-tuned networks on large ones."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.contracts.presets import load_preset
from mole_engine.training.blend import NETWORK, TUNED
from mole_engine.training.folds import Fold
from mole_engine.training.plan import in_turns, plan_networks, spare_threads

FOLDS = [Fold(number, np.arange(9), np.arange(9, 12), 3) for number in range(5)]
CONFIG = load_preset("recommended").config()
THREE = CONFIG.updated({"ensemble": {"fine_tune_members": 3}})


def test_small_sets_get_several_starts_and_every_fold_has_its_turn_first():
    plan = plan_networks(CONFIG, FOLDS, 200, 28.0)
    assert [item.kind for item in plan] == [NETWORK] * 15
    assert [item.fold.number for item in plan] == [0, 1, 2, 3, 4] * 3
    assert len({item.config.seed for item in plan}) == 15
    assert [item.number for item in plan] == list(range(15))


def test_large_sets_get_fine_tuned_networks_behind_those_with_a_fixed_encoder():
    plan = plan_networks(CONFIG, FOLDS, 1500, 28.0)
    assert [item.kind for item in plan] == [NETWORK] * 5 + [TUNED] * 5
    assert {item.config.training.freeze for item in plan[:5]} == {"encoder"}
    assert {item.config.training.freeze for item in plan[5:]} == {"none"}
    assert {item.epochs for item in plan[5:]} == {CONFIG.ensemble.fine_tune_epochs}
    assert plan[0].cost < plan[5].cost
    # A head is too small for several threads.
    assert [item.config.runtime.threads for item in plan] == [1] * 5 + [CONFIG.runtime.threads] * 5
    assert CONFIG.runtime.threads != 1


@pytest.mark.parametrize("members", [1, 2, 3])
def test_every_fold_has_a_fine_tuned_network_before_any_has_a_second(members):
    plan = plan_networks(CONFIG.updated({"ensemble": {"fine_tune_members": members}}), FOLDS, 500, 28.0)
    assert [item.kind for item in plan] == [NETWORK] * 5 + [TUNED] * 5 * members
    assert [item.number for item in plan] == list(range(len(plan)))
    tuned = plan[5:]
    assert [item.fold.number for item in tuned] == [0, 1, 2, 3, 4] * members
    assert [item.place for item in tuned] == [place for place in range(members) for _ in FOLDS]
    assert len({item.config.seed for item in tuned}) == len(tuned)
    assert {(item.epochs, item.cost) for item in tuned} == {(CONFIG.ensemble.fine_tune_epochs, 1.0)}


def test_more_fine_tuned_networks_leave_the_earlier_ones_as_they_were():
    one = plan_networks(CONFIG, FOLDS, 500, 28.0)
    three = plan_networks(THREE, FOLDS, 500, 28.0)
    assert [item.config.seed for item in one] == [item.config.seed for item in three[: len(one)]]
    assert len(three) == len(one) + 10


@pytest.mark.parametrize(("molecules", "joining"), [(299, 0), (300, 1), (10_000_000, 1)])
def test_fine_tuned_networks_join_from_so_many_molecules_on(molecules, joining):
    assert CONFIG.fine_tuning_members(molecules) == joining
    assert THREE.fine_tuning_members(molecules) == 3 * joining
    assert THREE.updated({"training": {"freeze": "none"}}).fine_tuning_members(molecules) == 0


@pytest.mark.parametrize(
    ("molecules", "epochs"),
    [(299, 0), (300, 10), (1600, 10), (2400, 15), (3840, 24), (5000, 24), (12_000, 10), (24_000, 5), (10_000_000, 2)],
)
def test_more_molecules_take_more_epochs_as_long_as_the_time_allows(molecules, epochs):
    assert CONFIG.fine_tuning_epochs(molecules) == epochs
    alone = CONFIG.updated({"ensemble": {"kind": "none", "trees": False}})
    assert alone.fine_tuning_epochs(molecules) == 0
    assert CONFIG.updated({"training": {"freeze": "none"}}).fine_tuning_epochs(molecules) == 0


@pytest.mark.parametrize(
    ("threads", "at_once", "turns", "own", "left"),
    [
        # Two and two, and the last one beside the simple models.
        (2, 2, [0, 0, 2, 2, 4], [1, 1, 1, 1, 1], 1),
        (7, 3, [0, 0, 0, 3, 3], [2, 2, 2, 3, 3], 1),
        (8, 4, [0, 0, 0, 0, 4], [2, 2, 2, 2, 7], 1),
        (8, 5, [0, 0, 0, 0, 0], [1] * 5, 3),
        (5, 5, [0, 0, 0, 0, 0], [1] * 5, 0),
        # Never more than there are threads or networks.
        (2, 8, [0, 0, 2, 2, 4], [1, 1, 1, 1, 1], 1),
        (16, 8, [0, 0, 0, 0, 0], [3] * 5, 1),
        # One after the other; also where the number of threads was never chosen.
        (2, 0, [0, 1, 2, 3, 4], [2] * 5, 0),
        (8, 1, [0, 1, 2, 3, 4], [8] * 5, 0),
        (0, 4, [0, 1, 2, 3, 4], [0] * 5, 0),
    ],
)
def test_networks_of_a_turn_share_the_threads(threads, at_once, turns, own, left):
    job = CONFIG.updated({"runtime": {"threads": threads, "side_by_side": at_once}})
    plan = plan_networks(job, FOLDS, 1500, 28.0)
    assert [item.turn - 5 for item in plan[5:]] == turns
    assert [item.config.runtime.threads for item in plan[5:]] == own
    assert spare_threads(plan, threads) == left
    # Heads take seconds, one after the other, and the order is as ever.
    assert [item.turn for item in plan[:5]] == list(range(5))
    assert [item.config.runtime.threads for item in plan[:5]] == [1] * 5
    assert [item.number for item in plan] == list(range(10))
    assert [item.config.seed for item in in_turns(plan, threads, 1)] == [item.config.seed for item in plan]


@pytest.mark.parametrize(("trees", "molecules"), [(False, 1500), (True, 4000)])
def test_a_last_turn_leaves_no_thread_where_nothing_is_won(trees, molecules):
    """No simple models; or so many molecules that the network would lose more than they win."""
    job = CONFIG.updated({"runtime": {"threads": 2, "side_by_side": 2}, "ensemble": {"trees": trees}})
    plan = plan_networks(job, FOLDS, molecules, 28.0)
    assert [item.config.runtime.threads for item in plan[5:]] == [1, 1, 1, 1, 2]
    assert spare_threads(plan, 2) == 0
