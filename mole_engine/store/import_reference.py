"""From the original's weights and vocabulary to a `.mole` bundle that keeps the original's rules."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mole_engine._version import __version__
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import CurationConfig, DataConfig, ModelConfig, TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted
from mole_engine.data.scaling import TargetScaler, TaskScale
from mole_engine.models.mole import MolE
from mole_engine.store.bundle import save_bundle
from mole_engine.store.card import ModelCard
from mole_engine.store.files import check_not_same
from mole_engine.store.reference_vocabulary import read_reference_vocabulary
from mole_engine.store.reference_weights import KeyReport, model_config, read_reference, to_our_names

TASKS = ("auto", "regression", "classification", "multiclass")

_NO_CLEAN_UP = CurationConfig(
    largest_fragment=False, neutralise=False, merge_duplicates=False, flatten_stereo=False, max_heavy_atoms=1000
)
"""The original takes molecules as they are written."""


def import_reference(
    weights: str | Path,
    vocabulary: str | Path,
    heads: int = 0,
    task: str = "auto",
    out: str | Path = "imported.mole",
    names: Sequence[str] = (),
) -> KeyReport:
    """Turn a checkpoint of the original into a bundle.

    Parameters
    ----------
    weights
        .ckpt (Lightning, or any checkpoint with a state dictionary) or .safetensors.
    vocabulary
        The .pkl or .json that belongs to the weights.
    heads
        Attention heads; 0: from the checkpoint's settings, or 12 for the published width of 768.
    task
        Kind of the head's outputs: "regression", "classification" (each output two classes), "multiclass" (all outputs
        one task), or "auto": from the checkpoint's settings.
    out
        The bundle to write. Without a prediction head in the weights it can be encoded with and trained from.
    names
        Names of the tasks; by default "task_1", "task_2" ...

    Returns
    -------
    KeyReport
        What was matched.

    Raises
    ------
    InputError
        When a file cannot be read, weights are missing or unknown, vocabulary and weights do not belong together, or
        the number of attention heads is not known.
    """
    weights = Path(weights)
    for source in (weights, vocabulary):
        check_not_same(source, out)
    state = read_reference(weights)
    tensors, report = to_our_names(state.tensors, weights.name)
    config = model_config(tensors, state.settings, heads)
    words = read_reference_vocabulary(vocabulary)
    if words.size != config.vocabulary_size:
        raise InputError(
            f"{Path(vocabulary).name} does not belong to {weights.name}:",
            f"it has {words.size} tokens, the weights have {config.vocabulary_size}.",
            "Give the vocabulary that the weights were trained with.",
        )
    kind = _kind(task, state.settings)
    tasks = _tasks(kind or TaskKind.REGRESSION, config.outputs, names) if report.has_head else ()
    report = replace(report, is_kind_guessed=report.has_head and kind is None)
    if not report.has_head:
        tensors |= _silent_head(config)
    _check_fit(config, tensors, weights.name)
    save_bundle(out, tensors, _card(weights, config, tasks, words, report))
    return report


def _kind(task: str, settings: Mapping[str, Any]) -> TaskKind | None:
    """Return the kind that is wanted, or that the loss among the settings tells; None where nothing tells it."""
    if task not in TASKS:
        raise InputError(f"'{task}' is not a kind of task.", "", f"Choose one of: {', '.join(TASKS)}.")
    if task != "auto":
        return TaskKind(task)
    words = str(settings)
    for loss, kind in (
        ("CrossEntropy", TaskKind.MULTICLASS),
        ("BCE", TaskKind.CLASSIFICATION),
        ("MSE", TaskKind.REGRESSION),
        ("L1Loss", TaskKind.REGRESSION),
        ("Huber", TaskKind.REGRESSION),
    ):
        if loss in words:
            return kind
    return None


def _tasks(kind: TaskKind, outputs: int, names: Sequence[str]) -> tuple[TaskSpec, ...]:
    count = 1 if kind is TaskKind.MULTICLASS else outputs
    if names and len(names) != count:
        raise InputError(
            "The names do not fit:",
            f"{counted(len(names), 'is', 'are')} given for {counted(count, 'task')}.",
            "Give one a task.",
        )
    classes = {
        TaskKind.REGRESSION: (),
        TaskKind.CLASSIFICATION: ("0", "1"),
        TaskKind.MULTICLASS: tuple(str(place) for place in range(outputs)),
    }[kind]
    usual = [f"task_{place + 1}" for place in range(count)]
    return tuple(TaskSpec(name, kind, classes=classes) for name in names or usual)


def _silent_head(config: ModelConfig) -> dict[str, Tensor]:
    width = config.hidden_size
    return {
        "head.dense.weight": torch.zeros(width, width),
        "head.dense.bias": torch.zeros(width),
        "head.classifier.weight": torch.zeros(config.outputs, width),
        "head.classifier.bias": torch.zeros(config.outputs),
    }


def _check_fit(config: ModelConfig, tensors: Mapping[str, Tensor], name: str) -> None:
    try:
        with torch.device("meta"):
            MolE(config).load_state_dict(dict(tensors), strict=True, assign=True)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise InputError(
            f"{name} does not fit MolE's network:", f"{first}.", "Give weights of the original."
        ) from error


def _card(
    weights: Path, config: ModelConfig, tasks: tuple[TaskSpec, ...], vocabulary: Vocabulary, report: KeyReport
) -> ModelCard:
    scales = tuple(TaskScale() if task.kind is TaskKind.REGRESSION else None for task in tasks)
    job = TrainConfig(
        name=weights.stem, model=config, data=DataConfig(curation=_NO_CLEAN_UP, targets=[task.name for task in tasks])
    )
    return ModelCard(
        name=weights.stem,
        created=time.time(),
        config=job.to_dict(),
        tasks=tasks,
        scaler=TargetScaler(scales).to_dict(),
        vocabulary=vocabulary.to_dict(),
        versions={"mole-studio": __version__, "weights": "original MolE"},
        notes=(f"Imported from {weights.name}. {report.in_words()}", "It follows the original's rules for atoms."),
    )
