"""Dropout: the right share of zeros, the right scale, the same elements forward and backward."""

from __future__ import annotations

import pytest
import torch

from mole_engine.nn.dropout import Dropout, dropout


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_share_and_scale(probability: float) -> None:
    torch.manual_seed(0)
    dropped = dropout(torch.ones(200_001), probability, training=True)
    kept = dropped != 0
    assert float(kept.float().mean()) == pytest.approx(1 - probability, abs=0.01)
    assert torch.allclose(dropped[kept], torch.tensor(1 / (1 - probability)), rtol=1e-4)


def test_backward_uses_the_same_elements() -> None:
    values = torch.ones(3, 1001, requires_grad=True)
    dropped = dropout(values, 0.3, training=True)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())


def test_neighbouring_elements_are_independent() -> None:
    torch.manual_seed(0)
    kept = (dropout(torch.ones(400_000), 0.5, training=True) != 0).float()
    for shift in (1, 2, 3, 4):
        assert float((kept[:-shift] * kept[shift:]).mean()) == pytest.approx(0.25, abs=0.01)


def test_a_seed_decides() -> None:
    torch.manual_seed(7)
    first = dropout(torch.ones(100), 0.5, training=True)
    torch.manual_seed(7)
    assert torch.equal(first, dropout(torch.ones(100), 0.5, training=True))


def test_nothing_happens_outside_training_or_at_zero() -> None:
    values = torch.randn(10)
    assert dropout(values, 0.5, training=False) is values
    assert Dropout(0.0)(values) is values
    assert Dropout(0.5).eval()(values) is values


def test_strided_values_are_dropped_too() -> None:
    assert dropout(torch.ones(8, 6).t(), 0.5, training=True).shape == (6, 8)
