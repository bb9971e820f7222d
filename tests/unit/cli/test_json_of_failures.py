"""With --json the last line of stdout is one JSON object, also where the command fails."""

from __future__ import annotations

import json

import pytest

from mole_engine.cli import entry, main


@pytest.mark.parametrize(
    "words",
    [
        ["train", "none.csv"],
        ["train", "none.csv", "--nonsense"],
        ["train", "none.csv", "training.epochs=0"],
        ["curate", "none.csv"],
        ["evaluate", "none.mole", "none.csv"],
        ["pretrain", "none.smi"],
        ["reproduce", "none"],
    ],
)
def test_wrong_input_is_told_as_json_too(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--json"]) == 2
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert (told["status"], told["exit_code"]) == ("failed", 2)
    assert told["error"] == captured.err.strip()
    assert captured.out.count("\n") == 1


@pytest.mark.parametrize(
    ("raised", "code", "status"), [(KeyboardInterrupt(), 130, "interrupted"), (RuntimeError("odd"), 1, "failed")]
)
def test_an_end_of_another_kind_is_told_as_json_too(raised, code, status, capsys, tmp_path, monkeypatch):
    def work(arguments):
        raise raised

    monkeypatch.setenv("MOLE_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(entry, "_run", work)
    assert main(["doctor", "--json"]) == code
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told == {"status": status, "error": captured.err.strip(), "exit_code": code}
