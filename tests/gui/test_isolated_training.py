"""Jobs in processes of their own, as the window has them: a crash is one failed run, and the queue goes on."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from app.services.training import TrainingService
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.events import EpochMetrics, RunFailed
from mole_engine.contracts.run_state import RunControl, RunState, Wishes
from mole_engine.isolated import _Talk
from mole_engine.store.run_folder import RunFolder
from mole_engine.store.runs import Workspace

TIMEOUT = 120_000


@pytest.fixture
def job(tmp_path):
    path = tmp_path / "chains.csv"
    rows = [f"{'C' * length}{end},{length}" for length in range(1, 9) for end in ("O", "N", "F", "Cl", "C=O")]
    path.write_text("smiles,y\n" + "\n".join(rows) + "\n")
    return TrainConfig.from_dict(
        {
            "data": {"path": str(path), "targets": ["y"]},
            "split": {"method": "random"},
            "model": {"layers": 1, "hidden_size": 16, "heads": 2},
            "training": {"epochs": 3000, "batch_size": 8},
            "runtime": {"device": "cpu", "threads": 1, "isolated": True},
            "baselines": False,
        }
    )


@pytest.fixture
def children(monkeypatch):
    """Return the processes that isolated trainings have started."""
    import subprocess

    started = []
    start = subprocess.Popen

    def note(*arguments, **options):
        started.append(start(*arguments, **options))
        return started[-1]

    monkeypatch.setattr("mole_engine.child_process.subprocess.Popen", note)
    return started


def heard(workspace):
    """Return a service, and what it tells from now on: events, problems and records."""
    service = TrainingService(workspace)
    events, problems, records = [], [], []
    service.run_event.connect(events.append)
    service.failed.connect(problems.append)
    service.run_finished.connect(records.append)
    return service, events, problems, records


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_killed_child_is_one_failed_run_and_closing_leaves_the_next_to_be_resumed(qtbot, workspace, job, children):
    service, events, problems, records = heard(workspace)
    service.start(job)
    service.start(job.model_copy(update={"name": "second"}))
    assert [run.name for run in service.queued()] == ["second"]

    qtbot.waitUntil(lambda: any(isinstance(event, EpochMetrics) for event in events), timeout=TIMEOUT)
    os.kill(children[0].pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: len(records) == 1, timeout=TIMEOUT)
    assert [type(event) for event in events if event.is_terminal] == [RunFailed]
    assert "SIGKILL" in problems[0].cause
    first = records[0].run_id
    assert Workspace(workspace).find(first).read_record().status is RunState.FAILED

    # The next one has begun by itself; the window closes in the middle of it.
    events.clear()
    qtbot.waitUntil(lambda: any(isinstance(event, EpochMetrics) for event in events), timeout=TIMEOUT)
    with qtbot.waitSignal(service.run_finished, timeout=TIMEOUT):
        assert not service.shutdown()
    assert records[1].status is RunState.INTERRUPTED
    folder = RunFolder(Path(records[1].run_dir))
    assert folder.last_checkpoint.is_file()
    assert service.shutdown()
    assert [child.poll() is not None for child in children] == [True, True]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is POSIX")
@pytest.mark.parametrize("wish", ["shutdown", "cancel"])
def test_a_child_that_hangs_is_ended_where_it_was_asked_to_leave(qtbot, workspace, job, children, monkeypatch, wish):
    monkeypatch.setattr("mole_engine.isolated.LEAVE_SECONDS", 1.0)
    service, events, problems, records = heard(workspace)
    service.start(job)
    qtbot.waitUntil(lambda: sum(isinstance(event, EpochMetrics) for event in events) > 3, timeout=TIMEOUT)
    # As one does that waits for a driver.
    os.kill(children[0].pid, signal.SIGSTOP)
    try:
        getattr(service, wish)()
        qtbot.waitUntil(lambda: len(records) == 1, timeout=TIMEOUT)
    finally:
        if children[0].poll() is None:
            os.kill(children[0].pid, signal.SIGCONT)
            service.shutdown()
            service.wait_for_end()
    status = RunState.INTERRUPTED if wish == "shutdown" else RunState.CANCELLED
    folder = RunFolder(Path(records[0].run_dir))
    assert (records[0].status, problems) == (status, [])
    assert [event.status for event in events if event.is_terminal] == [status]
    assert folder.read_record().status is Workspace(workspace).records()[0].status is status
    assert folder.last_checkpoint.is_file() is (wish == "shutdown")
    assert children[0].poll() is not None


def test_what_is_wanted_last_is_what_a_child_hears_last():
    heard = []

    class Child:
        def say(self, message):
            heard.append(message["wishes"]["paused"])

    class Control(RunControl):
        """Another thread pauses when this one has just read what was wanted before."""

        @property
        def wishes(self):
            found = super().wishes
            if threading.current_thread() is threading.main_thread() and not others:
                others.append(threading.Thread(target=self.pause))
                others[0].start()
                others[0].join(0.5)
            return found

    others: list[threading.Thread] = []
    control = Control()
    talk = _Talk(Child(), None, control, None)
    with control.heard_by(talk.wish):
        talk.wish(Wishes())
        others[0].join()
    assert heard[-1] is True
