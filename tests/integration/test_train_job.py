"""The whole job through `train`: files, events, numbers, and every way in which it can end."""

import csv
import gc
import json
import math
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

import mole_engine
from mole_engine.contracts.errors import BugError, InputError, KnownError
from mole_engine.contracts.events import (
    BaselineReady,
    EpochMetrics,
    Notice,
    RunFailed,
    RunFinished,
    StageProgress,
    StateChanged,
    StepMetrics,
    event_from_json,
)
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.inference.predictor import load_model
from mole_engine.store.bundle import read_card
from mole_engine.store.run_folder import RunFolder
from mole_engine.store.runs import Workspace
from mole_engine.train import train


def _states(events):
    return [event.state for event in events if isinstance(event, StateChanged)]


def _check_stream(events, record_dir):
    """Hold the promises of the event stream: no gaps, one terminal event at the end, the log says the same."""
    assert [event.seq for event in events] == list(range(len(events)))
    assert [event.is_terminal for event in events] == [False] * (len(events) - 1) + [True]
    assert len({event.run_id for event in events}) == 1
    # Compared as text: NaN is not equal to itself.
    logged = (Path(record_dir) / "events.jsonl").read_text().splitlines()
    assert [event_from_json(line).to_json() for line in logged] == [event.to_json() for event in events]


def test_the_whole_job(make_config, table):
    events = []
    record = train(make_config(), on_event=events.append)

    assert record.status is RunState.COMPLETED
    _check_stream(events, record.run_dir)
    assert _states(events) == [RunState.QUEUED, RunState.PREPARING, RunState.TRAINING, RunState.EVALUATING]
    assert isinstance(events[-1], RunFinished)
    assert events[-1].metrics == record.metrics
    assert sum(isinstance(event, EpochMetrics) for event in events) == 3
    assert any(isinstance(event, StepMetrics) for event in events)
    assert any(isinstance(event, StageProgress) for event in events)
    assert record.counts == {"train": 24, "val": 8, "test": 8}
    assert math.isfinite(record.metrics["rmse"])
    assert set(record.metrics) == set(record.validation_metrics)
    assert 1 <= record.best_epoch <= record.epochs == 3
    assert record.parameters > 1000
    assert record.seconds > 0

    folder = RunFolder(record.run_dir)
    assert folder.read_record() == record
    for path in (folder.config, folder.dataset, folder.split, folder.metrics, folder.model, folder.report):
        assert path.is_file(), path.name
    assert [path.name for path in folder.checkpoints.iterdir()] == ["best.ckpt"]
    assert "epoch 3/3: loss" in folder.log.read_text()
    assert json.loads(folder.dataset.read_text())["split"]["counts"] == record.counts
    with folder.metrics.open() as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2", "3"]
    split = pd.read_csv(folder.split)
    assert split["part"].tolist() == pd.read_csv(table)["part"].tolist()


def test_bundle_says_what_the_run_measured(make_config):
    record = train(make_config(data={"units": {"y": "tens"}}))
    model = load_model(record.model_path)
    predictions = pd.read_csv(Path(record.run_dir) / "predictions.csv")
    again = model.predict(predictions["smiles"].tolist())
    assert predictions["y_pred"].to_numpy() == pytest.approx(again["y_pred"].to_numpy(), abs=1e-5)
    assert list(predictions.columns)[:4] == ["row", "smiles", "part", "y_true"]
    assert "y_pred" in predictions.columns
    assert predictions["in_domain"][predictions["part"] == "train"].all()
    test = predictions[predictions["part"] == "test"]
    rmse = math.sqrt(((test["y_true"] - test["y_pred"]) ** 2).mean())
    assert record.metrics["rmse"] == pytest.approx(rmse, rel=1e-4)
    card = read_card(record.model_path)
    assert card.metrics == record.metrics
    assert card.tasks[0].unit == "tens"
    assert card.data["name"] == "molecules.csv"
    assert card.uncertainty["y"].count == 8
    assert math.isnan(card.uncertainty["y"].half_width)
    assert str(Path(record.run_dir).parent) not in json.dumps(card.to_dict())


def test_one_seed_gives_one_result_and_another_seed_another(make_config, tmp_path):
    first = train(make_config())
    second = train(make_config(out=str(tmp_path / "second")))
    other = train(make_config(out=str(tmp_path / "other"), seed=1))
    assert first.metrics == second.metrics
    assert first.validation_metrics == second.validation_metrics
    assert first.metrics != other.metrics


