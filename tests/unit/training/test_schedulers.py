"""Schedules: what the learning rate is at each step."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mole_engine.training.schedulers import build_schedule, schedule_factor, warmup_steps

NAMES = ("constant", "linear", "cosine")


@given(name=st.sampled_from(NAMES), total=st.integers(1, 500), fraction=st.floats(0, 0.9))
def test_every_step_learns_and_none_exceeds_the_peak(name, total, fraction):
    """The original's first step had a learning rate of 0."""
    factor = schedule_factor(name, total, warmup_steps(total, fraction))
    values = [factor(step) for step in range(total)]
    assert all(0 < value <= 1 for value in values)
    assert max(values) == pytest.approx(1.0)


@pytest.mark.parametrize("name", NAMES)
def test_no_warm_up_means_none(name):
    """The original turned an explicit 0 into 10%."""
    assert warmup_steps(100, 0.0) == 0
    assert schedule_factor(name, 100, 0)(0) == 1.0


def test_shapes():
    linear = schedule_factor("linear", 110, 10)
    assert [linear(step) for step in (0, 4, 9, 10, 60, 109)] == pytest.approx([0.1, 0.5, 1.0, 1.0, 0.5, 0.01])
    cosine = schedule_factor("cosine", 110, 10)
    assert [cosine(step) for step in (9, 10, 60)] == pytest.approx([1.0, 1.0, 0.5])
    assert cosine(109) < 0.001
    constant = schedule_factor("constant", 110, 10)
    assert [constant(step) for step in (0, 9, 50, 109)] == pytest.approx([0.1, 1.0, 1.0, 1.0])


def test_after_the_planned_end_nothing_explodes():
    assert schedule_factor("linear", 10, 0)(25) == 0.0
    assert schedule_factor("cosine", 10, 0)(25) == pytest.approx(0.0)


def test_the_optimiser_is_driven():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=2.0)
    schedule = build_schedule(optimiser, "linear", 4, 2)
    rates = []
    for _ in range(4):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates == pytest.approx([1.0, 2.0, 2.0, 1.0])
