"""Every word to a running training, and every way in which it can go wrong, here and in a process of its own."""

from __future__ import annotations

import importlib.util
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mole_engine.contracts.errors import BugError, InputError, KnownError
from mole_engine.contracts.events import (
    BaselineReady,
    EpochMetrics,
    Notice,
    PinnedPredictions,
    RunFailed,
    StepMetrics,
    event_from_json,
)
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.run_folder import RunFolder
from mole_engine.train import train

KILLED = """
import sys, mole_engine
from mole_engine.contracts.events import StepMetrics
def hold(event):
    if isinstance(event, StepMetrics) and event.epoch >= 3:
        print(event.epoch, flush=True)
        sys.stdin.read()
mole_engine.train(mole_engine.TrainConfig.from_yaml(sys.argv[1]), hold)
"""
"""A program that says in which epoch it is, the third or (steps are not all told) a later one, and waits there."""

FAULTS = Path(__file__).with_name("faults.py")


def _faults() -> Any:
    spec = importlib.util.spec_from_file_location("faults", FAULTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["thread", "isolated"])
def mode(request):
    return request.param


@pytest.fixture
def child_fault(monkeypatch):
    """Return a function that starts the children of isolated trainings with a fault built in."""

    def use(kind: str) -> None:
        command = [sys.executable, str(FAULTS), kind]
        monkeypatch.setattr("mole_engine.isolated._command", lambda: command)

    return use


def _job(make_config, mode, **changes):
    runtime = {"isolated": mode == "isolated", **changes.pop("runtime", {})}
    return make_config(runtime=runtime, **changes)


def _of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def _check_log(events, run_dir):
    assert [event.seq for event in events] == list(range(len(events)))
    assert [event.is_terminal for event in events] == [False] * (len(events) - 1) + [True]
    logged = (Path(run_dir) / "events.jsonl").read_text().splitlines()
    assert [event_from_json(line).to_json() for line in logged] == [event.to_json() for event in events]


def test_learning_rate_last_epoch_pause_and_pinned_molecules(make_config, mode):
    control, events = RunControl(), []

    def steer(event):
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 1:
            control.pause()
            control.set_learning_rate(0.25)
            control.set_last_epoch(4)
            control.resume()

    training = {"epochs": 40, "schedule": "constant", "warmup_fraction": 0.0, "learning_rate": 0.004}
    config = _job(make_config, mode, training=training, pinned=["CCO", "not a molecule"])
    record = train(config, on_event=steer, control=control)

    assert record.status is RunState.COMPLETED
    _check_log(events, record.run_dir)
    rates = {event.epoch: event.learning_rate for event in _of(events, StepMetrics)}
    assert rates[1] == pytest.approx(0.004)
    said = [event.message for event in _of(events, Notice)]
    if mode == "thread":
        assert record.epochs == 4
        assert any("0.25 times the planned" in text for text in said)
    else:
        # The words travel, so some epochs may pass before they are heard.
        assert 4 <= record.epochs <= 40
        assert any("ends with epoch" in text for text in said) or record.epochs == 40
    pinned = _of(events, PinnedPredictions)
    assert [event.epoch for event in pinned] == list(range(1, record.epochs + 1))
    assert pinned[0].outputs == ("y",)
    assert math.isfinite(pinned[0].values[0][0])
    assert math.isnan(pinned[0].values[1][0])
    assert len({event.values[0] for event in pinned}) > 1
    assert all(event.memory_total >= event.memory_bytes > 0 for event in _of(events, StepMetrics))


def test_the_same_job_gives_the_same_model_with_pinned_molecules_and_in_its_own_process(make_config, tmp_path):
    alone = train(make_config(training={"epochs": 2}))
    config = _job(make_config, "isolated", training={"epochs": 2}, pinned=["CCO"], out=str(tmp_path / "second"))
    other = train(config)
    assert other.metrics == alone.metrics
    assert other.validation_metrics == alone.validation_metrics
    assert RunFolder(other.run_dir).read_config().runtime.isolated


@pytest.mark.parametrize(("verb", "status"), [("stop", RunState.COMPLETED), ("cancel", RunState.CANCELLED)])
def test_stop_and_cancel(make_config, mode, verb, status):
    control, events = RunControl(), []

    def say(event):
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 1:
            getattr(control, verb)()

    record = train(_job(make_config, mode, training={"epochs": 500}), on_event=say, control=control)
    assert record.status is status
    assert bool(record.model_path) == (verb == "stop")
    assert len(_of(events, EpochMetrics)) < 500
    _check_log(events, record.run_dir)


@pytest.mark.parametrize(
    ("mode", "kind", "error", "words"),
    [
        ("thread", "exception", BugError, "ZeroDivisionError"),
        ("thread", "nan", InputError, "diverged"),
        ("thread", "memory", KnownError, "not enough memory"),
        ("thread", "disk", KnownError, "Cannot write"),
        # Each kind of error crosses the process once.
        ("isolated", "exception", BugError, "ZeroDivisionError"),
        ("isolated", "nan", InputError, "diverged"),
        ("isolated", "memory", KnownError, "not enough memory"),
    ],
)
def test_faults_end_the_run_in_words(make_config, mode, child_fault, monkeypatch, tmp_path, kind, error, words):
    events, undo = [], lambda: None
    if mode == "isolated":
        child_fault(kind)
    elif kind == "disk":
        undo = _faults().fill_disk()
    else:
        _faults().install(kind, monkeypatch.setattr)
    try:
        with pytest.raises(error, match=words):
            train(_job(make_config, mode), on_event=events.append)
    finally:
        undo()
    assert isinstance(events[-1], RunFailed)
    assert words in events[-1].problem.one_line()
    assert RunFolder(tmp_path / "run").read_record().status is RunState.FAILED
    assert sum(event.is_terminal for event in events) == 1


