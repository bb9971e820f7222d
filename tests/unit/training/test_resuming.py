"""Resuming a run when no epoch is left to train: the model is the one that the run would have ended with."""

from __future__ import annotations

import pytest
import torch

from mole_engine.contracts.events import EpochMetrics


@pytest.mark.parametrize("kind", ["ema", "swa"])
@pytest.mark.parametrize("validation", [0, 10])
def test_resuming_after_the_last_epoch_keeps_the_average(new_job, helpers, kind, validation):
    """As when a run is interrupted while its finished network is judged."""
    dataset, split = helpers.dataset(helpers.sizes(40)), helpers.split(30, validation)
    config = helpers.config(epochs=8, averaging=kind, keep="last", ema_decay=0.9, learning_rate=0.01)
    whole, again = new_job("run"), new_job("run")
    whole.run(config, dataset, split)
    result = again.run(config, dataset, split, resume_from=again.folder / "checkpoints" / "last.ckpt")
    assert not again.of(EpochMetrics)
    assert result.kept_epoch == 8
    kept = again.prepared.model.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in whole.prepared.model.state_dict().items())
