"""A validation file stays apart: nothing in an ensemble learns from its molecules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mole_engine.contracts.events import StateChanged
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.bundle import read_bundle
from mole_engine.store.reproduce import reproduction
from mole_engine.train import train
from mole_engine.training import simple_models


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the forests small."""
    monkeypatch.setattr(simple_models, "TREES", 8)
    monkeypatch.setattr(simple_models, "FEW_TREES", 8)


def with_validation_file(make_config: Any, table: Path, tmp_path: Path, ensemble: dict[str, Any]) -> Any:
    """Return a job whose validation molecules stand in a file of their own, with labels that nothing can know."""
    frame = pd.read_csv(table)
    apart = frame["part"] == "val"
    # Whoever predicts them has seen them.
    frame[apart].assign(y=500.0).to_csv(tmp_path / "apart.csv", index=False)
    frame[~apart].to_csv(table, index=False)
    data = {"validation_path": str(tmp_path / "apart.csv"), "target_transform": "none"}
    return make_config(data=data, training={"epochs": 1}, ensemble=ensemble)


def test_molecules_of_a_validation_file_are_nowhere_learnt_from(make_config: Any, table: Path, tmp_path: Path) -> None:
    config = with_validation_file(make_config, table, tmp_path, {"kind": "folds", "members": 3, "trees": True})
    record = train(config)
    card = read_bundle(record.model_path).card
    assert card.domain is not None
    assert card.domain.molecules == record.counts["train"] == 24
    assert card.scaler["scales"][0]["mean"] < 2
    assert card.uncertainty["y"].count == 24
    said = pd.read_csv(Path(record.run_dir) / "predictions.csv")
    assert said["y_pred"].max() < 50
    assert record.validation_metrics["mae"] > 400
    assert any("validation file" in note for note in card.notes)

    again = train(reproduction(record.run_dir, tmp_path / "data", {"out": str(tmp_path / "again")}))
    other = pd.read_csv(Path(again.run_dir) / "predictions.csv").set_index("smiles")["y_pred"]
    np.testing.assert_array_equal(other[said["smiles"]], said["y_pred"])


def test_simple_models_beside_one_network_do_not_learn_from_it_either(
    make_config: Any, table: Path, tmp_path: Path
) -> None:
    config = with_validation_file(make_config, table, tmp_path, {"trees": True})
    said = pd.read_csv(Path(train(config).run_dir) / "predictions.csv")
    assert said["y_pred"].max() < 50


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        (True, "Training on 24 molecules in 3 folds, validation on 8 molecules of a file of their own, test on 8"),
        (False, "Training on 32 molecules in 3 folds, test on 8 molecules;"),
    ],
)
def test_the_job_says_what_its_folds_learn_from(
    make_config: Any, table: Path, tmp_path: Path, apart: bool, words: str
) -> None:
    folds, control, said = {"kind": "folds", "members": 3}, RunControl(), []

    def hear(event: Any) -> None:
        if isinstance(event, StateChanged) and event.state is RunState.TRAINING:
            said.append(event.message)
            control.cancel()

    of_file = with_validation_file(make_config, table, tmp_path, folds) if apart else make_config(ensemble=folds)
    train(of_file, hear, control)
    assert said[0].startswith(words)
