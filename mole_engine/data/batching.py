"""Batches: molecules of like lengths together, so that little arithmetic is spent on padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, Sampler

from mole_engine.data.features import FeaturisedDataset

BATCHES_SORTED_TOGETHER = 32
LENGTH_JITTER = 0.05
"""Changes the company of a molecule from epoch to epoch; more than this is paid for in padding."""

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]


@dataclass
class MolBatch:
    """A batch of B molecules, padded to N tokens.

    Attributes
    ----------
    tokens
        (B, N) int64, CLS first, PAD behind the last atom.
    distances
        (B, N, N) uint8 relative positions, 0 at padding.
    mask
        (B, N) bool, true where there is a token.
    targets
        (B, T) float32 in the user's units (classes as 0..k-1); 0 where there is no label.
    target_mask
        (B, T) bool, true where there is a label.
    weights
        (B,) float32 sample weights.
    index
        (B,) int64 positions in the data set the batch was cut from.
    descriptors
        (B, D) float32, NaN where one could not be computed; None without descriptors.
    pooled
        (B, d) float32, what a fixed encoder says of the molecules; None where the encoder computes it. With it, tokens
        and distances hold CLS alone.
    """

    tokens: torch.Tensor
    distances: torch.Tensor
    mask: torch.Tensor
    targets: torch.Tensor
    target_mask: torch.Tensor
    weights: torch.Tensor
    index: torch.Tensor
    descriptors: torch.Tensor | None = None
    pooled: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """Return the batch on another device."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """Return the batch in page-locked memory, from which copies to a GPU are faster."""
        return self._mapped(lambda tensor: tensor.pin_memory())

    def _mapped(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Self:
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return replace(self, **{name: change(value) for name, value in values.items() if value is not None})


@dataclass(frozen=True)
class Labels:
    """What is known of each molecule beside its structure.

    Attributes
    ----------
    targets
        (n, T) with NaN for a missing label.
    weights
        (n,) sample weights; None: all 1.
    descriptors
        (n, D); None: none.
    pooled
        (n, d) vectors of a fixed encoder, which then need not be computed for each batch; None: none.
    """

    targets: npt.NDArray[np.float64]
    weights: Floats | None = None
    descriptors: Floats | None = None
    pooled: Floats | None = None

    @classmethod
    def none(cls, size: int, tasks: int = 0) -> Self:
        """Labels of molecules that are only predicted."""
        return cls(targets=np.full((size, tasks), np.nan))


def collate(features: FeaturisedDataset, index: Sequence[int] | Indices, labels: Labels, pad_id: int = 0) -> MolBatch:
    """Cut a padded batch out of the flat arrays.

    Parameters
    ----------
    features, labels
        Of the whole data set.
    index
        (B,) positions of the batch's molecules; all must be readable.
    pad_id
        Token of padding.

    Raises
    ------
    ValueError
        When a molecule has no features.
    """
    rows = np.asarray(index, dtype=np.int64)
    lengths = features.lengths[rows]
    if not len(rows) or not lengths.min():
        raise ValueError("a batch needs molecules, each with features")
    if labels.pooled is not None:
        lengths = np.ones_like(lengths)
    width = int(lengths.max())
    tokens = np.full((len(rows), width), pad_id, dtype=np.int64)
    distances = np.zeros((len(rows), width, width), dtype=np.uint8)
    for row, (position, length) in enumerate(zip(rows.tolist(), lengths.tolist(), strict=True)):
        start, square = features.token_offsets[position], features.distance_offsets[position]
        tokens[row, :length] = features.tokens[start : start + length]
        flat = features.distances[square : square + length * length]
        distances[row, :length, :length] = flat.reshape(length, length)
    targets = labels.targets[rows]
    known = ~np.isnan(targets)
    weights = np.ones(len(rows)) if labels.weights is None else labels.weights[rows]
    return MolBatch(
        tokens=torch.from_numpy(tokens),
        distances=torch.from_numpy(distances),
        mask=torch.from_numpy(np.arange(width) < lengths[:, None]),
        targets=torch.from_numpy(np.where(known, targets, 0.0).astype(np.float32)),
        target_mask=torch.from_numpy(known),
        weights=torch.from_numpy(weights.astype(np.float32)),
        index=torch.from_numpy(rows),
        descriptors=None
        if labels.descriptors is None
        else torch.from_numpy(labels.descriptors[rows].astype(np.float32)),
        pooled=None if labels.pooled is None else torch.from_numpy(labels.pooled[rows].astype(np.float32)),
    )


class BatchSource(Dataset[MolBatch]):
    """A data set that is indexed by whole batches of positions, so that no per-molecule objects are made."""

    def __init__(self, features: FeaturisedDataset, labels: Labels, pad_id: int = 0) -> None:
        self.features = features
        self.labels = labels
        self.pad_id = pad_id

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: Any) -> MolBatch:
        return collate(self.features, index, self.labels, self.pad_id)


class LengthBatchSampler(Sampler[Indices]):
    """Cuts an epoch into batches of molecules of like lengths.

    The molecules are permuted, sorted by (jittered) length within groups of some batches, cut, and the batches are
    shuffled: each molecule comes exactly once an epoch, its company changes from epoch to epoch, and the order of
    batches says nothing about length. The sizes of batches differ by at most one, so that no short last batch weighs
    too much. The order depends on seed and epoch alone.

    Parameters
    ----------
    positions
        Molecules to go through (positions in the data set).
    lengths
        (len(positions),) tokens of each of them.
    batch_size
        Largest number of molecules in a batch, over all ranks together.
    shuffle
        False: by descending length, always the same (for evaluation: the largest batch shows at once whether memory
        suffices).
    accumulate
        The number of batches is made a multiple of this, so that every optimiser step averages as many batches.
    rank, world_size
        This process and the number of processes, each of which gets an equal share of every batch.
    """

    def __init__(
        self,
        positions: Sequence[int] | Indices,
        lengths: Sequence[int] | Indices,
        batch_size: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        accumulate: int = 1,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.positions = np.asarray(positions, dtype=np.int64)
        self.lengths = np.asarray(lengths, dtype=np.int64)
        if len(self.positions) != len(self.lengths):
            raise ValueError("every position needs a length")
        self.shuffle = shuffle
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self.batches = _number_of_batches(len(self.positions), batch_size, accumulate, world_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is produced; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Indices]:
        for batch in self._all_batches():
            share = batch[self.rank :: self.world_size]
            # Only in an evaluation of fewer molecules than processes: the copy is recognised by its index.
            yield self.positions[share if len(share) else batch[:1]]

    def _all_batches(self) -> list[Indices]:
        if not self.batches:
            return []
        if not self.shuffle:
            return np.array_split(np.argsort(-self.lengths, kind="stable"), self.batches)
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(len(self.positions))
        jittered = self.lengths * generator.uniform(1 - LENGTH_JITTER, 1 + LENGTH_JITTER, len(self.lengths))
        batches: list[Indices] = []
        sizes = [len(part) for part in np.array_split(order, self.batches)]
        start = 0
        for first in range(0, self.batches, BATCHES_SORTED_TOGETHER):
            group_sizes = sizes[first : first + BATCHES_SORTED_TOGETHER]
            group = order[start : start + sum(group_sizes)]
            start += len(group)
            group = group[np.argsort(jittered[group], kind="stable")]
            batches.extend(np.split(group, np.cumsum(group_sizes)[:-1]))
        shuffled = [batches[place] for place in generator.permutation(len(batches))]
        return _largest_first(shuffled, self.lengths) if self.epoch == 0 else shuffled


def _number_of_batches(size: int, batch_size: int, accumulate: int, world_size: int) -> int:
    if not size:
        return 0
    steps = -(-size // (batch_size * accumulate))
    # Each process needs a molecule of each batch, as far as there are enough.
    return max(1, min(steps * accumulate, size // world_size))


def _largest_first(batches: list[Indices], lengths: Indices) -> list[Indices]:
    """Put the most demanding batch first, so that a lack of memory shows at once and not an hour later."""
    demand = [len(batch) * int(lengths[batch].max()) ** 2 for batch in batches]
    largest = int(np.argmax(demand))
    return [batches[largest], *batches[:largest], *batches[largest + 1 :]]
