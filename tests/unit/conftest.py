"""A model that was never trained but is whole: bundle, card, vocabulary, domain; made in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mole_engine.store.card import ModelCard

TRAINING_SMILES = ("CCO", "CCCO", "CCCCO", "CC(C)O", "c1ccccc1O", "c1ccccc1CO", "CCN", "CCCN", "CC(=O)O", "CCC(=O)O")


@pytest.fixture
def make_card() -> Callable[..., ModelCard]:
    """Return a function that makes the card of a tiny model; keywords replace fields of the card."""

    def make(**changes: Any) -> ModelCard:
        from mole_engine.chem.vocabulary import Vocabulary
        from mole_engine.contracts.config import TrainConfig
        from mole_engine.contracts.dataset import TaskKind, TaskSpec
        from mole_engine.data.scaling import TargetScaler, TaskScale
        from mole_engine.inference.domain import measure_domain
        from mole_engine.store.card import ModelCard, TaskUncertainty, portable_config

        vocabulary = Vocabulary.load()
        tasks = changes.pop("tasks", (TaskSpec("logS", TaskKind.REGRESSION, "log mol/L"),))
        scales = changes.pop("scales", tuple(TaskScale(mean=1.0, std=2.0) for _ in tasks))
        outputs = sum(task.outputs for task in tasks)
        sizes = {"layers": 2, "hidden_size": 32, "heads": 2, "vocabulary_size": vocabulary.size, "outputs": outputs}
        sections = {"model": {**sizes, **changes.pop("model", {})}, "data": changes.pop("data_settings", {})}
        config = TrainConfig.from_dict({"name": "tiny", **sections})
        fields: dict[str, Any] = {
            "name": "tiny",
            "created": 1_700_000_000.0,
            "config": portable_config(config),
            "tasks": tasks,
            "scaler": TargetScaler(scales).to_dict(),
            "vocabulary": vocabulary.to_dict(),
            "data": {"name": "train.csv", "smiles_column": "smiles"},
            "split": {"method": "random", "counts": {"train": 10, "val": 20, "test": 5}},
            "metrics": {"rmse": 0.5},
            "validation_metrics": {"rmse": 0.4},
            "uncertainty": {task.name: TaskUncertainty(half_width=0.8, std=0.5, count=20) for task in tasks},
            "domain": measure_domain(TRAINING_SMILES),
            "versions": {"mole-studio": "0"},
        }
        return ModelCard(**{**fields, **changes})

    return make


@pytest.fixture
def make_bundle(tmp_path: Path, make_card: Callable[..., ModelCard]) -> Callable[..., Path]:
    """Return a function that writes the bundle of a tiny model with random weights, and returns its path."""

    def make(name: str = "tiny.mole", **changes: Any) -> Path:
        import torch

        from mole_engine.models.mole import MolE
        from mole_engine.store.bundle import save_bundle

        card = make_card(**changes)
        torch.manual_seed(0)
        path = tmp_path / name
        save_bundle(path, MolE(card.train_config().model).state_dict(), card)
        return path

    return make
