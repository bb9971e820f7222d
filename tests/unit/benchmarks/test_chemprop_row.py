"""chemprop as a row of the accuracy table: what it is given, what is read back, and a word where it is missing."""

import json
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
PARTS = ["test", "train", "val", "train", "train", "train"] * 6


@pytest.fixture
def row(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    module = import_module("chemprop_row")
    module.chemprop_version.cache_clear()
    return module


@pytest.fixture
def data(tmp_path):
    """Alcohols with labels over five decades (scaled by log10), the parts mixed through the file."""
    from mole_engine.contracts.config import TrainConfig
    from mole_engine.data.assemble import load_training_data

    path = tmp_path / "half_life.csv"
    labels = [round(10 ** (place / 8), 3) for place in range(len(PARTS))]
    smiles = ["C" * (place + 1) + "O" for place in range(len(PARTS))]
    pd.DataFrame({"smiles": smiles, "Y": labels, "split": PARTS}).to_csv(path, index=False)
    return load_training_data(TrainConfig.from_dict({"data": {"path": str(path)}}))


class FakeChemprop:
    """Stands in for the program: notes what it is given, and predicts the logarithm of the carbon count, shuffled."""

    def __init__(self, forget=0):
        self.calls, self.files, self.forget = [], {}, forget

    def __call__(self, arguments, folder):
        self.calls.append(tuple(arguments))
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}
        if arguments[0] == "predict":
            table = pd.read_csv(folder / "test.csv")
            table["target_0"] = np.log10(table["smiles"].str.count("C"))
            table.sample(frac=1, random_state=1).iloc[self.forget :].to_csv(folder / "predicted.csv", index=False)


def test_it_is_given_the_parts_as_they_are(row, data, tmp_path):
    dataset, split = data
    program = FakeChemprop()
    row.fit_chemprop("chemprop", dataset, split, seed=7, run=program)
    (tmp_path / "learn.csv").write_bytes(program.files["learn.csv"])
    learn = pd.read_csv(tmp_path / "learn.csv")
    for part, places in (("train", split.train), ("val", split.validation)):
        given = learn[learn["split"] == part]
        assert given["smiles"].tolist() == [dataset.smiles[place] for place in places]
        # Scaled as for every other method: by log10, to mean 0 and deviation 1 of the training part.
        known = np.log10(dataset.targets[list(split.train), 0])
        wanted = (np.log10(dataset.targets[list(places), 0]) - known.mean()) / known.std()
        np.testing.assert_allclose(given["target_0"], wanted, atol=1e-9)
    assert len(learn) == len(split.train) + len(split.validation) == PARTS.count("train") + PARTS.count("val")
    train, predict = program.calls
    assert train[train.index("--data-seed") + 1] == train[train.index("--pytorch-seed") + 1] == "7"
    assert "--molecule-featurizers" not in train + predict


def test_no_file_depends_on_a_test_label(row, data):
    dataset, split = data
    given = []
    for factor in (1.0, 1e6):
        targets = dataset.targets.copy()
        targets[list(split.test)] *= factor
        program = FakeChemprop()
        row.fit_chemprop("chemprop", replace(dataset, targets=targets), split, seed=0, run=program)
        given.append(program.files)
    assert given[0] == given[1]
    assert given[0]["test.csv"].splitlines()[0] == b"smiles,place"


def test_outputs_come_back_in_order_and_in_the_labels_unit(row, data):
    from mole_engine.data.scaling import TargetScaler

    dataset, split = data
    metrics, outputs = row.fit_chemprop("chemprop", dataset, split, seed=0, run=FakeChemprop())
    scaler = TargetScaler.fit(dataset.targets[list(split.train)], dataset.tasks, "auto")
    said = np.log10([dataset.smiles[place].count("C") for place in split.test])
    np.testing.assert_allclose(outputs, scaler.inverse(said[:, None]))
    assert metrics["spearman"] == pytest.approx(1.0)
    assert metrics["rmse"] > 0


