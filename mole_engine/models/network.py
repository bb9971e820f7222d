"""The network of MolE by itself: encoder, pooling and head, without anything that trains it.

Predicting needs no Lightning, whose import takes longer than the prediction of a molecule.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mole_engine.contracts.config import ModelConfig
from mole_engine.models.encoder import Encoder, initialise
from mole_engine.nn.bert import TaskPredictionHead

if TYPE_CHECKING:
    from mole_engine.data.batching import MolBatch

DESCRIPTOR_LIMIT = 10.0
"""Standardised descriptors are clipped here: some of RDKit's explode on unusual molecules."""


class MolENetwork(nn.Module):
    """Encoder and head as plain tensor functions.

    Parameters
    ----------
    config
        `vocabulary_size` and `outputs` must be filled in, with `descriptors` also `descriptor_size`.

    Attributes
    ----------
    encoder, head
        The two parts.
    descriptor_mean, descriptor_scale
        (descriptor_size,) what descriptors are standardised with; set by `fit_descriptors`, saved with the weights.

    Raises
    ------
    ValueError
        When a size is not filled in.
    """

    descriptor_mean: Tensor
    descriptor_scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.outputs < 1:
            raise ValueError("model.outputs must be filled in from the tasks")
        if config.descriptors and config.descriptor_size < 1:
            raise ValueError("model.descriptor_size must be filled in from the descriptors")
        self.config = config
        self.encoder = Encoder(config)
        self.head = TaskPredictionHead(
            head_input_size(config), config.hidden_size, config.outputs, config.head_dropout, config.activation
        )
        initialise(self.head, config.initializer_range)
        if config.descriptors:
            self.register_buffer("descriptor_mean", torch.zeros(config.descriptor_size))
            self.register_buffer("descriptor_scale", torch.ones(config.descriptor_size))

    def forward(self, tokens: Tensor, distances: Tensor, mask: Tensor, descriptors: Tensor | None = None) -> Tensor:
        """Predict a batch.

        Parameters
        ----------
        tokens, distances, mask
            See `Encoder.forward`.
        descriptors
            (B, descriptor_size), raw, NaN where not computable; only with `config.descriptors`.

        Returns
        -------
        (B, outputs) logits, in the scaled space of the targets.

        Raises
        ------
        ValueError
            When the model reads descriptors and there are none.
        """
        return self.read_out(self.encode(tokens, distances, mask), descriptors)

    def read_out(self, pooled: Tensor, descriptors: Tensor | None = None) -> Tensor:
        """Return the logits of what `encode` gave; arguments and errors as in `forward`."""
        if self.config.descriptors:
            if descriptors is None:
                raise ValueError("this model also reads molecular descriptors, but none were given")
            pooled = torch.cat([pooled, self.standardise(descriptors).to(pooled.dtype)], dim=-1)
        logits: Tensor = self.head(pooled)
        return logits

    def predict_batch(self, batch: MolBatch) -> Tensor:
        """Return the (B, outputs) logits of a batch."""
        if batch.pooled is not None:
            return self.read_out(batch.pooled, batch.descriptors)
        logits: Tensor = self(batch.tokens, batch.distances, batch.mask, batch.descriptors)
        return logits

    def encode(self, tokens: Tensor, distances: Tensor, mask: Tensor) -> Tensor:
        """Return one vector per molecule, (B, H) or (B, 2H): the pooled states that the head reads."""
        first_only = self.config.pooling == "cls"
        hidden = self.encoder(tokens, distances, mask, first_only=first_only)
        return pool(hidden, mask, self.config.pooling)

    def fit_descriptors(self, descriptors: Tensor) -> None:
        """Standardise with the mean and deviation of the (n, descriptor_size) descriptors of the training part.

        Missing values (NaN) are left aside and later stand at the mean; constant columns are only centred.
        """
        values = descriptors.double()
        known = torch.isfinite(values)
        count = known.sum(0).clamp(min=1)
        mean = values.where(known, torch.zeros_like(values)).sum(0) / count
        centred = (values - mean).where(known, torch.zeros_like(values))
        deviation = (centred.square().sum(0) / count).sqrt()
        scale = torch.where(deviation > 1e-12, deviation, torch.ones_like(deviation))
        self.descriptor_mean.copy_(mean)
        self.descriptor_scale.copy_(scale)

    def standardise(self, descriptors: Tensor) -> Tensor:
        """Return (B, descriptor_size) descriptors as the head reads them: standardised, clipped, without gaps."""
        scaled = (descriptors - self.descriptor_mean) / self.descriptor_scale
        return torch.nan_to_num(scaled, nan=0.0).clamp(-DESCRIPTOR_LIMIT, DESCRIPTOR_LIMIT)

    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield the parts from bottom to top: "embeddings", "layer 0" ..., "head"."""
        yield from self.encoder.parts()
        yield "head", self.head


def head_input_size(config: ModelConfig) -> int:
    """Width of what the head reads."""
    return pooled_size(config) + (config.descriptor_size if config.descriptors else 0)


def pool(hidden: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Summarise the states of each molecule.

    Parameters
    ----------
    hidden
        (B, N, H) states, CLS first.
    mask
        (B, N) bool, True on real tokens.
    pooling
        "cls": the state of CLS; "mean": the mean over atoms; "cls+mean": both, side by side.

    Returns
    -------
    (B, H), or (B, 2H) for "cls+mean".
    """
    if pooling == "cls":
        return hidden[:, 0]
    # CLS is left out by its place: a slice would not export for molecules of a single atom.
    is_atom = (mask & (torch.arange(mask.shape[1], device=mask.device) > 0)).unsqueeze(-1)
    # Padded rows hold arbitrary values, so they are left out by selection rather than by a product.
    total = hidden.masked_fill(~is_atom, 0.0).sum(dim=1)
    mean = total / is_atom.sum(dim=1).clamp(min=1).to(total.dtype)
    return mean if pooling == "mean" else torch.cat([hidden[:, 0], mean], dim=-1)


def pooled_size(config: ModelConfig) -> int:
    """Width of the vector that `MolENetwork.encode` gives."""
    return config.hidden_size * (2 if config.pooling == "cls+mean" else 1)
