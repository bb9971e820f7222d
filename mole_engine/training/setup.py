"""Everything a fit needs, made from configuration and data."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import Split, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.wording import counted
from mole_engine.data.batching import Labels, collate
from mole_engine.data.data_modules import MolDataModule
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.scaling import TargetScaler
from mole_engine.data.weights import counting
from mole_engine.models.base import Learning, Model
from mole_engine.models.mole import MolE
from mole_engine.models.network import pooled_size
from mole_engine.store.bundle import read_card
from mole_engine.training.folds import pool_of
from mole_engine.training.losses import balanced_class_weights, build_criterion
from mole_engine.training.metrics import compute_metrics
from mole_engine.training.optimisers import build_optimisers, freeze
from mole_engine.training.outputs import OutputLayout, Readout
from mole_engine.training.trainer import all_cores, fuses_updates, resolve_device

log = logging.getLogger(__name__)

NO_INIT = "none"


class Prepared(NamedTuple):
    """What `prepare_model` makes.

    Attributes
    ----------
    model
        Untrained (or with the encoder of a bundle), its `learning` set; `model.config` has every size filled in.
    learning
        The same as `model.learning`.
    data
        Set up: features computed.
    scaler
        Fitted on the training part.
    """

    model: MolE
    learning: Learning
    data: MolDataModule
    scaler: TargetScaler


def prepare_model(
    config: TrainConfig,
    dataset: CuratedDataset,
    split: Split,
    vocabulary: Vocabulary,
    *,
    cache_dir: str | Path | None = None,
    on_progress: ProgressHandler | None = None,
) -> Prepared:
    """Featurise, fit the scaling on the training part, and build a model that is ready to learn.

    Parameters
    ----------
    config
        The job; sizes that it leaves at 0 are taken from vocabulary, tasks and descriptors.
    dataset, split, vocabulary
        The data.
    cache_dir, on_progress
        See `featurise`.

    Raises
    ------
    InputError
        When there is nothing to train on, or loss, transform, metric or starting weights do not fit the data.
    """
    data = MolDataModule(dataset, split, vocabulary, config, cache_dir=cache_dir, on_progress=on_progress)
    data.setup("fit")
    # Once, on all that is learnt from: a fold may lack a target's few labels, which the loss then passes over.
    learnt = pool_of(data) if config.ensemble.kind == "folds" else data.positions("train")
    learnt, _ = counting(dataset.weights, learnt)
    _check_labels(data.labels.targets[learnt], dataset.roles.tasks)
    return prepare_network(config, data, vocabulary, on_progress=on_progress)


def prepare_network(
    config: TrainConfig,
    data: MolDataModule,
    vocabulary: Vocabulary,
    *,
    scaler: TargetScaler | None = None,
    on_progress: ProgressHandler | None = None,
) -> Prepared:
    """Build a model for data that are set up; the rest of `prepare_model`. Targets without labels are passed over.

    Parameters
    ----------
    config, vocabulary
        The job.
    data
        Set up. Where the whole encoder stays fixed, its vectors are computed here, once.
    scaler
        Of the targets; None: fitted on the training part.
    on_progress
        Told how far the work is; may raise `Cancelled`.

    Raises
    ------
    InputError
        As `prepare_model`.
    """
    tasks = data.dataset.roles.tasks
    # What counts for nothing in the loss counts for nothing in what is made of the labels and inputs beforehand.
    train, weights = counting(data.dataset.weights, data.positions("train"))
    scaler = scaler or TargetScaler.fit(data.labels.targets[train], tasks, config.data.target_transform, weights)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    descriptors = data.labels.descriptors
    sizes = {
        "vocabulary_size": vocabulary.size,
        "outputs": OutputLayout(tasks).size,
        "descriptor_size": 0 if descriptors is None else descriptors.shape[1],
    }
    model = MolE(config.model.model_copy(update=sizes))
    if descriptors is not None:
        model.fit_descriptors(torch.from_numpy(descriptors[train]))
    if config.init != NO_INIT:
        load_encoder(model, vocabulary, config.init)
    freeze(model, config.training)
    if config.training.freeze == "encoder" and data.labels.pooled is None:
        data.use_pooled(embed_all(model, data, config, on_progress))
    if config.model.standardise_pooled:
        pooled = data.labels.pooled
        if pooled is None:
            pooled = embed_all(model, data, config, on_progress)
        model.fit_pooled(torch.from_numpy(np.asarray(pooled[train], dtype=np.float32)))
    learning = make_learning(config, tasks, scaler, data)
    model.learning = learning
    return Prepared(model, learning, data, scaler)


def make_learning(
    config: TrainConfig, tasks: tuple[TaskSpec, ...], scaler: TargetScaler, data: MolDataModule
) -> Learning:
    """Return loss, metrics, outputs and optimisers of a job. Raises InputError."""
    weights = None
    if config.training.class_weights:
        train, own = counting(data.dataset.weights, data.positions("train"))
        weights = balanced_class_weights(data.labels.targets[train], tasks, own)
    readout = Readout(tasks, scaler)

    def optimisers(model: Model) -> object:
        steps = data.steps_per_epoch() * config.training.epochs
        return build_optimisers(
            model,
            config.training,
            steps,
            head_steps=data.steps_per_epoch() * config.training.head_epochs,
            fused=fuses_updates(config.runtime),
        )

    return Learning(
        criterion=build_criterion(tasks, config.training, weights, scaler),
        metrics=lambda outputs, targets, mask: compute_metrics(outputs, targets, mask, tasks),
        outputs_of=readout,
        optimisers=optimisers,
    )


EMBEDDING = "Embedding molecules"
_EMBEDDED_AT_A_TIME = 128


def embed_all(
    model: MolE, data: MolDataModule, config: TrainConfig, on_progress: ProgressHandler | None = None
) -> npt.NDArray[np.float32]:
    """Return (n, d) vectors of all molecules from an encoder that does not change; zeros for unreadable ones."""
    device = resolve_device(config.runtime).torch_device
    was_training = model.training
    model.to(device).eval()
    positions = data.positions("all")
    order = positions[np.argsort(-data.features.lengths[positions], kind="stable")]
    result = np.zeros((len(data.features), pooled_size(model.config)), dtype=np.float32)
    empty = Labels.none(len(data.features))
    with torch.inference_mode(), all_cores(config.runtime):
        for start in range(0, len(order), _EMBEDDED_AT_A_TIME):
            if on_progress is not None:
                on_progress(EMBEDDING, start, len(order))
            rows = order[start : start + _EMBEDDED_AT_A_TIME]
            batch = collate(data.features, rows, empty, data.vocabulary.pad_id).to(device)
            result[rows] = model.encode(batch.tokens, batch.distances, batch.mask).float().cpu().numpy()
    if on_progress is not None:
        on_progress(EMBEDDING, len(order), len(order))
    model.cpu().train(was_training)
    freeze(model, config.training)
    return result


def job_vocabulary(init: str, name: str) -> Vocabulary:
    """Return the vocabulary of a job: what `name` says; by default, that of the encoder it starts from.

    Raises
    ------
    InputError
        When the bundle or the vocabulary cannot be read.
    """
    if init != NO_INIT and name == "default":
        return Vocabulary.from_dict(read_card(init).vocabulary)
    return Vocabulary.load(name)


def load_encoder(model: MolE, vocabulary: Vocabulary, path: str) -> int:
    """Start from the encoder of a bundle.

    Every weight of the encoder must be there with the same shape; nothing is left random in silence.

    Returns
    -------
    int
        Number of tensors taken over.

    Raises
    ------
    InputError
        When the bundle cannot be read, was made for another vocabulary, or its encoder has other sizes.
    """
    from mole_engine.store.bundle import read_bundle

    bundle = read_bundle(path)
    other = Vocabulary.from_dict(bundle.card.vocabulary)
    if other.fingerprint != vocabulary.fingerprint:
        raise _unfit(path, "it was trained with another vocabulary of atoms", "Choose the vocabulary of that model.")
    prefix = "encoder."
    given = {name.removeprefix(prefix): value for name, value in bundle.tensors.items() if name.startswith(prefix)}
    wanted = model.encoder.state_dict()
    missing = sorted(set(wanted) - set(given))
    foreign = sorted(set(given) - set(wanted))
    shapes = [name for name in wanted if name in given and given[name].shape != wanted[name].shape]
    if missing or foreign or shapes:
        lacking = counted(len(missing), "weight is missing", "weights are missing")
        counts = f"{lacking}, {len(foreign)} unknown, {len(shapes)} of another size"
        example = (missing or foreign or shapes)[0]
        raise _unfit(
            path,
            f"its encoder has another shape than the one configured ({counts}; for example {example})",
            "Choose the network size of that model (layers, width, heads), or another model.",
        )
    model.encoder.load_state_dict(given, strict=True)
    log.info("Took %d tensors of the encoder from %s", len(given), path)
    return len(given)


def _unfit(path: str, cause: str, remedy: str) -> InputError:
    return InputError(f"Training cannot start from {path}:", f"{cause}.", remedy)


def _check_labels(labels: np.ndarray, tasks: tuple[TaskSpec, ...]) -> None:
    if not tasks:
        raise InputError("There is nothing to learn:", "no target column was chosen.", "Choose at least one.")
    if np.isinf(labels).any():
        raise InputError("The labels cannot be used:", "some are infinite.", "Correct or empty those cells.")
    for column, task in zip(labels.T, tasks, strict=True):
        if np.isnan(column).all():
            raise InputError(
                f"There is nothing to learn for '{task.name}':",
                "no molecule of the training part has a label.",
                "Leave this target out, or change the split.",
            )