def test_classes_without_validation(make_config):
    record = train(
        make_config(
            data={"targets": ["aromatic"]}, split={"method": "random", "column": "", "validation_fraction": 0.0}
        )
    )
    assert record.counts["val"] == 0
    assert record.validation_metrics == {}
    assert {"auroc", "mcc", "auroc/aromatic"} <= set(record.metrics)
    table = load_model(record.model_path).predict(["CCO", "CCc1ccccc1"])
    assert list(table.columns) == ["aromatic_pred", "aromatic_class", "in_domain", "nearest_similarity", "error"]
    assert set(table["aromatic_class"]) <= {"yes", "no"}


def test_module_and_function_are_both_callable(make_config):
    assert callable(mole_engine.train)
    assert mole_engine.train(make_config(training={"epochs": 1})).status is RunState.COMPLETED
    assert mole_engine.train.train is train


def test_job_without_out_is_listed_in_the_workspace(make_config, workspace):
    record = train(make_config(out="", training={"epochs": 1}))
    assert Path(record.run_dir).parent == workspace / "runs"
    assert Workspace(workspace).records() == [record]


def test_stop_keeps_and_judges_the_best_model(make_config):
    control, events = RunControl(), []

    def stop_in_second_epoch(event):
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 1:
            control.stop()

    record = train(make_config(training={"epochs": 50}), on_event=stop_in_second_epoch, control=control)
    assert record.status is RunState.COMPLETED
    assert record.epochs <= 2
    assert math.isfinite(record.metrics["rmse"])
    assert Path(record.model_path).is_file()
    _check_stream(events, record.run_dir)


@pytest.mark.parametrize("when", [StageProgress, EpochMetrics])
def test_cancel_drops_everything_large(make_config, when):
    control, events = RunControl(), []

    def cancel(event):
        events.append(event)
        if isinstance(event, when):
            control.cancel()

    record = train(make_config(training={"epochs": 50}), on_event=cancel, control=control)
    assert record.status is RunState.CANCELLED
    assert record.model_path == ""
    assert isinstance(events[-1], RunFinished)
    assert events[-1].status is RunState.CANCELLED
    _check_stream(events, record.run_dir)
    assert sum(path.stat().st_size for path in Path(record.run_dir).rglob("*")) < 100_000
    assert RunFolder(record.run_dir).read_record().status is RunState.CANCELLED


def test_pause_holds_and_resume_goes_on(make_config):
    control, events = RunControl(), []

    def pause_once(event):
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 1:
            control.pause()
            threading.Timer(0.4, control.resume).start()

    began = time.monotonic()
    record = train(make_config(), on_event=pause_once, control=control)
    assert record.status is RunState.COMPLETED
    assert time.monotonic() - began > 0.4
    second = next(event for event in events if isinstance(event, EpochMetrics) and event.epoch == 2)
    first = next(event for event in events if isinstance(event, EpochMetrics) and event.epoch == 1)
    assert second.time - first.time >= 0.4


def test_interrupted_run_goes_on_as_if_nothing_had_happened(make_config, tmp_path):
    whole = train(make_config(out=str(tmp_path / "whole"), training={"epochs": 4}))

    control, events = RunControl(), []

    def interrupt(event):
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == 2:
            control.interrupt()

    part = train(make_config(training={"epochs": 4}), on_event=interrupt, control=control)
    assert part.status is RunState.INTERRUPTED
    assert RunFolder(part.run_dir).last_checkpoint.is_file()
    # What is compared with is fitted, and told, once more.
    shown_before = [event for event in events[:-1] if not isinstance(event, BaselineReady)]

    events = []
    record = train(None, on_event=events.append, resume=part.run_dir)
    assert record.status is RunState.COMPLETED
    assert record.run_id == part.run_id
    assert record.metrics == pytest.approx(whole.metrics, rel=1e-6, nan_ok=True)
    assert record.epochs == 4
    assert record.seconds > part.seconds
    # The log goes on where it was, without the end that has been overtaken.
    logged = RunFolder(record.run_dir).read_events()
    assert [event.seq for event in logged] == list(range(len(shown_before) + len(events)))
    assert [event.epoch for event in logged if isinstance(event, EpochMetrics)] == [1, 2, 3, 4]
    assert [event.is_terminal for event in logged].count(True) == 1


def test_interruption_before_the_first_checkpoint_starts_over(make_config):
    control = RunControl()

    def interrupt(event):
        if isinstance(event, StageProgress):
            control.interrupt()

    part = train(make_config(), on_event=interrupt, control=control)
    assert part.status is RunState.INTERRUPTED
    assert part.counts == {}
    events = []
    assert train(None, on_event=events.append, resume=part.run_dir).status is RunState.COMPLETED
    assert any(isinstance(event, Notice) and "from the start" in event.message for event in events)


