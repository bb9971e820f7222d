"""Batches without padding: the real tokens of all molecules one after the other.

Everything that treats tokens one by one (projections, feed-forward, norms, dropout) then spends nothing on padding;
only the attention itself, which is little arithmetic, works on molecules that are padded to the longest.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Packing(NamedTuple):
    """Where the T real tokens of a padded (B, N) batch stand, and the way there and back.

    Attributes
    ----------
    tokens
        (T,) int64, the place of each real token among the B * N.
    padding
        (P,) int64, the places of padding.
    to_heads
        (3 * A * B * N,) int64, row of the (T * 3 * A, D) projections that comes to each place of (3, A, B, N, D).
    from_heads
        (T * 3 * A,) int64, the way back.
    mixed_to_tokens
        (T * A,) int64, row of the (A * B * N, D) mixed values for each row of (T * A, D).
    tokens_to_mixed
        (A * B * N,) int64, the way back.
    positions
        (B, N, N) int64 rows of the table of relative positions.
    bias
        (B, 1, N) or (B, N, N), added to the scores: 0, or minus infinity where a key may not be seen.
    """

    tokens: Tensor
    padding: Tensor
    to_heads: Tensor
    from_heads: Tensor
    mixed_to_tokens: Tensor
    tokens_to_mixed: Tensor
    positions: Tensor
    bias: Tensor

    def packed(self, states: Tensor) -> Tensor:
        """Return the (T, H) real rows of padded (B, N, H) states."""
        return states.flatten(0, 1).index_select(0, self.tokens)

    def padded(self, states: Tensor) -> Tensor:
        """Return (B, N, H) states of (T, H) real rows; rows of padding are zero."""
        batch, length = self.positions.shape[:2]
        flat = states.new_zeros(batch * length, states.shape[-1])
        return flat.index_copy(0, self.tokens, states).view(batch, length, -1)


def pack(mask: Tensor, positions: Tensor, bias: Tensor, heads: int) -> Packing:
    """Find the real tokens of a batch.

    Parameters
    ----------
    mask
        (B, N) bool, True on real tokens.
    positions, bias, heads
        See `DisentangledSelfAttention`.
    """
    real = mask.flatten()
    tokens, padding = real.nonzero().squeeze(1), (~real).nonzero().squeeze(1)
    # At places of padding stands the first token, any would do: nothing reads it, and its gradient is zero.
    source = torch.zeros(len(real), dtype=torch.int64)
    source[tokens] = torch.arange(len(tokens))
    parts, heads_range = torch.arange(3 * heads), torch.arange(heads)
    return Packing(
        tokens=tokens,
        padding=padding,
        to_heads=(source[None, :] * (3 * heads) + parts[:, None]).flatten(),
        from_heads=(tokens[:, None] + parts[None, :] * len(real)).flatten(),
        mixed_to_tokens=(tokens[:, None] + heads_range[None, :] * len(real)).flatten(),
        tokens_to_mixed=(source[None, :] * heads + heads_range[:, None]).flatten(),
        positions=positions,
        bias=bias,
    )
