from __future__ import annotations

import csv
import json

import pytest

from mole_engine.cli import main
from mole_engine.data.dataset import read_dataset

TEXT = """id;SMILES;IC50 (nM);note
a;CCO;1,5;first
b;[Na+].CC(=O)[O-];2,5;<b>salt</b> & more
c;C1CC;3,5;=1+1
d;OCC;1,5;again
e;CCN;4,25;=2+2
f;CCCC;>50;
"""


@pytest.fixture(autouse=True)
def no_monitor(monkeypatch):
    # tqdm's monitor thread would outlive the test.
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "<i>mess & co.csv"
    path.write_text(TEXT, encoding="utf-8")
    return path


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


@pytest.mark.parametrize("option", ["--out", "--report"])
def test_the_file_itself_is_not_overwritten(data, option, capsys):
    assert main(["curate", str(data), option, str(data)]) == 2
    assert "would be overwritten by its own result" in capsys.readouterr().err
    assert data.read_text(encoding="utf-8") == TEXT


def test_the_molecules_that_remain_are_written(data, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert main(["curate", str(data), "--out", str(out)]) == 0
    assert rows_of(out) == [
        ["id", "SMILES", "IC50 (nM)", "note", "source_line"],
        ["a", "CCO", "1.5", "first", "2"],
        ["b", "CC(=O)O", "2.5", "<b>salt</b> & more", "3"],
        ["e", "CCN", "4.25", "=2+2", "6"],
        ["f", "CCCC", "50", "", "7"],
    ]
    assert "4 molecules remain of 6 rows" in capsys.readouterr().out


def test_what_was_written_reads_back_the_same(data, tmp_path):
    out = tmp_path / "out.csv"
    main(["curate", str(data), "--out", str(out)])
    first, again = read_dataset(data), read_dataset(out)
    assert again.smiles == first.smiles
    assert again.targets.tolist() == first.targets.tolist()
    assert [task.name for task in again.tasks] == ["IC50 (nM)"]
    assert again.report.issues == ()


def test_the_json_report_has_every_row(data, tmp_path):
    path = tmp_path / "report.json"
    assert main(["curate", str(data), "--report", str(path)]) == 0
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["curation"]["kept"] == 4
    assert [(i["line"], i["kind"], i["dropped"]) for i in report["curation"]["issues"]] == [
        (3, "salt", False),
        (3, "charged", False),
        (4, "unreadable", True),
        (5, "duplicate", True),
        (7, "censored", False),
    ]
    assert report["targets"][0] == {"name": "IC50 (nM)", "kind": "regression", "unit": "nM", "classes": []}


def test_the_html_report_escapes_the_file(data, tmp_path):
    path = tmp_path / "report.html"
    assert main(["curate", str(data), "--report", str(path)]) == 0
    page = path.read_text(encoding="utf-8")
    assert "<i>mess" not in page
    assert "&lt;i&gt;mess &amp; co.csv" in page
    assert "ring 1 is never closed" in page
    assert page.count("<tr>") == page.count("</tr>") == 1 + 5 + 1 + 5


def test_steps_are_settings(data, capsys):
    arguments = [
        "curate",
        str(data),
        "--json",
        "data.curation.merge_duplicates=false",
        "data.curation.neutralise=false",
    ]
    assert main(arguments) == 0
    counts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert counts["kept"] == 5
    assert "charged" not in counts["counts"]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--report", "report.txt"], "end in .json or .html"),
        (["--targets", "IC5O (nM)"], "Did you mean 'IC50 (nM)'"),
        (["--smiles-column", "note"], "No row of"),
        (["data.curation.nonsense=1"], "nonsense"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(data, capsys, extra, words):
    assert main(["curate", str(data), *extra]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