def test_native_crash_is_a_failed_run_that_goes_on_with_continuous_curves(make_config, child_fault, tmp_path):
    whole = train(make_config(out=str(tmp_path / "whole"), training={"epochs": 3}))
    child_fault("crash")
    events = []
    with pytest.raises(KnownError, match="crashed") as caught:
        train(_job(make_config, "isolated", training={"epochs": 3}), on_event=events.append)
    assert "Segmentation fault" in caught.value.problem.details
    folder = RunFolder(tmp_path / "run")
    assert isinstance(events[-1], RunFailed)
    assert folder.read_record().status is RunState.FAILED
    assert [event.epoch for event in _of(events, EpochMetrics)] == [1]

    record = train(None, resume=str(folder.path))
    assert record.metrics == pytest.approx(whole.metrics, rel=1e-6)
    _check_curves(folder, 3)


def test_killed_program_goes_on_and_loses_at_most_the_epoch(make_config, tmp_path):
    whole = train(make_config(out=str(tmp_path / "whole"), training={"epochs": 12}))
    make_config(training={"epochs": 12}).to_yaml(tmp_path / "job.yaml")
    job = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "job.yaml")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    # It holds in the middle of an epoch, with two behind it.
    epoch = int(job.stdout.readline())
    os.kill(job.pid, signal.SIGKILL)
    job.communicate(timeout=60)
    folder = RunFolder(tmp_path / "run")
    before = [event.epoch for event in _of(folder.read_events(), EpochMetrics)]
    assert folder.read_record().status is RunState.TRAINING
    assert before == list(range(1, epoch))

    events = []
    record = train(None, on_event=events.append, resume=str(folder.path))
    assert record.metrics == pytest.approx(whole.metrics, rel=1e-6)
    assert _of(events, EpochMetrics)[0].epoch == epoch
    _check_curves(folder, 12)


def _check_curves(folder, epochs):
    """Each epoch once, steps that only rise, numbers without a gap."""
    logged = folder.read_events()
    assert [event.seq for event in logged] == list(range(len(logged)))
    assert [event.epoch for event in _of(logged, EpochMetrics)] == list(range(1, epochs + 1))
    steps = [event.step for event in _of(logged, StepMetrics)]
    assert steps == sorted(set(steps))
    assert [event.is_terminal for event in logged].count(True) == 1


def test_steering_is_part_of_what_goes_on(make_config, tmp_path):
    control, events = RunControl(), []

    def steer(event):
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 1:
            control.set_learning_rate(0.5)
            control.set_last_epoch(6)
        if isinstance(event, EpochMetrics) and event.epoch == 4:
            control.interrupt()

    # Longer than planned, and interrupted behind the planned end.
    plan = {"epochs": 3, "schedule": "constant", "warmup_fraction": 0.0, "learning_rate": 0.004}
    part = train(make_config(training=plan), on_event=steer, control=control)
    assert part.status is RunState.INTERRUPTED
    again = []
    record = train(None, on_event=again.append, resume=part.run_dir)
    assert record.epochs == 6
    rates = {event.learning_rate for event in _of(again, StepMetrics)}
    assert [*rates] == pytest.approx([0.002])
    _check_curves(RunFolder(record.run_dir), 6)


def test_simple_models_are_compared_and_change_nothing(make_config, tmp_path):
    few, events = [], []
    alone = train(make_config(training={"epochs": 2}), on_event=few.append)
    # What needs no fitting is there in any case: to beat the mean of all says little.
    assert [event.name for event in _of(few, BaselineReady)] == ["mean", "neighbours"]
    assert "neighbours:y_pred" in RunFolder(alone.run_dir).baselines_table.read_text()
    beside = train(
        make_config(training={"epochs": 2}, baselines=True, out=str(tmp_path / "second")), on_event=events.append
    )
    assert beside.metrics == alone.metrics
    ready = _of(events, BaselineReady)
    assert [event.name for event in ready] == ["mean", "neighbours", "fingerprints", "descriptors", "boosting"]
    assert all(math.isfinite(event.metrics["rmse"]) for event in ready)
    folder = RunFolder(beside.run_dir)
    assert folder.baselines.is_file()
    assert len(folder.baselines_table.read_text().splitlines()) == 1 + beside.counts["test"]
    _check_log(events, beside.run_dir)


def test_cancelling_ends_the_simple_models_as_well(make_config):
    control, events = RunControl(), []

    def cancel(event):
        events.append(event)
        if isinstance(event, BaselineReady):
            control.cancel()

    # Dangling threads are found by a fixture.
    record = train(make_config(training={"epochs": 5000}, baselines=True), on_event=cancel, control=control)
    assert record.status is RunState.CANCELLED
    assert len(_of(events, BaselineReady)) < 5
