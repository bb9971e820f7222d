"""Batches for pretraining: molecules of a block mixed, masked and cut, on the device that learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.pretrain_config import ObjectivesConfig
from mole_engine.data.pretraining_blocks import IGNORED, PreparedBlock

MASKED_PART, RANDOM_PART = 0.8, 0.1

WIDTH_STEP = 8
"""On a GPU batches are padded to a multiple of this: its matrix units work on such tiles."""


@dataclass
class PretrainingBatch:
    """B molecules of N tokens, some atoms hidden.

    Attributes
    ----------
    tokens
        (B, N) int64, with MASK or a random token in the place of most asked atoms.
    distances, mask
        See `MolBatch`.
    asked
        (B, N) bool, atoms whose environment is to be guessed.
    environments
        (B, N) int64 class of each asked atom's environment, `IGNORED` elsewhere.
    targets
        (B, T) float32 standardised labels, NaN where there is none.
    descriptors
        (B, D) float32 standardised descriptors, NaN where one could not be computed; D 0 where they are not learnt.
    index
        (B,) int64 rows of the file.
    """

    tokens: Tensor
    distances: Tensor
    mask: Tensor
    asked: Tensor
    environments: Tensor
    targets: Tensor
    descriptors: Tensor
    index: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """Return the batch on another device."""
        moved = {item.name: getattr(self, item.name).to(device, non_blocking=non_blocking) for item in fields(self)}
        return type(self)(**moved)


@dataclass(frozen=True)
class LoadedBlock:
    """The molecules of a block as tensors on one device.

    Attributes
    ----------
    tokens, distances, environments
        Flat, see `PreparedBlock`.
    token_starts, distance_starts
        (n,) int64, where each molecule begins in them.
    lengths
        (n,) int64 tokens of each molecule.
    rows, descriptors
        See `PreparedBlock`.
    targets
        (n, T) float32 standardised labels.
    """

    tokens: Tensor
    distances: Tensor
    environments: Tensor
    token_starts: Tensor
    distance_starts: Tensor
    lengths: Tensor
    rows: Tensor
    targets: Tensor
    descriptors: Tensor

    @classmethod
    def of(cls, block: PreparedBlock, targets: npt.NDArray[np.float32], device: torch.device) -> Self:
        """Bring a block and its (n, T) labels to a device; on a CPU without copying most of it."""
        features = block.features
        return cls(
            tokens=_on(features.tokens.astype(np.int32), device),
            distances=_on(features.distances, device),
            environments=_on(block.environments, device),
            token_starts=_on(features.token_offsets[:-1], device),
            distance_starts=_on(features.distance_offsets[:-1], device),
            lengths=_on(features.lengths, device),
            rows=_on(block.rows, device),
            targets=_on(targets, device),
            descriptors=_on(block.descriptors, device),
        )

    @property
    def device(self) -> torch.device:
        """Where the molecules are."""
        return self.tokens.device

    def __len__(self) -> int:
        return len(self.rows)


class BatchMaker:
    """Cuts blocks into masked batches.

    All random numbers are drawn on the CPU, so that a batch is the same on every device.

    Parameters
    ----------
    vocabulary, objectives
        What atoms are called; which part of them is hidden.
    """

    def __init__(self, vocabulary: Vocabulary, objectives: ObjectivesConfig) -> None:
        self.vocabulary = vocabulary
        self.objectives = objectives

    def batches(
        self, block: LoadedBlock, lengths: npt.NDArray[np.int64], count: int, random: np.random.Generator
    ) -> Iterator[PretrainingBatch]:
        """Cut a block, whose molecules have `lengths` (n,), into `count` batches of like ones, mixed and masked anew.

        Where a block has fewer molecules than batches, some are repeated, so that the number of steps is known
        beforehand.
        """
        order = random.permutation(max(len(block), 1))
        if len(order) < count:
            order = np.resize(order, count)
        jittered = lengths[order] * random.uniform(0.85, 1.15, len(order))
        cuts = np.array_split(order[np.argsort(jittered, kind="stable")], count)
        for place in random.permutation(count):
            width = int(lengths[cuts[place]].max())
            yield self.batch(block, cuts[place], width, random)

    def batch(
        self, block: LoadedBlock, places: npt.NDArray[np.int64], width: int, random: np.random.Generator
    ) -> PretrainingBatch:
        """Return the molecules at `places` of a block, the longest of `width` tokens, as a masked batch."""
        device = block.device
        if device.type != "cpu":
            width = -(-width // WIDTH_STEP) * WIDTH_STEP
        chosen = _on(places, device)
        length = block.lengths[chosen][:, None]
        along = torch.arange(width, device=device)
        mask = along < length
        # Padding reads the molecule's first token, and is overwritten.
        cells = block.token_starts[chosen][:, None] + torch.where(mask, along, 0)
        tokens = torch.where(mask, block.tokens[cells].long(), self.vocabulary.pad_id)
        asked = torch.zeros_like(mask)
        if self.objectives.atoms:
            asked = choose_atoms(mask, self.objectives.mask_fraction, random)
            tokens = hide_atoms(tokens, asked, self.vocabulary, random)
        return PretrainingBatch(
            tokens=tokens,
            distances=_distances(block, chosen, mask),
            mask=mask,
            asked=asked,
            environments=torch.where(asked, block.environments[cells].long(), IGNORED),
            targets=block.targets[chosen],
            descriptors=block.descriptors[chosen].float(),
            index=block.rows[chosen],
        )


def choose_atoms(mask: Tensor, fraction: float, random: np.random.Generator) -> Tensor:
    """Choose `fraction` of each molecule's atoms (rounded at random, at least one), never CLS or padding.

    Parameters
    ----------
    mask
        (B, N) bool, True on real tokens; the first is CLS.

    Returns
    -------
    (B, N) bool
    """
    atoms = mask.clone()
    atoms[:, 0] = False
    count = atoms.sum(dim=1)
    wanted = (count * fraction + _uniform(random, (len(mask),), mask.device)).floor().long()
    wanted = wanted.clamp(min=1).minimum(count)
    draw = torch.where(atoms, _uniform(random, tuple(mask.shape), mask.device), 2.0)
    # The wanted-th smallest number of each row; of rows without atoms none is below it.
    limit = draw.sort(dim=1).values.gather(1, (wanted - 1).clamp(min=0)[:, None])
    return atoms & (draw <= limit)


def hide_atoms(tokens: Tensor, asked: Tensor, vocabulary: Vocabulary, random: np.random.Generator) -> Tensor:
    """Put MASK in the place of 80% of the asked atoms and a random entry in that of 10%; leave 10% as they are.

    Parameters
    ----------
    tokens, asked
        (B, N); `tokens` is not changed.
    """
    draw = _uniform(random, tuple(tokens.shape), tokens.device)
    entries = _on(random.integers(1, vocabulary.mask_id, tuple(tokens.shape)), tokens.device)
    hidden = torch.where(asked & (draw < MASKED_PART), vocabulary.mask_id, tokens)
    swapped = asked & (draw >= MASKED_PART) & (draw < MASKED_PART + RANDOM_PART)
    return torch.where(swapped, entries, hidden)


def _distances(block: LoadedBlock, chosen: Tensor, mask: Tensor) -> Tensor:
    """Return the (B, N, N) uint8 relative positions of the chosen molecules, 0 at padding."""
    along = torch.arange(mask.shape[1], device=mask.device)
    length = block.lengths[chosen][:, None, None]
    cells = block.distance_starts[chosen][:, None, None] + along[:, None] * length + along
    real = mask[:, :, None] & mask[:, None, :]
    return torch.where(real, block.distances[torch.where(real, cells, 0)], 0)


def _uniform(random: np.random.Generator, shape: tuple[int, ...], device: torch.device) -> Tensor:
    return _on(random.random(shape, dtype=np.float32), device)


def _on(values: npt.NDArray[Any], device: torch.device) -> Tensor:
    """Bring numbers to a device, without waiting for what the device is doing."""
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
