"""The time left of several networks that follow each other."""

from __future__ import annotations

import math

import pytest

from mole_engine.contracts.events import StepMetrics
from mole_engine.contracts.run_state import RunControl
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.members import MemberEmitter
from mole_engine.training.reporting import Progress
from mole_engine.training.series import Series

STEPS, EPOCHS, NETWORKS = 4, 5, 6
STEP_SECONDS, EPOCH_SECONDS, AFTERWARDS = 1.0, 6.0, 30.0
"""A step is quick beside the validation and the saving at the end of an epoch."""


@pytest.fixture
def told(tmp_path):
    """Return the seconds left, true and told, at each step of all networks, by network."""
    heard = []
    whole = EventEmitter("r")
    whole.emit = lambda event: heard.append(event) is None
    series, now, true = Series(RunControl(), [EPOCHS] * NETWORKS, [1.0] * NETWORKS, AFTERWARDS), 0.0, []
    total = STEPS * EPOCHS
    for number in range(NETWORKS):
        emitter, progress = MemberEmitter(whole, series, number, tmp_path / "m.csv"), Progress()
        progress.tick(now, 0)
        for step in range(1, total + 1):
            now += STEP_SECONDS + (EPOCH_SECONDS if step > 1 and step % STEPS == 1 else 0)
            progress.tick(now, step)
            true.append(now)
            emitter.emit(
                StepMetrics(
                    step=step,
                    total_steps=total,
                    epoch=(step - 1) // STEPS + 1,
                    total_epochs=EPOCHS,
                    loss=1.0,
                    learning_rate=1e-3,
                    eta_seconds=progress.remaining(total),
                )
            )
    left = [(now + AFTERWARDS - moment, event.eta_seconds) for moment, event in zip(true, heard, strict=True)]
    return [left[number * total : (number + 1) * total] for number in range(NETWORKS)]


def test_the_time_left_does_not_start_anew_with_each_network(told):
    for network in told[1:]:
        for true, said in network:
            assert said == pytest.approx(true, rel=0.3)


def test_the_last_step_of_a_network_does_not_pass_for_the_last_of_all(told):
    for network in told[:-1]:
        assert network[-1][1] == pytest.approx(network[-2][1], rel=0.1)
    assert told[-1][-1][1] == pytest.approx(AFTERWARDS)


def test_nothing_is_said_before_anything_is_known(told):
    assert math.isnan(told[0][0][1])
    assert math.isfinite(told[1][0][1])


def test_the_time_left_of_networks_of_two_steps_is_told_at_the_second(tmp_path):
    heard = []
    whole = EventEmitter("r")
    whole.emit = lambda event: heard.append(event.eta_seconds) is None
    series = Series(RunControl(), [1, 1], [1.0, 1.0], AFTERWARDS)
    for number in range(2):
        emitter = MemberEmitter(whole, series, number, tmp_path / "m.csv")
        for step, left in ((1, math.nan), (2, 0.0)):
            emitter.emit(
                StepMetrics(
                    step=step,
                    total_steps=2,
                    epoch=1,
                    total_epochs=1,
                    loss=1.0,
                    learning_rate=1e-3,
                    eta_seconds=left,
                )
            )
    assert math.isnan(heard[0])
    assert AFTERWARDS <= heard[1] < AFTERWARDS + 5
    assert heard[3] == AFTERWARDS


def test_networks_that_are_trained_together_take_one_time():
    turns = [0, 1, 1, 3, 3, 5]
    series = Series(RunControl(), [4, 10, 10, 10, 10, 10], [0.1, 1.0, 1.0, 1.0, 1.0, 1.0], AFTERWARDS, turns)
    # Two turns of two and one of one, each of which takes ten epochs of 1.
    assert series.later(0) == pytest.approx(30 / 0.4)
    assert series.later(1) == series.later(2) == pytest.approx(2)
    assert series.later(4) == pytest.approx(1)
    assert series.later(5) == 0
    alone = Series(RunControl(), [4, 10, 10, 10, 10, 10], [0.1, 1.0, 1.0, 1.0, 1.0, 1.0], AFTERWARDS)
    assert alone.later(1) == pytest.approx(4)


def test_the_time_left_has_what_simple_models_take_longer_than_the_last_network():
    """They begin beside it with one thread; what is left of them then has all."""
    one, two = (Series(RunControl(), [5, 5], [0.1, 1.0], AFTERWARDS, beside=beside) for beside in (False, True))
    assert one.rest(1, 12.0) == AFTERWARDS
    assert two.rest(1, 12.0) == pytest.approx(AFTERWARDS - 10.0)
    # A head that takes 1.2 s says that the last one will take 12.
    assert two.rest(0, 1.2) == pytest.approx(AFTERWARDS - 10.0)
    assert two.rest(1, 1000.0) == 0.0
