"""Disentangled self-attention over graph distances.

After DeBERTa (He et al., 2021) with the changes of MolE (Mendez-Lucio et al., 2024): the score of query i and key j is

    (q_i . k_j  +  q_i . K[d_ij]  +  k_j . Q[d_ji]) / sqrt(3 * head size)

where d is the topological distance + 1, and Q and K are the rows of one table of relative positions that go through
the same query and key projections as the atoms.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mole_engine.nn.dropout import dropout


class DisentangledSelfAttention(nn.Module):
    """Content-to-content, content-to-position and position-to-content attention.

    Parameters
    ----------
    hidden_size, heads
        Width H and number of heads A; H must be a multiple of A.
    dropout
        On the attention weights, in training.

    Attributes
    ----------
    projection
        Query, key and value projections as one matrix, in this order.
    """

    def __init__(self, hidden_size: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.head_size = hidden_size // heads
        self.dropout = dropout
        self.scale = 1.0 / math.sqrt(3 * self.head_size)
        self.projection = nn.Linear(hidden_size, 3 * hidden_size)

    def forward(self, hidden: Tensor, table: Tensor, positions: Tensor, bias: Tensor) -> Tensor:
        """Mix the tokens of each molecule.

        Parameters
        ----------
        hidden
            (B, N, H) states.
        table
            (R, H) layer-normed relative positions.
        positions
            (B, N, N) int64 rows of the table.
        bias
            (B, 1, N) or (B, N, N), added to the scores: 0, or minus infinity where a key may not be seen.

        Returns
        -------
        (B, N, H)
        """
        batch, length, width = hidden.shape
        # Heads come first, so that one batched product per head serves all molecules against the shared table.
        states = self.projection(hidden).view(batch, length, 3, self.heads, self.head_size)
        states = states.permute(2, 3, 0, 1, 4).contiguous()
        bias = self._position_scores(states[:2], table, positions) + bias
        query, key, value = states.unbind(0)
        if self.training or torch.is_grad_enabled():
            # A bias that learns makes the fused kernels slower than plain products.
            mixed = self._attend(query, key, value, bias)
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=self.scale)
        return mixed.permute(1, 2, 0, 3).reshape(batch, length, width)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Softmax attention from (A, B, N, D) states and an (A, B, N, N) bias, as explicit products."""
        heads, batch, length, size = query.shape
        pairs = (heads * batch, length, length)
        rows = (heads * batch, length, size)
        scores = torch.baddbmm(
            bias.reshape(pairs), query.reshape(rows), key.reshape(rows).transpose(1, 2), alpha=self.scale
        )
        weights = dropout(scores.softmax(dim=-1), self.dropout, self.training)
        return torch.bmm(weights, value.reshape(rows)).view(heads, batch, length, size)

    def _position_scores(self, query_and_key: Tensor, table: Tensor, positions: Tensor) -> Tensor:
        """Return the scaled content-to-position and position-to-content scores, (A, B, N, N)."""
        _, heads, batch, length, size = query_and_key.shape
        weight = self.projection.weight[: 2 * heads * size]
        bias = self.projection.bias[: 2 * heads * size]
        rows = functional.linear(table, weight, bias).view(-1, 2, heads, size) * self.scale
        # Queries meet the keys of the table, keys meet its queries.
        rows = rows.flip(1).permute(1, 2, 3, 0).reshape(2 * heads, size, -1)
        scores = torch.bmm(query_and_key.reshape(2 * heads, batch * length, size), rows)
        scores = scores.view(2, heads, batch, length, -1)
        index = positions.expand(2, heads, batch, length, length)
        from_query, from_key = scores.gather(-1, index).unbind(0)
        return from_query + from_key.transpose(-1, -2)