def test_failure_is_told_recorded_and_raised(make_config, tmp_path):
    events = []
    with pytest.raises(InputError, match="There is no file"):
        train(make_config(data={"path": str(tmp_path / "gone.csv")}), on_event=events.append)
    assert isinstance(events[-1], RunFailed)
    assert "gone.csv" in events[-1].problem.title
    record = RunFolder(tmp_path / "run").read_record()
    assert record.status is RunState.FAILED
    assert "gone.csv" in record.error
    _check_stream(events, tmp_path / "run")
    assert "gone.csv" in (tmp_path / "run" / "log.txt").read_text()


def test_fault_of_ours_is_a_bug_with_its_traceback(make_config, monkeypatch):
    def broken(*_args, **_options):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("mole_engine.training.fitting.fit_model", broken)
    events = []
    with pytest.raises(BugError):
        train(make_config(), on_event=events.append)
    assert "ZeroDivisionError: oops" in events[-1].problem.details
    assert events[-1].problem.title


def test_full_disk_is_told_in_words(make_config, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mole_engine.store.bundle.save_bundle", full)
    events = []
    with pytest.raises(KnownError, match="the disk is full"):
        train(make_config(training={"epochs": 1}), on_event=events.append)
    assert isinstance(events[-1], RunFailed)


def test_handler_that_breaks_ends_the_run_as_failed(make_config, tmp_path):
    def broken(event):
        if isinstance(event, EpochMetrics):
            raise ValueError("in the window")

    with pytest.raises(BugError, match="in the window"):
        train(make_config(), on_event=broken)
    assert RunFolder(tmp_path / "run").read_record().status is RunState.FAILED


def test_leaves_no_logging_handler_behind(make_config):
    import logging

    before = list(logging.getLogger("mole_engine").handlers)
    train(make_config(training={"epochs": 1}))
    assert logging.getLogger("mole_engine").handlers == before


def test_interruption_while_judging_judges_again(make_config):
    control = RunControl()

    def interrupt(event):
        if isinstance(event, StateChanged) and event.state is RunState.EVALUATING:
            control.interrupt()

    part = train(make_config(), on_event=interrupt, control=control)
    assert part.status is RunState.INTERRUPTED
    events = []
    record = train(None, on_event=events.append, resume=part.run_dir)
    assert record.status is RunState.COMPLETED
    assert record.best_epoch == part.best_epoch
    assert record.epochs == 3
    assert RunState.QUEUED not in _states(events)
    assert not any(isinstance(event, EpochMetrics) for event in events)


def test_training_from_a_model_takes_its_shape_and_vocabulary(make_config, tmp_path):
    first = train(make_config(training={"epochs": 1}))
    record = train(
        make_config(init=first.model_path, out=str(tmp_path / "second"), model={"layers": 3, "hidden_size": 64})
    )
    model = read_card(record.model_path).train_config().model
    assert (model.layers, model.hidden_size) == (2, 32)
    assert RunFolder(record.run_dir).read_config().model.layers == 2
    with pytest.raises(InputError, match="There is no model file"):
        train(make_config(init=str(tmp_path / "none.mole"), out=str(tmp_path / "third")))


def _living_models():
    from mole_engine.models.network import MolENetwork

    gc.collect()
    return [item for item in gc.get_objects() if issubclass(type(item), MolENetwork)]


def test_nothing_large_is_left_in_memory(make_config, tmp_path):
    # Models that fixtures of other tests hold in this process are none of ours.
    before = _living_models()
    train(make_config(training={"epochs": 1}))
    assert len(_living_models()) == len(before)
    caught = None
    try:
        train(make_config(out=str(tmp_path / "broken")), on_event=_break_in_training)
    except BugError as error:
        caught = error
    assert caught is not None
    # The exception is still held, as a window may do while it shows it.
    assert len(_living_models()) == len(before)


def _break_in_training(event):
    if isinstance(event, EpochMetrics):
        raise ValueError("in the window")


def test_missing_tensorboard_is_a_word_not_a_failure(make_config, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    events = []
    record = train(make_config(training={"epochs": 1}, runtime={"tensorboard": True}), on_event=events.append)
    assert record.status is RunState.COMPLETED
    assert any(isinstance(event, Notice) and "pip install tensorboard" in event.message for event in events)


def test_what_no_test_molecules_judged_is_not_called_a_test(make_config, table):
    table.write_text(table.read_text().replace(",test\n", ",train\n"))
    events = []
    record = train(make_config(training={"epochs": 1}), on_event=events.append)
    assert record.counts["test"] == 0
    assert record.metrics == {}
    assert "rmse" in record.validation_metrics
    assert any("no test molecules" in event.message for event in events if isinstance(event, Notice))
