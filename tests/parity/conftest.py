"""What the original network computes, as stored vectors; see tests/data/golden/cut_vectors.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mole_engine.contracts.config import ModelConfig
from mole_engine.models.mole import MolE
from mole_engine.store.reference_weights import read_reference, to_our_names

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
VOCABULARY_SIZE = 211
SEEDS = {"tiny": 1234, "small": 5678}


class Golden:
    """One set of vectors, and our network with its weights."""

    def __init__(self, name: str) -> None:
        self.name = name
        with np.load(GOLDEN / f"{name}.npz") as stored:
            self.vectors: dict[str, np.ndarray] = dict(stored)
        bert = json.loads(str(self.vectors["config"]))
        self.config = ModelConfig(
            layers=bert["num_hidden_layers"],
            hidden_size=bert["hidden_size"],
            heads=bert["num_attention_heads"],
            intermediate_size=bert["intermediate_size"],
            vocabulary_size=VOCABULARY_SIZE,
            outputs=self.vectors["targets"].shape[1],
        )
        self.tokens = torch.from_numpy(self.vectors["tokens"]).long()
        self.distances = torch.from_numpy(self.vectors["distances"])
        self.mask = torch.from_numpy(self.vectors["mask"])
        self.inputs = (self.tokens, self.distances, self.mask)
        self.targets = torch.from_numpy(self.vectors["targets"]).float()
        self.layers = [f"hidden_{index}" for index in range(self.config.layers)]

    def reference_state(self) -> dict[str, Tensor]:
        """Weights by the original's names."""
        if self.name == "tiny":
            return read_reference(GOLDEN / "tiny_lightning.ckpt").tensors
        stored = {
            key.removeprefix("weight."): value for key, value in self.vectors.items() if key.startswith("weight.")
        }
        if stored:
            return {key: torch.from_numpy(value) for key, value in stored.items()}
        return drawn_weights(self.config, SEEDS[self.name])

    def model(self) -> MolE:
        """Our network with the original's weights, in evaluation mode."""
        model = MolE(self.config)
        tensors, _ = to_our_names(self.reference_state())
        model.load_state_dict(tensors, strict=True)
        return model.eval()

    def losses(self, logits: Tensor) -> Tensor:
        """The loss of every labelled value."""
        known = ~self.targets.isnan()
        loss = nn.functional.binary_cross_entropy_with_logits if self.name == "small" else nn.functional.mse_loss
        return loss(logits[known], self.targets[known], reduction="none")


def drawn_weights(config: ModelConfig, seed: int) -> dict[str, Tensor]:
    """Draw the original's initial weights again: its modules are built first, then all matrices are drawn anew."""
    torch.manual_seed(seed)
    width, inner = config.hidden_size, config.feed_forward_size
    base = "model.MolE.encoder.layer.{}."
    parts = [f"attention.self.{name}_proj" for name in ("query", "key", "value")] + ["attention.output.dense"]
    shapes = dict.fromkeys(parts, (width, width))
    shapes |= {"intermediate.dense": (inner, width), "output.dense": (width, inner)}
    matrices: dict[str, nn.Module] = {"model.MolE.embeddings.word_embeddings": nn.Embedding(VOCABULARY_SIZE, width)}
    for index in range(config.layers):
        for name, (rows, columns) in shapes.items():
            matrices[base.format(index) + name] = nn.Linear(columns, rows)
    matrices["model.MolE.encoder.rel_embeddings"] = nn.Embedding(128, width)
    matrices["model.prediction_head.dense"] = nn.Linear(width, width)
    matrices["model.prediction_head.classifier"] = nn.Linear(width, config.outputs)
    state: dict[str, Tensor] = {}
    for name, module in matrices.items():
        state[f"{name}.weight"] = torch.empty_like(module.weight).normal_(0.0, 0.02)
        if isinstance(module, nn.Linear):
            state[f"{name}.bias"] = torch.zeros_like(module.bias)
    norms = ["model.MolE.embeddings.LayerNorm", "model.MolE.encoder.LayerNorm"]
    for index in range(config.layers):
        norms += [base.format(index) + name for name in ("attention.output.LayerNorm", "output.LayerNorm")]
    for name in norms:
        state[f"{name}.weight"], state[f"{name}.bias"] = torch.ones(width), torch.zeros(width)
    return state


def evenly_sampled(values: Tensor, count: int) -> Tensor:
    """Return `count` of the values as the vectors were cut: evenly spaced over the flat tensor."""
    flat = values.reshape(-1)
    step = max(1, len(flat) // 400) if count < len(flat) else 1
    return flat[::step]


@pytest.fixture(scope="session")
def golden_sets() -> dict[str, Golden]:
    return {name: Golden(name) for name in ("tiny", "small", "tiny_sharp")}


@pytest.fixture(params=["tiny", "small", "tiny_sharp"])
def golden(request: Any, golden_sets: dict[str, Golden]) -> Golden:
    return golden_sets[request.param]


@pytest.fixture
def sharp(golden_sets: dict[str, Golden]) -> Golden:
    return golden_sets["tiny_sharp"]


@pytest.fixture(params=["tiny", "small"])
def trained_golden(request: Any, golden_sets: dict[str, Golden]) -> Golden:
    return golden_sets[request.param]


@pytest.fixture(scope="session")
def evenly() -> Any:
    return evenly_sampled
