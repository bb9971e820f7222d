"""The command line: options become settings, usage errors are one line, help is quick."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mole_engine.cli import main
from mole_engine.cli.console import duration, size, table
from mole_engine.cli.entry import COMMANDS
from mole_engine.cli.parser import build_parser, column_names, parse
from mole_engine.cli.train import configuration
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.presets import DEFAULT_PRESET
from mole_engine.store.run_place import with_absolute_paths
from mole_engine.store.runs import Workspace


def _config(*words):
    return configuration(parse(build_parser(COMMANDS), ["train", *words]))


def test_defaults_come_from_the_default_preset():
    config = _config("a.csv")
    assert config.preset == DEFAULT_PRESET
    assert config.data.path == "a.csv"


def test_a_preset_is_applied_however_it_is_named(tmp_path):
    wanted = _config("a.csv", "--preset", "quick-look")
    assert _config("a.csv", "preset=quick-look") == wanted
    assert _config("a.csv", "--preset", "small", "preset=quick-look") == wanted
    written = tmp_path / "own.yaml"
    written.write_text("preset: quick-look\n")
    assert _config("a.csv", "--config", str(written)) == wanted
    written.write_text("training: {batch_size: 3}\n")
    assert _config("a.csv", "--config", str(written)) == _config("a.csv", "training.batch_size=3")
    written.write_text("preset: ''\n")
    assert _config("a.csv", "--config", str(written)).ensemble.kind == "none"


def test_options_become_settings():
    config = _config(
        *(
            "a.csv",
            "--preset",
            "quick-look",
            "--targets",
            "A, B",
            "--task",
            "regression",
            "--epochs",
            "3",
            "--seed",
            "5",
        ),
        *("--smiles-column", "mol", "--validation", "v.csv", "--test", "t.csv", "--device", "cpu", "--out", "o"),
        *("--init", "e.mole", "--devices", "2", "--num-nodes", "3", "--strategy", "ddp", "--name", "my run"),
    )
    assert config.data.targets == ["A", "B"]
    assert (config.data.smiles_column, config.data.task) == ("mol", "regression")
    assert (config.data.validation_path, config.data.test_path) == ("v.csv", "t.csv")
    assert (config.training.epochs, config.seed, config.init, config.out) == (3, 5, "e.mole", "o")
    assert (config.runtime.device, config.runtime.devices, config.runtime.num_nodes) == ("cpu", 2, 3)
    assert (config.runtime.strategy, config.name, config.preset) == ("ddp", "my run", "quick-look")


@pytest.mark.parametrize("method", ["random", "scaffold", "stratified", "kfold", "auto"])
def test_split_by_method(method):
    assert _config("a.csv", "--split", method).split.method == method


def test_any_other_word_is_a_column():
    split = _config("a.csv", "--split", "split").split
    assert (split.method, split.column) == ("column", "split")


@pytest.mark.parametrize(
    "words",
    [
        ("a.csv", "training.batch_size=8", "model.layers=2", "--seed", "1"),
        ("training.batch_size=8", "a.csv", "--seed", "1", "model.layers=2"),
        ("--seed", "1", "model.layers=2", "a.csv", "training.batch_size=8"),
    ],
)
def test_settings_may_stand_anywhere(words):
    config = _config(*words)
    assert (config.training.batch_size, config.model.layers, config.seed, config.data.path) == (8, 2, 1, "a.csv")


def test_value_of_an_option_is_no_setting():
    assert _config("a.csv", "--name", "lr=3").name == "lr=3"


def test_weight_preset_file_option_setting(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("preset: quick-look\ntraining: {epochs: 7, batch_size: 9, patience: 2}\ndata: {path: y.csv}\n")
    config = _config("--config", str(path), "--epochs", "8", "training.patience=3")
    assert config.preset == "quick-look"
    assert config.training.freeze == "encoder"
    assert (config.training.epochs, config.training.batch_size, config.training.patience) == (8, 9, 3)
    assert config.data.path == "y.csv"


def test_written_configuration_gives_itself(tmp_path):
    config = _config("a.csv", "--preset", "quick-look", "--seed", "3")
    config.to_yaml(tmp_path / "c.yaml")
    assert _config("--config", str(tmp_path / "c.yaml")) == config


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("a.csv", "training.epochs=0"), "training.epochs"),
        (("a.csv", "training.epoch=3"), "training.epoch is not a setting. Did you mean training.epochs"),
        (("a.csv", "epochs=3"), "Did you mean training.epochs"),
        (("a.csv", "--preset", "huge"), "There is no preset 'huge'"),
        (("a.csv", "--config", "none.yaml"), "Cannot read none.yaml"),
        ((), "There is no file to train on"),
    ],
)
def test_wrong_settings_are_named(words, expected):
    with pytest.raises(InputError, match=expected):
        _config(*words)


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--nonsense"],
        ["nonsense"],
        ["train", "a.csv", "b.csv"],
        ["train", "a.csv", "--epochs", "many"],
        ["predict"],
        ["predict", "m.mole"],
        ["predict", "m.mole", "a.csv", "--smiles", "C"],
        ["export", "m.mole", "--to", "pdf", "--out", "x"],
        ["train", "none.csv", "--resume", "none"],
        ["train", "none.csv"],
        ["train", "."],
        ["search", "a.csv", "--trials", "0"],
        ["pretrain", "a.smi", "--steps", "0"],
        ["curate", "a.csv", "training.epochs=3"],
        ["predict", "none.mole", "a.csv"],
    ],
)
def test_usage_errors_are_one_line_and_code_2(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["train", "a.csv", "--smiles", "s"],
            "mole train: --smiles is not understood; did you mean --smiles-column? See",
        ),
        (["train", "a.csv", "--seeed=4"], "mole train: --seeed=4 is not understood; did you mean --seed? See"),
        (["train", "a.csv", "--xyz"], "mole train: --xyz is not understood. See `mole train --help`."),
        (["predict", "m.mole", "a.csv", "b.csv"], "mole predict: b.csv is not understood. See `mole predict --help`."),
    ],
)
def test_an_option_that_is_not_there_brings_the_nearest(words, said, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(said)


def test_bare_mole_and_help(capsys):
    assert main([]) == 0
    assert "train" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    assert "--split METHOD|COLUMN" in capsys.readouterr().out
    assert main(["--version"]) == 0


def test_presets(capsys):
    assert main(["presets"]) == 0
    assert "quick-look" in capsys.readouterr().out
    assert main(["presets", "--json"]) == 0
    presets = json.loads(capsys.readouterr().out)["presets"]
    assert presets[0]["name"] == "quick-look"


def test_runs_of_an_empty_workspace_make_nothing(capsys, hermetic_home):
    assert main(["runs"]) == 0
    assert "no runs" in capsys.readouterr().err
    assert not (hermetic_home / "workspace").exists()


def test_our_fault_is_short_and_logged(capsys, monkeypatch, workspace):
    def broken():
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("mole_engine.contracts.presets.list_presets", broken)
    assert main(["presets"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    log = workspace / "mole.log"
    assert str(log) in error
    assert "ZeroDivisionError: oops" in log.read_text()


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from mole_engine.cli import main; main(['--help']); main(['train', '--help']); main(['presets']);"
        "heavy = {'torch', 'pytorch_lightning', 'rdkit', 'pandas', 'numpy', 'sklearn', 'scipy'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_reader_that_leaves_is_no_fault():
    command = f"{sys.executable} -m mole_engine presets --json | head -c 5"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == '{"pre'
    assert done.stderr == ""


def test_words():
    assert duration(3.21) == "3.2 s"
    assert duration(200) == "3 min 20 s"
    assert duration(7500) == "2 h 5 min"
    assert size(3 * 2**30) == "3.0 GB"
    assert table(("a", "bb"), [("ccc", "d")]) == "a    bb\n---  --\nccc  d"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "some data.csv", "--resume", "r1"], "so some data.csv cannot be given. Leave it out.\n"),
        (
            ["train", "a.csv", "--resume", "r1", "--smiles-column", "c", "--split", "random", "seed=3"],
            "so a.csv, --smiles-column, --split, seed=3 cannot be given. Leave them out.\n",
        ),
        (["pretrain", "a.smi", "--resume", "r1"], "so a.smi cannot be given. Leave it out.\n"),
        (["pretrain", "--resume", "r1", "--steps", "9"], "so --steps cannot be given. Leave it out.\n"),
    ],
)
def test_what_resume_cannot_take_is_called_as_it_was_given(words, expected, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err == f"--resume goes on with the job's own file and settings, {expected}"


def test_a_mistyped_workspace_is_not_an_empty_one(tmp_path, capsys):
    assert main(["runs", "--workspace", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.endswith("none. Check its name, or whether it was moved.\n")
    (tmp_path / "a.csv").write_text("smiles\n", encoding="utf-8")
    assert main(["runs", "--workspace", str(tmp_path / "a.csv")]) == 2
    assert "is a file, not a workspace. Name the folder that holds 'runs'." in capsys.readouterr().err


def test_what_cannot_be_searched_is_told_before_there_is_a_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("mole_engine.cli.search.run_training", lambda *_: pytest.fail("the training has begun"))
    assert main(["search", str(tmp_path / "a.csv"), "--vary", "nope"]) == 2
    assert capsys.readouterr().err.startswith("'nope' cannot be searched.")


def test_missing_packages_are_called_as_they_are_installed(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "m.onnx").write_bytes(b"")
    assert main(["export", "m.mole", "--to", "onnx", "--out", "m.onnx"]) == 1
    assert "pip install onnx onnxruntime onnxscript." in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "m.onnx"), "--smiles", "C"]) == 1
    assert "pip install onnxruntime, or use the .mole file." in capsys.readouterr().err


def test_the_home_folder_may_be_written_as_a_tilde(hermetic_home, tmp_path, capsys):
    (hermetic_home / "a.csv").write_text("smiles,y\nCCO,1\nCCC,2\nCCN,3\n")
    (tmp_path / "job.yaml").write_text("data: {path: ~/a.csv, extra_paths: [~/a.csv], test_path: ~/none.csv}\n")
    assert main(["train", "--config", str(tmp_path / "job.yaml")]) == 2
    assert "There is no file ~/none.csv" in capsys.readouterr().err
    assert main(["curate", "~/a.csv", "--more=~/a.csv"]) == 0
    assert "of 6 rows" in capsys.readouterr().out
    assert main(["train", "~", "--config", str(tmp_path / "job.yaml")]) == 2
    assert "~ is a folder" in capsys.readouterr().err
    Workspace(hermetic_home / "own")
    assert main(["runs", "--workspace=~/own"]) == 0
    assert str(hermetic_home / "own") in capsys.readouterr().err


def test_a_file_whose_name_begins_with_a_tilde_is_no_home(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("~backup.csv").write_text("smiles,y\nCCO,1\nCCC,2\n")
    assert main(["curate", "~backup.csv"]) == 0
    config = with_absolute_paths(TrainConfig.from_dict({"data": {"path": "~backup.csv"}}))
    assert config.data.path == str(tmp_path / "~backup.csv")


@pytest.mark.parametrize(
    ("text", "found"),
    [("A,B", ["A", "B"]), (" A , B,", ["A", "B"]), ('"a, b",c', ["a, b", "c"]), ('c, "a, b"', ["c", "a, b"]), ("", [])],
)
def test_a_column_whose_name_has_a_comma_can_be_named(text, found):
    assert column_names(text) == found
