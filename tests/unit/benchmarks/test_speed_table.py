"""What the speed table derives: the published engine's rate from its share, and an epoch from a part of it."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    return import_module


def test_the_published_engine_from_its_share_of_the_ceiling(benchmark):
    derive = benchmark("published").derive
    found = derive("6x256", "training", ours=69.0, share=0.83)
    assert found.share == pytest.approx(0.45 * 0.36)
    assert found.times[0] == pytest.approx(0.83 / (0.45 * 0.36))
    assert found.rate * found.times[0] == pytest.approx(69.0)
    large = derive("12x768", "training", ours=5.3, share=0.92)
    assert large.times == pytest.approx((0.92 / (0.74 * 0.36), 0.92 / (0.77 * 0.36), 0.92 / (0.71 * 0.36)))
    assert derive("4x192", "training", ours=1.0, share=0.5) is None


def test_a_part_of_the_batches_from_the_cheapest_to_the_dearest(benchmark):
    speed = benchmark("speed_parts")
    batches = [np.array([number]) for number in (5, 1, 4, 2, 3, 6)]
    costs = [float(batch[0]) for batch in batches]
    assert [int(batch[0]) for batch in speed.spread(batches, costs, 3)] == [2, 4, 6]
    assert [int(batch[0]) for batch in speed.spread(batches, costs, 1)] == [4]
    assert speed.spread(batches, costs, 6) is batches


def test_the_arithmetic_of_a_batch_counts_its_real_tokens(benchmark):
    from mole_engine.contracts.config import ModelConfig

    speed = benchmark("speed_parts")
    config = ModelConfig(layers=2, hidden_size=8, heads=2, intermediate_size=32)
    # Per token 8 H^2 + 4 H F of projections and feed-forward, 4 N H of content and 4 R H of position products.
    assert speed.arithmetic(np.array([3]), config) == 2 * 3 * (8 * 64 + 4 * 8 * 32 + 4 * 3 * 8 + 4 * 3 * 8)
