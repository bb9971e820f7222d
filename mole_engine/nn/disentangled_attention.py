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

    def forward(
        self, hidden: Tensor, table: Tensor, positions: Tensor, bias: Tensor, first_only: bool = False
    ) -> Tensor:
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
        first_only
            Mix for the first token (CLS) alone, all a head reads after the last layer.

        Returns
        -------
        (B, M, H), with M = 1 for the first token only, else N
        """
        query, key, value = self._project(hidden, first_only)
        asked = query.shape[2]
        bias = self._position_scores(query, key, table, positions) + bias[:, :asked]
        if self.training or torch.is_grad_enabled():
            # A bias that learns makes the fused kernels slower than plain products.
            mixed = self._attend(query, key, value, bias)
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=self.scale)
        return mixed.permute(1, 2, 0, 3).reshape(hidden.shape[0], asked, hidden.shape[2])

    def _project(self, hidden: Tensor, first_only: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries (A, B, M, D), keys and values (A, B, N, D).

        Heads come first, so that one batched product per head serves all molecules against the shared table.
        """
        width = hidden.shape[2]
        if not first_only:
            query, key, value = self._by_head(self.projection(hidden), 3).unbind(0)
            return query, key, value
        weight, bias = self.projection.weight, self.projection.bias
        query = self._by_head(functional.linear(hidden[:, :1], weight[:width], bias[:width]), 1)[0]
        key, value = self._by_head(functional.linear(hidden, weight[width:], bias[width:]), 2).unbind(0)
        return query, key, value

    def _by_head(self, states: Tensor, parts: int) -> Tensor:
        """(B, N, P * H) -> (P, A, B, N, D)."""
        batch, length = states.shape[:2]
        return states.view(batch, length, parts, self.heads, self.head_size).permute(2, 3, 0, 1, 4).contiguous()

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Softmax attention from (A, B, ., D) states and an (A, B, M, N) bias, as explicit products."""
        query, key, value = (states.flatten(0, 1) for states in (query, key, value))
        scores = torch.baddbmm(bias.flatten(0, 1), query, key.transpose(1, 2), alpha=self.scale)
        weights = dropout(scores.softmax(dim=-1), self.dropout, self.training)
        return torch.bmm(weights, value).view(*bias.shape[:3], -1)

    def _position_scores(self, query: Tensor, key: Tensor, table: Tensor, positions: Tensor) -> Tensor:
        """Return the scaled content-to-position and position-to-content scores, (A, B, M, N)."""
        heads, batch, asked, size = query.shape
        weight = self.projection.weight[: 2 * heads * size]
        bias = self.projection.bias[: 2 * heads * size]
        rows = functional.linear(table, weight, bias).view(-1, 2, heads, size) * self.scale
        row_queries, row_keys = rows.permute(1, 2, 3, 0).unbind(0)
        # Queries meet the keys of the table, keys meet its queries.
        from_query = torch.matmul(query.flatten(1, 2), row_keys).view(heads, batch, asked, -1)
        from_key = torch.matmul(key.flatten(1, 2), row_queries).view(heads, batch, key.shape[2], -1)
        from_query = from_query.gather(-1, positions[:, :asked].expand(heads, -1, -1, -1))
        from_key = from_key.gather(-1, positions[..., :asked].expand(heads, -1, -1, -1))
        return from_query + from_key.transpose(-1, -2)
