"""What remains of a finished training: the model's card, and `predictions.csv`."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine._version import __version__
from mole_engine.chem.fingerprints import nearest_similarity
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import Split, TaskKind, TaskSpec
from mole_engine.contracts.records import RunRecord
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.weights import counting
from mole_engine.inference.columns import PredictionColumns
from mole_engine.inference.difficulty import left_out_similarity
from mole_engine.inference.domain import inside, measure_domain, own_fingerprints
from mole_engine.inference.table_writers import open_writer
from mole_engine.inference.uncertainty import measure_uncertainty
from mole_engine.store.card import DESCRIBED_FORMAT, FORMAT_VERSION, SINGLE_FORMAT, ModelCard, portable_config
from mole_engine.store.run_folder import RunFolder
from mole_engine.training.evaluation import Evaluation
from mole_engine.training.folds import of_main_file
from mole_engine.training.setup import Prepared

if TYPE_CHECKING:
    from mole_engine.training.ensemble_fit import EnsembleFit

Floats = npt.NDArray[np.float64]
Check = Callable[[], None]


def make_card(
    config: TrainConfig,
    record: RunRecord,
    dataset: CuratedDataset,
    split: Split,
    vocabulary: Vocabulary,
    prepared: Prepared,
    parts: Mapping[str, Evaluation],
    similarity: Floats,
    check: Check | None = None,
    ensemble: EnsembleFit | None = None,
) -> ModelCard:
    """Return the card of a trained model.

    Parameters
    ----------
    config, record, dataset, split, vocabulary, prepared
        The job, and what it worked with.
    parts
        The model's outputs on "train", "val" and "test".
    similarity
        Of all molecules of the data set; see `how_near`.
    check
        Called now and then; it may raise to stop the work.
    ensemble
        Several networks and simple models; None: a single network.
    """
    validation = parts["val"]
    training = [dataset.smiles[place] for place in counting(dataset.weights, _learnt(config, dataset, parts))[0]]
    scaler = prepared.scaler if ensemble is None else ensemble.scaler
    judged = validation if ensemble is None else ensemble.calibration
    counted, _ = counting(dataset.weights, judged.positions)
    counts = np.isin(judged.positions, counted)
    uncertainty = measure_uncertainty(
        judged.logits, judged.targets, dataset.tasks, scaler, similarity[judged.positions], judged.spread, counts
    )
    blend = {}
    if ensemble is not None:
        blend = {"networks": len(ensemble.members), "tuned": ensemble.tuned, **ensemble.blend.to_dict()}
    return ModelCard(
        name=record.name,
        created=time.time(),
        config=portable_config(config.model_copy(update={"model": prepared.model.config})),
        tasks=dataset.tasks,
        scaler=scaler.to_dict(),
        vocabulary=vocabulary.to_dict(),
        data=_origin(dataset),
        split=_division(split, record),
        metrics=parts["test"].metrics,
        validation_metrics=validation.metrics,
        uncertainty=uncertainty,
        domain=measure_domain(training, seed=config.seed, check=check),
        versions=_versions(),
        parameters=record.parameters,
        best_epoch=record.best_epoch,
        run_id=record.run_id,
        blend=blend,
        format_version=_format(ensemble, prepared.model.config.descriptors),
        notes=() if ensemble is None else ensemble.notes,
    )


def _learnt(config: TrainConfig, dataset: CuratedDataset, parts: Mapping[str, Evaluation]) -> npt.NDArray[np.int64]:
    """Return the positions that a model has learnt from.

    With folds, and where simple models are part of it, these are also the main file's validation molecules.
    """
    train = parts["train"].positions
    if config.ensemble.kind != "folds" and not config.ensemble.trees:
        return train
    return np.concatenate([train, of_main_file(dataset, parts["val"].positions)])


def _division(split: Split, record: RunRecord) -> dict[str, Any]:
    trials = RunFolder(record.run_dir).trials()
    return {"method": split.method, "counts": record.counts, "overlap": list(split.overlap), "trials": trials}


def _origin(dataset: CuratedDataset) -> dict[str, Any]:
    info = dataset.info
    return {"name": info.name, "sha256": info.sha256, "rows": info.rows, "smiles_column": dataset.roles.smiles}


def how_near(
    dataset: CuratedDataset,
    parts: Mapping[str, Evaluation],
    check: Check | None = None,
    ensemble: EnsembleFit | None = None,
) -> Floats:
    """Return how near each left-out molecule is to those that its prediction was learnt from, (n,); else NaN.

    Parameters
    ----------
    dataset
        All n molecules.
    parts, check, ensemble
        See `make_card`.
    """
    divisions = [(parts["train"].positions, parts["val"].positions)]
    if ensemble is not None:
        divisions = [(fold.train, fold.held) for fold in ensemble.folds]
    if all(task.kind is not TaskKind.REGRESSION for task in dataset.tasks):
        # Only intervals of numbers follow it.
        divisions = []
    return left_out_similarity(dataset.smiles, divisions, check=check)


def write_predictions(
    path: Path,
    dataset: CuratedDataset,
    parts: Mapping[str, Evaluation],
    card: ModelCard,
    similarity: Floats,
    check: Check | None = None,
) -> None:
    """Write every molecule with its row, part, true values and predictions.

    Parameters
    ----------
    path
        The file to write.
    dataset, parts, similarity, check
        See `make_card`.
    card
        Of the model.

    Raises
    ------
    InputError, KnownError
        When the file cannot be written.
    """
    positions = np.concatenate([item.positions for item in parts.values()])
    targets, outputs, logits = (
        np.concatenate([getattr(item, name) for item in parts.values()]) for name in ("targets", "outputs", "logits")
    )
    smiles = [dataset.smiles[place] for place in positions]
    truth = {f"{task.name}_true": _true(task, targets[:, place]) for place, task in enumerate(card.tasks)}
    nearest, within = None, None
    if card.domain is not None:
        found = nearest_similarity(own_fingerprints(smiles, check), card.domain.fingerprints, check=check)
        nearest = found.astype(np.float64)
        within = inside(card.domain, smiles, nearest)
    spread = None
    if all(item.spread is not None for item in parts.values()):
        spread = np.concatenate([np.asarray(item.spread) for item in parts.values()])
    columns = PredictionColumns.of_card(card)
    predicted = columns.frame(outputs, logits, nearest, within, [""] * len(smiles), spread)
    if nearest is not None:
        # A molecule that was left out is among the training molecules by now: its interval is that of a stranger.
        own = similarity[positions]
        # In a large set only some of those were compared; of the others nothing is known.
        nearest = np.where(_left_out(card.train_config(), dataset, parts), np.nan, nearest)
        honest = np.where(np.isnan(own), nearest, own)
        predicted = predicted.assign(**columns.values(outputs, logits, honest, spread))
    frame = pd.concat([pd.DataFrame({**_identity(dataset, parts, positions), **truth}), predicted], axis=1)
    with open_writer(path, frozenset(map(str, frame.columns))) as writer:
        writer.write(frame)


def _identity(
    dataset: CuratedDataset, parts: Mapping[str, Evaluation], positions: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Return the columns that say which molecule a row is, and which part of the data it stands in."""
    identity: dict[str, Any] = {
        "row": dataset.source_rows[positions],
        "smiles": [dataset.smiles[place] for place in positions],
        "part": [part for part, item in parts.items() for _ in item.positions],
    }
    validation = parts["val"].fitted
    if validation is not None and validation.any():
        # Else it is known from the part; here some rows of it show how well a model knows what it learnt from.
        fitted = np.concatenate([np.asarray(item.fitted) for item in parts.values()])
        identity["left_out"] = np.where(fitted, "no", "yes")
    if dataset.file_of.any():
        identity["file"] = dataset.file_of[positions]
    return identity


def _left_out(config: TrainConfig, dataset: CuratedDataset, parts: Mapping[str, Evaluation]) -> npt.NDArray[np.bool_]:
    """Return for each molecule of all parts whether it was left out once, and is one that was learnt from by now."""
    learnt = _learnt(config, dataset, parts)
    flags = [
        np.zeros(len(item.positions), dtype=bool)
        if item.fitted is None or part == "test"
        else ~item.fitted & np.isin(item.positions, learnt)
        for part, item in parts.items()
    ]
    return np.concatenate(flags)


def _true(task: TaskSpec, values: Floats) -> Any:
    if task.kind is TaskKind.REGRESSION or not task.classes:
        return values
    return [None if np.isnan(value) else task.classes[int(value)] for value in values]


def _format(ensemble: EnsembleFit | None, described: bool) -> int:
    """Return the oldest format that holds all that the model has."""
    if ensemble is not None and ensemble.blend.parts:
        return FORMAT_VERSION
    return SINGLE_FORMAT if ensemble is None and not described else DESCRIBED_FORMAT


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in ("torch", "pytorch-lightning", "rdkit", "numpy")}
    return {"mole-studio": __version__, "python": platform.python_version(), **libraries}
