"""The thread and its pump, with a stand-in for the engine: order, steering, failures, bounded work."""

from __future__ import annotations

import json
import threading
import time

import pytest
from PySide6.QtCore import QCoreApplication, QThread

from app.services.run_queue import RunQueue
from app.services.training import TrainingService
from app.services.training_thread import TICK_SECONDS
from app.services.watchdog import PATIENCE_SECONDS, Watchdog
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.contracts.events import RunFinished, StageProgress, StateChanged, StepMetrics
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

JOB = TrainConfig.from_dict({"name": "test", "preset": "quick-look", "data": {"path": "some/where/logs.csv"}})


def step(seq):
    return StepMetrics(
        run_id="r1", seq=seq, step=seq, total_steps=9, epoch=1, total_epochs=1, loss=1.0, learning_rate=1e-3
    )


def finished(status=RunState.COMPLETED):
    return RunRecord(run_id="r1", name="test", status=status)


class Ears:
    """Notes what a service says, in order."""

    def __init__(self, service):
        self.said = []
        service.run_started.connect(lambda record: self.said.append(("started", record)))
        service.run_event.connect(lambda event: self.said.append(("event", event)))
        service.failed.connect(lambda problem: self.said.append(("failed", problem)))
        service.run_finished.connect(lambda record: self.said.append(("finished", record)))

    def kinds(self):
        return [kind for kind, _ in self.said]


@pytest.fixture
def serve(qapp, workspace):
    made = []

    def make(train):
        service = TrainingService(workspace, train)
        made.append(service)
        return service, Ears(service)

    yield make
    for service in made:
        service.cancel()
        end = time.monotonic() + 10
        while service.is_running and time.monotonic() < end:
            QCoreApplication.processEvents()
        assert not service.is_running


def run(qtbot, service, timeout=10_000):
    with qtbot.waitSignal(service.run_finished, timeout=timeout):
        service.start(JOB)


def test_events_arrive_in_order_between_start_and_finish(qtbot, serve, workspace):
    seen = {}

    def train(config, on_event, control, resume):
        seen["thread"], seen["config"] = threading.current_thread(), config
        on_event(StateChanged(run_id="r1", seq=0, state=RunState.PREPARING))
        for seq in range(1, 5):
            on_event(step(seq))
        on_event(RunFinished(run_id="r1", seq=5, status=RunState.COMPLETED))
        return finished()

    service, ears = serve(train)
    run(qtbot, service)
    assert ears.kinds() == ["started"] + ["event"] * 6 + ["finished"]
    assert ears.said[0][1].run_id == "r1"
    assert ears.said[0][1].data_name == "logs.csv"
    assert [event.seq for kind, event in ears.said if kind == "event"] == list(range(6))
    assert ears.said[-1][1].status is RunState.COMPLETED
    assert seen["thread"] is not threading.main_thread()
    assert seen["config"].workspace == str(workspace)
    assert not service.is_running


def test_a_failure_crosses_as_a_problem_and_frees_the_service(qtbot, serve):
    def train(config, on_event, control, resume):
        on_event(StateChanged(run_id="r1", seq=0, state=RunState.PREPARING))
        raise InputError("No target.", "Column 'y' is text.", "Choose another column.")

    service, ears = serve(train)
    run(qtbot, service)
    assert ears.kinds() == ["started", "event", "failed", "finished"]
    problem, record = ears.said[2][1], ears.said[3][1]
    assert (problem.title, problem.remedy) == ("No target.", "Choose another column.")
    assert "Traceback" in problem.details
    assert record.status is RunState.FAILED
    assert "Column 'y' is text." in record.error
    run(qtbot, service)
    assert ears.kinds().count("finished") == 2


def test_a_bug_before_the_first_word_is_still_told(qtbot, serve):
    def train(config, on_event, control, resume):
        raise ZeroDivisionError

    service, ears = serve(train)
    run(qtbot, service)
    assert ears.kinds() == ["started", "failed", "finished"]
    assert "ZeroDivisionError" in ears.said[1][1].cause


