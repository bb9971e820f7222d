"""Ensembles on tables of several targets, some of which have so few labels that a fold goes without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.run_state import RunState
from mole_engine.inference.predictor import load_model
from mole_engine.store.bundle import read_bundle
from mole_engine.train import train
from mole_engine.training import simple_models


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the forests small."""
    monkeypatch.setattr(simple_models, "TREES", 8)
    monkeypatch.setattr(simple_models, "FEW_TREES", 8)


@pytest.mark.parametrize(
    ("common", "labels"), [("y", [1.0, 2.5]), ("aromatic", ["yes", "no"])], ids=["values", "classes"]
)
def test_few_labels_that_one_fold_leaves_out_do_not_end_the_run(
    make_config: Any, table: Path, common: str, labels: list[Any]
) -> None:
    frame = pd.read_csv(table)
    # Two molecules of one scaffold.
    frame["few"] = pd.Series(labels, [3, 7]).reindex(frame.index)
    frame.to_csv(table, index=False)
    config = make_config(
        data={"targets": [common, "few"]},
        training={"epochs": 1, "class_weights": True},
        ensemble={"kind": "folds", "members": 3, "trees": True},
        baselines=True,
    )
    record = train(config)
    assert record.status is RunState.COMPLETED
    weights = read_bundle(record.model_path).card.blend["weights"]
    assert np.isfinite(list(weights.values())).all()
    own = pd.read_csv(Path(record.run_dir) / "predictions.csv")
    again = load_model(record.model_path).predict(["CCCO", "CCc1ccccc1"])
    predicted = [name for name in own.columns if name.startswith(("few_pred", "few_prob"))]
    assert predicted
    assert not own[predicted].isna().any(axis=None)
    assert not again[predicted].isna().any(axis=None)
    if common == "y":
        # Two labels are too few for an interval.
        assert "few_lower" not in again


def test_a_target_without_any_label_to_learn_from_is_still_told(make_config: Any, table: Path) -> None:
    frame = pd.read_csv(table)
    # Rows 0 and 5 judge.
    frame["few"] = pd.Series({0: 1.0, 5: 2.5}).reindex(frame.index)
    frame.to_csv(table, index=False)
    config = make_config(data={"targets": ["y", "few"]}, ensemble={"kind": "folds", "members": 3})
    with pytest.raises(InputError, match="nothing to learn for 'few'"):
        train(config)
