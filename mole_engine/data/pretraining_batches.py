"""Batches for pretraining: a block of molecules featurised, mixed, masked and cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mole_engine.chem.descriptors import compute_descriptors
from mole_engine.chem.distances import relative_positions
from mole_engine.chem.environments import atom_environments
from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.pretrain_config import ObjectivesConfig
from mole_engine.data.batching import Labels, collate
from mole_engine.data.feature_cache import FeatureCache, content_key
from mole_engine.data.features import FeaturisedDataset
from mole_engine.data.pretraining_labels import LabelTable, scaled
from mole_engine.data.pretraining_survey import Survey
from mole_engine.data.smiles_stream import Block

IGNORED = -100
"""Class of atoms that are not asked for, or whose environment is not among those told apart."""

DESCRIPTOR_LIMIT = 5.0
MASKED_PART, RANDOM_PART = 0.8, 0.1

Array = npt.NDArray[Any]


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
class PreparedBlock:
    """A block's molecules in memory.

    Attributes
    ----------
    features
        Tokens and distances of the readable molecules.
    environments
        Flat, aligned with the tokens: class of each atom's environment, `IGNORED` where it is none.
    rows, targets, descriptors
        (n), (n, T), (n, D) of the readable molecules.
    """

    features: FeaturisedDataset
    environments: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.features)


class BlockMaker:
    """Turns blocks of a file into batches.

    Parameters
    ----------
    vocabulary, survey, objectives
        What atoms are called, what is told apart, what is learnt.
    labels
        Table of labels beside the file's own columns, or None.
    cache
        Folder for prepared blocks, so that later passes and jobs need not compute them again; None: no cache.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        survey: Survey,
        objectives: ObjectivesConfig,
        labels: LabelTable | None = None,
        cache: Path | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.survey = survey
        self.objectives = objectives
        self.labels = labels
        self._class_of = {identifier: place for place, identifier in enumerate(survey.environments)}
        self._mean = np.array(survey.descriptor_mean, dtype=np.float64)
        self._deviation = np.array(survey.descriptor_std, dtype=np.float64)
        self._cache = FeatureCache(cache) if cache is not None else None
        asked = [objectives.radius, survey.environments, survey.descriptor_names, survey.descriptor_mean]
        self._content = f"{vocabulary.fingerprint} pretraining {json.dumps(asked)}"

    def prepare(self, block: Block) -> PreparedBlock:
        """Featurise the readable molecules of a block, or take them from the cache."""
        key = content_key(block.smiles, self._content) if self._cache else ""
        stored = self._cache.load(key) if self._cache else None
        arrays = stored[0] if stored is not None else self._compute(block)
        if self._cache and stored is None:
            self._cache.save(key, arrays, {})
        kept = arrays["kept"]
        return PreparedBlock(
            features=FeaturisedDataset(arrays["tokens"], arrays["distances"], arrays["lengths"]),
            environments=arrays["environments"].astype(np.int64),
            rows=block.start + kept,
            targets=self._targets(block)[kept],
            descriptors=arrays["descriptors"].astype(np.float32),
        )

    def _compute(self, block: Block) -> dict[str, Array]:
        """Return what is known of the readable molecules of a block, compact enough to be kept on disk."""
        items, classes, kept = [], [], []
        for place, text in enumerate(block.smiles):
            try:
                mol = parse_smiles(text)
            except UnreadableMolecule:
                continue
            items.append((self.vocabulary.tokens(mol), relative_positions(mol)))
            found = atom_environments(mol, self.objectives.radius).tolist()
            classes += [IGNORED, *(self._class_of.get(identifier, IGNORED) for identifier in found)]
            kept.append(place)
        features = FeaturisedDataset.from_items(items)
        return {
            "tokens": features.tokens,
            "distances": features.distances,
            "lengths": features.lengths,
            "environments": np.array(classes, dtype=np.int32),
            "descriptors": self._descriptors([block.smiles[place] for place in kept]).astype(np.float16),
            "kept": np.array(kept, dtype=np.int64),
        }

    def batches(self, block: PreparedBlock, count: int, random: np.random.Generator) -> Iterator[PretrainingBatch]:
        """Cut a block into `count` batches of molecules of like lengths, in random order, masked anew.

        Where a block has fewer molecules than batches, some are repeated, so that the number of steps is known
        beforehand.
        """
        order = random.permutation(max(len(block), 1))
        if len(order) < count:
            order = np.resize(order, count)
        jittered = block.features.lengths[order] * random.uniform(0.85, 1.15, len(order))
        cuts = np.array_split(order[np.argsort(jittered, kind="stable")], count)
        for place in random.permutation(count):
            yield self.batch(block, cuts[place], random)

    def batch(
        self, block: PreparedBlock, places: npt.NDArray[np.int64], random: np.random.Generator
    ) -> PretrainingBatch:
        """Return the molecules at `places` of a block as a masked batch."""
        plain = collate(block.features, places, Labels.none(len(block)), self.vocabulary.pad_id)
        tokens, mask = plain.tokens.numpy(), plain.mask.numpy()
        classes = np.full(tokens.shape, IGNORED, dtype=np.int64)
        for row, place in enumerate(places.tolist()):
            start, end = block.features.token_offsets[place : place + 2]
            classes[row, : end - start] = block.environments[start:end]
        asked = np.zeros(tokens.shape, dtype=bool)
        if self.objectives.atoms:
            asked = choose_atoms(mask, self.objectives.mask_fraction, random)
            tokens = hide_atoms(tokens, asked, self.vocabulary, random)
        return PretrainingBatch(
            tokens=torch.from_numpy(tokens),
            distances=plain.distances,
            mask=plain.mask,
            asked=torch.from_numpy(asked),
            environments=torch.from_numpy(np.where(asked, classes, IGNORED)),
            targets=torch.from_numpy(block.targets[places]),
            descriptors=torch.from_numpy(block.descriptors[places]),
            index=torch.from_numpy(block.rows[places]),
        )

    def _targets(self, block: Block) -> npt.NDArray[np.float32]:
        if not self.survey.tasks:
            return np.zeros((len(block), 0), dtype=np.float32)
        parts = [block.targets]
        if self.labels is not None:
            parts.append(self.labels.dense(block.start, len(block)))
        return scaled(np.concatenate(parts, axis=1), self.survey.tasks)

    def _descriptors(self, smiles: list[str]) -> npt.NDArray[np.float32]:
        if not len(self._mean):
            return np.zeros((len(smiles), 0), dtype=np.float32)
        values = (compute_descriptors(smiles, names=self.survey.descriptor_names) - self._mean) / self._deviation
        return np.clip(values, -DESCRIPTOR_LIMIT, DESCRIPTOR_LIMIT).astype(np.float32)


