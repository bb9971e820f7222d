"""A packaged program has no interpreter: processes of ours are started by the command that lies beside the window."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from app.services.trial_steps import measure_steps
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.child_process import CHILDREN, own_command
from mole_engine.cli.entry import run_command
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.run_state import RunState
from mole_engine.data.features import featurise_chunk
from mole_engine.data.workers import map_in_processes, worker_count
from mole_engine.train import train

COMMAND = """#!{python}
import json
import sys
from mole_engine.cli import main
sys.exit(main())
"""


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the program take itself for a packaged one, and return the command of it."""
    command = tmp_path / "program" / "mole"
    command.parent.mkdir()
    command.write_text(COMMAND.format(python=sys.executable), encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(command.with_name("mole-studio")))
    return command


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a script takes the command's place")


def test_molecules_are_prepared_on_all_cores(packaged: Path) -> None:
    assert own_command("mole_engine.data.worker_process")[0] == str(packaged)
    shared = Vocabulary.load().to_dict()
    smiles = ["CCO", "c1ccccc1", "CCN"]
    parts = map_in_processes(featurise_chunk, smiles, shared, workers=2, chunk=1)
    assert [part.lengths.tolist() for part in parts] == [
        featurise_chunk([one], shared).lengths.tolist() for one in smiles
    ]


def test_the_number_of_workers_is_that_of_cores(packaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1}, raising=False)
    assert worker_count() == 2


def test_time_and_memory_of_a_job_are_measured(packaged: Path) -> None:
    model = {"layers": 1, "hidden_size": 16, "heads": 2}
    job = TrainConfig.from_dict({"model": model, "training": {"batch_size": 8}, "runtime": {"device": "cpu"}})
    found = measure_steps(job, ["CCO", "c1ccccc1"])
    assert found is not None
    assert found.molecules_per_second > 0


def test_a_job_is_not_measured_where_the_command_is_missing(packaged: Path) -> None:
    packaged.unlink()
    assert measure_steps(TrainConfig(), ["CCO"]) is None


def test_a_training_runs_in_a_process_of_its_own(packaged: Path, make_config: Any) -> None:
    assert train(make_config(runtime={"isolated": True})).status is RunState.COMPLETED


def test_every_process_of_ours_can_be_started_so(packaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CHILDREN:
        monkeypatch.setattr(import_module(name), "main", lambda name=name: 10 + CHILDREN.index(name))
        monkeypatch.setattr(sys, "argv", own_command(name))
        assert run_command() == 10 + CHILDREN.index(name)


def test_nothing_else_is_started_so(packaged: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", own_command("mole_engine.cli.doctor"))
    assert run_command() == 2
    assert "mole_engine.cli.doctor" in capsys.readouterr().err


def test_the_doctor_tries_the_window_s_libraries(packaged: Path, capsys: Any) -> None:
    assert run_command(["doctor", "--json"]) == 0
    [qt] = [check for check in json.loads(capsys.readouterr().out)["checks"] if check["name"] == "window (Qt)"]
    assert qt["is_ok"], qt
