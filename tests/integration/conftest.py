"""A table of forty molecules, and the smallest job that is still a job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mole_engine.contracts.config import TrainConfig

MOLECULES = [f"{'C' * length}{group}" for length in range(1, 11) for group in ("O", "N", "Cl", "c1ccccc1")]
"""Chains with a group at their end; the value that is learnt is a count of carbon atoms, the class the group."""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a CSV with a value `y`, a class `aromatic` and given parts."""
    path = tmp_path / "molecules.csv"
    rows = ["smiles,y,aromatic,part"]
    for place, smiles in enumerate(MOLECULES):
        part = {0: "test", 1: "val"}.get(place % 5, "train")
        rows.append(f"{smiles},{smiles.lower().count('c') / 10:.1f},{'yes' if 'c1' in smiles else 'no'},{part}")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def make_config(table: Path, tmp_path: Path) -> Callable[..., TrainConfig]:
    """Return a function that makes a tiny job on `table`; keywords are sections laid over it."""

    def make(**changes: Any) -> TrainConfig:
        from mole_engine.contracts.config import TrainConfig
        from mole_engine.contracts.settings import merged

        settings: dict[str, Any] = {
            "out": str(tmp_path / "run"),
            # Trees take longer than the smallest network; the tests that are about them ask for them.
            "baselines": False,
            "data": {"path": str(table), "targets": ["y"]},
            "split": {"method": "column", "column": "part"},
            "model": {"layers": 2, "hidden_size": 32, "heads": 2},
            "training": {"epochs": 3, "batch_size": 8, "learning_rate": 0.003},
            "runtime": {"device": "cpu", "threads": 1},
        }
        return TrainConfig.from_dict(merged(settings, changes))

    return make
