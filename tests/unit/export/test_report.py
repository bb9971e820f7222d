"""The report of a run: complete, escaped, and without anything from outside."""

from __future__ import annotations

import html
import json
import math
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import yaml

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import EpochMetrics, Notice
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.data.scaling import TaskScale
from mole_engine.export import report
from mole_engine.export.report import report_html, write_report
from mole_engine.export.report_tasks import task_sections
from mole_engine.inference.verdict import judge_folder
from mole_engine.store.run_folder import RunFolder

EVIL = "<script>alert(1)</script>"
EPOCHS = (
    EpochMetrics(epoch=1, total_epochs=2, step=1, train_loss=2.0, validation_loss=float("nan")),
    EpochMetrics(epoch=2, total_epochs=2, step=2, train_loss=1.0, validation_loss=1.1),
)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.make()
    TrainConfig.from_dict({"name": EVIL, "data": {"path": "a.csv", "targets": [EVIL]}}).to_yaml(folder.config)
    record = RunRecord(
        run_id="r1",
        name=f"solubility {EVIL}",
        status=RunState.COMPLETED,
        metrics={"rmse": 0.6789, "r2": float("nan"), f"rmse/{EVIL}": 0.6789},
        validation_metrics={"rmse": 0.71},
        counts={"train": 80, "val": 10, "test": 3},
        best_epoch=2,
        epochs=2,
        preset="small",
        data_name="a.csv",
    )
    folder.write_record(record)
    kinds = [
        {"name": EVIL, "kind": "regression", "unit": EVIL},
        {"name": "kind", "kind": "classification", "classes": ["b", "a"]},
    ]
    issue = {"row": 3, "line": 5, "kind": "unreadable", "reason": f"ring 1 {EVIL}", "dropped": True, "smiles": EVIL}
    known = {
        "info": {"name": "a.csv", "rows": 99},
        "roles": {"tasks": kinds},
        "report": {"counts": {"unreadable": 4}, "steps": {"neutralise": 2}, "issues": [issue]},
        "split": {"method": "scaffold", "overlap": [f"1 scaffold {EVIL}"]},
    }
    folder.dataset.write_text(json.dumps(known), encoding="utf-8")
    events = [*EPOCHS, Notice(message=f"4 rows are left out {EVIL}")]
    folder.events.write_text("".join(event.to_json() + "\n" for event in events), encoding="utf-8")
    head = f"row,smiles,part,{EVIL}_true,{EVIL}_pred,kind_true,kind_pred,kind_class\n"
    rows = "0,C,test,-1.5,-1.2,a,0.9,a\n1,CC,train,0,0,a,0.9,a\n2,CO,test,2,,b,0.1,a\n3,CN,test,1,1.5,b,0.4,b\n"
    folder.predictions.write_text(head + rows, encoding="utf-8")
    return folder


def test_the_report_holds_result_data_settings_and_how_to_repeat_it(run, tmp_path):
    page = tmp_path / "report.html"
    write_report(run.path, page)
    text = page.read_text(encoding="utf-8")
    for words in ("0.6789", "0.71", "a.csv", "4 rows: unreadable", "mole train a.csv --config config.yaml", "heads: 4"):
        assert words in text
    assert "nan" not in text.lower()
    # Two test molecules have both values, once in the parity plot and once in the errors by value.
    assert text.count("<circle") - 2 == 4
    assert text.count("predicted against measured") == 1
    assert "ROC curve, test molecules." in text
    assert '<td>measured b</td><td class="number">2</td>' in text
    assert "neutralise: changed 2 rows" in text
    assert f"mole reproduce {run.path}" not in text
    run.split.write_text("row,smiles,part\n", encoding="utf-8")
    assert f"mole reproduce {run.path}" in report_html(run.path)


