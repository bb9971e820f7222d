from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mole_engine.cli import main
from mole_engine.contracts.config import CurationConfig
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
        ["e", "CCN", "4.25", "'=2+2", "6"],
        ["f", "CCCC", "50", "", "7"],
    ]
    assert "4 molecules remain of 6 rows" in capsys.readouterr().out


def test_a_mean_is_written_with_the_digits_that_it_has(tmp_path):
    data, out = tmp_path / "repeated.csv", tmp_path / "out.csv"
    data.write_text("smiles,logS\nCCO,1.1\nOCC,2.2\nCCN,-0.1234567890123456\n", encoding="utf-8")
    assert main(["curate", str(data), "--out", str(out)]) == 0
    assert [row[1] for row in rows_of(out)] == ["logS", "1.65", "-0.1234567890123456"]


def test_what_was_written_reads_back_the_same(data, tmp_path):
    out = tmp_path / "out.csv"
    main(["curate", str(data), "--out", str(out)])
    first, again = read_dataset(data), read_dataset(out)
    assert again.smiles == first.smiles
    assert again.targets.tolist() == first.targets.tolist()
    assert [task.name for task in again.tasks] == ["IC50 (nM)"]
    assert again.report.issues == ()


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_nothing_in_a_curated_table_runs_as_a_formula(tmp_path, ending):
    data, out = tmp_path / "live.csv", tmp_path / f"clean.{ending}"
    rows = ['=1+0,CCCC,@SUM(1),+B,-1.5,"-1,5"', "b,CCCO,-,-1 000,+2,-", 'c,CCCN,-2+3,x,=A1,"+1,5"']
    data.write_text("id,smiles,=cmd|calc!A1,activity,@y,z\n" + "\n".join(rows) + "\n", encoding="utf-8")
    settings = ["--targets", "@y", "--task", "regression"]
    assert main(["curate", str(data), "--smiles-column", "smiles", *settings, "--out", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as stream:
        written = list(csv.reader(stream, delimiter="," if ending == "csv" else "\t"))
    assert written == [
        ["id", "smiles", "'=cmd|calc!A1", "activity", "'@y", "z", "source_line"],
        ["'=1+0", "CCCC", "'@SUM(1)", "'+B", "-1.5", "-1,5", "2"],
        ["b", "CCCO", "-", "-1 000", "2", "-", "3"],
    ]
    assert read_dataset(out, targets=["@y"]).targets.tolist() == [[-1.5], [2.0]]


def test_signs_that_were_guarded_are_the_same_classes_again(tmp_path):
    table, out = tmp_path / "assay.csv", tmp_path / "clean.csv"
    table.write_text("smiles,@hit\n" + "".join(f"{'C' * (n + 1)}O,{'-+'[n % 2]}ve\n" for n in range(8)))
    assert main(["curate", str(table), "--out", str(out)]) == 0
    assert "'+ve" in out.read_text(encoding="utf-8")
    before, after = (read_dataset(path, targets=["@hit"]) for path in (table, out))
    assert before.tasks[0].classes == after.tasks[0].classes == ("-ve", "+ve")
    assert before.targets.tolist() == after.targets.tolist()


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


def test_rows_that_have_no_room_on_the_screen_are_looked_for_where_they_are(tmp_path, capsys):
    path = tmp_path / "salts.csv"
    path.write_text("smiles,y\n" + "".join(f"{'C' * n}O.Cl,{n}\n" for n in range(1, 24)), encoding="utf-8")
    assert main(["curate", str(path)]) == 0
    assert "3 more: name a file with --report to see them all." in capsys.readouterr().err
    report = tmp_path / "all.json"
    assert main(["curate", str(path), "--report", str(report)]) == 0
    assert f"3 more: they stand in {report}." in capsys.readouterr().err


def test_the_html_report_escapes_the_file(data, tmp_path):
    path = tmp_path / "report.html"
    assert main(["curate", str(data), "--report", str(path)]) == 0
    page = path.read_text(encoding="utf-8")
    assert "<i>mess" not in page
    assert "&lt;i&gt;mess &amp; co.csv" in page
    assert "ring 1 is never closed" in page
    assert page.count("<tr>") == page.count("</tr>") == 1 + 5 + 1 + 5 + 1 + len(CurationConfig.model_fields)


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


def test_a_table_without_structures_names_the_option(tmp_path, capsys):
    data = tmp_path / "odd.csv"
    data.write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    assert main(["curate", str(data)]) == 2
    assert "name it with --smiles-column" in capsys.readouterr().err


def test_a_preview_counts_and_writes_nothing(data, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert main(["curate", str(data), "--preview", "--json", "--out", str(out), "data.curation.neutralise=false"]) == 0
    effects = json.loads(capsys.readouterr().out)["preview"]
    assert effects["largest_fragment"] == effects["neutralise"] == effects["unreadable"] == 1
    assert effects["merge_duplicates"] == 1
    assert not out.exists()
    assert main(["curate", str(data), "--preview"]) == 0
    assert "flatten_stereo       off     0" in capsys.readouterr().out


def test_parts_and_molar_logarithms_are_written_and_read_again(tmp_path, capsys):
    data, out, report = tmp_path / "a.csv", tmp_path / "out.csv", tmp_path / "report.json"
    more = tmp_path / "b.csv"
    header = "smiles,IC50 (nM),date\n"
    data.write_text(header + "".join(f"{'C' * n}O,{10**n},20{10 + n}-05-01\n" for n in range(1, 9)), encoding="utf-8")
    more.write_text(header + "CCCN,25,2030-01-01\nCCCCl,0,2031-01-01\n", encoding="utf-8")
    arguments = ["--more", str(more), "--molar-log", "IC50 (nM)", "--split", "time", "--report", str(report)]
    assert main(["curate", str(data), *arguments, "--out", str(out), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["split"]["method"] == "sorted by column 'date', the last ones test"
    assert counts["split"]["counts"] == {"train": 7, "val": 1, "test": 1}
    header, *rows = rows_of(out)
    assert header == ["smiles", "IC50 (nM)", "date", "source_file", "pIC50", "split", "source_line"]
    assert rows[-1] == ["CCCN", "25", "2030-01-01", "b.csv", "7.60206", "test", "2"]
    content = json.loads(report.read_text(encoding="utf-8"))
    assert content["settings"]["outliers"] == "flag"
    assert content["curation"]["issues"][0]["reason"] == "'0 (no logarithm)' is not a number"
    again = read_dataset(out, targets=["pIC50"])
    assert again.given_split == ["train"] * 7 + ["val", "test"]


def test_the_html_report_tells_the_steps_and_the_parts(data, tmp_path):
    path = tmp_path / "report.html"
    assert main(["curate", str(data), "--report", str(path), "--split", "random"]) == 0
    text = path.read_text(encoding="utf-8")
    assert "<td>Keep the largest organic fragment of salts and mixtures.</td><td>yes</td><td>1</td>" in text
    assert "2 molecules train, 1 validates, 1 tests. Divided by: random." in text


@pytest.fixture
def two_files(tmp_path):
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("smiles,y\nCCO,1\nC1CC,2\nCCCN,3\n", encoding="utf-8")
    two.write_text("smiles,y\nOCC,1\nCCCl,4\nNCCC,9\nxyz,5\n", encoding="utf-8")
    return one, two


def test_reports_of_several_files_name_the_file_of_each_row(two_files, tmp_path, capsys):
    one, two = map(str, two_files)
    path, page = tmp_path / "report.json", tmp_path / "report.html"
    assert main(["curate", one, "--more", two, "--report", str(path)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[2].split()[:3] == ["file", "line", "what"]
    assert shown[-1].split()[:3] == ["two.csv", "5", "unreadable"]
    issues = json.loads(path.read_text(encoding="utf-8"))["curation"]["issues"]
    told = {(issue["file"], issue["line"], issue["reason"]) for issue in issues}
    assert ("two.csv", 2, "merged with line 2 of one.csv: same structure") in told
    assert any("lines 4 of one.csv and 4 of two.csv have the same structure" in reason for _, _, reason in told)
    assert main(["curate", one, "--more", two, "--report", str(page), "--molar-log", "y", "data.units={'y': nM}"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<th>file</th><th>line</th>" in text
    assert "<tr><td>two.csv</td><td>5</td>" in text


def test_files_of_the_same_name_are_told_apart_by_their_folders(two_files, tmp_path, capsys):
    other = tmp_path / "old" / "one.csv"
    other.parent.mkdir()
    two_files[1].rename(other)
    assert main(["curate", str(two_files[0]), "--more", str(other)]) == 0
    assert f"{other}  5     unreadable" in capsys.readouterr().out


@pytest.mark.parametrize("option", [("--report", "html"), ("--out", "csv")], ids=lambda option: option[0])
@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("none/result.{}", "the folder does not exist. Make it first"),
        ("file.csv/result.{}", "file.csv is a file, not a folder. Choose another folder."),
        ("file.csv/none/result.{}", "file.csv is a file, not a folder. Choose another folder."),
        ("folder.{}", "it is a folder. Name a file"),
        ("closed/result.{}", "permission denied. Choose another folder."),
        ("x" * 300 + ".{}", "the name is too long. Give the result a shorter name."),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    data, tmp_path, capsys, monkeypatch, option, place, words
):
    name, ending = option
    (tmp_path / "file.csv").write_text("smiles\nCCO\n", encoding="utf-8")
    (tmp_path / f"folder.{ending}").mkdir()
    (tmp_path / "closed").mkdir()
    opened = Path.open

    def guarded(path, *arguments, **more):
        # The tests may run as root, whom permissions do not stop.
        if path.parent.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", guarded)
    monkeypatch.setattr("mole_engine.data.sources.read_tables", lambda *_, **__: pytest.fail("the work has begun"))
    target = tmp_path / place.format(ending)
    assert main(["curate", str(data), name, str(target)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"Cannot write {target}: ")
    assert words in error
    assert error.count("\n") == 1


def test_a_write_protected_report_stays(data, tmp_path, capsys, monkeypatch):
    report = tmp_path / "report.json"
    report.write_text("{}", encoding="utf-8")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert main(["curate", str(data), "--report", str(report)]) == 2
    assert "the file is write-protected. Give the result another name." in capsys.readouterr().err
    assert report.read_text(encoding="utf-8") == "{}"
    assert not list(tmp_path.glob(".*.part"))
