"""TensorBoard logs from events; the package itself is optional, so a stand-in takes its place."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from mole_engine.contracts.events import BaselineReady, EpochMetrics, RunFinished, StepMetrics
from mole_engine.contracts.run_state import RunState
from mole_engine.training.tensorboard import TensorBoardLog


@pytest.fixture
def written(monkeypatch):
    calls = []

    class SummaryWriter:
        def __init__(self, folder, purge_step=None):
            calls.append(("open", folder, purge_step))

        def add_scalar(self, name, value, step):
            calls.append((name, value, step))

        def close(self):
            calls.append(("close",))

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return calls


def test_numbers_of_a_run_are_written_and_the_files_closed(written, tmp_path):
    log = TensorBoardLog(tmp_path / "logs", redone_from=3)
    assert log.is_possible()
    log.show(StepMetrics(step=4, total_steps=9, epoch=2, total_epochs=3, loss=0.5, learning_rate=1e-3))
    metrics = {"rmse": 0.7, "r2": float("nan")}
    log.show(EpochMetrics(epoch=2, total_epochs=3, step=6, train_loss=0.4, validation_loss=0.6, metrics=metrics))
    log.show(BaselineReady(name="mean", title="Mean", metrics={"rmse": 1.5}))
    log.show(RunFinished(status=RunState.COMPLETED))
    assert written[0] == ("open", str(tmp_path / "logs"), 3)
    assert ("step/loss", 0.5, 4) in written
    assert ("validation/rmse", 0.7, 6) in written
    assert ("baseline mean/rmse", 1.5, 0) in written
    assert not any(call[0] in ("validation/r2", "step/gradient_norm") for call in written)
    assert written[-1] == ("close",)


def test_missing_package_is_known(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert not TensorBoardLog(tmp_path).is_possible()