def test_the_verdict_and_the_worst_molecules_come_with_their_structures(run):
    rows = [f"{n},{'C' * (n % 9 + 1)}O,test,{n % 7},{n % 7 + (0.1 if n else 3)},b,0.2,b" for n in range(40)]
    rows.append("41,CCCCCCCCO,train,2,2,b,0.2,b")
    head = f"row,smiles,part,{EVIL}_true,{EVIL}_pred,kind_true,kind_pred,kind_class"
    run.predictions.write_text("\n".join([head, *rows]), encoding="utf-8")
    beaten = [f"{n},{n % 7 + 2 * (-1) ** n}" for n in range(40)]
    run.baselines_table.write_text("\n".join([f"row,forest:{EVIL}_pred", *beaten]), encoding="utf-8")
    run.baselines.write_text(json.dumps([{"name": "forest", "title": f"A forest {EVIL}"}]), encoding="utf-8")
    text = report_html(run.path)
    assert '<div class="verdict good"><strong>Beats the baseline for 1 of 1 target</strong>' in text
    assert "A forest &lt;script&gt;" in text
    assert text.count('<td class="mol"><svg') >= 8
    assert "Errors by ring system" in text
    assert EVIL not in text
    assert "@media print" in text


def test_without_the_library_that_draws_structures_are_written(run, monkeypatch):
    rows = [f"{n},{'C' * (n % 9 + 1)}O,test,{n % 7},{n % 7 + (0.1 if n else 3)},b,0.2,b" for n in range(40)]
    head = f"row,smiles,part,{EVIL}_true,{EVIL}_pred,kind_true,kind_pred,kind_class"
    run.predictions.write_text("\n".join([head, *rows]), encoding="utf-8")
    monkeypatch.setitem(sys.modules, "mole_engine.chem.depict", None)
    text = report_html(run.path)
    assert '<td class="mol"><svg' not in text
    assert "<td>CCCCO</td>" in text


def test_a_damaged_run_still_has_its_report(run):
    for path in (run.dataset, run.predictions, run.baselines, run.baselines_table, run.events, run.checks, run.model):
        path.write_text("{broken", encoding="utf-8")
    assert "0.6789" in report_html(run.path)


def test_nothing_from_outside_is_run_or_loaded(run):
    text = report_html(run.path)
    parser = Tags()
    parser.feed(text)
    assert "script" not in parser.tags
    assert parser.links == []
    assert EVIL not in text
    assert "&lt;script&gt;" in text
    assert not re.search(r"url\(|@import", text)


