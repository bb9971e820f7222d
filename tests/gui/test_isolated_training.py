"""Jobs in processes of their own, as the window has them: a crash is one failed run, and the queue goes on."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from app.services.training import TrainingService
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.events import EpochMetrics, RunFailed
from mole_engine.contracts.run_state import RunState
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


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_killed_child_is_one_failed_run_and_closing_leaves_the_next_to_be_resumed(qtbot, workspace, job, children):
    service = TrainingService(workspace)
    events, problems, records = [], [], []
    service.run_event.connect(events.append)
    service.failed.connect(problems.append)
    service.run_finished.connect(records.append)
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
