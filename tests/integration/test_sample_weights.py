"""Sample weights in a whole job: rows of weight 0 are nowhere learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mole_engine.contracts.records import RunRecord
from mole_engine.store.bundle import read_bundle
from mole_engine.train import train
from mole_engine.training import simple_models


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the forests small."""
    monkeypatch.setattr(simple_models, "TREES", 8)
    monkeypatch.setattr(simple_models, "FEW_TREES", 8)
    monkeypatch.setattr("mole_engine.training.baselines.TREES", 8)
    monkeypatch.setattr("mole_engine.training.baselines.ROUNDS", 8)


def test_rows_of_weight_0_teach_nobody(make_config: Any, table: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(table)
    wrong = frame.index % 5 == 2
    frame["weight"] = 1.0
    frame.loc[wrong, ["y", "weight"]] = 500.0, 0.0
    frame.to_csv(table, index=False)
    record: RunRecord = train(
        make_config(
            data={"weight_column": "weight", "target_transform": "none"},
            ensemble={"kind": "folds", "members": 3, "trees": True},
            baselines=True,
        )
    )
    card = read_bundle(record.model_path).card
    assert card.scaler["scales"][0]["mean"] < 2
    assert max(card.blend["weights"].values()) < 0.9
    assert card.uncertainty["y"].half_width < 5
    assert card.domain is not None
    assert card.domain.molecules == 32 - 8
    said = pd.read_csv(Path(record.run_dir) / "predictions.csv").query("part == 'test'")
    assert said["y_pred"].abs().max() < 5
    simple = pd.read_csv(Path(record.run_dir) / "baselines.csv")
    numbers = simple.drop(columns="row").select_dtypes("number")
    assert numbers.abs().max(axis=None) < 5
