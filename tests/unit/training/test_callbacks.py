"""Control, averages, time left and the metrics file."""

from __future__ import annotations

import csv
import math
import os
import threading
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException

from mole_engine.contracts.errors import Cancelled, KnownError
from mole_engine.contracts.events import EpochMetrics, Notice
from mole_engine.contracts.run_state import RunControl
from mole_engine.training.averaging import AveragingCallback
from mole_engine.training.callbacks import ControlCallback, DivergenceCallback, heeding_terminate
from mole_engine.training.metrics_table import append_row
from mole_engine.training.reporting import Progress, peak_memory


def trainer(**more):
    return SimpleNamespace(should_stop=False, global_step=1, current_epoch=0, max_epochs=8, world_size=1, **more)


def test_pause_waits_and_its_time_is_known():
    control = RunControl()
    callback = ControlCallback(control)
    control.pause()
    timer = threading.Timer(0.15, control.resume)
    timer.start()
    callback.on_train_batch_start(trainer(), None, None, 0)
    timer.join()
    assert 0.1 < callback.paused_seconds < 5


def test_what_lightning_makes_of_a_schedulers_signal_is_an_interruption():
    control = RunControl()
    with pytest.raises(Cancelled), heeding_terminate(control):
        raise SIGTERMException
    assert control.interrupt_requested


@pytest.mark.parametrize("hook", ["on_train_batch_start", "on_validation_batch_start", "on_test_batch_start"])
def test_cancel_leaves_at_every_batch(hook):
    control = RunControl()
    control.cancel()
    with pytest.raises(Cancelled):
        getattr(ControlCallback(control), hook)(trainer(), None, None, 0)


def test_cancel_wakes_a_paused_job():
    control = RunControl()
    control.pause()
    timer = threading.Timer(0.05, control.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        ControlCallback(control).on_validation_batch_start(trainer(), None, None, 0)
    timer.join()


def test_stop_asks_the_trainer_to_end():
    control = RunControl()
    ours = trainer()
    ControlCallback(control).on_train_batch_end(ours, None, None, None, 0)
    assert not ours.should_stop
    control.stop()
    ControlCallback(control).on_train_batch_end(ours, None, None, None, 0)
    assert ours.should_stop


def test_the_mean_of_the_last_epochs():
    model = torch.nn.Linear(1, 1, bias=False)
    callback = AveragingCallback("swa")
    ours = SimpleNamespace(current_epoch=0, max_epochs=8, state=SimpleNamespace(fn="fit"))
    for epoch in range(8):
        ours.current_epoch = epoch
        model.weight.data.fill_(float(epoch))
        callback.on_validation_start(ours, model)
        judged = model.weight.item()
        callback.on_validation_end(ours, model)
        callback.on_train_epoch_end(ours, model)
        assert model.weight.item() == epoch
        assert judged == pytest.approx(epoch if epoch < 6 else sum(range(6, epoch + 1)) / (epoch - 5))
    callback.on_train_end(ours, model)
    assert model.weight.item() == pytest.approx(6.5)


def test_the_moving_average_starts_near_the_weights_and_slows_down():
    model = torch.nn.Linear(1, 1, bias=False)
    callback = AveragingCallback("ema", decay=0.9)
    ours = trainer()
    for step in range(1, 200):
        ours.global_step = step
        model.weight.data.fill_(0.0 if step < 100 else 1.0)
        callback.on_train_batch_end(ours, model, None, None, 0)
        if step == 100:
            assert callback._average["weight"].item() == pytest.approx(0.1)
    assert callback._average["weight"].item() == pytest.approx(1 - 0.9**100)
    once = callback._average["weight"].clone()
    callback.on_train_batch_end(ours, model, None, None, 0)
    assert torch.equal(once, callback._average["weight"])


def test_an_average_survives_its_state():
    model = torch.nn.Linear(1, 1, bias=False)
    first, second = AveragingCallback("ema"), AveragingCallback("ema")
    first.on_train_batch_end(trainer(), model, None, None, 0)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second._average["weight"], first._average["weight"])
    assert second._last_step == 1


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_training(loss):
    ours = trainer(is_last_batch=False, optimizers=[SimpleNamespace(param_groups=[{"lr": 0.5}])])
    callback = DivergenceCallback()
    callback.on_train_batch_end(ours, None, {"loss": torch.tensor(1.0)}, None, 0)
    with pytest.raises(KnownError, match=r"epoch 1, step 1, at a learning rate of 0.5"):
        callback.on_train_batch_end(ours, None, {"loss": torch.tensor(loss)}, None, 1)


