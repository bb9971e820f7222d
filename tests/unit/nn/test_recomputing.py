"""A batch of large molecules is worked out twice rather than kept; what is learnt from it stays the same."""

from __future__ import annotations

import pytest
import torch

from mole_engine.nn import bert


def _gradients() -> tuple[torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(0)
    stack = bert.BertEncoder(3, 16, 2, 32, hidden_dropout=0.2, attention_dropout=0.2).train()
    hidden = torch.randn(2, 9, 16, requires_grad=True)
    distances = torch.randint(0, 5, (2, 9, 9), dtype=torch.uint8)
    states = stack(hidden, distances, torch.ones(2, 9, dtype=torch.bool))
    states.square().mean().backward()
    return states.detach(), [parameter.grad for parameter in stack.parameters() if parameter.grad is not None]


def test_recomputed_layers_give_the_same_states_and_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    states, gradients = _gradients()
    calls = []
    original = bert.checkpoint
    monkeypatch.setattr(bert, "RECOMPUTE_BYTES", 0)
    monkeypatch.setattr(bert, "checkpoint", lambda *args, **options: calls.append(1) or original(*args, **options))
    again, other = _gradients()
    assert len(calls) == 3
    assert torch.equal(states, again)
    assert len(gradients) == len(other)
    for one, two in zip(gradients, other, strict=True):
        torch.testing.assert_close(one, two, atol=1e-7, rtol=1e-6)


def test_usual_batches_are_kept_and_the_largest_ones_are_not() -> None:
    with torch.device("meta"):
        stack = bert.BertEncoder(12, 768, 12, 3072)
    hidden = torch.empty(1, 1, 768)
    usual, large = ((32 * length, 32 * length * (4 * length + 2 * 60)) for length in (30, 133))
    assert not stack._is_heavy(hidden, *usual)
    assert stack._is_heavy(hidden, *large)
