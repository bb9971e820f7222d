"""A plan of learning rates that is drawn out or together when the last epoch changes."""

import pytest

from mole_engine.training.schedulers import schedule_factor
from mole_engine.training.steering import stretched


@pytest.mark.parametrize(("name", "total"), [("linear", 200), ("linear", 60), ("cosine", 150)])
def test_rise_stays_and_the_end_is_reached_at_the_new_last_step(name, total):
    plan = schedule_factor(name, 100, 10)
    other = stretched(plan, 100, total, 10)
    assert [other(step) for step in range(11)] == [plan(step) for step in range(11)]
    middle = (10 + total) // 2
    assert other(middle) == pytest.approx(plan(55), abs=0.01)
    assert 0 < other(total - 1) < 0.03
    assert other(total) == pytest.approx(0)
    rates = [other(step) for step in range(10, total)]
    assert rates == sorted(rates, reverse=True)


def test_end_within_the_rise_leaves_out_nothing():
    plan = schedule_factor("linear", 100, 50)
    short = stretched(plan, 100, 20, 50)
    assert max(short(step) for step in range(20)) == pytest.approx(1, abs=0.05)
    assert short(19) < 0.2