def test_a_run_that_failed_early_still_has_a_report(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.make()
    folder.write_record(RunRecord(run_id="r", name="r", status=RunState.FAILED, error="No target."))
    text = report_html(folder.path)
    assert "No target." in text
    assert "<figure>" not in text


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a run"):
        report_html(tmp_path)


def test_rows_left_out_of_several_files_name_their_file(run):
    known = json.loads(run.dataset.read_text(encoding="utf-8"))
    known["report"]["issues"][0]["file"] = f"b {EVIL}.csv"
    run.dataset.write_text(json.dumps(known), encoding="utf-8")
    page = report_html(run.path)
    assert '<th>file</th><th class="number">line</th>' in page
    assert "b &lt;script&gt;alert(1)&lt;/script&gt;.csv" in page


def test_several_networks_have_no_single_kept_epoch(run):
    assert "epoch 2 was kept" in report_html(run.path)
    events = [replace(event, network=1 + event.epoch // 2, networks=2) for event in EPOCHS]
    run.events.write_text("".join(event.to_json() + "\n" for event in events), encoding="utf-8")
    # The record of an older run, which does not know of networks, names the epoch of one of them.
    page = report_html(run.path)
    assert "Loss over the epochs of 2 networks, one after the other; each has kept its own." in page
    assert "was kept" not in page
    assert "chose the epoch" not in page


@pytest.mark.parametrize(("keep", "chose"), [("best", True), ("last", False)])
def test_what_validation_chose_is_said_the_same_everywhere(run, keep, chose):
    own = {"name": "a", "data": {"path": "a.csv"}, "training": {"keep": keep}}
    TrainConfig.from_dict(own).to_yaml(run.config)
    judged = [replace(event, metrics={"rmse": 1.0}, monitor="rmse") for event in EPOCHS]
    run.events.write_text("".join(event.to_json() + "\n" for event in judged), encoding="utf-8")
    assert ("rmse of the validation molecules, which chose the epoch." in report_html(run.path)) is chose


def test_the_settings_to_make_it_again_name_no_folder_that_is_taken(run, tmp_path):
    """A long name is folded over several lines."""
    place = tmp_path / " ".join(["a folder with a long name"] * 8)
    TrainConfig.from_dict({"name": "a", "out": str(place), "data": {"path": "a.csv"}}).to_yaml(run.config)
    settings = report_html(run.path).split("<pre>")[-1].split("</pre>")[0]
    again = TrainConfig.from_dict(yaml.safe_load(html.unescape(settings)))
    assert (again.out, again.data.path) == ("", "a.csv")


@pytest.mark.parametrize(("transform", "words"), [("log10", "error (logarithms)<"), ("none", "error<")])
def test_the_report_names_the_scale_of_deviations_where_it_is_not_the_targets_own(
    make_bundle, tmp_path, transform, words
):
    folder = RunFolder(tmp_path)
    low = 0.01 if transform == "log10" else -math.inf
    make_bundle(folder.model.name, scales=(TaskScale(transform, low=low),))
    rows = [f"{row},C,test,{row + 1},{row + 2},{row + 1},{row + 4},1" for row in range(9)]
    head = "row,smiles,part,logS_true,logS_pred,logS_lower,logS_upper,logS_std"
    folder.predictions.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    judgement, results = judge_folder(folder, (TaskSpec("logS", TaskKind.REGRESSION),))
    assert f"Rank correlation of deviation and {words}" in "".join(task_sections(judgement, results))


def test_ring_systems_of_classes_have_no_column_without_a_title(run):
    rows = [f"{n},{'C' * (n % 9 + 1)}O,test,{n % 7},{n % 7},b,0.2,{'ab'[n % 2]}" for n in range(40)]
    head = f"row,smiles,part,{EVIL}_true,{EVIL}_pred,kind_true,kind_pred,kind_class"
    run.predictions.write_text("\n".join([head, *rows]), encoding="utf-8")
    sections = report_html(run.path).split("<h3>Errors by ring system</h3>")[1:]
    titles = [section.split("</tr>")[0] for section in sections]
    assert any("wrong" in title for title in titles)
    assert not any("></th>" in title for title in titles)


def test_each_of_several_classes_has_its_curve_against_all_others(run):
    task = TaskSpec("colour", TaskKind.MULTICLASS, classes=("red", "<b>", "green"))
    rows = ["C,test,red,0.8,0.1,0.1", "C,test,<b>,0.3,0.5,0.2", "C,test,red,0.2,0.6,0.2", "C,test,<b>,0.1,0.7,0.2"]
    head = "row,smiles,part,colour_true,colour_prob_red,colour_prob_<b>,colour_prob_green"
    run.predictions.write_text("\n".join([head, *(f"{n},{row}" for n, row in enumerate(rows))]), encoding="utf-8")
    text = "".join(task_sections(*judge_folder(run, (task,))))
    assert "red (2 of 4 test molecules) against all others: ROC curve, AUROC 0.750." in text
    assert "&lt;b&gt; (2 of 4 test molecules) against all others: ROC curve, AUROC 0.750." in text
    assert "green (" not in text, "no test molecule is green: there is nothing to tell apart"
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        (r"C:\Users\jo\AppData\Local\MolE Studio\runs\a", r'"C:\Users\jo\AppData\Local\MolE Studio\runs\a"'),
        (r"D:\R&D\50%\a.csv", r'"D:\R&D\50%\a.csv"'),
        (r"C:\Users\Jürgen\a-1.csv", r"C:\Users\Jürgen\a-1.csv"),
    ],
)
def test_commands_to_copy_are_quoted_for_the_terminal_of_windows(run, monkeypatch, name, typed):
    """Its cmd.exe takes single quotes for letters, and the usual workspace has a blank in its path."""
    run.write_record(replace(run.read_record(), data_name=name))
    monkeypatch.setattr(report.sys, "platform", "win32")
    assert f"mole train {typed} --config config.yaml" in html.unescape(report_html(run.path))