def test_the_time_left_converges():
    progress = Progress()
    progress.tick(0.0, 0)
    assert math.isnan(progress.remaining(100))
    now = 5.0
    progress.tick(now, 1)
    estimates = []
    for step in range(2, 100):
        now += 0.1 if step % 2 else 0.12
        progress.tick(now, step)
        estimates.append(now + progress.remaining(100))
    assert estimates[-1] == pytest.approx(now + 0.11, abs=0.1)
    drift = [abs(later - earlier) for earlier, later in pairwise(estimates[60:])]
    assert max(drift) < 0.3


def test_rows_of_the_metrics_file(tmp_path):
    path = tmp_path / "metrics.csv"
    append_row(path, {"epoch": 1, "train_loss": 1.0})
    append_row(path, {"epoch": 2, "train_loss": 0.5, "validation/rmse": 2.0})
    append_row(path, {"epoch": 2, "train_loss": 0.25, "validation/rmse": 1.0})
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["train_loss"], row["validation/rmse"]) for row in rows] == [
        ("1", "1.0", ""),
        ("2", "0.25", "1.0"),
    ]
    with pytest.raises(KnownError, match="folder does not exist"):
        append_row(tmp_path / "missing" / "metrics.csv", {"epoch": 1})


def test_a_metrics_file_that_a_spreadsheet_has_open_waits(job, helpers, monkeypatch):
    """As on Windows, where nobody else may write it then; the run goes on, and no row is lost."""
    path = job.folder / "metrics.csv"
    replace, opened = Path.replace, Path.open

    def check(target):
        if target == path and len(job.of(EpochMetrics)) in (1, 2):
            raise PermissionError(13, "The process cannot access the file")

    def replaced(source, target):
        check(target)
        return replace(source, target)

    def opened_for(source, mode="r", *arguments, **more):
        if "r" not in mode:
            check(source)
        return opened(source, mode, *arguments, **more)

    monkeypatch.setattr(Path, "replace", replaced)
    monkeypatch.setattr(Path, "open", opened_for)
    job.run(helpers.config(epochs=4), helpers.dataset(helpers.sizes(20)), helpers.split(20))
    (notice,) = job.of(Notice)
    assert "metrics.csv" in notice.message
    with path.open(newline="", encoding="utf-8") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3", "4"]


def test_a_metrics_file_that_cannot_be_written_whole_keeps_its_rows(tmp_path, monkeypatch):
    path = tmp_path / "metrics.csv"
    append_row(path, {"epoch": 1})

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(csv.DictWriter, "writerows", full)
    with pytest.raises(KnownError, match="disk is full"):
        append_row(path, {"epoch": 2})
    assert path.read_text(encoding="utf-8").split() == ["epoch", "1"]


def test_rows_are_appended_to_a_metrics_file_that_nobody_has_changed(tmp_path):
    """Rewriting a table of hundreds of epochs takes longer than short epochs do."""
    path = tmp_path / "metrics.csv"
    append_row(path, {"epoch": 1, "train_loss": 1.0})
    place = path.stat().st_ino
    append_row(path, {"epoch": 2})
    assert path.stat().st_ino == place
    path.write_text("epoch,train_loss,mine\n1,1.0,note\n2,,\n", encoding="utf-8")
    append_row(path, {"epoch": 3, "train_loss": 0.5})
    assert path.read_text(encoding="utf-8").split() == ["epoch,train_loss,mine", "1,1.0,note", "2,,", "3,0.5,"]


def test_half_a_row_that_a_full_disk_leaves_is_taken_back(tmp_path, monkeypatch):
    path = tmp_path / "metrics.csv"
    append_row(path, {"epoch": 1, "train_loss": 1.0})
    whole = path.read_bytes()

    def full(number):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(KnownError, match="disk is full"):
            append_row(path, {"epoch": 2, "train_loss": 0.5})
    assert path.read_bytes() == whole


def test_half_a_row_that_a_crash_leaves_is_left_out(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,train_loss\n11,1.0\n1", encoding="utf-8")
    append_row(path, {"epoch": 12, "train_loss": 0.5})
    assert path.read_text(encoding="utf-8").split() == ["epoch,train_loss", "11,1.0", "12,0.5"]


def test_memory_of_this_process():
    assert peak_memory(torch.device("cpu")) > 10_000_000
