"""The blocks of the encoder: embeddings, attention block, layer, stack, and the head that reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mole_engine.nn.disentangled_attention import DisentangledSelfAttention
from mole_engine.nn.dropout import Dropout
from mole_engine.nn.masks import attention_bias
from mole_engine.nn.packed_layer import packed_layer
from mole_engine.nn.packing import Packing, pack

Activation = Literal["gelu", "relu", "silu", "tanh"]

RECOMPUTE_BYTES = 3 * 2**29
"""On a CPU, a batch whose activations would take more than this keeps only the states between layers, and works the
rest out again on the way back: a few batches of large molecules then need not set the memory of the whole job."""

PACKED = True
"""Whether batches on a CPU are computed without padding; off only to compare."""

_ALIGNED = 8
"""Numbers of 16 bits that a GPU reads at once."""

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}


class Places(NamedTuple):
    """How the tokens of a padded batch stand to each other.

    Attributes
    ----------
    positions
        (B, N, N) int64 rows of the table of relative positions.
    bias
        (B, 1, N) or (B, N, N), added to the scores: 0, or minus infinity where a key may not be seen.
    """

    positions: Tensor
    bias: Tensor


class BertEmbeddings(nn.Module):
    """Token embeddings, layer-normed; padding is zero.

    Parameters
    ----------
    vocabulary_size, hidden_size
        Rows and width of the table.
    """

    def __init__(self, vocabulary_size: int, hidden_size: int, dropout: float = 0.0, eps: float = 1e-7) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size, eps=eps)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Embed (B, N) tokens under a (B, N) mask of real tokens; returns (B, N, H)."""
        normed = self.norm(self.words(tokens))
        states: Tensor = self.dropout(normed * mask.unsqueeze(-1).to(normed.dtype))
        return states


class BertAttention(nn.Module):
    """Disentangled attention, its output projection, and the residual with layer norm."""

    def __init__(
        self, hidden_size: int, heads: int, hidden_dropout: float, attention_dropout: float, eps: float = 1e-7
    ) -> None:
        super().__init__()
        self.mix = DisentangledSelfAttention(hidden_size, heads, attention_dropout)
        self.output = nn.Linear(hidden_size, hidden_size)
        self.dropout = Dropout(hidden_dropout)
        self.norm = nn.LayerNorm(hidden_size, eps=eps)

    def forward(
        self, hidden: Tensor, table: Tensor, positions: Tensor, bias: Tensor, first_only: bool = False
    ) -> Tensor:
        """Return (B, N, H), or (B, 1, H); see `DisentangledSelfAttention.forward` for the arguments."""
        mixed = self.mix(hidden, table, positions, bias, first_only)
        states: Tensor = self.norm(hidden[:, : mixed.shape[1]] + self.dropout(self.output(mixed)))
        return states


class BertLayer(nn.Module):
    """Attention and feed-forward block, each with a residual and a layer norm after it.

    Parameters
    ----------
    intermediate_size
        Width of the feed-forward layer.
    activation
        Name of its activation function, one of `ACTIVATIONS`.
    """

    def __init__(
        self,
        hidden_size: int,
        heads: int,
        intermediate_size: int,
        activation: Activation = "gelu",
        hidden_dropout: float = 0.0,
        attention_dropout: float = 0.0,
        eps: float = 1e-7,
    ) -> None:
        super().__init__()
        self.attention = BertAttention(hidden_size, heads, hidden_dropout, attention_dropout, eps)
        self.expand = nn.Linear(hidden_size, intermediate_size)
        self.activation = ACTIVATIONS[activation]()
        self.contract = nn.Linear(intermediate_size, hidden_size)
        self.dropout = Dropout(hidden_dropout)
        self.norm = nn.LayerNorm(hidden_size, eps=eps)

    def forward(self, hidden: Tensor, table: Tensor, places: Places | Packing, first_only: bool = False) -> Tensor:
        """Return the states after this layer.

        Parameters
        ----------
        hidden
            (B, N, H) states, or (T, H) with a packing.
        table
            (R, H) layer-normed relative positions.
        places
            How the tokens stand to each other; a `Packing` where the states are packed.
        first_only
            Return the state of the first token (CLS) alone, (B, 1, H); of padded states only.
        """
        if isinstance(places, Packing):
            return packed_layer(self, hidden, table, places)
        hidden = self.attention(hidden, table, places.positions, places.bias, first_only)
        change = self.contract(self.activation(self.expand(hidden)))
        states: Tensor = self.norm(hidden + self.dropout(change))
        return states


