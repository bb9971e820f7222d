"""Folds that ended before all had their turn: only what was really left out is judged as left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mole_engine.cli.train_progress import summary
from mole_engine.contracts.events import EpochMetrics, Notice
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.export.report import report_html
from mole_engine.store.bundle import read_bundle
from mole_engine.store.card_text import card_markdown
from mole_engine.train import train
from mole_engine.training import ensemble, simple_models
from mole_engine.training.folds import Fold
from mole_engine.training.kept_folds import kept_folds
from mole_engine.training.metrics import compute_metrics

FOLDS: dict[str, Any] = {"kind": "folds", "members": 4}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the forests small."""
    monkeypatch.setattr(simple_models, "TREES", 8)
    monkeypatch.setattr(simple_models, "FEW_TREES", 8)


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> list[Fold]:
    """Return the folds of the job that is trained."""
    made: list[Fold] = []

    def make(*arguments: Any) -> list[Fold]:
        made[:] = kept_folds(*arguments)
        return list(made)

    monkeypatch.setattr(ensemble, "kept_folds", make)
    return made


def first_network_only(config: Any) -> tuple[RunRecord, list[str], pd.DataFrame]:
    """Stop when the first network has ended; return the run, what it said, and its predictions."""
    control, said = RunControl(), []

    def hear(event: Any) -> None:
        if isinstance(event, EpochMetrics):
            control.stop()
        if isinstance(event, Notice):
            said.append(event.message)

    record = train(config, hear, control)
    assert record.status is RunState.COMPLETED
    return record, said, pd.read_csv(Path(record.run_dir) / "predictions.csv")


@pytest.mark.parametrize("trees", [False, True])
def test_validation_is_judged_by_what_no_used_model_learnt_from(
    make_config: Any, table: Path, folds: list[Fold], trees: bool
) -> None:
    record, said, predicted = first_network_only(make_config(ensemble={**FOLDS, "trees": trees}))
    held = {int(place) for place in folds[0].held}
    places = {smiles: place for place, smiles in enumerate(pd.read_csv(table)["smiles"])}
    honest = np.array([places[smiles] in held for smiles in predicted["smiles"]])
    validation = (predicted["part"] == "val").to_numpy()
    judged = predicted[honest & validation]
    assert 0 < len(judged) < validation.sum()

    card = read_bundle(record.model_path).card
    true, own = judged[["y_true"]].to_numpy(), judged[["y_pred"]].to_numpy()
    wanted = compute_metrics(own, true, ~np.isnan(true), card.tasks)
    assert record.validation_metrics == pytest.approx(wanted, rel=1e-4, nan_ok=True)
    assert card.validation_metrics["mae"] == pytest.approx(wanted["mae"], rel=1e-4)

    count = f"{len(judged)} of {validation.sum()} validation molecules"
    assert any(count in text for text in said)
    assert any(count in note for note in card.notes)
    assert not any("both parts come from" in note for note in card.notes)
    # The file keeps all molecules, and says of each whether a model that predicts it learnt from it.
    test = (predicted["part"] == "test").to_numpy()
    assert predicted["left_out"].tolist() == ["yes" if item else "no" for item in honest | test]


def test_without_any_left_out_validation_molecule_there_are_no_validation_figures(
    make_config: Any, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(config: Any, data: Any, folder: Path) -> list[Fold]:
        """The first fold leaves out training molecules alone."""
        first, *others = kept_folds(config, data, folder)
        pool, held = np.union1d(first.train, first.held), data.positions("train")[:6]
        return [replace(first, train=np.setdiff1d(pool, held), held=held), *others]

    monkeypatch.setattr(ensemble, "kept_folds", make)
    record, said, predicted = first_network_only(make_config(ensemble=FOLDS))
    assert record.metrics
    assert record.validation_metrics == {}
    assert predicted.loc[predicted["part"] == "val", "left_out"].tolist() == ["no"] * 8
    card = read_bundle(record.model_path).card
    assert card.validation_metrics == {}
    assert card.uncertainty["y"].count == 6
    for texts in (said, card.notes):
        assert any("no validation figures" in text for text in texts)
    text = card_markdown(card)
    assert "had left" not in text
    assert "mae" in text
    assert "no validation molecule was left out" in card_markdown(replace(card, metrics={}))
    page = report_html(record.run_dir)
    assert "no validation figures" in page
    assert "chose the epoch that was kept" not in page
    assert "mae" in summary(record)


def test_of_folds_that_all_had_their_turn_everything_is_judged(make_config: Any) -> None:
    record = train(make_config(training={"epochs": 1}, ensemble=FOLDS))
    predicted = pd.read_csv(Path(record.run_dir) / "predictions.csv")
    assert "left_out" not in predicted
    validation = predicted[predicted["part"] == "val"]
    error = float((validation["y_true"] - validation["y_pred"]).abs().mean())
    assert record.validation_metrics["mae"] == pytest.approx(error, rel=1e-4)
    notes = read_bundle(record.model_path).card.notes
    assert any("both parts come from models that left the molecule out" in note for note in notes)
