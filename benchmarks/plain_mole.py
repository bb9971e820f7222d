"""The same network written the plain way: what `speed.py` compares ours with.

As DeBERTa and the engine that MolE was published with work: one linear layer a projection, the whole table of relative
positions in every layer and copied for every molecule, the index of the position terms copied for every head, a softmax
between two masks, dropout by a Bernoulli number an element and a masked fill, padding to the longest molecule of a
random batch. It computes what `mole_engine.models.mole.MolE` computes (a test copies weights across and compares), it
only takes no care about speed.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from mole_engine.contracts.config import ModelConfig


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, probability: float) -> Tensor:
        dropped = (1 - torch.empty_like(values).bernoulli_(1 - probability)).bool()
        context.scale = 1.0 / (1 - probability)
        context.save_for_backward(dropped)
        return values.masked_fill(dropped, 0) * context.scale

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (dropped,) = context.saved_tensors
        return gradients[0].masked_fill(dropped, 0) * context.scale, None


class PlainDropout(nn.Module):
    """Dropout with a mask of its own."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values: Tensor) -> Tensor:
        """Return `values`, in training with some of them zeroed."""
        if not self.training or self.probability == 0:
            return values
        dropped: Tensor = _Drop.apply(values, self.probability)  # type: ignore[no-untyped-call]
        return dropped


class PlainAttention(nn.Module):
    """Disentangled attention: content to content, content to position, position to content."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = PlainDropout(config.attention_dropout)
        self.table_dropout = PlainDropout(config.hidden_dropout)

    def split(self, states: Tensor) -> Tensor:
        """(B, N, H) -> (B * A, N, D)."""
        batch, length, width = states.shape
        return states.view(batch, length, self.heads, -1).permute(0, 2, 1, 3).reshape(-1, length, width // self.heads)

    def forward(self, hidden: Tensor, table: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """(B, N, H) states, (R, H) table, (B, N, N) rows, (B, N) real tokens -> (B, N, H)."""
        batch, length, _ = hidden.shape
        query, key, value = (self.split(layer(hidden)) for layer in (self.query, self.key, self.value))
        table = self.table_dropout(table).unsqueeze(0)
        place_key = self.split(self.key(table)).repeat(batch, 1, 1)
        place_query = self.split(self.query(table)).repeat(batch, 1, 1)
        index = positions.unsqueeze(1).repeat(1, self.heads, 1, 1).view(-1, length, length)
        scale = math.sqrt(3 * query.shape[-1])
        scores = torch.bmm(query, key.transpose(-1, -2)) / scale
        scores = scores + torch.bmm(query, place_key.transpose(-1, -2)).gather(-1, index) / scale
        scores = scores + torch.bmm(key, place_query.transpose(-1, -2)).gather(-1, index).transpose(-1, -2) / scale
        both = (mask[:, None, None, :] & mask[:, None, :, None]).expand(-1, self.heads, -1, -1).reshape(scores.shape)
        weights = scores.masked_fill(~both, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(~both, 0)
        mixed = torch.bmm(self.dropout(weights), value)
        return mixed.view(batch, self.heads, length, -1).permute(0, 2, 1, 3).reshape(hidden.shape)


class PlainLayer(nn.Module):
    """Attention and feed-forward, each with residual and layer norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention = PlainAttention(config)
        self.output = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.expand = nn.Linear(config.hidden_size, config.feed_forward_size)
        self.contract = nn.Linear(config.feed_forward_size, config.hidden_size)
        self.last_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = PlainDropout(config.hidden_dropout)

    def forward(self, hidden: Tensor, table: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """See `PlainAttention.forward`."""
        mixed = self.attention(hidden, table, positions, mask)
        hidden = self.norm(hidden + self.dropout(self.output(mixed)))
        change = self.contract(nn.functional.gelu(self.expand(hidden)))
        states: Tensor = self.last_norm(hidden + self.dropout(change))
        return states


class PlainMolE(nn.Module):
    """Embeddings, layers, and a head on CLS."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.rows = config.relative_positions
        self.words = nn.Embedding(config.vocabulary_size, config.hidden_size)
        self.word_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = PlainDropout(config.hidden_dropout)
        self.table = nn.Embedding(config.relative_positions, config.hidden_size)
        self.table_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.layers = nn.ModuleList(PlainLayer(config) for _ in range(config.layers))
        self.head_dropout = PlainDropout(config.head_dropout)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.classifier = nn.Linear(config.hidden_size, config.outputs)

    def forward(self, tokens: Tensor, distances: Tensor, mask: Tensor) -> Tensor:
        """(B, N), (B, N, N), (B, N) -> (B, outputs)."""
        hidden = self.dropout(self.word_norm(self.words(tokens)) * mask.unsqueeze(-1))
        positions = distances.long().clamp(max=self.rows - 1)
        table = self.table_norm(self.table.weight)
        for layer in self.layers:
            hidden = layer(hidden, table, positions, mask)
        states = nn.functional.gelu(self.dense(self.head_dropout(hidden[:, 0])))
        logits: Tensor = self.classifier(self.head_dropout(states))
        return logits


def copy_weights(plain: PlainMolE, ours: nn.Module) -> None:
    """Give `plain` the weights of a `mole_engine.models.mole.MolE` of the same size."""
    state = dict(ours.state_dict())
    renamed: dict[str, Tensor] = {}
    for name, values in state.items():
        if "mix.projection" in name:
            layer, kind = name.split(".")[3], name.rsplit(".", 1)[1]
            for part, third in zip(("query", "key", "value"), values.chunk(3), strict=True):
                renamed[f"layers.{layer}.attention.{part}.{kind}"] = third
        else:
            renamed[_plain_name(name)] = values
    plain.load_state_dict(renamed, strict=True)


_NAMES = (
    ("encoder.encoder.layers.", "layers."),
    (".attention.output.", ".output."),
    (".attention.norm.", ".norm!"),
    ("encoder.embeddings.words.", "words."),
    ("encoder.embeddings.norm.", "word_norm."),
    ("encoder.encoder.relative.", "table."),
    ("encoder.encoder.norm.", "table_norm."),
    ("head.", ""),
)


def _plain_name(name: str) -> str:
    for ours, plain in _NAMES:
        name = name.replace(ours, plain)
    if name.startswith("layers.") and ".norm." in name:
        name = name.replace(".norm.", ".last_norm.")
    return name.replace("!", ".")


def random_batches(count: int, batch_size: int, generator: torch.Generator) -> list[list[int]]:
    """Return one epoch of random batches of positions, the last one short."""
    order = torch.randperm(count, generator=generator).tolist()
    return [order[start : start + batch_size] for start in range(0, count, batch_size)]
