"""Ensembles that end before their plan: a network that was cut off must not spoil those that are finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mole_engine.contracts.events import EpochMetrics, Notice, StageProgress, StateChanged, StepMetrics
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.inference.predictor import load_model
from mole_engine.store.bundle import read_bundle
from mole_engine.train import train
from mole_engine.training import job, simple_models

TUNED: dict[str, Any] = {
    "model": {"descriptors": True, "pooling": "cls+mean", "standardise_pooled": True},
    "training": {"freeze": "encoder", "keep": "last", "epochs": 2},
    "ensemble": {"kind": "folds", "members": 2, "fine_tune_from": 20, "fine_tune_epochs": 3},
}
"""Two networks of two epochs with a fixed encoder, then two fine-tuned ones of three."""


def stopped(config: Any, epoch: int) -> tuple[RunRecord, list[Any]]:
    """Train, stop after an epoch, and return the run and its events."""
    control, events = RunControl(), []

    def stop(event: Any) -> None:
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == epoch:
            control.stop()

    record = train(config, stop, control)
    assert record.status is RunState.COMPLETED
    return record, events


def predicted(record: RunRecord) -> list[float]:
    """Return what a run says of its test molecules, which must be what its model says of them."""
    table = pd.read_csv(Path(record.run_dir) / "predictions.csv")
    # Molecules too that no network left out.
    assert table["y_pred"].notna().all()
    test = table[table["part"] == "test"]
    own = load_model(record.model_path).predict(list(test["smiles"]))
    np.testing.assert_allclose(own["y_pred"], test["y_pred"], rtol=1e-3, atol=1e-4)
    values: list[float] = test["y_pred"].tolist()
    return values


@pytest.mark.parametrize(
    ("settings", "finished", "networks", "tuned"),
    [
        pytest.param({"ensemble": {"kind": "folds", "members": 3}}, 3, 1, 0, id="second-fold"),
        pytest.param({"ensemble": {"kind": "seeds", "members": 3}}, 6, 2, 0, id="third-seed"),
        pytest.param(TUNED, 4, 2, 0, id="first-fine-tuned"),
        pytest.param(TUNED, 7, 3, 1, id="second-fine-tuned"),
    ],
)
def test_a_network_that_a_stop_cuts_off_changes_nothing(
    make_config: Any, tmp_path: Path, settings: dict[str, Any], finished: int, networks: int, tuned: int
) -> None:
    at_the_end, _ = stopped(make_config(**settings), finished)
    within, events = stopped(make_config(**settings, out=str(tmp_path / "within")), finished + 1)
    blend = read_bundle(within.model_path).card.blend
    assert (blend["networks"], blend["tuned"]) == (networks, tuned)
    assert predicted(within) == predicted(at_the_end)
    said = [event.message for event in events if isinstance(event, Notice)]
    assert any(text.startswith(f"Stopped: {networks} of ") for text in said)


def test_the_very_first_network_is_kept_however_short(make_config: Any) -> None:
    record, _ = stopped(make_config(ensemble={"kind": "folds", "members": 3}), 1)
    assert read_bundle(record.model_path).card.blend["networks"] == 1
    assert np.isfinite(predicted(record)).all()


@pytest.mark.parametrize(
    ("asked", "end", "networks"),
    [
        pytest.param(6, 6, 2, id="half-of-the-second-counts"),
        pytest.param(5, 5, 1, id="less-than-half-does-not"),
        pytest.param(20, 12, 3, id="not-beyond-the-plan"),
    ],
)
def test_a_last_epoch_is_one_of_the_whole_training(make_config: Any, asked: int, end: int, networks: int) -> None:
    control, events = RunControl(), []

    def steer(event: Any) -> None:
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 2:
            control.set_last_epoch(asked)

    record = train(make_config(training={"epochs": 4}, ensemble={"kind": "folds", "members": 3}), steer, control)
    epochs = [event for event in events if isinstance(event, EpochMetrics)]
    assert [event.epoch for event in epochs] == list(range(1, end + 1))
    assert [event.total_epochs for event in epochs] == [12, 12, *[end] * (end - 2)]
    steps = [event for event in events if isinstance(event, StepMetrics)]
    assert all(event.step <= event.total_steps for event in steps)
    assert pd.read_csv(Path(record.run_dir) / "metrics.csv")["epoch"].tolist() == list(range(1, end + 1))
    said = [event.message for event in events if isinstance(event, Notice) and "ends with epoch" in event.message]
    assert len(said) == 1
    assert said[0].endswith(f"ends with epoch {end}.")
    assert read_bundle(record.model_path).card.blend["networks"] == networks
    assert np.isfinite(predicted(record)).all()


def test_a_last_epoch_holds_when_the_run_goes_on(make_config: Any) -> None:
    control = RunControl()

    def steer(event: Any) -> None:
        if isinstance(event, EpochMetrics) and event.epoch == 1:
            control.set_last_epoch(6)
        if isinstance(event, EpochMetrics) and event.epoch == 2:
            control.interrupt()

    config = make_config(training={"epochs": 4}, ensemble={"kind": "folds", "members": 3})
    part, seen = train(config, steer, control), []
    assert part.status is RunState.INTERRUPTED
    train(resume=part.run_dir, on_event=seen.append)
    assert [event.epoch for event in seen if isinstance(event, EpochMetrics)] == [3, 4, 5, 6]


TREES: dict[str, Any] = {"ensemble": {"kind": "folds", "members": 3, "trees": True}, "training": {"epochs": 4}}


@pytest.mark.parametrize(
    ("asked", "heard_in", "networks"),
    [
        pytest.param(4, 3, 1, id="after-the-first"),
        pytest.param(6, 5, 2, id="half-of-the-second"),
        pytest.param(1, 1, 1, id="first-cut-off"),
        pytest.param(5, 4, 1, id="second-cut-off"),
        pytest.param(0, 4, 1, id="stopped-after-the-first"),
        pytest.param(0, 6, 1, id="stopped-in-the-second"),
        pytest.param(0, 2, 1, id="stopped-in-the-first"),
    ],
)
@pytest.mark.parametrize("left_in", ["judging", "simple"])
def test_networks_that_the_user_has_ended_stay_ended_when_the_run_goes_on(
    make_config: Any, monkeypatch: pytest.MonkeyPatch, asked: int, heard_in: int, networks: int, left_in: str
) -> None:
    """The run is left before its end: while the last network predicts all molecules, or simple models are fitted."""
    monkeypatch.setattr(simple_models, "TREES", 8)
    monkeypatch.setattr(simple_models, "FEW_TREES", 8)
    monkeypatch.setattr(job, "PROGRESS_SECONDS", 0.0)
    control, spoken = RunControl(), []

    def hear(event: Any) -> None:
        if isinstance(event, EpochMetrics) and event.epoch == heard_in:
            spoken.append(event)
            if asked:
                control.set_last_epoch(asked)
            else:
                control.stop()
        judging = isinstance(event, StageProgress) and event.stage == "Predicting what was left out" and spoken
        simple = isinstance(event, StateChanged) and event.trained
        if (left_in == "judging" and judging) or simple:
            control.interrupt()

    part, seen = train(make_config(**TREES), hear, control), []
    assert part.status is RunState.INTERRUPTED
    record = train(resume=part.run_dir, on_event=seen.append)
    assert record.status is RunState.COMPLETED
    # What the last epoch lies in had not begun where the network before it was still being judged.
    rest = [5] if (asked, left_in) == (5, "judging") else []
    assert [event.epoch for event in seen if isinstance(event, EpochMetrics)] == rest
    assert read_bundle(record.model_path).card.blend["networks"] == networks
    assert any(isinstance(event, Notice) and event.message.startswith(f"Stopped: {networks} of 3") for event in seen)