class BertEncoder(nn.Module):
    """A stack of layers that share one table of relative positions.

    Parameters
    ----------
    relative_positions
        Rows of the table; larger positions use its last row.

    Other parameters are those of `BertLayer`.
    """

    def __init__(
        self,
        layers: int,
        hidden_size: int,
        heads: int,
        intermediate_size: int,
        relative_positions: int = 128,
        activation: Activation = "gelu",
        hidden_dropout: float = 0.0,
        attention_dropout: float = 0.0,
        eps: float = 1e-7,
    ) -> None:
        super().__init__()
        self.relative = nn.Embedding(relative_positions, hidden_size)
        self.norm = nn.LayerNorm(hidden_size, eps=eps)
        self.layers = nn.ModuleList(
            BertLayer(hidden_size, heads, intermediate_size, activation, hidden_dropout, attention_dropout, eps)
            for _ in range(layers)
        )

    def relative_table(self, rows: int | None = None) -> Tensor:
        """Return the first `rows` layer-normed relative positions (all by default), (R, H)."""
        weight: Tensor = self.relative.weight if rows is None else self.relative.weight[:rows]
        normed: Tensor = self.norm(weight)
        return normed

    def forward(
        self,
        hidden: Tensor,
        distances: Tensor,
        mask: Tensor,
        span: Tensor | None = None,
        first_only: bool = False,
        all_layers: bool = False,
    ) -> Tensor:
        """Run all layers.

        Parameters
        ----------
        hidden
            (B, N, H) embeddings.
        distances
            (B, N, N) relative positions of any integer type: topological distance + 1, 0 where there is none.
        mask
            (B, N) bool, True on real tokens.
        span
            (B, N, N) bool, True where a token may be attended to, or None for everywhere.
        first_only
            Return the states of the first tokens (CLS) alone: the last layer then leaves out what only others need.
        all_layers
            Return the states after each of the L layers, not after the last one alone; not together with `first_only`.

        Returns
        -------
        (B, N, H) states, (B, 1, H) or (L, B, N, H); rows of padding hold arbitrary values that no real row ever reads.
        """
        positions, table = self._places_in_table(distances)
        places = Places(positions, attention_bias(mask, span, _dtype_of_scores(hidden)))
        below = self.layers[: len(self.layers) - first_only]
        if self._can_pack(hidden, mask):
            # Without padding only products of linear layers are narrowed, by themselves; scores stay as they are.
            bias = places.bias.to(hidden.dtype)
            packing = pack(mask, places.positions, bias, self._first_layer.attention.mix.heads)
            run = self._runner(hidden, table, len(packing.tokens), packing.numbers)
            states, seen = packing.packed(hidden), []
            for layer in below:
                states = run(layer, states, packing)
                if all_layers:
                    seen.append(packing.padded(states))
            if not first_only:
                return torch.stack(seen) if all_layers else packing.padded(states)
            top = self.layers[-1]
            firsts = [
                run(top, group.padded(states), Places(group.positions, group.bias), True) for group in packing.groups
            ]
            return packing.in_order(firsts)
        numbers = mask.numel() * (4 * mask.shape[1] + 2 * len(table))
        run = self._runner(hidden, table, mask.numel(), numbers)
        seen = []
        for layer in below:
            hidden = run(layer, hidden, places)
            if all_layers:
                seen.append(hidden)
        if all_layers:
            return torch.stack(seen)
        return run(self.layers[-1], hidden, places, True) if first_only else hidden

    def _runner(self, hidden: Tensor, table: Tensor, tokens: int, numbers: int) -> Callable[..., Tensor]:
        """Return what runs a layer: (layer, states, places, first only) -> states."""
        recompute = self.training and torch.is_grad_enabled() and self._is_heavy(hidden, tokens, numbers)

        def run(layer: nn.Module, states: Tensor, places: Places | Packing, first: bool = False) -> Tensor:
            if recompute:
                return checkpoint(layer, states, table, places, first, use_reentrant=False)  # type: ignore[no-any-return]
            return layer(states, table, places, first)  # type: ignore[no-any-return]

        return run

    @property
    def _first_layer(self) -> BertLayer:
        layer = self.layers[0]
        assert isinstance(layer, BertLayer)  # noqa: S101 - for the type checker; nothing else is put there
        return layer

    def _can_pack(self, hidden: Tensor, mask: Tensor) -> bool:
        """Whether the tokens are packed: on a CPU, where the network really runs."""
        on_cpu = hidden.device.type == "cpu"
        return PACKED and on_cpu and bool(len(self.layers)) and not _is_traced() and bool(mask.any())

    def _is_heavy(self, hidden: Tensor, tokens: int, numbers: int) -> bool:
        """Whether the activations of all layers together are too much to keep.

        Parameters
        ----------
        tokens
            That go through the layers.
        numbers
            That attention keeps for each head: 4 a pair of tokens, 2 a token and row of the table.
        """
        if hidden.device.type != "cpu":
            return False
        layer = self._first_layer
        states = tokens * (12 * hidden.shape[2] + 3 * layer.expand.out_features)
        kept = states + layer.attention.mix.heads * numbers
        return hidden.element_size() * kept * len(self.layers) > RECOMPUTE_BYTES

    def rows_of(self, distances: Tensor) -> Tensor:
        """Return the table row of each relative position: int64, clamped at the end of the table."""
        return distances.long().clamp(max=self.relative.num_embeddings - 1)

    def _places_in_table(self, distances: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (B, N, N) rows of the relative positions, and as much of the table as they can need, (R, H)."""
        positions = self.rows_of(distances)
        if _is_traced() or not positions.numel():
            return positions, self.relative_table()
        if _is_cheap_to_ask(positions):
            return positions, self.relative_table(int(positions.max()) + 1)
        rows = min(rows_at_most(positions.shape[-1]), self.relative.num_embeddings)
        # Our own distances are below that; others must not make a GPU read outside of the table.
        return positions.clamp(max=rows - 1), self.relative_table(rows)


def rows_at_most(length: int) -> int:
    """Return how many rows of the table a batch of molecules of up to `length` tokens can need.

    No two of the `length` - 1 atoms lie further apart than `length` - 2 bonds, so no position (distance + 1) reaches
    `length`. Rounded up to a multiple of 8, since a GPU multiplies matrices of 16-bit numbers faster whose rows begin
    at multiples of 16 bytes.
    """
    return -(-length // _ALIGNED) * _ALIGNED


def _is_cheap_to_ask(positions: Tensor) -> bool:
    """Whether the largest position can be looked up: not on a GPU, which all work in its queue would be waited for."""
    return positions.device.type == "cpu"


def _dtype_of_scores(hidden: Tensor) -> torch.dtype:
    """Return the type that attention scores are computed in.

    Under autocast not that of the states: a bias of 32 bits would turn all the position terms into 32 bits, only for
    the product after them to turn them back.
    """
    kind = hidden.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    return hidden.dtype


def _is_traced() -> bool:
    """Whether this is an export or a compilation, which must not depend on the values of a batch."""
    tracing: bool = torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
    return tracing or torch.compiler.is_compiling()


class TaskPredictionHead(nn.Module):
    """Dropout, dense, activation, dropout, classifier.

    Parameters
    ----------
    input_size
        Width of what is read: the pooled states, with descriptors where there are any.
    hidden_size
        Width of the dense layer.
    outputs
        Number of outputs.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        outputs: int,
        dropout: float = 0.0,
        activation: Activation = "gelu",
    ) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.dense = nn.Linear(input_size, hidden_size)
        self.activation = ACTIVATIONS[activation]()
        self.classifier = nn.Linear(hidden_size, outputs)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return (B, outputs) logits of (B, input_size) pooled states."""
        states = self.activation(self.dense(self.dropout(pooled)))
        logits: Tensor = self.classifier(self.dropout(states))
        return logits
