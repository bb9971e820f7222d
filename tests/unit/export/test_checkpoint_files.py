"""Exported checkpoints: Lightning makes the network from them, and it computes what the model computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from mole_engine.export.checkpoints import export_checkpoint
from mole_engine.models.mole import MolE
from mole_engine.store.bundle import read_bundle


def test_lightning_loads_an_exported_checkpoint(make_bundle: Any, tmp_path: Path) -> None:
    path = make_bundle()
    export_checkpoint(path, tmp_path / "model.ckpt")
    loaded = MolE.load_from_checkpoint(tmp_path / "model.ckpt", map_location="cpu").eval()
    bundle = read_bundle(path)
    same = MolE(loaded.config).eval()
    same.load_state_dict(bundle.tensors)
    molecule = (torch.tensor([[2, 3, 4]]), torch.ones(1, 3, 3, dtype=torch.long), torch.ones(1, 3, dtype=torch.bool))
    assert loaded.config.outputs == len(bundle.card.tasks)
    assert torch.equal(loaded(*molecule), same(*molecule))
