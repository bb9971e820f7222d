"""The same network written the plain way: what `speed.py` compares ours with.

One linear layer a projection, the whole table of relative positions in every layer, explicit softmax, PyTorch's own
dropout, padding to the longest molecule of a random batch. It computes what `mole_engine.models.mole.MolE` computes
(a test copies weights across and compares), it only takes no care about speed.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mole_engine.contracts.config import ModelConfig


class PlainAttention(nn.Module):
    """Disentangled attention: content to content, content to position, position to content."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(config.attention_dropout)

    def split(self, states: Tensor) -> Tensor:
        """(..., N, H) -> (..., A, N, D)."""
        return states.view(*states.shape[:-1], self.heads, -1).transpose(-2, -3)

    def forward(self, hidden: Tensor, table: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """(B, N, H) states, (R, H) table, (B, N, N) rows, (B, N) real tokens -> (B, N, H)."""
        query, key, value = (self.split(layer(hidden)) for layer in (self.query, self.key, self.value))
        place_key, place_query = self.split(self.key(table)), self.split(self.query(table))
        index = positions.unsqueeze(1).expand(-1, self.heads, -1, -1)
        scores = query @ key.transpose(-1, -2)
        scores = scores + (query @ place_key.transpose(-1, -2)).gather(-1, index)
        scores = scores + (key @ place_query.transpose(-1, -2)).gather(-1, index).transpose(-1, -2)
        scores = scores / math.sqrt(3 * query.shape[-1])
        scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
        mixed = self.dropout(scores.softmax(-1)) @ value
        return mixed.transpose(1, 2).reshape(hidden.shape)


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
        self.dropout = nn.Dropout(config.hidden_dropout)

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
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.table = nn.Embedding(config.relative_positions, config.hidden_size)
        self.table_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.layers = nn.ModuleList(PlainLayer(config) for _ in range(config.layers))
        self.head_dropout = nn.Dropout(config.head_dropout)
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
