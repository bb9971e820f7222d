"""Masks: which tokens exist, and which may look at which."""

from __future__ import annotations

import torch
from torch import Tensor

PADDING = 0


def padding_mask(tokens: Tensor, pad_id: int = PADDING) -> Tensor:
    """Return which tokens are real.

    Parameters
    ----------
    tokens
        (B, N) token numbers.

    Returns
    -------
    (B, N) bool, False on padding.
    """
    return tokens != pad_id


def attention_span_mask(distances: Tensor, masked: Tensor, radius: int) -> Tensor:
    """Return which token may look at which while some atoms are to be guessed from their surroundings.

    An atom whose environment of `radius` bonds is asked for sees neither itself nor anything within that radius, and
    nobody within that radius passes it the answer: such a pair is cut in both directions, since what a neighbour
    collects in one layer would reach the atom in the next. Everything else, CLS above all, stays visible.

    Parameters
    ----------
    distances
        (B, N, N) relative positions: topological distance + 1, 0 where there is none (CLS, padding, other fragments).
    masked
        (B, N) bool, atoms to be guessed.
    radius
        Bonds around a masked atom that are hidden from it; 0 hides the atom from itself only.

    Returns
    -------
    (B, N, N) bool, True where the token of the row may attend to the token of the column.
    """
    near = (distances > 0) & (distances <= radius + 1)
    either = masked.unsqueeze(-1) | masked.unsqueeze(-2)
    return ~(near & either)


def attention_bias(mask: Tensor, span: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return what is added to the attention scores so that hidden keys get no weight.

    Parameters
    ----------
    mask
        (B, N) bool, True on real tokens.
    span
        (B, N, N) bool from `attention_span_mask`, or None.

    Returns
    -------
    (B, 1, N), or (B, N, N) where a span is given: 0 where a key may be seen, minus infinity elsewhere. CLS must stay
    visible, so that no row is hidden altogether.
    """
    keys = mask.unsqueeze(-2)
    visible = keys if span is None else torch.logical_and(keys, span)
    return torch.zeros_like(visible, dtype=dtype).masked_fill(~visible, float("-inf"))
