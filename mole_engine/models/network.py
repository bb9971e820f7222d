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

DESCRIPTOR_LIMIT = 4.0
"""Standardised inputs of the head are clipped here: some of RDKit's descriptors explode on unusual molecules."""

_OUTER = (0.01, 0.99)
"""Quantiles beyond which values do not count for mean and deviation."""

_MEASURED = 20_000
"""Molecules on which inputs of the head are measured, at most."""

_COLUMNS = 64
"""Columns that are measured at a time."""


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
    pooled_mean, pooled_scale
        The same for the encoder's vectors, with `standardise_pooled`; set by `fit_pooled`.

    Raises
    ------
    ValueError
        When a size is not filled in.
    """

    descriptor_mean: Tensor
    descriptor_scale: Tensor
    pooled_mean: Tensor
    pooled_scale: Tensor

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
        if config.standardise_pooled:
            self.register_buffer("pooled_mean", torch.zeros(pooled_size(config)))
            self.register_buffer("pooled_scale", torch.ones(pooled_size(config)))

    def forward(self, tokens: Tensor, distances: Tensor, mask: Tensor, descriptors: Tensor | None = None) -> Tensor:
        """Predict a batch.

        Parameters
        ----------
        tokens, distances, mask
            See `Encoder.forward`.
        descriptors
            (B, at least descriptor_size), raw, NaN where not computable; only with `config.descriptors`.

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
        if self.config.standardise_pooled:
            pooled = _limited((pooled - self.pooled_mean) / self.pooled_scale)
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
        """Return one vector per molecule, (B, `pooled_size`): the pooled states that the head reads."""
        mask = mask.bool()
        first_only, all_layers = self.config.pooling == "cls", self.config.pooling == "layers"
        hidden = self.encoder(tokens, distances, mask, first_only=first_only, all_layers=all_layers)
        if all_layers:
            return torch.cat([pool(states, mask, "cls+mean") for states in hidden.unbind(0)], dim=-1)
        return pool(hidden, mask, self.config.pooling)

    def fit_descriptors(self, descriptors: Tensor) -> None:
        """Standardise with the mean and deviation of the (n, descriptor_size) descriptors of the training part.

        Missing values (NaN) are left aside and later stand at the mean; constant columns are only centred. The outer
        hundredths of a column are moved to their edge first, so that a single outlier does not flatten the rest.
        """
        mean, scale = _mean_and_scale(descriptors)
        self.descriptor_mean.copy_(mean)
        self.descriptor_scale.copy_(scale)

    def fit_pooled(self, pooled: Tensor) -> None:
        """Standardise the encoder's vectors with mean and deviation of the (n, d) vectors of the training part."""
        mean, scale = _mean_and_scale(pooled)
        self.pooled_mean.copy_(mean)
        self.pooled_scale.copy_(scale)

    def standardise(self, descriptors: Tensor) -> Tensor:
        """Return (B, descriptor_size) descriptors as the head reads them: standardised, clipped, without gaps."""
        # The table may have columns that were appended since this network was made.
        known = descriptors[:, : self.descriptor_mean.shape[0]]
        scaled = (known - self.descriptor_mean) / self.descriptor_scale
        return _limited(torch.nan_to_num(scaled, nan=0.0))

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
    return config.hidden_size * {"layers": 2 * config.layers, "cls+mean": 2}.get(config.pooling, 1)


def _limited(values: Tensor) -> Tensor:
    return values.clamp(-DESCRIPTOR_LIMIT, DESCRIPTOR_LIMIT)


def _mean_and_scale(table: Tensor) -> tuple[Tensor, Tensor]:
    """Return (D,) means and deviations of the known values of (n, D), outliers moved in; 1 for constant columns."""
    some = table[:: -(-len(table) // _MEASURED)]
    # Each column by itself, some at a time: the copies of a whole table would take ten times its memory.
    starts = range(0, max(1, some.shape[1]), _COLUMNS)
    found = [_measured(some[:, start : start + _COLUMNS]) for start in starts]
    return torch.cat([mean for mean, _ in found]), torch.cat([scale for _, scale in found])


def _measured(columns: Tensor) -> tuple[Tensor, Tensor]:
    values = columns.double()
    values = values.where(torch.isfinite(values), torch.full_like(values, torch.nan))
    known = ~values.isnan()
    # A sort of each column with its gaps last: the quantiles of what is known.
    ordered = values.T.contiguous().sort(dim=1).values.T
    last = (known.sum(0) - 1).clamp(min=0)
    low, high = (ordered.gather(0, (last * share).round().long()[None])[0] for share in _OUTER)
    varies = high > low
    inner = values.clamp(low, high).where(varies, values)
    count = known.sum(0).clamp(min=1)
    mean = inner.nan_to_num(0.0).sum(0) / count
    centred = (inner - mean).nan_to_num(0.0)
    deviation = (centred.square().sum(0) / count).sqrt()
    return mean, torch.where(deviation > 1e-12, deviation, torch.ones_like(deviation))
