"""Where the output of `mole` cannot go, or a scheduler ends it: what is lost, and what is said."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mole_engine.cli import entry, main
from mole_engine.cli.console import is_broken_pipe, note
from mole_engine.cli.train_progress import TrainProgress
from mole_engine.contracts.events import EpochMetrics, Notice

FULL = Path("/dev/full")
"""A device that has no room, on Linux."""

WAITING = """
import sys, time
from mole_engine.cli import entry
from mole_engine.store.files import atomic_path
from pathlib import Path
def work(arguments):
    with atomic_path(Path(sys.argv[1])) as temporary:
        temporary.write_text("half")
        print("here", flush=True)
        time.sleep(60)
entry._run = work
sys.exit(entry.run_command())
"""


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_results_that_find_no_room_are_no_fault_of_ours():
    command = [sys.executable, "-m", "mole_engine", "presets"]
    with FULL.open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Cannot write to standard output: the disk is full.")
    assert done.stderr.count("\n") == 1


def test_progress_that_nobody_reads_does_not_end_the_work(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        note("a line")
        with TrainProgress() as progress:
            progress.show(Notice(message="another"))
        note("and one more")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is POSIX")
def test_a_scheduler_ends_a_command_like_ctrl_c_and_no_half_file_stays(tmp_path):
    command = [sys.executable, "-c", WAITING, str(tmp_path / "out.csv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "Interrupted.\n"
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_the_commands_load_is_told_in_a_line(monkeypatch, capsys):
    class Loading:
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "mole_engine.cli.entry", Loading())
    assert main(["presets"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_validation_loss_that_chooses_the_epoch_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    measured = {"rmse": 2.0, "loss": 0.25}
    event = EpochMetrics(
        epoch=1, total_epochs=3, step=10, train_loss=0.5, validation_loss=0.25, metrics=measured, monitor="loss"
    )
    with TrainProgress() as progress:
        progress.show(event)
    assert capsys.readouterr().err == "Epoch   1/3  loss 0.5  validation loss 0.25  rmse 2\n"


def test_a_reader_that_has_left_is_known_on_windows_too():
    """There a pipe that nobody reads is an invalid argument; that of a file is not, nor is it elsewhere."""
    assert is_broken_pipe(OSError(errno.EINVAL, "Invalid argument"), "win32")
    assert is_broken_pipe(BrokenPipeError(), "linux")
    assert not is_broken_pipe(OSError(errno.EINVAL, "Invalid argument"), "linux")
    assert not is_broken_pipe(OSError(errno.EINVAL, "Invalid argument", "a:b.csv"), "win32")


def test_a_reader_that_has_left_is_no_fault(monkeypatch):
    def write(arguments):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(entry, "_run", write)
    monkeypatch.setattr(entry, "silence", lambda stream: None)
    monkeypatch.setattr(entry, "is_broken_pipe", lambda error: is_broken_pipe(error, "win32"))
    assert entry.run_command(["runs"]) == 0
