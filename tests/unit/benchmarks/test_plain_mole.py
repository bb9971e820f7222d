"""The plain network that the speed is compared with computes what ours computes."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    return import_module("plain_mole")


def test_same_weights_give_the_same_logits(plain):
    import torch

    from mole_engine.contracts.config import ModelConfig
    from mole_engine.models.mole import MolE

    torch.manual_seed(0)
    config = ModelConfig(
        layers=3, hidden_size=24, heads=3, vocabulary_size=20, outputs=2, relative_positions=6, initializer_range=0.5
    )
    ours = MolE(config).eval()
    other = plain.PlainMolE(config).eval()
    plain.copy_weights(other, ours)
    tokens = torch.randint(1, 20, (4, 9))
    distances = torch.randint(0, 9, (4, 9, 9), dtype=torch.uint8)
    distances = torch.minimum(distances, distances.transpose(1, 2))
    mask = torch.arange(9) < torch.tensor([[9], [4], [7], [2]])
    torch.testing.assert_close(other(tokens, distances, mask), ours(tokens, distances, mask), rtol=1e-4, atol=1e-4)
    assert sum(p.numel() for p in other.parameters()) == sum(p.numel() for p in ours.parameters())


def test_random_batches_hold_every_molecule_once(plain):
    import torch

    batches = plain.random_batches(70, 32, torch.Generator().manual_seed(0))
    assert [len(batch) for batch in batches] == [32, 32, 6]
    assert sorted(place for batch in batches for place in batch) == list(range(70))
