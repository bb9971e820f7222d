"""Parameter groups: who learns how fast, who decays, who stays fixed."""

from __future__ import annotations

import pytest
import torch

from mole_engine.contracts.config import ModelConfig, TrainingConfig
from mole_engine.models.mole import MolE
from mole_engine.training.optimisers import build_optimisers, freeze, parameter_groups


@pytest.fixture
def model():
    return MolE(ModelConfig(layers=2, hidden_size=8, heads=2, intermediate_size=16, vocabulary_size=10, outputs=1))


def rates(model, config) -> dict[str, tuple[float, float]]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in parameter_groups(model, config)
        for parameter in group["params"]
    }


def test_every_trainable_parameter_is_in_one_group(model):
    assert set(rates(model, TrainingConfig())) == {name for name, _ in model.named_parameters()}


def test_only_matrices_decay(model):
    by_name = rates(model, TrainingConfig(weight_decay=0.1))
    for name, parameter in model.named_parameters():
        assert by_name[name][1] == (0.1 if parameter.ndim >= 2 else 0.0), name
    assert by_name["encoder.embeddings.words.weight"][1] == 0.1
    assert by_name["encoder.embeddings.norm.weight"][1] == 0.0


def test_lower_layers_learn_slower_and_the_head_at_its_own_rate(model):
    config = TrainingConfig(learning_rate=1e-3, head_learning_rate=5e-3, layer_decay=0.5)
    by_name = rates(model, config)
    expected = {
        "head.classifier.weight": 5e-3,
        "encoder.encoder.layers.1.expand.weight": 1e-3,
        "encoder.encoder.layers.0.expand.weight": 5e-4,
        "encoder.embeddings.words.weight": 2.5e-4,
        "encoder.encoder.relative.weight": 2.5e-4,
    }
    assert {name: by_name[name][0] for name in expected} == pytest.approx(expected)


def test_the_head_follows_the_encoder_without_a_rate_of_its_own(model):
    by_name = rates(model, TrainingConfig(learning_rate=1e-3, layer_decay=0.5))
    assert by_name["head.classifier.weight"][0] == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("settings", "fixed"),
    [
        ({"freeze": "none"}, ()),
        ({"freeze": "embeddings"}, ("encoder.embeddings.", "encoder.encoder.relative", "encoder.encoder.norm")),
        (
            {"freeze": "layers", "freeze_layers": 1},
            ("encoder.embeddings.", "encoder.encoder.relative", "encoder.encoder.norm", "encoder.encoder.layers.0."),
        ),
        ({"freeze": "encoder"}, ("encoder.",)),
    ],
)
def test_freezing(model, settings, fixed):
    freeze(model, TrainingConfig(**settings))
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != name.startswith(fixed or ("nothing",)), name
    assert set(rates(model, TrainingConfig())) == {
        name for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    assert model.head.training


def test_frozen_parts_have_no_dropout(model):
    freeze(model, TrainingConfig(freeze="encoder"))
    assert not any(module.training for layer in model.encoder.encoder.layers for module in layer.modules())
    assert not model.encoder.embeddings.training
    freeze(model, TrainingConfig(freeze="layers", freeze_layers=1))
    assert not model.encoder.encoder.layers[0].training
    assert model.encoder.encoder.layers[1].attention.training


def test_the_first_rate_is_positive_without_and_with_warm_up(model):
    for fraction, first in ((0.0, 1e-3), (0.5, 2e-4)):
        made = build_optimisers(model, TrainingConfig(learning_rate=1e-3, warmup_fraction=fraction), 10)
        assert made["optimizer"].param_groups[0]["lr"] == pytest.approx(first)
        assert isinstance(made["optimizer"], torch.optim.AdamW)


def test_the_head_starts_alone_and_the_encoder_warms_up_after_it(model):
    config = TrainingConfig(learning_rate=1e-3, schedule="constant", warmup_fraction=0.2, head_epochs=1)
    made = build_optimisers(model, config, total_steps=10, head_steps=3)
    optimiser, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    head = {id(parameter) for parameter in model.head.parameters()}
    seen = []
    for _ in range(6):
        rates_now = {id(group["params"][0]) in head: group["lr"] for group in optimiser.param_groups}
        seen.append((rates_now[True], rates_now[False]))
        optimiser.step()
        schedule.step()
    assert [rate for rate, _ in seen] == pytest.approx([5e-4, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3])
    assert [rate for _, rate in seen] == pytest.approx([0, 0, 0, 5e-4, 1e-3, 1e-3])
