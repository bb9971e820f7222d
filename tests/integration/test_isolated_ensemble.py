"""Ensembles in a process of their own, starting from a model that is an ensemble of fine-tuned networks itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mole_engine.contracts.events import EpochMetrics, RunFinished
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.inference.predictor import load_model
from mole_engine.store.bundle import read_bundle
from mole_engine.store.run_folder import RunFolder
from mole_engine.train import train

TUNED = {
    "model": {"descriptors": True, "pooling": "cls+mean", "standardise_pooled": True},
    "training": {"freeze": "encoder", "keep": "last", "epochs": 2},
    "ensemble": {"kind": "folds", "members": 2, "fine_tune_from": 20, "fine_tune_epochs": 2},
}


def test_fine_tuned_networks_join_in_another_process_and_go_on_after_an_interruption(
    make_config: Any, tmp_path: Path
) -> None:
    first = train(make_config(**TUNED))
    assert read_bundle(first.model_path).card.blend["tuned"] == 2

    # Its encoder, and that of this run's own fine-tuned networks, travel as files only.
    job = make_config(**TUNED, init=first.model_path, out=str(tmp_path / "second"))
    job = job.updated({"runtime": {"isolated": True}})
    control, events = RunControl(), []

    def interrupt(event: Any) -> None:
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 5:
            control.interrupt()

    before = train(job, on_event=interrupt, control=control)
    # The words travel, so that the run may have come to its end.
    assert before.status in {RunState.INTERRUPTED, RunState.COMPLETED}
    record = before
    if before.status is RunState.INTERRUPTED:
        assert RunFolder(before.run_dir).read_config().runtime.isolated
        events.clear()
        record = train(resume=before.run_dir, on_event=events.append)
    assert record.status is RunState.COMPLETED
    assert isinstance(events[-1], RunFinished)
    assert [event.epoch for event in events if isinstance(event, EpochMetrics)][-1] == 8

    bundle = read_bundle(record.model_path)
    assert (bundle.card.blend["networks"], bundle.card.blend["tuned"]) == (4, 2)
    test = pd.read_csv(Path(record.run_dir) / "predictions.csv").query("part == 'test'")
    again = load_model(record.model_path).predict(list(test["smiles"]))
    for column in ("y_pred", "y_lower", "y_upper"):
        np.testing.assert_allclose(again[column], test[column], rtol=1e-3, atol=1e-4)