def choose_atoms(mask: Array, fraction: float, random: np.random.Generator) -> Array:
    """Choose `fraction` of each molecule's atoms (rounded at random, at least one), never CLS or padding.

    Parameters
    ----------
    mask
        (B, N) bool, True on real tokens; the first is CLS.

    Returns
    -------
    (B, N) bool
    """
    atoms = mask.copy()
    atoms[:, 0] = False
    count = atoms.sum(axis=1)
    wanted = np.floor(count * fraction + random.random(len(mask))).astype(int)
    wanted = np.minimum(np.maximum(wanted, 1), count)
    ranks = np.where(atoms, random.random(mask.shape), 2.0).argsort(axis=1).argsort(axis=1)
    return np.asarray(atoms & (ranks < wanted[:, None]))


def hide_atoms(tokens: Array, asked: Array, vocabulary: Vocabulary, random: np.random.Generator) -> Array:
    """Put MASK in the place of 80% of the asked atoms and a random entry in that of 10%; leave 10% as they are.

    Parameters
    ----------
    tokens, asked
        (B, N); `tokens` is not changed.
    """
    draw = random.random(tokens.shape)
    entries = random.integers(1, vocabulary.mask_id, tokens.shape)
    hidden = np.where(asked & (draw < MASKED_PART), vocabulary.mask_id, tokens)
    swapped = asked & (draw >= MASKED_PART) & (draw < MASKED_PART + RANDOM_PART)
    return np.where(swapped, entries, hidden)
