"""The attention against a slow, literal reading of its formula."""

from __future__ import annotations

import math

import pytest
import torch

from mole_engine.nn.disentangled_attention import DisentangledSelfAttention

BATCH, LENGTH, WIDTH, HEADS, ROWS = 2, 5, 8, 2, 7


def literal(
    module: DisentangledSelfAttention, hidden: torch.Tensor, table: torch.Tensor, positions: torch.Tensor
) -> torch.Tensor:
    """Compute every score one by one."""
    size = WIDTH // HEADS
    query, key, value = module.projection(hidden).chunk(3, dim=-1)
    weight, bias = module.projection.weight, module.projection.bias
    table_query = table @ weight[:WIDTH].T + bias[:WIDTH]
    table_key = table @ weight[WIDTH : 2 * WIDTH].T + bias[WIDTH : 2 * WIDTH]
    result = torch.zeros_like(hidden)
    for molecule in range(BATCH):
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            scores = torch.zeros(LENGTH, LENGTH)
            for i in range(LENGTH):
                for j in range(LENGTH):
                    here, there = positions[molecule, i, j], positions[molecule, j, i]
                    scores[i, j] = (
                        query[molecule, i, part] @ key[molecule, j, part]
                        + query[molecule, i, part] @ table_key[here, part]
                        + key[molecule, j, part] @ table_query[there, part]
                    ) / math.sqrt(3 * size)
            result[molecule, :, part] = scores.softmax(-1) @ value[molecule, :, part]
    return result


@pytest.mark.parametrize("with_gradient", [True, False])
def test_agrees_with_the_formula(with_gradient: bool) -> None:
    torch.manual_seed(0)
    module = DisentangledSelfAttention(WIDTH, HEADS)
    hidden, table = torch.randn(BATCH, LENGTH, WIDTH), torch.randn(ROWS, WIDTH)
    # Not symmetric, so that the direction of each term shows.
    positions = torch.randint(0, ROWS, (BATCH, LENGTH, LENGTH))
    with torch.no_grad():
        expected = literal(module, hidden, table, positions)
    with torch.set_grad_enabled(with_gradient):
        found = module(hidden, table, positions, torch.zeros(BATCH, 1, LENGTH))
    torch.testing.assert_close(found.detach(), expected, atol=1e-5, rtol=0)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(1)
    module = DisentangledSelfAttention(WIDTH, HEADS).double()
    hidden = torch.randn(1, 3, WIDTH, dtype=torch.float64, requires_grad=True)
    table = torch.randn(ROWS, WIDTH, dtype=torch.float64, requires_grad=True)
    positions = torch.randint(0, ROWS, (1, 3, 3))
    bias = torch.zeros(1, 1, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda states, rows: module(states, rows, positions, bias), (hidden, table))


def test_attention_dropout_acts_in_training_only() -> None:
    module = DisentangledSelfAttention(WIDTH, HEADS, dropout=0.9)
    arguments = (
        torch.randn(BATCH, LENGTH, WIDTH),
        torch.randn(ROWS, WIDTH),
        torch.zeros(BATCH, LENGTH, LENGTH, dtype=torch.long),
        torch.zeros(BATCH, 1, LENGTH),
    )
    assert not torch.equal(module(*arguments), module(*arguments))
    module.eval()
    assert torch.equal(module(*arguments), module(*arguments))
