"""The fit: it learns, it can be steered, stopped, resumed and trusted."""

from __future__ import annotations

import csv
import math
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import Cancelled, InputError, KnownError
from mole_engine.contracts.events import CheckpointSaved, EpochMetrics, Notice, StepMetrics
from mole_engine.contracts.run_state import RunControl
from mole_engine.training import fitting, trainer
from mole_engine.training.evaluation import evaluate_part


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def exact(config: TrainConfig) -> TrainConfig:
    """Have each step computed as the whole network is judged: in 32 bits, whatever the processor is quick at."""
    return config.with_overrides(["runtime.precision=32-true"])


def losses(job) -> list[float]:
    return [event.train_loss for event in job.of(EpochMetrics)]


def test_overfit(job, helpers):
    """A network that cannot learn 32 molecules by heart has a fault somewhere."""
    config = helpers.config(
        epochs=200, batch_size=32, learning_rate=5e-3, weight_decay=0.0, schedule="cosine", keep="last"
    ).with_overrides(["model.layers=2", "model.hidden_size=64", "model.heads=4", "runtime.checkpoint_every=1000"])
    labels = np.random.default_rng(0).normal(size=(32, 1))
    job.run(config, helpers.dataset(labels), helpers.split(32))
    start, end = losses(job)[0], losses(job)[-1]
    assert end < 0.01 * start
    judged = evaluate_part(job.prepared, "train")
    assert judged.metrics["r2"] > 0.98


def test_two_runs_of_one_seed_agree_and_another_seed_differs(new_job, helpers):
    def run(name: str, seed: int):
        job = new_job(name)
        config = helpers.config(epochs=2).with_overrides([f"seed={seed}", "model.hidden_dropout=0.2"])
        job.run(config, helpers.dataset(helpers.sizes(40)), helpers.split(30, 10))
        last = job.of(EpochMetrics)[-1]
        return last.train_loss, last.validation_loss, last.metrics

    assert run("a", 1) == run("b", 1)
    assert run("c", 2) != run("d", 1)


def test_events_of_a_run(job, helpers):
    result = job.run(helpers.config(epochs=3), helpers.dataset(helpers.sizes(40)), helpers.split(30, 10))
    epochs = job.of(EpochMetrics)
    assert [event.epoch for event in epochs] == [1, 2, 3]
    assert [event.seq for event in job.events] == list(range(len(job.events)))
    assert all(math.isfinite(event.validation_loss) and "rmse/y" in event.metrics for event in epochs)
    assert all("rmse" in event.train_metrics for event in epochs)
    first = job.of(StepMetrics)[0]
    assert first.step == 1
    assert first.total_steps == 12
    assert first.learning_rate > 0
    assert first.gradient_norm > 0
    best = [event for event in epochs if event.is_best][-1]
    assert result.best_epoch == result.kept_epoch == best.epoch
    assert result.best_value == pytest.approx(min(event.metrics["rmse"] for event in epochs))
    assert result.epochs == 3
    assert not result.stopped


def test_gradients_are_clipped_after_they_are_told_also_in_mixed_precision(job, helpers, monkeypatch):
    """What graphics cards do by default, on a processor: Lightning refuses to clip for a fused optimiser there."""

    def norm(optimiser, args, kwargs):
        gradients = [item.grad for group in optimiser.param_groups for item in group["params"] if item.grad is not None]
        clipped.append(float(torch.nn.utils.get_total_norm(gradients)))

    monkeypatch.setattr(trainer, "_with_precision", lambda *place: trainer.Device(*place[1:], "bf16-mixed"))
    clipped: list[float] = []
    hook = register_optimizer_step_pre_hook(norm)
    try:
        config = helpers.config(epochs=2, gradient_clip=0.01)
        job.run(config, helpers.dataset(helpers.sizes(40)), helpers.split(30, 10))
    finally:
        hook.remove()
    assert len(clipped) == 8
    assert max(clipped) <= 0.01001
    assert job.of(StepMetrics)[0].gradient_norm > 0.1
    assert losses(job)[1] < losses(job)[0]