def test_cancel_unwinds_without_a_problem(qtbot, serve):
    def train(config, on_event, control, resume):
        on_event(step(0))
        while True:
            control.checkpoint()
            time.sleep(0.002)

    service, ears = serve(train)
    with qtbot.waitSignal(service.run_event):
        service.start(JOB)
    with qtbot.waitSignal(service.run_finished):
        service.cancel()
        assert service.ending == "cancel"
    assert "failed" not in ears.kinds()
    assert ears.said[-1][1].status is RunState.CANCELLED


def test_pause_holds_the_job_and_stop_wakes_it(qtbot, serve):
    ticks = []

    def train(config, on_event, control, resume):
        on_event(step(0))
        while not control.stop_requested:
            control.checkpoint()
            ticks.append(1)
            time.sleep(0.002)
        return finished()

    service, ears = serve(train)
    with qtbot.waitSignal(service.run_event):
        service.start(JOB)
    service.pause()
    assert service.is_paused
    qtbot.wait(50)
    held = len(ticks)
    qtbot.wait(100)
    assert len(ticks) == held
    service.resume()
    qtbot.waitUntil(lambda: len(ticks) > held)
    service.pause()
    with qtbot.waitSignal(service.run_finished):
        service.stop()
    assert ears.said[-1][1].status is RunState.COMPLETED


def test_further_jobs_wait_in_order_and_can_be_moved_and_dropped(qtbot, serve):
    gate, order = threading.Event(), []

    def train(config, on_event, control, resume):
        order.append(config.name)
        gate.wait(30)
        return finished()

    service, ears = serve(train)
    service.start(JOB)
    for name in ("second", "third", "fourth", "unwanted"):
        service.start(JOB.model_copy(update={"name": name}))
    ids = {run.name: run.run_id for run in service.queued()}
    assert list(ids) == ["second", "third", "fourth", "unwanted"]
    service.drop(ids["unwanted"])
    service.move(ids["second"], 1)
    service.run_next(ids["fourth"])
    assert [run.name for run in service.queued()] == ["fourth", "third", "second"]
    with pytest.raises(InputError, match="no longer waits"):
        service.drop(ids["unwanted"])
    gate.set()
    qtbot.waitUntil(lambda: ears.kinds().count("finished") == 4, timeout=30_000)
    assert order == ["test", "fourth", "third", "second"]
    assert not service.queued()


def test_queue_survives_the_program_and_waits_for_a_word(qtbot, serve, workspace):
    order = []

    def train(config, on_event, control, resume):
        order.append((config.name, resume))
        on_event(step(0))
        while config.name == "test" and not control.cancel_requested:
            time.sleep(0.002)
        return finished()

    first, _ = serve(train)
    with qtbot.waitSignal(first.run_event):
        first.start(JOB)
    first.enqueue(JOB.model_copy(update={"name": "overnight"}), resume="runs/old")
    with qtbot.waitSignal(first.run_finished):
        first.shutdown()
    assert not first.is_running
    again, ears = serve(train)
    assert again.is_held
    assert [run.config.data.path for run in again.queued()] == ["some/where/logs.csv"]
    assert not again.is_running
    again.start_queue()
    qtbot.waitUntil(lambda: "finished" in ears.kinds(), timeout=30_000)
    assert order == [("test", ""), ("overnight", "runs/old")]
    assert not again.is_held
    assert TrainingService(workspace).queued() == []


def test_a_damaged_queue_is_set_aside(qapp, workspace):
    (workspace / "queue.json").write_text('[{"run_id": "a"}]')
    assert TrainingService(workspace).queued() == []
    assert (workspace / "queue.damaged").is_file()


