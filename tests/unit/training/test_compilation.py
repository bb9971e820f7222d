"""Layers are compiled where it helps, and only while the model learns."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mole_engine.contracts.config import ModelConfig, RuntimeConfig
from mole_engine.models.encoder import Encoder
from mole_engine.training import compilation
from mole_engine.training.compilation import compiled_layers, compiles


@pytest.mark.parametrize(
    ("setting", "accelerator", "long", "triton", "wanted"),
    [
        ("auto", "cuda", True, True, True),
        ("auto", "cuda", True, False, False),
        ("auto", "cuda", False, True, False),
        ("always", "cuda", False, False, True),
        ("always", "cpu", True, True, False),
        ("never", "cuda", True, True, False),
    ],
)
def test_where_layers_are_compiled(
    monkeypatch: pytest.MonkeyPatch, setting: str, accelerator: str, long: bool, triton: bool, wanted: bool
) -> None:
    monkeypatch.setattr(compilation, "find_spec", lambda name: object() if triton else None)
    assert compiles(RuntimeConfig(compile=setting), accelerator, long=long) is wanted


def test_afterwards_the_layers_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(torch, "compile", lambda forward, **options: calls.append(options["dynamic"]) or forward)
    encoder = Encoder(ModelConfig(layers=2, hidden_size=16, heads=2, vocabulary_size=9))
    before = list(encoder.state_dict())
    with compiled_layers(SimpleNamespace(encoder=encoder), True):
        assert all(layer._compiled_call_impl for layer in encoder.encoder.layers)
        assert list(encoder.state_dict()) == before
    assert calls == [True, True]
    assert not any(layer._compiled_call_impl for layer in encoder.encoder.layers)


def test_without_the_wish_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", None)
    encoder = Encoder(ModelConfig(layers=1, hidden_size=16, heads=2, vocabulary_size=9))
    with compiled_layers(SimpleNamespace(encoder=encoder), False):
        assert not encoder.encoder.layers[0]._compiled_call_impl
