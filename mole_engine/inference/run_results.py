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
from mole_engine.inference.columns import PredictionColumns
from mole_engine.inference.domain import fingerprints_of, measure_domain
from mole_engine.inference.table_writers import open_writer
from mole_engine.inference.uncertainty import measure_uncertainty
from mole_engine.store.card import FORMAT_VERSION, SINGLE_FORMAT, ModelCard, portable_config
from mole_engine.training.evaluation import Evaluation
from mole_engine.training.setup import Prepared

if TYPE_CHECKING:
    from mole_engine.training.ensemble import EnsembleFit

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
    check
        Called now and then; it may raise to stop the work.
    ensemble
        Several networks and simple models; None: a single network.
    """
    info, validation = dataset.info, parts["val"]
    training = [dataset.smiles[place] for place in parts["train"].positions]
    scaler = prepared.scaler if ensemble is None else ensemble.scaler
    judged = validation if ensemble is None else ensemble.calibration
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
        data={
            "name": info.name,
            "sha256": info.sha256,
            "rows": info.rows,
            "smiles_column": dataset.roles.smiles,
        },
        split={"method": split.method, "counts": record.counts, "overlap": list(split.overlap)},
        metrics=parts["test"].metrics,
        validation_metrics=validation.metrics,
        uncertainty=measure_uncertainty(judged.logits, judged.targets, dataset.tasks, scaler),
        domain=measure_domain(training, seed=config.seed, check=check),
        versions=_versions(),
        parameters=record.parameters,
        best_epoch=record.best_epoch,
        run_id=record.run_id,
        blend=blend,
        format_version=FORMAT_VERSION if blend else SINGLE_FORMAT,
        notes=() if ensemble is None else ensemble.notes,
    )


def write_predictions(
    path: Path,
    dataset: CuratedDataset,
    parts: Mapping[str, Evaluation],
    card: ModelCard,
    check: Check | None = None,
) -> None:
    """Write every molecule with its row, part, true values and predictions.

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
    identity: dict[str, Any] = {
        "row": dataset.source_rows[positions],
        "smiles": smiles,
        "part": [part for part, item in parts.items() for _ in item.positions],
    }
    if dataset.file_of.any():
        identity["file"] = dataset.file_of[positions]
    truth = {f"{task.name}_true": _true(task, targets[:, place]) for place, task in enumerate(card.tasks)}
    similarity, threshold = None, 0.0
    if card.domain is not None:
        nearest = nearest_similarity(fingerprints_of(smiles, check), card.domain.fingerprints, check=check)
        similarity, threshold = nearest.astype(np.float64), card.domain.threshold
    columns = PredictionColumns.of_card(card)
    predicted = columns.frame(outputs, logits, similarity, threshold, [""] * len(smiles))
    frame = pd.concat([pd.DataFrame({**identity, **truth}), predicted], axis=1)
    with open_writer(path, frozenset(map(str, frame.columns))) as writer:
        writer.write(frame)


def _true(task: TaskSpec, values: Floats) -> Any:
    if task.kind is TaskKind.REGRESSION or not task.classes:
        return values
    return [None if np.isnan(value) else task.classes[int(value)] for value in values]


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in ("torch", "pytorch-lightning", "rdkit", "numpy")}
    return {"mole-studio": __version__, "python": platform.python_version(), **libraries}
