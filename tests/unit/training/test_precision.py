"""A processor that is quick at bfloat16 learns in it; one that is not says so and does not."""

from __future__ import annotations

import pytest

from mole_engine.contracts.events import EpochMetrics, Notice
from mole_engine.training import trainer


def losses(job) -> list[float]:
    return [event.validation_loss for event in job.of(EpochMetrics)]


def test_bf16_on_a_cpu_is_replaced_and_said(job, helpers, monkeypatch):
    monkeypatch.setattr(trainer, "multiplies_bf16_quickly", lambda: False)
    config = helpers.config(epochs=1).with_overrides(["runtime.precision=bf16-mixed"])
    job.run(config, helpers.dataset(helpers.sizes(10)), helpers.split(10))
    assert any("32 bits" in event.message for event in job.of(Notice))


def test_a_processor_that_is_quick_at_it_learns_the_same_in_fewer_bits(job, helpers, monkeypatch):
    found = {}
    for quick in (False, True):
        monkeypatch.setattr(trainer, "multiplies_bf16_quickly", lambda quick=quick: quick)
        job.events.clear()
        job.run(helpers.config(epochs=3), helpers.dataset(helpers.sizes(40)), helpers.split(30, 10))
        found[quick] = losses(job)
    assert found[True] != found[False]
    assert found[True] == pytest.approx(found[False], rel=0.03)
