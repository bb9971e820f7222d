"""The data of one training job, as Lightning wants it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
from torch.utils.data import DataLoader

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import ColumnRoles, Split
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.wording import counted
from mole_engine.data.batching import BatchSource, Labels, LengthBatchSampler, MolBatch
from mole_engine.data.descriptor_tables import describe
from mole_engine.data.features import FeaturisedDataset, featurise

log = logging.getLogger(__name__)

Part = Literal["train", "val", "test", "all", "rest"]
Positions = npt.NDArray[np.int64]


class LabelledMolecules(Protocol):
    """What the data module needs of a `CuratedDataset`."""

    @property
    def roles(self) -> ColumnRoles:
        """Its tasks."""
        ...

    @property
    def smiles(self) -> Sequence[str]:
        """Standardised SMILES."""
        ...

    @property
    def targets(self) -> npt.NDArray[np.float64]:
        """(n, T), NaN where a label is missing."""
        ...

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """(n,) sample weights."""
        ...


class MolDataModule(pl.LightningDataModule):
    """Features, labels and loaders of a data set that is divided into parts.

    Parameters
    ----------
    dataset
        Curated molecules with labels.
    split
        Positions of the parts.
    vocabulary
        Gives atoms their tokens.
    config
        Batch size, accumulation, seed, whether descriptors are wanted.
    cache_dir
        Keeps features from run to run; None: not kept.
    on_progress
        Told how far featurising is; may raise `Cancelled`.

    Attributes
    ----------
    features, labels
        Available after `setup`.
    batch_size, accumulate
        Molecules in a batch, batches in an optimiser step; `halve_batches` changes both when memory does not suffice.
    """

    def __init__(
        self,
        dataset: LabelledMolecules,
        split: Split,
        vocabulary: Vocabulary,
        config: TrainConfig,
        *,
        cache_dir: str | Path | None = None,
        on_progress: ProgressHandler | None = None,
    ) -> None:
        super().__init__()
        self.dataset = dataset
        self.split = split
        self.vocabulary = vocabulary
        self.config = config
        self.batch_size = config.training.batch_size
        self.accumulate = config.training.accumulate_batches
        self._cache_dir = cache_dir
        self._on_progress = on_progress
        self._features: FeaturisedDataset | None = None
        self._labels: Labels | None = None

    def setup(self, stage: str | None = None) -> None:
        """Compute features and descriptors, once. Raises InputError when no molecule is left to train on."""
        if self._features is not None:
            return
        features = featurise(
            self.dataset.smiles, self.vocabulary, cache_dir=self._cache_dir, on_progress=self._on_progress
        )
        for position, reason in features.errors.items():
            log.warning("Molecule %d has no features and is left out: %s", position, reason)
        descriptors = None
        if self.config.model.descriptors:
            descriptors = describe(self.dataset.smiles, cache_dir=self._cache_dir, on_progress=self._on_progress)
        targets = np.asarray(self.dataset.targets, dtype=np.float64)
        self._features = features
        train = self._checked_training_part()
        self._labels = Labels(targets, _relative_weights(self.dataset.weights, train), descriptors)

    def _checked_training_part(self) -> Positions:
        train = self.positions("train")
        if not len(train):
            raise InputError(
                "There is nothing to train on:",
                "no molecule is left in the training part.",
                "Check the split, and the list of rows that were left out.",
            )
        return train

    @property
    def features(self) -> FeaturisedDataset:
        """Features of all molecules. Raises RuntimeError before `setup`."""
        if self._features is None:
            raise RuntimeError("call setup() first")
        return self._features

    @property
    def labels(self) -> Labels:
        """Targets, weights and descriptors of all molecules. Raises RuntimeError before `setup`."""
        if self._labels is None:
            raise RuntimeError("call setup() first")
        return self._labels

    def positions(self, part: Part) -> Positions:
        """Return the readable molecules of one part, ascending ("all": of the set; "rest": of it but for "train")."""
        whole = range(len(self.features))
        members = {
            "train": self.split.train,
            "val": self.split.validation,
            "test": self.split.test,
            "all": whole,
            "rest": whole,
        }[part]
        positions = np.asarray(members, dtype=np.int64)
        if part == "rest":
            positions = np.setdiff1d(positions, self.split.train)
        return positions[self.features.lengths[positions] > 0]

    def loader(self, part: Part, *, training: bool = False) -> DataLoader[MolBatch]:
        """Return a loader over one part; batches carry the molecules' positions.

        Parameters
        ----------
        part
            Which molecules.
        training
            Shuffled, in batches that make whole optimiser steps; else longest first, always the same.

        Raises
        ------
        InputError
            When there are fewer molecules to train on than devices.
        """
        positions = self.positions(part)
        world_size = self.trainer.world_size if self.trainer else 1
        if training and len(positions) < world_size:
            raise InputError(
                f"{counted(len(positions), 'training molecule')} cannot be divided among {world_size} devices.",
                "",
                "Use fewer devices.",
            )
        sampler = LengthBatchSampler(
            positions,
            self.features.lengths[positions],
            self.batch_size,
            shuffle=training,
            seed=self.config.seed,
            accumulate=self.accumulate if training else 1,
            rank=self.trainer.global_rank if self.trainer else 0,
            world_size=world_size,
        )
        source = BatchSource(self.features, self.labels, self.vocabulary.pad_id)
        # Cutting a batch out of flat arrays takes less than handing it over from another process would.
        return DataLoader(source, batch_size=None, sampler=sampler, num_workers=0)

    def train_dataloader(self) -> DataLoader[MolBatch]:
        """Loader over the training part."""
        return self.loader("train", training=True)

    def val_dataloader(self) -> DataLoader[MolBatch] | list[DataLoader[MolBatch]]:
        """Loader over the validation part; an empty list where there is none (never the training part)."""
        return self.loader("val") if len(self.positions("val")) else []

    def test_dataloader(self) -> DataLoader[MolBatch] | list[DataLoader[MolBatch]]:
        """Loader over the test part; an empty list where there is none."""
        return self.loader("test") if len(self.positions("test")) else []

    def predict_dataloader(self) -> DataLoader[MolBatch]:
        """Loader over all molecules, longest first; `MolBatch.index` says which is which."""
        return self.loader("all")

    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch."""
        return -(-len(self.loader("train", training=True)) // self.accumulate)

    def use_pooled(self, pooled: npt.NDArray[np.floating[Any]] | None) -> None:
        """Let batches carry (n, d) vectors of a fixed encoder in place of the molecules' atoms; None: atoms again."""
        self._labels = replace(self.labels, pooled=pooled)

    def with_split(self, split: Split, config: TrainConfig) -> Self:
        """Return a module on the same molecules, divided another way; nothing is computed again.

        Raises
        ------
        InputError
            When no molecule is left to train on.
        """
        other = type(self)(self.dataset, split, self.vocabulary, config)
        other._features = self.features
        train = other._checked_training_part()
        weights = _relative_weights(self.dataset.weights, train)
        other._labels = replace(self.labels, weights=weights)
        return other

    def halve_batches(self) -> bool:
        """Halve the batches and accumulate twice as many; False when a batch is one molecule already."""
        if self.batch_size <= 1:
            return False
        self.batch_size = -(-self.batch_size // 2)
        self.accumulate *= 2
        return True


def _relative_weights(weights: npt.NDArray[np.float64] | None, train: Positions) -> npt.NDArray[np.float64] | None:
    """Scale sample weights to a mean of 1 over the training part, so that their unit changes nothing."""
    if weights is None:
        return None
    mean = float(np.mean(np.asarray(weights)[train]))
    return np.asarray(weights, dtype=np.float64) / mean if mean > 0 else np.ones(len(weights))
