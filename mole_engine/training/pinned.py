"""The user's pinned molecules: predicted after every epoch, to see the model make up its mind."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import numpy as np
import pytorch_lightning as pl
import torch

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.events import PinnedPredictions
from mole_engine.data.batching import Labels, MolBatch, collate
from mole_engine.data.features import featurise
from mole_engine.data.many_molecules import standardise_texts
from mole_engine.models.mole import MolE
from mole_engine.training.emitter import EventEmitter

log = logging.getLogger(__name__)

MAX_PINNED = 100
"""More would no longer be a handful, and would take time of every epoch."""


class PinnedMolecules:
    """Pinned molecules as one batch.

    Parameters
    ----------
    smiles
        As the user gave them; those beyond `MAX_PINNED` are left aside.
    tasks, vocabulary, curation
        Of the job: the molecules are cleaned up as its own are.
    descriptors
        Whether the network reads descriptors.
    """

    def __init__(
        self,
        smiles: Sequence[str],
        tasks: Sequence[TaskSpec],
        vocabulary: Vocabulary,
        curation: CurationConfig,
        *,
        descriptors: bool = False,
    ) -> None:
        self.smiles = tuple(smiles)[:MAX_PINNED]
        self.outputs = output_names(tasks)
        texts = [result.smiles for result in standardise_texts(list(self.smiles), curation, None)]
        features = featurise(texts, vocabulary)
        self._readable = np.flatnonzero(features.lengths)
        self._batch: MolBatch | None = None
        if len(self._readable):
            table = _descriptors(texts) if descriptors else None
            labels = Labels(np.full((len(texts), len(tasks)), np.nan), None, table)
            self._batch = collate(features, self._readable, labels, vocabulary.pad_id)

    @torch.no_grad()
    def predict(self, model: MolE) -> tuple[tuple[float, ...], ...]:
        """Return (n, outputs) values in the user's units or probabilities, NaN for unreadable structures."""
        values = np.full((len(self.smiles), len(self.outputs)), math.nan)
        if self._batch is not None and model.learning is not None:
            modes = {module: module.training for module in model.modules()}
            model.eval()
            try:
                logits = model.predict_batch(self._batch.to(model.device)).float().cpu()
            finally:
                for module, mode in modes.items():
                    module.training = mode
            values[self._readable] = model.learning.outputs_of(logits).numpy()
        return tuple(tuple(row) for row in values.tolist())


class PinnedCallback(pl.Callback):
    """Tells the predictions of pinned molecules after each epoch.

    Must stand before `AveragingCallback`: what speaks is the model that validation has judged.
    """

    def __init__(self, molecules: PinnedMolecules, emitter: EventEmitter) -> None:
        self.molecules = molecules
        self.emitter = emitter
        self._told = -1

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Predict with the weights that were judged."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._tell(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Predict where there is no validation part."""
        self._tell(trainer, pl_module)

    def _tell(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Divided networks need all processes for a prediction, and only the first one speaks.
        if trainer.world_size > 1 or self._told == trainer.current_epoch or not isinstance(pl_module, MolE):
            return
        self._told = trainer.current_epoch
        self.emitter.emit(
            PinnedPredictions(
                epoch=trainer.current_epoch + 1,
                smiles=self.molecules.smiles,
                outputs=self.molecules.outputs,
                values=self.molecules.predict(pl_module),
            )
        )


def output_names(tasks: Sequence[TaskSpec]) -> tuple[str, ...]:
    """Return a name for each column of a network's outputs: the task, or "task: class" for several classes."""
    names: list[str] = []
    for task in tasks:
        if task.kind is TaskKind.MULTICLASS:
            names += [f"{task.name}: {name}" for name in task.classes]
        else:
            names.append(task.name)
    return tuple(names)


def _descriptors(texts: list[str]) -> np.ndarray:
    from mole_engine.chem.descriptors import compute_descriptors

    return compute_descriptors(texts, None)
