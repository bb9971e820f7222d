"""A run is made again from its folder alone, with the same numbers, even when its data file is gone."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from mole_engine.cli import main
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.reproduce import reproduction
from mole_engine.store.run_folder import FolderLock, RunFolder
from mole_engine.store.run_tables import same_split
from mole_engine.train import train


@pytest.mark.parametrize("targets", [["y"], ["aromatic"]])
def test_the_same_numbers_without_the_data_file(make_config, table, tmp_path, targets):
    config = make_config(data={"targets": targets, "units": {"y": "tens"}}, training={"epochs": 2}, baselines=False)
    first = train(config)
    before = RunFolder(first.run_dir)
    table.unlink()
    again = reproduction(first.run_dir, tmp_path / "data", {"out": str(tmp_path / "again")})
    second = train(again)
    after = RunFolder(second.run_dir)
    assert second.metrics == first.metrics
    assert second.counts == first.counts
    # The same molecules, parts, values and predictions; only the rows of the file are counted anew.
    keep = [name for name in pd.read_csv(before.predictions).columns if name != "row"]
    pd.testing.assert_frame_equal(pd.read_csv(before.predictions)[keep], pd.read_csv(after.predictions)[keep])
    tasks = [json.loads(folder.dataset.read_text())["roles"]["tasks"] for folder in (before, after)]
    assert tasks[0] == tasks[1]


@pytest.mark.parametrize("method", ["random", "stratified", "scaffold"])
def test_folds_are_divided_as_before(make_config, tmp_path, method):
    config = make_config(
        split={"method": method, "column": ""},
        training={"epochs": 1},
        ensemble={"kind": "folds", "members": 3},
        baselines=False,
    )
    first = train(config)
    second = train(reproduction(first.run_dir, tmp_path / "data", {"out": str(tmp_path / "again")}))
    one, other = (pd.read_csv(RunFolder(run.run_dir).predictions) for run in (first, second))
    assert one["smiles"].tolist() == other["smiles"].tolist()
    assert one["y_pred"].tolist() == other["y_pred"].tolist()


def test_weights_and_clean_up_are_not_applied_twice(make_config, tmp_path):
    path = tmp_path / "salts.csv"
    rows = [f"{'C' * size}[NH3+].[Cl-],{size / 10},{size}" for size in range(1, 21)]
    path.write_text("smiles,y,w\n" + "\n".join(rows) + "\n", encoding="utf-8")
    data = {"path": str(path), "targets": ["y"], "weight_column": "w"}
    split = {"method": "random", "column": ""}
    first = train(make_config(data=data, split=split, training={"epochs": 1}, baselines=False))
    path.write_text("something else", encoding="utf-8")
    second = train(reproduction(first.run_dir, tmp_path / "data", {"out": str(tmp_path / "again")}))
    assert second.metrics == first.metrics
    report = json.loads(RunFolder(second.run_dir).dataset.read_text())["report"]
    assert report["counts"] == {}


def test_the_command_compares_the_two(make_config, table, tmp_path, capsys):
    first = train(make_config(training={"epochs": 1}, baselines=False))
    table.unlink()
    assert main(["reproduce", first.run_dir, "--out", str(tmp_path / "again"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["metrics"] == said["before"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (RunState.INTERRUPTED, "it was interrupted, so there is no result to compare with. Go on with it: mole train"),
        (RunState.TRAINING, "it was interrupted"),
        (RunState.FAILED, "it has failed"),
        (RunState.CANCELLED, "it was cancelled, so there is no result to compare with. Train anew"),
    ],
)
def test_a_run_without_a_result_is_not_made_again(make_config, tmp_path, capsys, monkeypatch, status, words):
    folder = RunFolder(tmp_path / "run")
    folder.make()
    make_config().to_yaml(folder.config)
    folder.write_record(RunRecord("one", "One", status, run_dir=str(folder.path)))
    monkeypatch.setattr("mole_engine.train.train", lambda *_, **__: pytest.fail("a training has begun"))
    assert main(["reproduce", str(folder.path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("The run one cannot be made again: ")
    assert words in told
    assert str(folder.path) in told
    assert told.count("\n") == 1


def test_a_run_at_work_is_not_made_again(make_config, tmp_path, capsys):
    folder = RunFolder(tmp_path / "run")
    folder.make()
    make_config().to_yaml(folder.config)
    folder.write_record(RunRecord("one", "One", RunState.TRAINING, run_dir=str(folder.path)))
    with FolderLock(folder.lock):
        assert main(["reproduce", str(folder.path)]) == 2
    assert "it is still at work. Wait for it." in capsys.readouterr().err


def test_a_folder_of_an_earlier_version_is_refused_in_words(tmp_path, make_config):
    folder = RunFolder(tmp_path / "old")
    folder.make()
    make_config().to_yaml(folder.config)
    tasks = [{"name": "y", "kind": "regression"}]
    folder.dataset.write_text(json.dumps({"roles": {"tasks": tasks}}), encoding="utf-8")
    folder.split.write_text("row,smiles,part,file\n0,C,train,0\n", encoding="utf-8")
    with pytest.raises(InputError, match="from its folder alone"):
        reproduction(folder.path, tmp_path)


def test_a_split_of_an_earlier_version_is_still_the_same_split():
    old = "row,smiles,part,file\n0,C,train,0\n"
    new = "row,smiles,part,file,value: y\n0,C,train,0,1.5\n"
    assert same_split(old, new)
    assert same_split(new, new)
    assert not same_split(old, new.replace("train", "test"))
    assert not same_split(new, new.replace("1.5", "2.5"))
    assert not same_split(new, old)
