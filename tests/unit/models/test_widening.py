"""A network spread over a wider one computes the same, and its copies of a feature do not stay copies."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch

from mole_engine.contracts.config import ModelConfig
from mole_engine.contracts.pretrain_config import ObjectivesConfig
from mole_engine.data.pretraining_batches import IGNORED, PretrainingBatch
from mole_engine.models.pretraining import PretrainingModel
from mole_engine.models.widening import widen, widening_factor

NARROW = ModelConfig(layers=2, hidden_size=8, heads=2, vocabulary_size=12, initializer_range=0.5, pooling="cls+mean")


def model(config: ModelConfig) -> PretrainingModel:
    objectives = ObjectivesConfig.model_validate({"tasks": 0.5, "descriptors": 0.25, "hidden_radius": -1})
    network = PretrainingModel(config, objectives, environments=5, binary=[True, False], descriptors=3).eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("bias") or "norm" in name:
                value.add_(torch.randn_like(value) * 0.3)
    return network


def wider(factor: int, **changes: Any) -> ModelConfig:
    sizes = {"hidden_size": factor * NARROW.hidden_size, "heads": factor * NARROW.heads}
    return NARROW.model_copy(update=sizes | changes)


def batch() -> PretrainingBatch:
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    asked = torch.zeros(2, 6, dtype=torch.bool)
    asked[:, 2] = True
    return PretrainingBatch(
        tokens=torch.randint(1, 12, (2, 6)),
        distances=torch.randint(0, 7, (2, 6, 6), dtype=torch.uint8),
        mask=mask,
        asked=asked,
        environments=torch.where(asked, 3, IGNORED),
        targets=torch.tensor([[1.0, 0.5], [0.0, float("nan")]]),
        descriptors=torch.randn(2, 3),
        index=torch.arange(2),
    )


@pytest.mark.parametrize("pooling", ["cls", "mean", "cls+mean"])
@pytest.mark.parametrize("factor", [2, 3])
def test_a_wider_network_computes_the_same(factor: int, pooling: Literal["cls", "mean", "cls+mean"]) -> None:
    torch.manual_seed(factor)
    given = NARROW.model_copy(update={"pooling": pooling})
    narrow, wide = model(given), model(wider(factor, pooling=pooling))
    wide.load_state_dict(widen(narrow.state_dict(), factor, given), strict=True)
    molecules = batch()
    with torch.no_grad():
        before, after = narrow.losses(molecules), wide.losses(molecules)
    assert before.keys() == {"atoms", "accuracy", "tasks", "descriptors"}
    for name, (total, _) in before.items():
        torch.testing.assert_close(after[name][0], total, rtol=1e-4, atol=1e-5)


def test_copies_of_a_feature_learn_different_things() -> None:
    torch.manual_seed(0)
    wide = model(wider(2))
    wide.load_state_dict(widen(model(NARROW).state_dict(), 2, NARROW))
    wide.total(wide.losses(batch())).backward()
    for layer in wide.encoder.encoder.layers:
        gradient = layer.expand.weight.grad
        first, second = gradient.chunk(2)
        assert (first - second).abs().max() > 0.05 * gradient.abs().max()


@pytest.mark.parametrize(
    "changes", [{"layers": 3}, {"pooling": "cls"}, {"heads": 2}, {"hidden_size": 20}, {"intermediate_size": 40}]
)
def test_a_network_of_another_kind_is_refused(changes: dict[str, Any]) -> None:
    assert widening_factor(NARROW, wider(2)) == 2
    assert widening_factor(NARROW, NARROW) == 1
    assert widening_factor(NARROW, wider(2, **changes)) == 0
