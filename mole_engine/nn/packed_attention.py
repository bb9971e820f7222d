"""Disentangled attention of packed tokens, forward and backward by hand.

The same arithmetic as `DisentangledSelfAttention`, with the derivative written out: what autograd would copy, keep or
add in passes of its own is done inside matrix products or not at all. Tests hold both to the same numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from mole_engine.nn.dropout import scaled_mask
from mole_engine.nn.packing import Group, Packing


class Mixed(NamedTuple):
    """What the derivative of attention needs of a group of molecules.

    Attributes
    ----------
    states
        (3A, b * n, D) queries, keys and values.
    weights
        (A * b, n, n) attention weights before dropout.
    kept
        (A * b, n, n) what dropout multiplied them with, or None.
    """

    states: Tensor
    weights: Tensor
    kept: Tensor | None


def table_rows(projected: Tensor, heads: int, scale: float) -> Tensor:
    """Return the (2A, R, D) scaled rows that queries and keys meet, of the (R, 2H) projected table.

    Queries meet the keys of the table, keys meet its queries.
    """
    rows = projected.view(len(projected), 2, heads, -1).flip(1)
    return (rows * scale).permute(1, 2, 0, 3).reshape(2 * heads, len(projected), -1)


def table_gradient(rows: Tensor, scale: float) -> Tensor:
    """Undo `table_rows` for a (2A, R, D) gradient: (R, 2H)."""
    heads, count, size = len(rows) // 2, rows.shape[1], rows.shape[2]
    turned = rows.view(2, heads, count, size).flip(0).permute(2, 0, 1, 3)
    return (turned * scale).reshape(count, 2 * heads * size)


def mix(projected: Tensor, rows: Tensor, packing: Packing, scale: float, dropout: float) -> tuple[Tensor, list[Mixed]]:
    """Let each token collect from the others of its molecule.

    Parameters
    ----------
    projected
        (T, 3H) queries, keys and values.
    rows
        (2A, R, D) of `table_rows`.

    Returns
    -------
    tuple
        (T, H) mixed values, and what `mix_gradient` needs of each group.
    """
    found = [_mix(projected, rows[:, : group.rows], group, scale, dropout) for group in packing.groups]
    return _to_tokens([values for values, _ in found], packing), [mixed for _, mixed in found]


def mix_without_gradient(projected: Tensor, rows: Tensor, packing: Packing, scale: float) -> Tensor:
    """Return the (T, H) values of `mix` by the fused kernel, which keeps no weights."""
    return _to_tokens([_fused(projected, rows[:, : group.rows], group, scale) for group in packing.groups], packing)


def mix_gradient(
    gradient: Tensor, mixed: list[Mixed], rows: Tensor, packing: Packing, scale: float
) -> tuple[Tensor, Tensor]:
    """Return the gradients of `projected` (T, 3H) and `rows` (2A, R, D) from that of the (T, H) mixed values."""
    parts, size = 3 * (len(rows) // 2), rows.shape[2]
    by_states = gradient.new_empty(sum(parts * group.cells for group in packing.groups), size)
    by_rows = torch.zeros_like(rows)
    start = 0
    for group, own in zip(packing.groups, mixed, strict=True):
        end = start + parts * group.cells
        by_state = by_states[start:end].view(parts, group.cells, size)
        by_rows[:, : group.rows] += _mix_gradient(gradient, own, rows[:, : group.rows], group, scale, by_state)
        start = end
    return by_states.index_select(0, packing.from_heads).view(len(gradient), -1), by_rows


def _mix(projected: Tensor, rows: Tensor, group: Group, scale: float, dropout: float) -> tuple[Tensor, Mixed]:
    states, bias = _states_and_bias(projected, rows, group)
    heads = len(rows) // 2
    query, key, value = (
        part.view(-1, group.positions.shape[1], rows.shape[2])
        for part in states.view(3, heads, -1, rows.shape[2]).unbind(0)
    )
    scores = bias.flatten(0, 1).baddbmm_(query, key.transpose(1, 2), alpha=scale)
    weights = scores.softmax(dim=-1)
    kept = scaled_mask(weights, dropout) if dropout else None
    values = torch.bmm(weights if kept is None else weights * kept, value)
    return values, Mixed(states, weights, kept)


def _fused(projected: Tensor, rows: Tensor, group: Group, scale: float) -> Tensor:
    states, bias = _states_and_bias(projected, rows, group)
    query, key, value = states.view(3, *bias.shape[:3], -1).unbind(0)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)


def _mix_gradient(gradient: Tensor, mixed: Mixed, rows: Tensor, group: Group, scale: float, by_state: Tensor) -> Tensor:
    """Fill the (3A, b * n, D) gradient of a group's states, and return that of the rows."""
    heads, count, size = len(rows) // 2, rows.shape[1], rows.shape[2]
    batch, length = group.positions.shape[:2]
    query, key, value = (part.view(-1, length, size) for part in mixed.states.view(3, heads, -1, size).unbind(0))
    spread = gradient.view(-1, size).index_select(0, group.tokens_to_mixed).view(heads, batch * length, size)
    # What padding would collect has no gradient, whatever stands in its place.
    spread = spread.index_fill_(1, group.padding, 0.0).view(-1, length, size)
    weights = mixed.weights
    by_weight = torch.bmm(spread, value.transpose(1, 2))
    if mixed.kept is not None:
        by_weight *= mixed.kept
        weights = weights * mixed.kept
    by_score = torch.ops.aten._softmax_backward_data(by_weight, mixed.weights, -1, weights.dtype)

    to_query, to_key, to_value = (part.view(-1, length, size) for part in by_state.view(3, heads, -1, size).unbind(0))
    torch.bmm(by_score, key, out=to_query)
    torch.bmm(by_score.transpose(1, 2), query, out=to_key)
    torch.bmm(weights.transpose(1, 2), spread, out=to_value)

    by_score = by_score.view(heads, batch, length, length)
    index = group.positions.expand(heads, -1, -1, -1)
    by_product = gradient.new_zeros(2, heads, batch, length, count)
    by_product[0].scatter_add_(-1, index, by_score)
    by_product[1].scatter_add_(-1, index, by_score.transpose(-1, -2))
    by_product = by_product.view(2 * heads, batch * length, count)
    # The rows carry the scale already, the content products of the line above do not.
    by_state[: 2 * heads].baddbmm_(by_product, rows, beta=scale)
    return torch.bmm(by_product.transpose(1, 2), mixed.states[: 2 * heads])


def _states_and_bias(projected: Tensor, rows: Tensor, group: Group) -> tuple[Tensor, Tensor]:
    """Return the states per head, (3A, B * N, D), and all that is added to their products, (A, B, N, N)."""
    heads, size = len(rows) // 2, rows.shape[2]
    batch, length = group.positions.shape[:2]
    states = projected.view(-1, size).index_select(0, group.to_heads).view(3 * heads, batch * length, size)
    products = torch.bmm(states[: 2 * heads], rows.transpose(1, 2)).view(2, heads, batch, length, -1)
    index = group.positions.expand(2, heads, -1, -1, -1)
    from_query, from_key = products.gather(-1, index).unbind(0)
    return states, (from_query + group.bias).add_(from_key.transpose(-1, -2))


def _to_tokens(values: list[Tensor], packing: Packing) -> Tensor:
    """(..., b, n, D) values of all heads of each group -> (T, H)."""
    flat = [part.reshape(-1, part.shape[-1]) for part in values]
    whole = flat[0] if len(flat) == 1 else torch.cat(flat)
    return whole.index_select(0, packing.mixed_to_tokens).view(len(packing.tokens), -1)
