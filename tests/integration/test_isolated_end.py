"""How the process of an isolated training ends: by itself, whether the job went well, was left or was impossible."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import EpochMetrics
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.train import train


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the exit codes of children that nobody had to kill."""
    codes: list[int] = []

    class Watched(subprocess.Popen[bytes]):
        def wait(self, timeout: float | None = None) -> int:
            code = super().wait(timeout)
            if self.pid not in seen:
                seen.add(self.pid)
                codes.append(code)
            return code

    seen: set[int] = set()
    monkeypatch.setattr("mole_engine.child_process.subprocess.Popen", Watched)
    return codes


def test_process_of_a_finished_training_ends_in_order(make_config: Any, ends: list[int]) -> None:
    # An abort at the interpreter's end is nothing to the run, but the system writes its memory to disk.
    record = train(make_config(runtime={"isolated": True}))
    assert record.status is RunState.COMPLETED
    assert ends == [0]


def test_process_of_an_impossible_or_interrupted_training_ends_in_order(make_config: Any, ends: list[int]) -> None:
    with pytest.raises(InputError):
        train(make_config(runtime={"isolated": True}, data={"targets": ["no such column"]}))
    assert ends == [0]

    control = RunControl()

    def leave(event: Any) -> None:
        if isinstance(event, EpochMetrics):
            control.interrupt()

    job = make_config(runtime={"isolated": True}, training={"epochs": 4000})
    assert train(job, on_event=leave, control=control).status is RunState.INTERRUPTED
    assert ends == [0, 0]