def test_a_run_of_one_epoch_writes_both_checkpoints_and_the_metrics_file(job, helpers):
    job.run(helpers.config(epochs=1), helpers.dataset(helpers.sizes(40)), helpers.split(30, 10))
    assert (job.folder / "checkpoints" / "best.ckpt").is_file()
    assert (job.folder / "checkpoints" / "last.ckpt").is_file()
    assert {Path(event.path).name for event in job.of(CheckpointSaved)} == {"best.ckpt", "last.ckpt"}
    rows = table(job.folder / "metrics.csv")
    assert [row["epoch"] for row in rows] == ["1"]
    assert float(rows[0]["validation/rmse"]) > 0
    assert sorted(path.name for path in job.folder.iterdir()) == ["checkpoints", "metrics.csv"]


def test_fewer_molecules_than_a_batch_still_train(job, helpers):
    prepared = job.prepare(helpers.config(epochs=1, batch_size=64), helpers.dataset(helpers.sizes(5)), helpers.split(5))
    before = prepared.model.head.classifier.weight.detach().clone()
    fitting.fit_model(helpers.config(epochs=1, batch_size=64, learning_rate=0.01), prepared, job.folder, job.emitter)
    assert job.of(StepMetrics)
    assert not torch.equal(before, prepared.model.head.classifier.weight)


def test_without_a_validation_part_nothing_is_validated_and_the_last_epoch_is_kept(job, helpers):
    result = job.run(helpers.config(epochs=2), helpers.dataset(helpers.sizes(20)), helpers.split(20))
    assert result.best_epoch == 0
    assert result.kept_epoch == 2
    assert not result.metrics
    for event in job.of(EpochMetrics):
        assert math.isnan(event.validation_loss)
        assert not event.metrics
        assert not event.is_best


def test_the_kept_weights_are_those_of_the_best_epoch(job, helpers):
    """With a rate that ruins the network later on, the best epoch is not the last."""
    config = exact(helpers.config(epochs=6, learning_rate=0.05, schedule="constant", gradient_clip=0.0))
    result = job.run(config, helpers.dataset(helpers.sizes(60)), helpers.split(40, 20))
    by_epoch = {event.epoch: event.metrics["rmse"] for event in job.of(EpochMetrics)}
    assert result.kept_epoch == min(by_epoch, key=by_epoch.__getitem__)
    assert evaluate_part(job.prepared, "val").metrics["rmse"] == pytest.approx(by_epoch[result.kept_epoch], rel=1e-5)


def test_stop_keeps_the_model_and_validates_once_more(job, helpers):
    control = RunControl()
    job.emitter._sink = lambda event: (job.events.append(event), control.stop())
    result = job.run(
        helpers.config(epochs=50), helpers.dataset(helpers.sizes(40)), helpers.split(30, 10), control=control
    )
    assert result.stopped
    assert result.epochs == 1
    assert result.kept_epoch == 1
    assert len(job.of(EpochMetrics)) == 1
    assert (job.folder / "checkpoints" / "last.ckpt").is_file()


@pytest.mark.parametrize("moment", [StepMetrics, EpochMetrics, CheckpointSaved])
def test_cancel_leaves_the_fit(job, helpers, moment):
    control = RunControl()

    def sink(event):
        job.events.append(event)
        if isinstance(event, moment):
            control.cancel()

    job.emitter._sink = sink
    with pytest.raises(Cancelled):
        job.run(helpers.config(epochs=50), helpers.dataset(helpers.sizes(40)), helpers.split(30, 10), control=control)
    assert len(job.of(EpochMetrics)) <= 1
    assert job.prepared.model._trainer is None


def test_resuming_gives_what_an_uninterrupted_run_gives(new_job, helpers):
    dataset, split = helpers.dataset(helpers.sizes(40)), helpers.split(30, 10)
    config = helpers.config(epochs=4, averaging="ema").with_overrides(["model.hidden_dropout=0.2"])
    whole = new_job("whole")
    expected = whole.run(config, dataset, split)

    broken = new_job("broken")
    control = RunControl()

    def sink(event):
        broken.events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 2:
            control.interrupt()

    broken.emitter._sink = sink
    with pytest.raises(Cancelled):
        broken.run(config, dataset, split, control=control)
    again = new_job("broken")
    result = again.run(config, dataset, split, resume_from=again.folder / "checkpoints" / "last.ckpt")
    assert [event.epoch for event in again.of(EpochMetrics)] == [3, 4]
    assert losses(again) == losses(whole)[2:]
    assert result.best_epoch == expected.best_epoch
    assert result.best_value == expected.best_value
    first, second = evaluate_part(whole.prepared, "val"), evaluate_part(again.prepared, "val")
    assert np.array_equal(first.outputs, second.outputs)
    rows = table(again.folder / "metrics.csv")
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]


