"""predict, evaluate, encode, export and doctor through `main`, on a model that was never trained."""

import io
import json
import os
import re
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from mole_engine.cli import main
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.runs import Workspace


@pytest.fixture
def molecules(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("id,smiles,logS\n1,CCO,0.5\n2,c1ccccc,1\n3,CCCN,-1\n")
    return str(path)


def _error(capsys):
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


def test_predict_to_stdout_and_file(make_bundle, molecules, capsys, tmp_path):
    model = str(make_bundle())
    assert main(["predict", model, molecules]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "id,smiles,logS,logS_pred,logS_std,logS_lower,logS_upper,in_domain,nearest_similarity,error"
    assert lines[2] == "2,c1ccccc,1,,,,,,,ring 1 is never closed"
    assert captured.err == "No prediction for 1 of 3 rows; the column 'error' says why.\n"
    assert main(["predict", model, molecules, "--out", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_text() == captured.out


def test_a_failed_row_is_told_where_our_column_stepped_aside(make_bundle, capsys, tmp_path):
    (tmp_path / "in.csv").write_text("smiles,error\nCCO,none\nC1CC,some\n")
    assert main(["predict", str(make_bundle()), str(tmp_path / "in.csv")]) == 0
    captured = capsys.readouterr()
    assert captured.err.endswith("No prediction for 1 of 2 rows; the column 'error_mole' says why.\n")
    assert captured.out.splitlines()[2].endswith(",ring 1 is never closed")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_predict_what_comes_through_a_pipe(make_bundle, molecules, capsys, tmp_path, monkeypatch, kind):
    model = str(make_bundle())
    main(["predict", model, molecules])
    expected = capsys.readouterr().out
    piped = tmp_path / f"piped.{kind}"
    table = pd.read_csv(molecules, dtype=str)
    table.to_excel(piped, index=False) if kind == "xlsx" else table.to_csv(piped, index=False)
    with piped.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert main(["predict", model, "-"]) == 0
        assert capsys.readouterr().out == expected


def test_encode_what_comes_through_a_pipe(make_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"CCO\nCCN\n")))
    assert main(["encode", str(make_bundle()), "-", "--out", str(tmp_path / "v.npy")]) == 0
    assert len(np.load(tmp_path / "v.npy")) == 2


def test_an_empty_pipe_is_named(make_bundle, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(["predict", str(make_bundle()), "-"]) == 2
    assert _error(capsys).startswith("standard input is empty.")


def test_runs_without_a_test_are_listed_with_their_validation(tmp_path, capsys):
    store = Workspace(tmp_path)
    for number, (test, validation) in enumerate((({"rmse": 0.5}, {"rmse": 0.3}), ({}, {"rmse": 0.4}), ({}, {}))):
        folder = store.create(TrainConfig.from_dict({"name": f"run{number}", "data": {"path": "a.csv"}}))
        done = RunRecord(folder.path.name, "run", RunState.COMPLETED, test, validation, run_dir=str(folder.path))
        folder.write_record(done)
        store.save(done)
    assert main(["runs", "--workspace", str(tmp_path)]) == 0
    listed = capsys.readouterr().out
    results = {run.split()[0].split("-")[-1]: re.split(" {2,}", run)[3] for run in listed.splitlines()[2:]}
    assert sorted(results.values()) == ["-", "rmse 0.4 (validation)", "rmse 0.5"]


def test_predict_smiles(make_bundle, capsys):
    model = str(make_bundle())
    assert main(["predict", model, "--smiles", "CCO", "xx"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("CCO,")
    assert lines[2].startswith("xx,,,,")
    assert main(["predict", model, "--smiles", "xx"]) == 2


def test_input_column_of_the_same_name(make_bundle, tmp_path, capsys):
    path = tmp_path / "in.csv"
    path.write_text("smiles,logS_pred\nCCO,old\n")
    assert main(["predict", str(make_bundle()), str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1].startswith("CCO,old,")
    assert "the prediction is in 'logS_pred_mole'" in captured.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n3,4\n", "no column with structures"),
        ("smiles\nC1CC\nxx1\nC(C\n", "no readable structure in column 'smiles'"),
    ],
)
def test_predict_bad_files(make_bundle, tmp_path, capsys, content, words):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    assert main(["predict", str(make_bundle()), str(path), "--out", str(tmp_path / "o.csv")]) == 2
    assert words in _error(capsys)


def test_predict_with_something_else_as_model(molecules, capsys):
    assert main(["predict", molecules, molecules]) == 2
    assert "is not a MolE model" in _error(capsys)


def test_predict_into_a_folder_that_is_not_there(make_bundle, molecules, tmp_path, capsys):
    assert main(["predict", str(make_bundle()), molecules, "--out", str(tmp_path / "none" / "o.csv")]) == 2
    assert "the folder does not exist" in _error(capsys)


@pytest.mark.parametrize(("free", "words"), [(4096, "the disk is full. Free some space"), (1 << 40, "5120 requested")])
def test_vectors_that_do_not_fit_on_the_disk(make_bundle, molecules, tmp_path, capsys, monkeypatch, free, words):
    def short(*_, **__):
        # As NumPy says it, without an error number.
        raise OSError("5120 requested and 16 written")

    model, out = str(make_bundle()), tmp_path / "v.npy"
    monkeypatch.setattr("numpy.save", short)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert main(["encode", model, molecules, "--out", str(out)]) == 1
    assert f"Cannot write {out}: {words}" in _error(capsys)
    assert not list(tmp_path.glob("*v.npy*"))


def test_evaluate(make_bundle, molecules, capsys):
    model = str(make_bundle())
    assert main(["evaluate", model, molecules, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["labelled"] == {"logS": 2}
    assert result["unreadable"] == 1
    assert result["metrics"]["rmse"] > 0
    assert main(["evaluate", model, molecules]) == 0
    captured = capsys.readouterr()
    assert "rmse" in captured.out
    assert "2 of 3 rows compared" in captured.err


def test_evaluate_with_other_labels_than_the_model_knows(make_bundle, tmp_path, capsys):
    from mole_engine.contracts.dataset import TaskKind, TaskSpec

    task = TaskSpec("active", TaskKind.CLASSIFICATION, classes=("inactive", "active"))
    model = str(make_bundle(tasks=(task,), scales=(None,), uncertainty={}))
    path = tmp_path / "measured.csv"
    path.write_text("smiles,active\nCCO,pos\nCCN,neg\nCCC,\n")
    assert main(["evaluate", model, str(path)]) == 2
    assert "'active' holds 'pos', 'neg', and the model knows 'inactive', 'active'" in _error(capsys)
    path.write_text("smiles,active\nCCO,active\nCCN,inactive\nCCC,neg\nCCCC,\n")
    assert main(["evaluate", model, str(path)]) == 0
    told = capsys.readouterr().err
    assert "active: 2 of 4 rows compared" in told
    assert "active: 1 row has a value that the model does not know" in told


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("CCO,high\nCCN,low\n", "'logS' holds 'high', 'low', and the model needs numbers"),
        ("CCO,\nCCN,\n", "'logS' is empty"),
        ("CCO,\nC1CC,1.5\n", "no row with a measured value has a structure"),
    ],
)
def test_evaluate_with_nothing_to_compare(make_bundle, tmp_path, capsys, rows, words):
    path = tmp_path / "measured.csv"
    path.write_text("smiles,logS\n" + rows)
    assert main(["evaluate", str(make_bundle()), str(path), "--json"]) == 2
    assert words in _error(capsys)


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_an_encoder_alone_predicts_nothing(make_bundle, molecules, capsys, command):
    from dataclasses import replace

    from mole_engine.data.scaling import TargetScaler
    from mole_engine.store.bundle import read_bundle, save_bundle

    path = make_bundle()
    whole = read_bundle(path)
    save_bundle(path, whole.tensors, replace(whole.card, tasks=(), scaler=TargetScaler(()).to_dict(), uncertainty={}))
    assert main([command, str(path), molecules]) == 2
    assert "has no prediction head" in _error(capsys)


def test_encode(make_bundle, molecules, tmp_path, capsys):
    out = tmp_path / "v.parquet"
    assert main(["encode", str(make_bundle()), molecules, "--out", str(out)]) == 0
    assert "No vector for 1 of 3 rows" in capsys.readouterr().err
    assert pd.read_parquet(out)["e31"].notna().tolist() == [True, False, True]


def test_export(make_bundle, tmp_path):
    from safetensors import safe_open

    from mole_engine.store.bundle import read_bundle

    path = make_bundle()
    assert main(["export", str(path), "--to", "ckpt", "--out", str(tmp_path / "m.ckpt")]) == 0
    assert main(["export", str(path), "--to", "safetensors", "--out", str(tmp_path / "m.safetensors")]) == 0
    bundle = read_bundle(path)
    checkpoint = torch.load(tmp_path / "m.ckpt", weights_only=True)
    assert checkpoint["hyper_parameters"]["model"]["layers"] == 2
    with safe_open(tmp_path / "m.safetensors", "pt") as stored:
        assert json.loads(stored.metadata()["card"])["name"] == "tiny"
        for name, tensor in bundle.tensors.items():
            assert torch.equal(stored.get_tensor(name), tensor)
            assert torch.equal(checkpoint["state_dict"][name], tensor)


@pytest.mark.parametrize("kind", ["onnx", "ckpt", "safetensors"])
def test_an_export_does_not_overwrite_its_model(make_bundle, kind, capsys):
    path = make_bundle()
    before = path.read_bytes()
    assert main(["export", str(path), "--to", kind, "--out", str(path)]) == 2
    assert "overwritten" in _error(capsys)
    assert path.read_bytes() == before


def test_an_export_goes_to_a_file_of_its_kind_only(make_bundle, tmp_path, capsys):
    mine = tmp_path / "library.smi"
    mine.write_text("CCO\n")
    assert main(["export", str(make_bundle()), "--to", "safetensors", "--out", str(mine)]) == 2
    assert ".safetensors" in _error(capsys)
    assert mine.read_text() == "CCO\n"


def test_a_model_that_is_cut_off_is_called_damaged(make_bundle, tmp_path, capsys):
    whole = make_bundle().read_bytes()
    half = tmp_path / "half.mole"
    half.write_bytes(whole[: len(whole) // 2])
    assert main(["predict", str(half), "--smiles", "CCO"]) == 2
    assert "half.mole is damaged: it is cut off." in _error(capsys)


def test_exported_checkpoint_feeds_a_lightning_module(make_bundle, tmp_path):
    from mole_engine.contracts.config import ModelConfig
    from mole_engine.models.mole import MolE

    main(["export", str(make_bundle()), "--to", "ckpt", "--out", str(tmp_path / "m.ckpt")])
    checkpoint = torch.load(tmp_path / "m.ckpt", weights_only=True)
    network = MolE(ModelConfig(**checkpoint["hyper_parameters"]["model"]))
    network.load_state_dict(checkpoint["state_dict"], strict=True)


@pytest.mark.parametrize("quick", [True, False])
def test_doctor(capsys, monkeypatch, quick):
    monkeypatch.setattr("mole_engine.training.machine.multiplies_bf16_quickly", lambda: quick)
    assert main(["doctor", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    # Wheels of a graphics card may name its version in one of the two places alone.
    assert checks["torch"]["found"].split("+")[0] == torch.__version__.split("+")[0]
    assert checks["workspace"]["is_ok"]
    assert ("quick at bfloat16" in checks["CPU"]["found"]) == quick
    assert "window (Qt)" in checks
    assert main(["doctor"]) == 0
    assert "ok    Python" in capsys.readouterr().out


def test_doctor_without_qt_says_what_is_missing(monkeypatch, capsys, tmp_path):
    broken = tmp_path / "PySide6" / "__init__.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError('libGL.so.1: cannot open')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "warn  window (Qt)" in out
    assert "libGL.so.1" in out


def test_numbers_agree_between_python_and_file(make_bundle, molecules, tmp_path):
    from mole_engine import load_model

    path = make_bundle()
    main(["predict", str(path), molecules, "--out", str(tmp_path / "o.csv")])
    out = pd.read_csv(tmp_path / "o.csv")
    python = load_model(path).predict(out["smiles"].tolist())
    np.testing.assert_allclose(out["logS_upper"], python["logS_upper"], rtol=1e-6)
