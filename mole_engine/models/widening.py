"""Spreads the weights of a trained network over a wider one that computes the same (Net2Net, Chen et al., 2016)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mole_engine.contracts.config import ModelConfig

UNEVENNESS = 0.5
"""Spread of the shares that copies of a feature get in what reads them, beside an even share. Were they even, copies
would have equal gradients and learn the same for ever."""

_POOLED = {"cls": 1, "mean": 1, "cls+mean": 2}


def widening_factor(narrow: ModelConfig, wide: ModelConfig) -> int:
    """Return how many times wider a network is; 0 where the weights of the narrow one cannot be spread over it.

    That takes the same layers, kind of pooling and size of a head, and a width, number of heads and feed-forward width
    that are all the same whole multiple.
    """
    factor, rest = divmod(wide.hidden_size, narrow.hidden_size)
    alike = all(
        getattr(narrow, name) == getattr(wide, name)
        for name in ("layers", "pooling", "activation", "relative_positions", "vocabulary_size", "layer_norm_eps")
    )
    multiples = wide.heads == factor * narrow.heads and wide.feed_forward_size == factor * narrow.feed_forward_size
    return factor if alike and multiples and not rest else 0


def widen(tensors: Mapping[str, Tensor], factor: int, config: ModelConfig, seed: int = 0) -> dict[str, Tensor]:
    """Return the weights of a network `factor` times as wide with the same outputs.

    Every feature is there `factor` times, so that layer norms see the same mean and variance; what reads a feature
    shares its weight out among the copies.

    Parameters
    ----------
    tensors
        State of an encoder with pretraining heads, by the names of `PretrainingModel.state_dict`.
    config
        Of the narrow network.
    seed
        Of the shares.
    """
    generator = torch.Generator().manual_seed(seed)
    return {name: _widened(name, value, factor, config, generator) for name, value in tensors.items()}


def _widened(name: str, value: Tensor, factor: int, config: ModelConfig, generator: torch.Generator) -> Tensor:
    parts = name.split(".")
    layer = parts[-2]
    if layer in {"words", "relative"}:
        return value.repeat(1, factor)
    if layer == "norm":
        return value.repeat(factor)
    # A classifier answers for classes, tasks or descriptors: those stay as many.
    wide = value if layer == "classifier" else _copies(value, factor, 3 if layer == "projection" else 1)
    if parts[-1] != "weight":
        return wide
    pooled = layer == "dense" and parts[1] in {"tasks", "descriptors"}
    blocks = _POOLED[config.pooling] if pooled else 1
    return _shared_out(wide, factor, blocks, generator)


def _copies(value: Tensor, factor: int, blocks: int) -> Tensor:
    """Repeat the rows of each of `blocks` equal parts."""
    return torch.cat([part.repeat(factor, *(1,) * (value.dim() - 1)) for part in value.chunk(blocks)])


def _shared_out(weight: Tensor, factor: int, blocks: int, generator: torch.Generator) -> Tensor:
    """Repeat the columns of each of `blocks` equal parts, with shares that add up to one."""
    rows, columns = weight.shape
    noise = torch.randn(factor, rows, columns, generator=generator) * (UNEVENNESS / factor)
    shares = (1.0 / factor + noise - noise.mean(dim=0)).to(weight.dtype)
    split = shares * weight
    return torch.cat([part for block in split.chunk(blocks, dim=2) for part in block], dim=1)
