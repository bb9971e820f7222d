"""A trained model in use: SMILES in, a table of predictions out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor, from_numpy

from mole_engine.chem.fingerprints import nearest_similarity
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.dataset import TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.explanations import Explanation
from mole_engine.data.batching import MolBatch
from mole_engine.data.features import FeaturisedDataset, featurise
from mole_engine.data.progress import report
from mole_engine.inference.columns import PredictionColumns
from mole_engine.inference.domain import fingerprints_of, inside
from mole_engine.inference.inputs import as_texts, standardised
from mole_engine.inference.network import (
    build_network,
    choose_device,
    encoding,
    encoding_width,
    run_batches,
)
from mole_engine.inference.onnx_network import SUFFIX as ONNX_SUFFIX
from mole_engine.inference.onnx_network import OnnxNetwork, read_onnx
from mole_engine.models.network import MolENetwork
from mole_engine.store.bundle import Bundle, read_bundle
from mole_engine.store.card import ModelCard
from mole_engine.training.outputs import Readout

if TYPE_CHECKING:
    from mole_engine.inference.blended import BlendedModel

CHUNK = 20_480
"""Molecules that are in memory as features at a time: enough for several cores to prepare them."""

Tick = Callable[[int], None]

STAGE = "Predicting"
NO_NUMBER = "the model gives no number for it"
BATCH_SIZE = 64


class LoadedModel:
    """A model ready to predict.

    Attributes
    ----------
    card
        All that the bundle says about itself.
    tasks
        What is predicted, in order.
    columns
        The columns of its prediction tables.
    """

    def __init__(self, bundle: Bundle, device: str = "auto", network: OnnxNetwork | None = None) -> None:
        self.card: ModelCard = bundle.card
        self.tasks: tuple[TaskSpec, ...] = bundle.card.tasks
        self.columns = PredictionColumns.of_card(bundle.card)
        self._config = bundle.card.train_config()
        self._vocabulary = Vocabulary.from_dict(bundle.card.vocabulary)
        if self._config.model.descriptors:
            _check_descriptors(self.card, self._config.model.descriptor_size)
        self._device = choose_device(device)
        self._network: MolENetwork | OnnxNetwork = (network or build_network(bundle)).to(self._device)
        self._readout = Readout(self.tasks, self.columns.scaler)
        self._blended = self._load_blend(bundle)

    def predict(
        self, smiles: Sequence[str], *, on_progress: ProgressHandler | None = None, batch_size: int = BATCH_SIZE
    ) -> pd.DataFrame:
        """Predict molecules.

        Parameters
        ----------
        smiles
            One SMILES a molecule (a list, a column of a table ...), cleaned here as the training molecules were; None
            and NaN count as empty.
        on_progress
            Called with (stage, done, total); it may raise `Cancelled`.
        batch_size
            Molecules computed at a time.

        Returns
        -------
        pandas.DataFrame
            One row an input, in order, with the index of a column that was given. `attrs["units"]` holds the unit of
            each column that has one; `error` says why a row has no prediction.

        Raises
        ------
        InputError
            When the model has no prediction head, or a whole table is given.
        """
        frames = list(self.predict_chunks(smiles, on_progress=on_progress, batch_size=batch_size))
        whole = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
        column: object = smiles
        if isinstance(column, pd.Series):
            # So that the predictions of a filtered table go back to the rows that they are of.
            whole.index = column.index
        whole.attrs["units"] = self.columns.units()
        return whole

    def check_predicts(self) -> None:
        """Refuse an encoder without a prediction head. Raises InputError."""
        if not self.tasks:
            raise InputError(f"'{self.card.name}' has no prediction head.", "", "Use it with `mole encode`.")

    def predict_chunks(
        self, smiles: Sequence[str], *, on_progress: ProgressHandler | None = None, batch_size: int = BATCH_SIZE
    ) -> Iterator[pd.DataFrame]:
        """Yield the table of `predict` in pieces of bounded size. Raises InputError."""
        self.check_predicts()
        smiles = as_texts(smiles)
        width = sum(task.outputs for task in self.tasks)
        for texts, features, tick in self._prepared(smiles, on_progress):
            logits, spread = self._logits(features, texts, width, batch_size, tick)
            outputs = self._readout(from_numpy(logits).float()).double().numpy()
            lacking = np.isnan(outputs).any(axis=1)
            errors = [features.errors.get(place, NO_NUMBER if gap else "") for place, gap in enumerate(lacking)]
            nearest = self._similarity(texts, features)
            within = None if nearest is None or self.card.domain is None else inside(self.card.domain, texts, nearest)
            yield self.columns.frame(outputs, logits, nearest, within, errors, spread)
        report(on_progress, STAGE, len(smiles), len(smiles))

    def encode(
        self, smiles: Sequence[str], *, on_progress: ProgressHandler | None = None, batch_size: int = BATCH_SIZE
    ) -> npt.NDArray[np.float32]:
        """Return one vector a molecule, (n, d) float32: the pooled states that the head reads.

        A row of NaN stands where the SMILES is unreadable.
        """
        smiles = as_texts(smiles)
        compute, width = encoding(self._network), encoding_width(self._network)
        parts = [
            self._run(features, None, compute, width, batch_size, tick)
            for _, features, tick in self._prepared(smiles, on_progress)
        ]
        report(on_progress, STAGE, len(smiles), len(smiles))
        return np.concatenate(parts).astype(np.float32)

    def explain(
        self, smiles: Sequence[str], task: str | None = None, *, on_progress: ProgressHandler | None = None
    ) -> list[Explanation]:
        """Say what each prediction rests on, atom by atom: the model is asked again with each atom hidden.

        Parameters
        ----------
        smiles
            As in `predict`.
        task
            The target to explain; None: all of them.
        on_progress
            Called with (stage, done, total) several times a molecule; it may raise `Cancelled`.

        Returns
        -------
        list of Explanation
            One an input, in order; `error` says why one has no contributions.

        Raises
        ------
        InputError
            When the model has no prediction head, or no such target.
        """
        from mole_engine.inference.explain import Explainer, explain_all

        self.check_predicts()
        parts = (self._network, self._blended, self._vocabulary, self._device, self.card.domain)
        return explain_all(
            Explainer(self.columns, self._readout, *parts),
            as_texts(smiles),
            task,
            self._config.data.curation,
            on_progress,
        )

    def _prepared(
        self, smiles: Sequence[str], on_progress: ProgressHandler | None
    ) -> Iterator[tuple[list[str], FeaturisedDataset, Tick]]:
        """Yield chunks: cleaned SMILES ("" where unreadable), their features, and what to call with the count done."""
        for start in range(0, max(len(smiles), 1), CHUNK):
            chunk = smiles[start : start + CHUNK]
            tick = _ChunkProgress(on_progress, start, len(chunk), len(smiles))
            texts, errors = standardised(chunk, self._config.data.curation, tick.cleaned)
            features = featurise(texts, self._vocabulary, on_progress=tick.prepared)
            # The first reason is the user's: it speaks about the text as given.
            features.errors.update(errors)
            yield texts, features, tick.computed

    def _load_blend(self, bundle: Bundle) -> BlendedModel | None:
        if not bundle.card.blend or not isinstance(self._network, MolENetwork):
            return None
        from mole_engine.inference.blended import BlendedModel

        return BlendedModel(bundle, self._network)

    def _logits(
        self, features: FeaturisedDataset, texts: list[str], width: int, batch_size: int, tick: Tick
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]:
        """Return the logits, and how much the models of a blend disagree."""
        blended = self._blended
        descriptors = self._descriptors(texts)
        if blended is None:
            return self._run(features, descriptors, self._network.predict_batch, width, batch_size, tick), None
        computed = self._run(features, descriptors, blended.compute, blended.width, batch_size, tick)
        return blended.logits(computed, texts, descriptors)

    def _run(
        self,
        features: FeaturisedDataset,
        descriptors: npt.NDArray[np.float32] | None,
        compute: Callable[[MolBatch], Tensor],
        width: int,
        batch_size: int,
        tick: Tick,
    ) -> npt.NDArray[np.float64]:
        return run_batches(
            features,
            compute,
            width=width,
            pad_id=self._vocabulary.pad_id,
            batch_size=batch_size,
            device=self._device,
            descriptors=descriptors,
            after_batch=tick,
        )

    def _descriptors(self, texts: list[str]) -> npt.NDArray[np.float32] | None:
        if not self._config.model.descriptors:
            return None
        from mole_engine.chem.descriptors import compute_descriptors

        return compute_descriptors(texts, None)

    def _similarity(self, texts: list[str], features: FeaturisedDataset) -> npt.NDArray[np.float64] | None:
        if self.card.domain is None:
            return None
        nearest = nearest_similarity(fingerprints_of(texts), self.card.domain.fingerprints).astype(np.float64)
        nearest[list(features.errors)] = np.nan
        return nearest


def load_model(path: str | Path, device: str = "auto") -> LoadedModel:
    """Load a `.mole` bundle, or an `.onnx` file exported from one; nothing else is needed.

    Parameters
    ----------
    path
        The file.
    device
        "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1" ... or "mps"; an ONNX file is computed on the CPU.

    Raises
    ------
    InputError
        When the file is missing, damaged, not a model or made by a newer version, or there is no such device.
    """
    if Path(path).suffix.lower() == ONNX_SUFFIX:
        card, network = read_onnx(path)
        return LoadedModel(Bundle(card, {}), "cpu" if device == "auto" else device, network)
    return LoadedModel(read_bundle(path), device)


def _check_descriptors(card: ModelCard, size: int) -> None:
    """Refuse a model whose descriptors are not those of the RDKit that is installed. Raises InputError."""
    from rdkit import __version__ as installed

    from mole_engine.chem.descriptors import descriptor_names, rdkit_descriptor_names

    if size not in (len(rdkit_descriptor_names()), len(descriptor_names())):
        raise InputError(
            f"'{card.name}' reads {size} descriptors, which are not those of this version:",
            f"it was made with RDKit {card.versions.get('rdkit', 'of an unknown version')}; {installed} is installed.",
            "Install the RDKit that it was made with, or train it again.",
        )


@dataclass(frozen=True, slots=True)
class _ChunkProgress:
    """Progress within a chunk; cleaning, preparing and computing take about 1 : 1 : 2 of the time."""

    on_progress: ProgressHandler | None
    start: int
    size: int
    total: int

    def cleaned(self, stage: str, done: int, of: int) -> None:
        self._tell(done / max(of, 1) / 4)

    def prepared(self, stage: str, done: int, of: int) -> None:
        self._tell((1 + done / max(of, 1)) / 4)

    def computed(self, done: int) -> None:
        self._tell((1 + done / max(self.size, 1)) / 2)

    def _tell(self, share: float) -> None:
        report(self.on_progress, STAGE, self.start + int(share * self.size), self.total)