def test_a_queue_that_is_a_folder_does_not_keep_the_window_from_opening(qapp, workspace):
    (workspace / "queue.json").mkdir()
    assert TrainingService(workspace).queued() == []
    assert not (workspace / "queue.json").exists()


def test_a_queued_job_that_cannot_be_read_leaves_the_others(qapp, workspace):
    queue = RunQueue(workspace / "queue.json")
    queue.add(TrainConfig.from_dict({"data": {"path": "a.csv"}}))
    queue.add(TrainConfig.from_dict({"data": {"path": "b.csv"}}))
    entries = json.loads((workspace / "queue.json").read_text())
    entries[0]["config"]["training"]["epochs"] = "many"
    (workspace / "queue.json").write_text(json.dumps(entries))
    assert [run.config.data.path for run in RunQueue(workspace / "queue.json").runs()] == ["b.csv"]
    assert '"many"' in (workspace / "queue.damaged").read_text()


def test_a_run_goes_on_once_however_often_that_is_asked_for(qtbot, serve):
    service, _ = serve(lambda *_: None)
    service.hold_queue()
    job = TrainConfig.from_dict({"name": "logs", "data": {"path": "a.csv"}})
    service.enqueue(job, "runs/old")
    for ask in (service.enqueue, service.start):
        with pytest.raises(InputError, match="logs goes on already"):
            ask(job, "runs/old")
    service.enqueue(job)
    service.enqueue(job)
    assert [run.resume for run in service.queued()] == ["runs/old", "", ""]


def test_a_queue_that_cannot_be_written_holds_and_says_so(qtbot, serve, workspace):
    service, _ = serve(lambda *_: None)
    service.hold_queue()
    service.enqueue(TrainConfig.from_dict({"data": {"path": "a.csv"}}))
    problems = []
    service.failed.connect(problems.append)
    (workspace / "queue.json").unlink()
    (workspace / "queue.json").mkdir()
    service.start_queue()
    assert len(problems) == 1
    assert "queue.json" in problems[0].one_line()
    assert service.is_held
    assert not service.is_running


def test_shutdown_interrupts_so_that_the_run_can_be_resumed(qtbot, serve):
    asked = []

    def train(config, on_event, control, resume):
        on_event(step(0))
        while not control.cancel_requested:
            time.sleep(0.002)
        asked.append(control.interrupt_requested)
        raise Cancelled

    service, _ = serve(train)
    assert service.shutdown()
    with qtbot.waitSignal(service.run_event):
        service.start(JOB)
    with qtbot.waitSignal(service.run_finished):
        assert not service.shutdown()
    assert asked == [True]
    assert service.shutdown()


def test_a_flood_of_events_never_holds_the_window_up(qtbot, serve):
    number = 30_000

    def train(config, on_event, control, resume):
        for seq in range(number):
            on_event(step(seq))
        return finished()

    service, ears = serve(train)
    service.start(JOB)
    worst = 0.0
    while service.is_running:
        begun = time.perf_counter()
        QCoreApplication.processEvents()
        worst = max(worst, time.perf_counter() - begun)
        QThread.msleep(1)
    assert ears.kinds().count("event") == number
    # One look takes its allotted time; the rest is what a loaded machine adds.
    assert worst < TICK_SECONDS + 0.25


def test_watchdog_names_what_a_silent_job_was_doing(qapp):
    now, said = [0.0], []
    dog = Watchdog(clock=lambda: now[0])
    dog.waiting.connect(said.append)
    dog.start()
    dog.hear(StageProgress(stage="Checking molecules", done=1200, total=5000))
    now[0] = PATIENCE_SECONDS - 1
    dog.look()
    assert said == []
    now[0] = PATIENCE_SECONDS + 5
    dog.look()
    assert said == ["No news for 20 s. Last seen: checking molecules (1,200 of 5,000 molecules)."]
    dog.hear(step(4))
    assert said[1:] == [""]
    dog.stop()
    assert said[2:] == []
