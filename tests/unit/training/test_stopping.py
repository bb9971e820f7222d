"""A training that its user ends early."""

from __future__ import annotations

import pytest

from mole_engine.contracts.events import EpochMetrics
from mole_engine.contracts.run_state import RunControl
from mole_engine.training.evaluation import evaluate_part


def test_a_stop_keeps_the_best_epoch_whatever_a_whole_run_would_keep(job, helpers):
    control = RunControl()

    def sink(event):
        job.events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch > 2 and not event.is_best:
            control.stop()

    job.emitter._sink = sink
    training = {"learning_rate": 0.05, "schedule": "constant", "gradient_clip": 0.0, "keep": "last"}
    config = helpers.config(epochs=20, **training).with_overrides(["runtime.precision=32-true"])
    result = job.run(config, helpers.dataset(helpers.sizes(60)), helpers.split(40, 20), control=control)
    assert result.kept_epoch == result.best_epoch < result.epochs < 20
    judged = evaluate_part(job.prepared, "val").metrics["rmse"]
    assert judged == pytest.approx(result.best_value, rel=1e-5)
