"""Work on several cores: the same results, in order, and nothing left running."""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.child_process import own_command
from mole_engine.contracts.errors import Cancelled
from mole_engine.data import features, workers
from mole_engine.data.features import featurise
from mole_engine.data.worker_process import STEP_BACK
from mole_engine.data.workers import map_in_processes, worker_count

SMILES = ["CCO", "c1ccccc1", "not a molecule", "[Na+].[Cl-]", ""] * 30


@pytest.fixture
def started(monkeypatch):
    """Return the processes that are started."""
    processes, original = [], workers._Worker

    class Recorded(original):
        def __init__(self, *given):
            super().__init__(*given)
            processes.append(self._process)

    monkeypatch.setattr(workers, "_Worker", Recorded)
    return processes


def test_workers_give_what_one_process_gives(monkeypatch):
    vocabulary = Vocabulary.load()
    expected = featurise(SMILES, vocabulary)
    seen = []
    monkeypatch.setattr(features, "PARALLEL_FROM", 10)
    monkeypatch.setattr(features, "worker_count", lambda: 2)
    original = workers.map_in_processes
    monkeypatch.setattr(features, "map_in_processes", lambda *given, **more: original(*given, chunk=40, **more))
    result = featurise(SMILES, vocabulary, on_progress=lambda *told: seen.append(told))
    for name in ("tokens", "distances", "lengths"):
        assert getattr(result, name).tolist() == getattr(expected, name).tolist()
    assert result.errors == expected.errors
    assert seen[0][1:] == (0, len(SMILES))
    assert seen[-1][1:] == (len(SMILES), len(SMILES))


def test_cancelling_ends_the_workers(started):
    def cancel(done):
        raise Cancelled

    began = time.monotonic()
    with pytest.raises(Cancelled):
        map_in_processes(time_wasted, ["x"] * 4, None, workers=2, chunk=1, on_done=cancel)
    assert time.monotonic() - began < 20
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


def time_wasted(texts, shared):
    """Only named here: the workers never get to import it."""


def test_a_worker_that_dies_is_noticed():
    with pytest.raises(RuntimeError, match="died"):
        map_in_processes(os._exit, ["x"], 3, workers=1)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="only POSIX halts a process")
def test_a_worker_that_is_halted_while_it_answers_loses_nothing():
    """As by Ctrl+Z in a terminal, or by a scheduler, where the environment makes Python's streams raw."""
    command, many = own_command("mole_engine.data.worker_process"), 500_000
    raw = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=raw) as process:
        try:
            process.stdin.write(pickle.dumps(("operator", "mul", many)) + pickle.dumps(["x"]))
            process.stdin.flush()
            assert select.select([process.stdout], [], [], 30)[0]
            # By now it waits for somebody to take what the pipe holds already.
            time.sleep(0.3)
            os.kill(process.pid, signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            os.kill(process.pid, signal.SIGCONT)
            with ThreadPoolExecutor(1) as reader:
                answer = reader.submit(pickle.load, process.stdout)
                try:
                    assert answer.result(timeout=20) == ["x"] * many
                finally:
                    process.kill()
        finally:
            process.kill()


def test_where_no_process_can_be_started_the_work_is_done_here(monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "own_command", lambda module: [str(tmp_path / "is not there")])
    seen = []
    shared = Vocabulary.load().to_dict()
    parts = map_in_processes(features.featurise_chunk, SMILES[:4], shared, workers=2, chunk=3, on_done=seen.append)
    assert [len(part.lengths) for part in parts] == [3, 1]
    assert seen == [3, 4]


def test_nothing_to_do_starts_nothing():
    assert map_in_processes(features.featurise_chunk, [], None, workers=2) == []


@pytest.mark.parametrize(("cores", "given", "count"), [(1, {}, 1), (2, {}, 2), (2, {"spared": 1}, 1), (64, {}, 8)])
def test_as_many_workers_as_cores_but_for_those_that_are_spared(monkeypatch, cores, given, count):
    monkeypatch.setattr(workers.os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    assert worker_count(**given) == count


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="Windows sets the priority when the process is created")
def test_workers_step_back_behind_the_window(started):
    seen = []

    def look(done):
        seen.append(os.getpriority(os.PRIO_PROCESS, started[0].pid))

    map_in_processes(features.featurise_chunk, SMILES * 20, Vocabulary.load().to_dict(), workers=1, on_done=look)
    assert max(seen) == os.getpriority(os.PRIO_PROCESS, 0) + STEP_BACK
