"""Events survive the log, so that an old run replays through the same code."""

from __future__ import annotations

import json
import math
import threading

import pytest

from mole_engine.contracts import events as ev
from mole_engine.contracts.errors import Cancelled, InputError, Problem, problem_of
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl, RunState

COMMON = {"run_id": "r1", "seq": 3, "time": 12.5}
EXAMPLES = [
    ev.StateChanged(state=RunState.TRAINING, message="Training", **COMMON),
    ev.StageProgress(stage="Reading molecules", done=3, total=10, **COMMON),
    ev.StepMetrics(step=1, total_steps=9, epoch=1, total_epochs=3, loss=0.5, learning_rate=1e-4, **COMMON),
    ev.EpochMetrics(
        epoch=1,
        total_epochs=3,
        step=3,
        train_loss=0.5,
        validation_loss=0.25,
        metrics={"rmse": 0.5},
        seconds=1.0,
        **COMMON,
    ),
    ev.CheckpointSaved(path="checkpoints/last.ckpt", epoch=1, value=0.5, **COMMON),
    ev.BaselineReady(
        name="mean", title="Mean of the training molecules", metrics={"rmse": 1.5, "r2": math.nan}, **COMMON
    ),
    ev.PinnedPredictions(
        epoch=2, smiles=("CCO", "C("), outputs=("y", "z"), values=((0.5, 1.0), (math.nan, math.nan)), **COMMON
    ),
    ev.TrialFinished(
        number=2,
        settings={"training.learning_rate": 1e-3, "training.schedule": "cosine"},
        value=math.nan,
        state="pruned",
        total=20,
        **COMMON,
    ),
    ev.Notice(message="3 rows were left out", level="warning", **COMMON),
    ev.RunFailed(problem=Problem("No.", "Because.", "Do that.", "trace"), **COMMON),
    ev.RunFinished(status=RunState.COMPLETED, metrics={"rmse": 0.5}, model_path="model.mole", **COMMON),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_events_survive_the_log(event):
    line = event.to_json()
    assert "\n" not in line
    back = ev.event_from_json(line)
    assert repr(back) == repr(event)  # repr, for NaN is not equal to itself


def test_every_event_type_is_known_and_has_an_example():
    assert {type(event).__name__ for event in EXAMPLES} == set(ev.EVENT_TYPES)


def test_not_a_number_is_written_as_null():
    event = ev.EpochMetrics(
        epoch=1, total_epochs=1, step=1, train_loss=math.nan, validation_loss=math.inf, metrics={"r2": math.nan}
    )
    fields = json.loads(event.to_json())
    assert fields["train_loss"] is None
    assert fields["validation_loss"] is None
    assert fields["metrics"] == {"r2": None}
    assert math.isnan(ev.event_from_json(event.to_json()).metrics["r2"])


@pytest.mark.parametrize(
    "line", ['{"event": "StepMe', '{"event": "Nothing"}', "[]", '{"event": "Notice", "nonsense": 1}']
)
def test_a_torn_line_is_told_apart(line):
    with pytest.raises(ValueError, match=r"not an event|Unterminated"):
        ev.event_from_json(line)


def test_only_the_ends_are_terminal():
    assert {name for name, kind in ev.EVENT_TYPES.items() if kind.is_terminal} == {"RunFailed", "RunFinished"}


def test_pause_holds_the_job_until_resume():
    control = RunControl()
    control.pause()
    passed = threading.Event()

    def work() -> None:
        control.checkpoint()
        passed.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert not passed.wait(0.1)
    control.resume()
    assert passed.wait(5)
    thread.join()


@pytest.mark.parametrize("verb", ["stop", "cancel"])
def test_stop_and_cancel_wake_a_paused_job(verb):
    control = RunControl()
    control.pause()
    getattr(control, verb)()
    assert not control.is_paused
    if verb == "cancel":
        with pytest.raises(Cancelled):
            control.checkpoint()
    else:
        control.checkpoint()
        assert control.stop_requested


def test_a_record_survives_json():
    record = RunRecord(
        "r1", "ESOL, small", RunState.COMPLETED, metrics={"rmse": 0.5, "r2": math.nan}, counts={"train": 3}
    )
    text = json.dumps(record.to_dict(), allow_nan=False)
    back = RunRecord.from_dict({**json.loads(text), "field_of_a_newer_version": 1})
    assert repr(back) == repr(record)


def test_problems_say_what_where_and_what_to_do(tmp_path):
    own = problem_of(InputError("No structures in a.csv.", "Row 3 is empty.", "Fill it in."))
    assert own.one_line() == "No structures in a.csv. Row 3 is empty. Fill it in."
    assert Problem("A\nB.", "C\r\nD.", "E.").one_line() == "A B. C D. E."
    assert "InputError" in own.details
    with pytest.raises(OSError, match="missing") as caught:
        (tmp_path / "missing.csv").read_text()
    assert "missing.csv" in problem_of(caught.value).title
    missing = problem_of(ImportError("libXrender.so.1: cannot open shared object file: No such file or directory"))
    assert "libxrender1" in missing.remedy
    assert "ZeroDivisionError" in problem_of(ZeroDivisionError("division by zero")).cause