def test_descriptors_are_asked_for_in_training_and_in_predicting(row, data):
    program = FakeChemprop()
    row.fit_chemprop("chemprop-descriptors", *data, seed=0, run=program)
    assert len(program.calls) == 2
    for call in program.calls:
        assert call[call.index("--molecule-featurizers") + 1] == "v1_rdkit_2d_normalized"


def test_a_molecule_without_prediction_is_no_result(row, data):
    with pytest.raises(ValueError, match=r"1 of 6 test molecules"):
        row.fit_chemprop("chemprop", *data, seed=0, run=FakeChemprop(forget=1))


def test_several_classes_are_refused_before_anything_runs(row, data):
    from mole_engine.contracts.dataset import TaskKind

    dataset, split = data
    task = replace(dataset.tasks[0], kind=TaskKind.MULTICLASS, classes=("a", "b", "c"))
    program = FakeChemprop()
    with pytest.raises(ValueError, match="two classes"):
        row.fit_chemprop("chemprop", SimpleNamespace(tasks=[task]), split, seed=0, run=program)
    assert program.calls == []


def test_the_program_gets_its_threads_and_says_why_it_fails(row, monkeypatch, tmp_path):
    script = "import os, sys; open('told', 'w').write(os.environ['OMP_NUM_THREADS'] + sys.argv[1])"
    monkeypatch.setattr(row, "MAIN", script)
    row.runner(sys.executable, 3)(("train",), tmp_path)
    assert (tmp_path / "told").read_text() == "3train"
    monkeypatch.setattr(row, "MAIN", "raise SystemExit('no such column')")
    with pytest.raises(RuntimeError, match=r"chemprop predict ended with 1:\nno such column"):
        row.runner(sys.executable, 1)(("predict",), tmp_path)


@pytest.mark.parametrize("python", ["no/such/python", sys.executable])
def test_without_chemprop_the_rows_are_left_out_with_a_remedy(row, monkeypatch, tmp_path, capsys, python):
    monkeypatch.setattr(row, "VERSION", "import no_such_package")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tiny.csv").write_text("smiles,Y,split\nCO,1,train\n", encoding="utf-8")
    folders = ["--data", str(tmp_path / "data"), "--state", str(tmp_path / "state"), "--out", str(tmp_path / "page.md")]
    import_module("accuracy").main([*folders, "--methods", "chemprop", "--chemprop", python])
    said = capsys.readouterr().out
    assert f"chemprop: left out. chemprop is not installed for {python}." in said
    assert "--chemprop chemprop-env/bin/python" in said
    assert list((tmp_path / "state").iterdir()) == []


def test_the_preset_is_compared_with_chemprop_where_that_is_best(row, monkeypatch, tmp_path):
    table = import_module("accuracy_table")
    monkeypatch.setattr(table, "RESAMPLES", 50)
    truth = np.arange(20.0)
    errors = {"recommended": 0.5, "descriptors": 1.0, "chemprop": 0.7, "vectors-forest": 0.1}
    for method, error in errors.items():
        outputs = truth + error * (-1) ** np.arange(20)
        cell = {"set": "Set", "method": method, "seed": 0, "kind": "regression", "cpu_seconds": 100 * error}
        cell |= {"outputs": outputs[:, None].tolist(), "targets": truth[:, None].tolist()}
        cell["weights"] = "chemprop 2.3.1" if method == "chemprop" else ""
        (tmp_path / f"Set__{method}__0.json").write_text(json.dumps(cell), encoding="utf-8")
    page = table.write_page(tmp_path, tmp_path / "page.md")
    assert "| chemprop | 0.700 (1) |" in page
    assert "| Set (rmse) | chemprop | +0.200 |" in page
    assert "| chemprop | 70 |" in page
    assert ", chemprop 2.3.1." in page