def test_a_checkpoint_that_cannot_be_resumed_says_why(job, helpers, tmp_path):
    dataset, split = helpers.dataset(helpers.sizes(20)), helpers.split(20)
    with pytest.raises(InputError, match="no checkpoint"):
        job.run(helpers.config(), dataset, split, resume_from=tmp_path / "none.ckpt")
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="damaged"):
        job.run(helpers.config(), dataset, split, resume_from=damaged)
    job.run(helpers.config(epochs=1), dataset, split)
    other = helpers.config().with_overrides(["model.hidden_size=32"])
    with pytest.raises(InputError, match="another size"):
        job.run(other, dataset, split, resume_from=job.folder / "checkpoints" / "last.ckpt")


def test_patience_ends_training(job, helpers):
    noise = np.random.default_rng(1).normal(size=(40, 1))
    config = helpers.config(epochs=60, patience=2, learning_rate=0.02, schedule="constant")
    result = job.run(config, helpers.dataset(noise), helpers.split(30, 10))
    assert result.stopped
    assert result.epochs == result.best_epoch + 2


def test_a_diverging_loss_stops_with_a_reason(job, helpers, monkeypatch):
    config = helpers.config(epochs=3)
    prepared = job.prepare(config, helpers.dataset(helpers.sizes(20)), helpers.split(20))
    whole = prepared.learning.criterion
    steps = []

    def criterion(*arguments):
        steps.append(1)
        return whole(*arguments) * (math.nan if len(steps) > 1 else 1.0)

    prepared.learning.criterion = criterion
    with pytest.raises(InputError, match="learning rate"):
        fitting.fit_model(config, prepared, job.folder, job.emitter)
    assert not (job.folder / "checkpoints" / "last.ckpt").exists()


NO_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    RuntimeError("err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes. Error code 12"),
)


@pytest.mark.parametrize("failure", NO_MEMORY)
def test_memory_that_runs_out_halves_the_batches_and_goes_on(job, helpers, failure):
    config = helpers.config(epochs=2, batch_size=8)
    prepared = job.prepare(config, helpers.dataset(helpers.sizes(30)), helpers.split(24, 6))
    forward = prepared.model.predict_batch
    seen = []

    def predict_batch(batch):
        seen.append(len(batch))
        if len(batch) > 4:
            raise failure
        return forward(batch)

    prepared.model.predict_batch = predict_batch
    result = fitting.fit_model(config, prepared, job.folder, job.emitter)
    assert result.epochs == 2
    (notice,) = [event for event in job.of(Notice) if "Memory" in event.message]
    assert "4 molecules" in notice.message
    assert job.of(StepMetrics)[-1].total_steps == 6
    assert max(seen[1:]) == 4


def test_no_memory_for_a_single_molecule_is_said_plainly(job, helpers):
    config = helpers.config(batch_size=4)
    prepared = job.prepare(config, helpers.dataset(helpers.sizes(8)), helpers.split(8))

    def predict_batch(batch):
        raise MemoryError

    prepared.model.predict_batch = predict_batch
    with pytest.raises(KnownError, match="not enough memory"):
        fitting.fit_model(config, prepared, job.folder, job.emitter)


def test_other_faults_are_not_taken_for_a_lack_of_memory(job, helpers):
    config = helpers.config()
    prepared = job.prepare(config, helpers.dataset(helpers.sizes(8)), helpers.split(8))

    def predict_batch(batch):
        raise RuntimeError("shapes do not match")

    prepared.model.predict_batch = predict_batch
    with pytest.raises(RuntimeError, match="shapes"):
        fitting.fit_model(config, prepared, job.folder, job.emitter)


