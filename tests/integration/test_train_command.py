"""`mole train` as a user runs it: results, exit codes, bad files, Ctrl-C, a killed process, two processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mole_engine.cli import main
from mole_engine.contracts.run_state import RunState
from mole_engine.store.run_folder import RunFolder
from mole_engine.store.runs import Workspace

TINY = (
    *("model.layers=2", "model.hidden_size=32", "model.heads=2", "training.batch_size=8"),
    *("--device", "cpu", "runtime.threads=1"),
)
MOLE = (sys.executable, "-m", "mole_engine")


def _train_words(table, out, *more):
    # A preset of one network from random numbers: the recommended one trains several, which takes a minute.
    words = ["train", str(table), "--targets", "y", "--split", "part", "--preset", "base", "--out", str(out)]
    return [*words, *TINY, "baselines=false", *more]


def test_train_and_predict(table, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(_train_words(table, out, "--epochs", "2", "--json")) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out.splitlines()[-1])
    assert record["status"] == "completed"
    assert record["model_path"] == str(out / "model.mole")
    assert record["metrics"]["rmse"] == record["metrics"]["rmse/y"]
    epochs = [line for line in captured.err.splitlines() if line.startswith("Epoch")]
    assert len(epochs) == 2
    assert "rmse" in epochs[0]

    assert main(["predict", record["model_path"], str(table)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 41
    assert lines[0].startswith("smiles,y,aromatic,part,y_pred")

    # The file it was trained with, of which 24 rows were learnt.
    assert main(["evaluate", record["model_path"], str(table)]) == 0
    assert "the model learnt from: figures on these flatter it." in capsys.readouterr().err

    assert main(_train_words(table, out)) == 2
    assert "holds a run already" in capsys.readouterr().err


def test_a_target_that_nobody_named_is_told(table, tmp_path, capsys):
    words = _train_words(table, tmp_path / "run", "--epochs", "1")
    del words[2:4]
    assert main(words) == 0
    assert "Learnt: 'y' (regression)" in capsys.readouterr().err


def test_end_is_a_table_with_paths(table, tmp_path, capsys):
    assert main(_train_words(table, tmp_path / "run", "--epochs", "1")) == 0
    out = capsys.readouterr().out
    assert "metric" in out
    assert str(tmp_path / "run" / "model.mole") in out


def test_same_numbers_from_python_and_command_line(table, tmp_path, make_config, capsys):
    from mole_engine.train import train

    record = train(make_config(training={"epochs": 2}))
    config = RunFolder(record.run_dir).config
    assert main(["train", "--config", str(config), "--out", str(tmp_path / "again"), "--json"]) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert again["metrics"] == record.metrics


GOOD = "CCO,1.0\nCCN,2.0\nCCC,0.5\nCCCl,0.1\nCCBr,0.2\n"


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", (), "is empty"),
        ("a,b\n1,2\n3,4\n5,6\n", (), "SMILES"),
        ("smiles,y\nC1CC,1\nxx,2\nC(C,3\nqq,4\n", ("--smiles-column", "smiles"), "smiles"),
        ("smiles,y\nCCO,long\nCCN,words\nCCC,that\nCCCl,never\nCCBr,repeat\n", ("--targets", "y"), "y"),
        ("smiles,y\nCCO,1.0\n", (), ""),
        ("smiles,y\n" + GOOD, ("--targets", "z"), "z"),
        ("smiles,y\n" + GOOD, ("--split", "nowhere"), "nowhere"),
        ("smiles,y\n" + GOOD, ("--device", "cuda:99"), ""),
        ("smiles,y\n" + GOOD, ("--init", "none.mole"), "none.mole"),
    ],
    ids=["empty", "no SMILES", "unreadable", "no target", "one row", "column", "split", "device", "init"],
)
def test_bad_input_is_one_line_and_code_2(tmp_path, capsys, content, options, words):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    code = main(["train", str(path), "--out", str(tmp_path / "run"), "training.epochs=1", *TINY, *options])
    captured = capsys.readouterr()
    assert code == 2, captured.err
    assert captured.err.count("\n") == 1, captured.err
    assert words in captured.err
    assert captured.out == ""


def test_vanished_file_and_no_permission(tmp_path, capsys, monkeypatch):
    assert main(["train", str(tmp_path / "gone.csv"), "--out", str(tmp_path / "run")]) == 2
    assert "gone.csv" in capsys.readouterr().err
    path = tmp_path / "secret.csv"
    path.write_text("smiles,y\n" + GOOD)
    original = Path.open

    def refused(self, *args, **options):
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return original(self, *args, **options)

    # A mode of 0 would not stop a test that runs as root.
    monkeypatch.setattr(Path, "open", refused)
    assert main(["train", str(path), "--out", str(tmp_path / "run2")]) == 2
    assert "may not be read" in capsys.readouterr().err


def test_failed_attempt_does_not_block_its_folder(table, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["train", str(table), "--targets", "nothing", "--out", str(out)]) == 2
    assert main(_train_words(table, out, "--epochs", "1")) == 0


def test_resume_takes_no_other_settings(table, tmp_path, capsys):
    assert main(["train", str(table), "--resume", "x", "--epochs", "3", "training.batch_size=2"]) == 2
    error = capsys.readouterr().err
    assert "--epochs" in error
    assert "training.batch_size=2" in error


def _start(words, **options):
    return subprocess.Popen(
        [*MOLE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options
    )


def _wait_for(path, process, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


def test_ctrl_c_keeps_the_checkpoint_and_resume_finishes(table, tmp_path, capsys):
    out = tmp_path / "run"
    process = _start(_train_words(table, out, "--epochs", "3000"))
    _wait_for(out / "checkpoints" / "last.ckpt", process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert f'mole train --resume "{out}"' in error
    assert "Traceback" not in error
    folder = RunFolder(out)
    assert folder.read_record().status is RunState.INTERRUPTED

    _finish_soon(folder)
    assert main(["train", "--resume", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["status"] == "completed"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is POSIX")
def test_a_scheduler_that_ends_a_training_leaves_it_interrupted(table, tmp_path):
    out = tmp_path / "run"
    process = _start(_train_words(table, out, "--epochs", "3000", "--json"))
    _wait_for(out / "checkpoints" / "last.ckpt", process)
    process.send_signal(signal.SIGTERM)
    said, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert json.loads(said)["status"] == "interrupted"
    assert RunFolder(out).read_record().status is RunState.INTERRUPTED
    assert RunFolder(out).read_events()[-1].is_terminal


def _finish_soon(folder):
    """Let the run end two epochs after its checkpoint."""
    import torch

    done = torch.load(folder.last_checkpoint, weights_only=True)["epoch"] + 1
    folder.read_config().updated({"training": {"epochs": done + 2}}).to_yaml(folder.config)


def test_killed_run_is_found_and_goes_on(table, workspace, capsys):
    words = [word for word in _train_words(table, "") if word not in ("--out", "")]
    process = _start([*words, "--epochs", "3000"], env={**os.environ, "MOLE_WORKSPACE": str(workspace)})
    deadline = time.monotonic() + 60
    while not (found := list((workspace / "runs").glob("*/checkpoints/last.ckpt"))):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    folder = RunFolder(found[0].parent.parent)
    assert folder.read_record().status is RunState.TRAINING
    with folder.events.open("a") as log:
        log.write('{"event": "StepMe')

    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["status"] == "interrupted"
    _finish_soon(folder)
    assert main(["train", "--resume", folder.path.name]) == 0
    events = folder.read_events()
    assert [event.seq for event in events] == list(range(len(events)))
    assert events[-1].is_terminal
    assert [record.status for record in Workspace(workspace).records()] == [RunState.COMPLETED]


def test_two_processes_agree_with_one_and_speak_with_one_voice(table, tmp_path, capsys):
    without_chance = ("model.hidden_dropout=0", "model.attention_dropout=0", "model.head_dropout=0")
    options = ("--epochs", "2", "--json", *without_chance)
    assert main(_train_words(table, tmp_path / "one", *options)) == 0
    one = json.loads(capsys.readouterr().out)
    words = _train_words(table, tmp_path / "two", *options, "--devices", "2", "--strategy", "ddp")
    done = subprocess.run([*MOLE, *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1, done.stdout
    assert json.loads(done.stdout)["metrics"]["rmse"] == pytest.approx(one["metrics"]["rmse"], rel=1e-3)
