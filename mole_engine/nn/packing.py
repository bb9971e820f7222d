"""Batches without padding: the real tokens of all molecules one after the other.

Everything that treats tokens one by one (projections, feed-forward, norms, dropout) then spends nothing on padding.
Only attention works on molecules that are padded to the longest: of a group of like lengths, not of the whole batch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SPLIT_PAIRS = 8_000
"""A further group must save so many pairs of tokens; with less, its own small steps would cost more than it saves."""

MOST_PAIRS = 2**20
"""Pairs of tokens in a group of several molecules at most: bounds what attention works out and drops again."""


class Group(NamedTuple):
    """Molecules of like lengths that are attended to together: b of them, padded to n tokens.

    Attributes
    ----------
    molecules
        (b,) int64, their places in the batch.
    own
        (t,) int64, which of the batch's T real tokens are theirs.
    tokens
        (t,) int64, the place of each of these among the b * n.
    padding
        (p,) int64, the places of padding.
    to_heads
        (3 * A * b * n,) int64, row of the (T * 3 * A, D) projections that comes to each place of (3, A, b, n, D).
    tokens_to_mixed
        (A * b * n,) int64, row of (T * A, D) for each place of (A, b, n, D).
    positions
        (b, n, n) int64 rows of the table of relative positions.
    bias
        (b, 1, n) or (b, n, n), added to the scores: 0, or minus infinity where a key may not be seen.
    rows
        How many rows of the table the positions need.
    """

    molecules: Tensor
    own: Tensor
    tokens: Tensor
    padding: Tensor
    to_heads: Tensor
    tokens_to_mixed: Tensor
    positions: Tensor
    bias: Tensor
    rows: int

    @property
    def cells(self) -> int:
        """The b * n places of tokens."""
        return self.positions.shape[0] * self.positions.shape[1]

    def padded(self, states: Tensor) -> Tensor:
        """Return the group's (b, n, H) states of the batch's (T, H) real rows; rows of padding are zero."""
        own = states.index_select(0, self.own)
        return _padded(own, self.tokens, self.positions.shape[0], self.positions.shape[1])


class Packing(NamedTuple):
    """Where the T real tokens of a padded (B, N) batch stand, and the way there and back.

    Attributes
    ----------
    tokens
        (T,) int64, the place of each real token among the B * N.
    groups
        The molecules in groups of like lengths.
    from_heads
        (T * 3 * A,) int64, where to find the projections of each token in the (3, A, b, n, D) of all groups, which
        stand one behind the other.
    mixed_to_tokens
        (T * A,) int64, where to find what each token has collected in the (A, b, n, D) of all groups.
    shape
        (B, N).
    """

    tokens: Tensor
    groups: tuple[Group, ...]
    from_heads: Tensor
    mixed_to_tokens: Tensor
    shape: tuple[int, int]

    def packed(self, states: Tensor) -> Tensor:
        """Return the (T, H) real rows of padded (B, N, H) states."""
        return states.flatten(0, 1).index_select(0, self.tokens)

    def padded(self, states: Tensor) -> Tensor:
        """Return (B, N, H) states of (T, H) real rows; rows of padding are zero."""
        return _padded(states, self.tokens, *self.shape)

    def in_order(self, values: list[Tensor]) -> Tensor:
        """Return (B, ...) values of the molecules, given (b, ...) of each group."""
        if len(values) == 1:
            return values[0]
        order = torch.cat([group.molecules for group in self.groups]).argsort()
        return torch.cat(values).index_select(0, order)

    @property
    def numbers(self) -> int:
        """How many numbers for each head attention keeps for the way back: of pairs, and of tokens with table rows."""
        return sum(group.cells * (4 * group.positions.shape[1] + 2 * group.rows) for group in self.groups)


def pack(mask: Tensor, positions: Tensor, bias: Tensor, heads: int) -> Packing:
    """Find the real tokens of a batch, and the molecules that are attended to together.

    Parameters
    ----------
    mask
        (B, N) bool, True on real tokens.
    positions, bias, heads
        See `DisentangledSelfAttention`.
    """
    # The number of each real token among all real ones, in the order of the batch.
    number = mask.flatten().cumsum(0).view(mask.shape) - 1
    groups, from_heads, mixed_to_tokens = [], [], []
    cells = 0
    for molecules, width in _groups(mask):
        group = _group(molecules, width, (mask, number, positions, bias), heads)
        groups.append(group)
        places, size = group.tokens[:, None], group.cells
        from_heads.append(places + torch.arange(3 * heads) * size + 3 * heads * cells)
        mixed_to_tokens.append(places + torch.arange(heads) * size + heads * cells)
        cells += size
    order = torch.cat([group.own for group in groups]).argsort()
    return Packing(
        tokens=mask.flatten().nonzero().squeeze(1),
        groups=tuple(groups),
        from_heads=torch.cat(from_heads)[order].flatten(),
        mixed_to_tokens=torch.cat(mixed_to_tokens)[order].flatten(),
        shape=(mask.shape[0], mask.shape[1]),
    )


def _groups(mask: Tensor) -> list[tuple[Tensor, int]]:
    """Return molecules and width of each group of a batch."""
    lengths = (mask * torch.arange(1, mask.shape[1] + 1)).amax(1).clamp(min=1)
    parts = like_lengths(lengths)
    if len(parts) == 1:
        return [(parts[0], mask.shape[1])]
    return [(molecules, int(lengths[molecules].max())) for molecules in parts]


def like_lengths(lengths: Tensor) -> list[Tensor]:
    """Divide (B,) lengths into groups that attention is worth being worked out for one by one; returns their places.

    One group keeps the order of the batch; of several, the longest molecules come first.
    """
    order = lengths.argsort(descending=True, stable=True)
    cuts = _cuts(lengths[order].square(), 0)
    return list(order.tensor_split(cuts)) if cuts else [torch.arange(len(lengths))]


def _cuts(squares: Tensor, start: int) -> list[int]:
    """Return where to cut a descending list of squared lengths; `start` is added to each place."""
    count = len(squares)
    if count == 1:
        return []
    places = torch.arange(1, count)
    longest = int(squares[0])
    pairs, place = (places * longest + (count - places) * squares[1:]).min(0)
    cut = int(place) + 1
    if count * longest - int(pairs) < SPLIT_PAIRS:
        cut = max(1, MOST_PAIRS // longest)
        if cut >= count:
            return []
    return [*_cuts(squares[:cut], start), start + cut, *_cuts(squares[cut:], start + cut)]


def _group(molecules: Tensor, width: int, batch: tuple[Tensor, ...], heads: int) -> Group:
    mask, number, positions, bias = batch
    if len(molecules) < len(mask):
        mask, number = mask[molecules, :width], number[molecules, :width]
        positions, bias = positions[molecules, :width, :width], bias[molecules, :width, :width]
    real = mask.flatten()
    # At places of padding stands the first token, any would do: nothing reads it, and its gradient is zero.
    source = torch.where(real, number.flatten(), 0)
    return Group(
        molecules=molecules,
        own=source[real],
        tokens=real.nonzero().squeeze(1),
        padding=(~real).nonzero().squeeze(1),
        to_heads=(source[None, :] * (3 * heads) + torch.arange(3 * heads)[:, None]).flatten(),
        tokens_to_mixed=(source[None, :] * heads + torch.arange(heads)[:, None]).flatten(),
        positions=positions,
        bias=bias,
        rows=int(positions.max()) + 1,
    )


def _padded(states: Tensor, tokens: Tensor, batch: int, length: int) -> Tensor:
    flat = states.new_zeros(batch * length, states.shape[-1])
    return flat.index_copy(0, tokens, states).view(batch, length, -1)
