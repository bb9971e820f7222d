"""Checkpoints of a network whose encoder does not learn: they leave it out, and nothing is lost."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import EpochMetrics
from mole_engine.training import fitting
from mole_engine.training.members import write_member

FREEZE = {"freeze": "encoder", "keep": "last", "epochs": 4, "learning_rate": 0.01}


def weights(job):
    return {name: value.clone() for name, value in job.prepared.model.state_dict().items()}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(value, right[name]) for name, value in left.items())


@pytest.fixture
def work(helpers):
    return helpers.dataset(helpers.sizes(40)), helpers.split(30, 10)


def broken_off(new_job, helpers, work, monkeypatch):
    job = new_job("run")
    emit = job.emitter.emit

    def heard(event):
        if isinstance(event, EpochMetrics) and event.epoch == 3:
            raise RuntimeError("killed")
        return emit(event)

    monkeypatch.setattr(job.emitter, "emit", heard)
    with pytest.raises(RuntimeError, match="killed"):
        job.run(helpers.config(**FREEZE), *work)
    return job.folder / "checkpoints"


def test_checkpoints_leave_out_what_does_not_learn(job, helpers, work):
    job.run(helpers.config(**FREEZE), *work)
    folder = job.folder / "checkpoints"
    fixed = load_file(folder / "fixed.safetensors")
    assert fixed
    for name in ("best.ckpt", "last.ckpt"):
        state = torch.load(folder / name, weights_only=True)["state_dict"]
        assert state
        assert not fixed.keys() & state.keys()
        assert fixed.keys() | state.keys() == job.prepared.model.state_dict().keys()


def test_a_training_that_was_broken_off_has_its_encoder_back(new_job, helpers, work, monkeypatch):
    """Also where the model that it began with has changed since, as a newer version of it would have."""
    whole = new_job("whole")
    whole.run(helpers.config(**FREEZE), *work)
    folder = broken_off(new_job, helpers, work, monkeypatch)
    again = new_job("run")
    prepare = again.prepare

    def changed(*arguments):
        prepared = prepare(*arguments)
        with torch.no_grad():
            for parameter in prepared.model.encoder.parameters():
                parameter.add_(1.0)
        return prepared

    monkeypatch.setattr(again, "prepare", changed)
    again.run(helpers.config(**FREEZE), *work, resume_from=folder / "last.ckpt")
    assert [event.epoch for event in again.of(EpochMetrics)] == [3, 4]
    assert same(weights(again), weights(whole))


def test_the_best_epoch_has_its_encoder(new_job, helpers, work):
    job = new_job("run")
    result = job.run(helpers.config(**{**FREEZE, "keep": "best"}), *work)
    assert result.kept_epoch == result.best_epoch
    assert same(weights(job), {**load_file(job.folder / "checkpoints" / "fixed.safetensors"), **_best(job)})


def _best(job):
    return torch.load(job.folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]


def test_a_whole_checkpoint_of_an_older_version_goes_on(new_job, helpers, work, monkeypatch):
    folder = broken_off(new_job, helpers, work, monkeypatch)
    content = torch.load(folder / "last.ckpt", weights_only=True)
    content["state_dict"] = {**load_file(folder / "fixed.safetensors"), **content["state_dict"]}
    torch.save(content, folder / "last.ckpt")
    (folder / "fixed.safetensors").unlink()
    again = new_job("run")
    again.run(helpers.config(**FREEZE), *work, resume_from=folder / "last.ckpt")
    assert [event.epoch for event in again.of(EpochMetrics)] == [3, 4]
    assert (folder / "fixed.safetensors").is_file()


@pytest.mark.parametrize("content", [None, b"rubbish"])
def test_an_encoder_that_is_gone_is_told(new_job, helpers, work, monkeypatch, content):
    folder = broken_off(new_job, helpers, work, monkeypatch)
    (folder / "fixed.safetensors").unlink()
    if content is not None:
        (folder / "fixed.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read|There is no"):
        new_job("run").run(helpers.config(**FREEZE), *work, resume_from=folder / "last.ckpt")


def test_several_devices_go_on_from_what_one_has_written(new_job, helpers, work, monkeypatch):
    """They write whole checkpoints, but the last one may lack the encoder, which lies beside it."""
    whole = new_job("whole")
    whole.run(helpers.config(**FREEZE), *work)
    folder = broken_off(new_job, helpers, work, monkeypatch)
    monkeypatch.setattr(fitting, "is_single", lambda runtime: False)
    again = new_job("run")
    again.run(helpers.config(**FREEZE), *work, resume_from=folder / "last.ckpt")
    assert same(weights(again), weights(whole))
    state = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
    assert state.keys() == again.prepared.model.state_dict().keys()


def test_a_finished_network_of_several_keeps_its_weights_once(job, helpers, work):
    result = job.run(helpers.config(**FREEZE), *work)
    write_member(job.folder, job.prepared.model, result)
    assert not list((job.folder / "checkpoints").iterdir())
    assert load_file(job.folder / "weights.safetensors").keys() == job.prepared.model.state_dict().keys()
