"""The event stream: numbered without gaps, written before shown, ended once."""

from __future__ import annotations

import threading
from queue import SimpleQueue

import pytest

from mole_engine.contracts.errors import KnownError, Problem
from mole_engine.contracts.events import (
    BaselineReady,
    EpochMetrics,
    Notice,
    PinnedPredictions,
    RunFailed,
    RunFinished,
    StepMetrics,
    event_from_json,
)
from mole_engine.contracts.run_state import RunState
from mole_engine.training.emitter import EventEmitter


def step(number: int) -> StepMetrics:
    return StepMetrics(step=number, total_steps=10, epoch=1, total_epochs=1, loss=1.0, learning_rate=0.1)


def read(path):
    return [event_from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_events_are_numbered_stamped_and_on_disk_before_they_are_shown(tmp_path):
    path = tmp_path / "events.jsonl"
    shown = []

    def sink(event):
        assert read(path)[-1] == event
        shown.append(event)

    emitter = EventEmitter("run 1", sink, path)
    emitter.emit(Notice(message="one"))
    emitter.emit(Notice(message="two"))
    emitter.emit(RunFinished(status=RunState.COMPLETED))
    assert [event.seq for event in shown] == [0, 1, 2]
    assert {event.run_id for event in shown} == {"run 1"}
    assert all(event.time > 1e9 for event in shown)


def test_nothing_follows_the_end(tmp_path):
    path = tmp_path / "events.jsonl"
    shown = []
    emitter = EventEmitter("run", shown.append, path)
    assert emitter.emit(RunFinished(status=RunState.CANCELLED))
    assert emitter.finished
    assert not emitter.emit(RunFailed(problem=Problem("late")))
    assert not emitter.emit(Notice(message="late"))
    assert len(shown) == len(read(path)) == 1


def test_step_metrics_are_throttled_at_the_source_without_gaps():
    clock = Clock()
    shown = []
    emitter = EventEmitter("run", shown.append, clock=clock)
    for number in range(100):
        clock.now = number * 0.01
        emitter.emit(step(number))
        emitter.emit(Notice(message="always"))
    steps = [event for event in shown if isinstance(event, StepMetrics)]
    assert 9 <= len(steps) <= 11
    assert len(shown) == 100 + len(steps)
    assert [event.seq for event in shown] == list(range(len(shown)))


def test_a_resumed_run_continues_its_log(tmp_path):
    path = tmp_path / "events.jsonl"
    first = EventEmitter("run", None, path)
    first.emit(Notice(message="before"))
    first.emit(EpochMetrics(epoch=1, total_epochs=2, step=1, train_loss=1.0, validation_loss=float("nan")))
    first.emit(RunFinished(status=RunState.INTERRUPTED))
    second = EventEmitter("run", None, path)
    second.emit(Notice(message="after"))
    second.close()
    events = read(path)
    assert [event.seq for event in events] == [0, 1, 2]
    assert not any(event.is_terminal for event in events)


def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path):
    path = tmp_path / "events.jsonl"
    first = EventEmitter("run", None, path)
    first.emit(Notice(message="whole"))
    first.close()
    with path.open("a", encoding="utf-8") as file:
        file.write('{"event": "Notice", "mess')
    second = EventEmitter("run", None, path)
    second.emit(Notice(message="after"))
    second.close()
    assert [event.message for event in read(path)] == ["whole", "after"]


def test_a_log_that_cannot_be_written_is_told_in_words(tmp_path):
    class Full:
        name = "events.jsonl"

        def write(self, text):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    emitter = EventEmitter("run", None, tmp_path / "events.jsonl")
    emitter.close()
    emitter._file = Full()
    with pytest.raises(KnownError, match="No space left"):
        emitter.emit(Notice(message="lost"))


def test_the_end_is_shown_even_when_it_cannot_be_written(tmp_path):
    class Full:
        name = "events.jsonl"

        def write(self, text):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    shown = []
    emitter = EventEmitter("run", shown.append)
    emitter._file = Full()
    with pytest.raises(KnownError):
        emitter.emit(RunFailed(problem=Problem("disk full")))
    assert len(shown) == 1


class LetsAnotherIn(SimpleQueue):
    """While "mean" is taken out, another thread posts "boosting"."""

    def get_nowait(self):
        event = super().get_nowait()
        if event.name == "mean":
            self.put(BaselineReady(name="boosting", title=""))
        return event


def test_what_is_posted_meanwhile_comes_after_what_was_posted_before(monkeypatch):
    shown = []
    emitter = EventEmitter("run", lambda event: shown.append(event.name))
    monkeypatch.setattr(emitter, "_posted", LetsAnotherIn())
    emitter.post(BaselineReady(name="mean", title=""))
    emitter.emit_posted()
    assert shown == ["mean", "boosting"]


def test_what_other_threads_post_is_shown_by_the_jobs_own_thread_before_its_next_event():
    shown = []
    emitter = EventEmitter("run", lambda event: shown.append((type(event).__name__, threading.current_thread().name)))
    beside = threading.Thread(target=emitter.post, args=(BaselineReady(name="mean", title="Mean"),), name="beside")
    beside.start()
    beside.join()
    assert shown == []
    emitter.emit(Notice(message="next"))
    own = threading.current_thread().name
    assert shown == [("BaselineReady", own), ("Notice", own)]
    emitter.emit(RunFinished(status=RunState.COMPLETED))
    emitter.post(Notice(message="too late"))
    emitter.emit_posted()
    assert len(shown) == 3


def test_log_of_a_run_that_goes_on_loses_what_is_done_again(tmp_path):
    path = tmp_path / "events.jsonl"
    first = EventEmitter("run", None, path, clock=iter(range(0, 1000, 2)).__next__)

    def epoch(number):
        return EpochMetrics(epoch=number, total_epochs=9, step=4 * number, train_loss=1.0, validation_loss=1.0)

    for number in (1, 2):
        first.emit(step(4 * number - 1))
        first.emit(PinnedPredictions(epoch=number, smiles=("C",), outputs=("y",), values=((1.0,),)))
        first.emit(epoch(number))
    first.emit(BaselineReady(name="mean", title="Mean"))
    first.emit(Notice(message="kept"))
    first.emit(step(10))
    first.close()
    # The checkpoint is that of the first epoch.
    again = EventEmitter("run", None, path, redone_from=4)
    again.emit(Notice(message="going on"))
    again.close()
    kept = read(path)
    assert [type(event).__name__ for event in kept] == [
        *("StepMetrics", "PinnedPredictions", "EpochMetrics", "Notice", "Notice")
    ]
    assert [event.seq for event in kept] == list(range(5))
    assert kept[2].epoch == 1