def test_halved_batches_give_the_same_result(new_job, helpers):
    """Accumulating two halves is the same step as one whole batch."""
    dataset, split = helpers.dataset(helpers.sizes(32)), helpers.split(32)
    whole, halves = new_job("whole"), new_job("halves")
    whole.run(exact(helpers.config(epochs=1, batch_size=32)), dataset, split)
    halves.run(exact(helpers.config(epochs=1, batch_size=16, accumulate_batches=2)), dataset, split)
    for left, right in zip(whole.prepared.model.parameters(), halves.prepared.model.parameters(), strict=True):
        assert torch.allclose(left, right, atol=2e-5)


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_averaged_weights_are_validated_and_kept(job, helpers, kind):
    config = exact(helpers.config(epochs=8, averaging=kind, keep="last", ema_decay=0.9))
    result = job.run(config, helpers.dataset(helpers.sizes(40)), helpers.split(30, 10))
    last = job.of(EpochMetrics)[-1]
    assert result.kept_epoch == 8
    assert evaluate_part(job.prepared, "val").metrics["rmse"] == pytest.approx(last.metrics["rmse"], rel=1e-5)
    raw = torch.load(job.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    kept = job.prepared.model.state_dict()
    assert any(not torch.equal(raw[name], kept[name]) for name in raw)


def test_an_undefined_monitor_falls_back_to_the_loss(job, helpers):
    """One class only in the validation part: an AUROC does not exist."""
    labels = np.array([[float(place % 2)] for place in range(40)])
    labels[30:] = 1.0
    tasks = (TaskSpec("active", TaskKind.CLASSIFICATION, classes=("no", "yes")),)
    result = job.run(helpers.config(epochs=2), helpers.dataset(labels, tasks), helpers.split(30, 10))
    assert result.best_epoch > 0
    assert result.monitor == "loss"
    assert any("auroc" in event.message for event in job.of(Notice))
    assert job.of(EpochMetrics)[-1].metrics["loss"] == job.of(EpochMetrics)[-1].validation_loss


def test_unlabelled_batches_do_not_poison_the_weights(job, helpers):
    labels = helpers.sizes(40)
    labels[2:] = np.nan
    result = job.run(helpers.config(epochs=2, batch_size=4), helpers.dataset(labels), helpers.split(30, 10))
    assert result.epochs == 2
    assert all(torch.isfinite(parameter).all() for parameter in job.prepared.model.parameters())
    assert all(math.isfinite(loss) for loss in losses(job))


def test_a_full_disk_is_told_in_words(job, helpers, monkeypatch):
    def save(*arguments, **more):
        raise OSError(28, "No space left on device")

    config = helpers.config(epochs=1)
    prepared = job.prepare(config, helpers.dataset(helpers.sizes(20)), helpers.split(10, 10))
    monkeypatch.setattr("mole_engine.training.checkpoints.torch.save", save)
    with pytest.raises(KnownError, match="disk is full"):
        fitting.fit_model(config, prepared, job.folder, job.emitter)


def test_left_overs_of_an_older_run_are_not_taken_for_this_one(job, helpers):
    folder = job.folder / "checkpoints"
    folder.mkdir(parents=True)
    for name in ("best.ckpt", "last.ckpt"):
        (folder / name).write_bytes(b"old")
    result = job.run(helpers.config(epochs=1), helpers.dataset(helpers.sizes(10)), helpers.split(10))
    assert result.kept_epoch == 1
    assert not (folder / "best.ckpt").exists()


def test_a_fit_off_the_main_thread(job, helpers):
    """As in the window, where training has a thread of its own."""
    results = []

    def work():
        results.append(job.run(helpers.config(epochs=1), helpers.dataset(helpers.sizes(20)), helpers.split(10, 10)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results[0].kept_epoch == 1


def test_several_devices_are_refused_off_the_main_thread(job, helpers):
    """Lightning would start the whole window again for each of them."""
    config = helpers.config(epochs=1).with_overrides(["runtime.devices=2"])
    failures = []

    def work():
        try:
            job.run(config, helpers.dataset(helpers.sizes(20)), helpers.split(10, 10))
        except InputError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "window" in failures[0].problem.title


def test_layers_are_compiled_where_that_is_wished(job, helpers, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda forward, **options: compiled.append(options) or forward)
    monkeypatch.setattr(fitting, "compiles", lambda runtime, accelerator, *, long: runtime.compile == "always")
    config = helpers.config(epochs=1)
    data, split = helpers.dataset(helpers.sizes(20)), helpers.split(16, 4)
    job.run(config, data, split)
    assert not compiled
    job.run(config.with_overrides(["runtime.compile=always"]), data, split)
    assert compiled == [{"dynamic": True}] * config.model.layers
