"""The list of runs: searched, annotated, compared, thrown away and restored, trained again."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.pages.verdict_cells import story_facts
from app.services.run_shelf import compare_runs
from app.services.runs import ModelInfo, RunStory
from app.services.verdict import Verdict
from app.theme import text_font
from app.widgets.delete_question import DeleteQuestion
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.events import EpochMetrics
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.runs import Workspace

LOGS = TaskSpec("logS", TaskKind.REGRESSION, "log(mol/L)")
EVENTS = tuple(
    EpochMetrics(
        run_id="r",
        seq=number,
        epoch=number,
        total_epochs=3,
        step=number,
        train_loss=1 / number,
        validation_loss=1.2 / number,
        metrics={"rmse": 1 / number},
        monitor="rmse",
        is_best=True,
    )
    for number in (1, 2, 3)
)


def record(status=RunState.COMPLETED, **more):
    fields = {"run_id": "r", "name": "solubility", "status": status, "counts": {"train": 80, "val": 10, "test": 40}}
    return RunRecord(**{**fields, **more})


@pytest.fixture
def kept(qtbot, window, runs_page):
    """Return three runs in the list: names, settings and results differ."""
    return keep(qtbot, window, runs_page, ("first", "second", "third"))


def keep(qtbot, window, runs_page, titles):
    workspace = Workspace(window.session.workspace)
    made = []
    for number, name in enumerate(titles):
        job = TrainConfig.from_dict({"name": name, "training": {"epochs": number + 1}, "data": {"path": "a.csv"}})
        folder = workspace.create(job)
        job.to_yaml(folder.config)
        metrics = {"rmse": 1.0 / (number + 1)}
        one = record(run_id=folder.path.name, name=name, created=float(number + 1), metrics=metrics, epochs=number + 1)
        one = RunRecord.from_dict({**one.to_dict(), "run_dir": str(folder.path), "data_name": "a.csv"})
        folder.write_record(one)
        folder.events.write_text("".join(event.to_json() + "\n" for event in EVENTS[: number + 1]), encoding="utf-8")
        workspace.save(one)
        made.append(one)
    window.session.runs_changed.emit()
    qtbot.waitUntil(lambda: runs_page.table.model().rowCount() == 3 and runs_page.story is not None)
    return made


def names(runs_page):
    table = runs_page.table.model()
    return [table.data(table.index(place, 1)).split()[0] for place in range(table.rowCount())]


def action(runs_page, name):
    return runs_page.findChild(QAction, f"run.{name}")


def test_runs_are_searched_filtered_starred_and_annotated(qtbot, window, runs_page, kept):
    assert names(runs_page) == ["third", "second", "first"]
    runs_page.list.search.setText("SECOND")
    assert names(runs_page) == ["second"]
    runs_page.list.notes.setPlainText("ask Anna")
    runs_page.list.tags.setText("hERG, final")
    runs_page.list.flush()
    store = Workspace(window.session.workspace)
    qtbot.waitUntil(lambda: [one.notes for one in store.records()] == ["", "ask Anna", ""])
    assert store.records()[1].tags == ["hERG", "final"]
    runs_page.list.search.setText("anna final")
    qtbot.waitUntil(lambda: names(runs_page) == ["second"])
    runs_page.list.search.clear()
    assert runs_page.list.star.text() == "☆ Star"
    star = runs_page.table.visualRect(runs_page.table.model().index(2, 0)).center()
    QTest.mouseClick(runs_page.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, star)
    qtbot.waitUntil(lambda: [one.starred for one in store.records()] == [False, False, True])
    qtbot.waitUntil(lambda: runs_page.list.star.text() == "★ Starred")
    runs_page.list.filter.setCurrentIndex(runs_page.list.filter.findData("starred"))
    qtbot.waitUntil(lambda: names(runs_page) == ["first"])
    runs_page.list.search.setText("nothing fits this")
    assert runs_page.list._nothing.isVisible()


def test_three_runs_side_by_side(qtbot, runs_page, kept):
    assert not runs_page.findChild(QPushButton, "compareButton").isEnabled()
    runs_page.list.select([one.run_id for one in kept])
    qtbot.mouseClick(runs_page.findChild(QPushButton, "compareButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(runs_page.compare.isVisible)
    view = runs_page.compare
    assert [len(xs) for xs, _ in view.plot.lines()] == [3, 2, 1]
    assert view.plot.lines()[0][1] == [1.0, 0.5, 1 / 3]
    view.picker.setCurrentIndex(view.picker.findData("training loss"))
    assert view.plot.lines()[1][1] == [1.0, 0.5]
    settings = view.settings.model()
    rows = [[settings.data(settings.index(row, column)) for column in range(4)] for row in range(settings.rowCount())]
    assert rows == [["Epochs", "3", "2", "1"]]
    results = view.results.model()
    assert [results.cell(results.index(0, column)).bold for column in range(1, 4)] == [True, False, False]
    qtbot.keyClick(runs_page.window(), Qt.Key.Key_Escape)
    assert runs_page.table.isVisible()


def without_test(one, value):
    counts = {"train": 90, "val": 10, "test": 0}
    return replace(one, metrics={}, validation_metrics={"rmse": value, "rmse/logS": value}, counts=counts)


def test_a_run_without_a_test_part_shows_what_the_validation_molecules_said(qtbot, window, runs_page, kept):
    workspace = Workspace(window.session.workspace)
    workspace.save(without_test(kept[0], 0.4))
    window.session.runs_changed.emit()
    table, column = runs_page.table.model(), [column.key for column in runs_page.table.cells.columns].index("metric")
    words = lambda: [table.data(table.index(place, column)) for place in range(3)]  # noqa: E731 - asked twice
    qtbot.waitUntil(lambda: words()[2] == "RMSE 0.400 validation")
    assert words()[:2] == ["RMSE 0.333", "RMSE 0.500"]
    runs_page.table.sortByColumn(column, Qt.SortOrder.AscendingOrder)
    assert names(runs_page) == ["third", "first", "second"]
    assert "validation" in table.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)


def test_runs_without_a_test_are_compared_by_the_same_molecules(qtbot, runs_page, kept):
    tested = replace(kept[1], validation_metrics={"rmse": 0.3})
    runs_page.compare.show_comparison(compare_runs([tested, without_test(kept[0], 0.4)]))
    rows = runs_page.compare.results.cells
    told = [[rows.data(rows.index(row, column)) for column in range(3)] for row in range(2)]
    # Validation and test are not held against each other: the one with a test stands in both rows.
    assert told == [["Test RMSE", "0.500", "–"], ["Validation RMSE", "0.300", "0.400"]]
    assert [rows.cell(rows.index(1, column)).bold for column in (1, 2)] == [True, False]
    assert runs_page.compare._results_card._note.text() == "test and validation molecules; the best of each row is bold"
    runs_page.compare.show_comparison(compare_runs([without_test(kept[0], 0.4), without_test(kept[1], 0.2)]))
    assert [rows.data(rows.index(0, column)) for column in range(3)] == ["RMSE", "0.400", "0.200"]
    assert runs_page.compare._results_card._note.text() == "validation molecules; the best of each row is bold"
    runs_page.compare.show_comparison(compare_runs(kept[:2]))
    assert runs_page.compare._results_card._note.text() == "test molecules; the best of each row is bold"


def test_of_runs_that_were_judged_by_different_molecules_none_is_called_the_best(qtbot, runs_page, kept):
    rows = ("0,CCO,train,0,1.5", "1,CCN,test,0,2.5", "2,CCC,test,0,3")
    for run, lines in zip(kept, (rows, (rows[2], rows[0], rows[1]), (*rows[:2], "2,CCF,test,0,3")), strict=True):
        split = Path(run.run_dir) / "split.csv"
        split.write_text("\n".join(["row,smiles,part,file,value: logS", *lines, ""]), encoding="utf-8")
    cells = runs_page.compare.results.cells
    for runs, bold, words in (
        (kept[:2], [False, True], "test molecules; the best of each row is bold"),
        (kept[1:], [False, False], "test molecules differ between the runs; none is called the best"),
    ):
        runs_page.compare.show_comparison(compare_runs(runs))
        assert [cells.cell(cells.index(0, column)).bold for column in (1, 2)] == bold
        assert runs_page.compare._results_card._note.text() == words


def test_runs_of_an_earlier_version_are_known_by_their_molecules_alone(kept):
    rows = ("0,CCO,train,0", "1,CCN,test,0", "2,CCC,val,0")
    written = (
        ["row,smiles,part,file", *rows],
        ["row,smiles,part,file,value: logS", *(f"{row},{place}.5" for place, row in enumerate(rows))],
        ["row,smiles,part,file", rows[0], "1,CCF,test,0", rows[2]],
    )
    for run, lines in zip(kept, written, strict=True):
        (Path(run.run_dir) / "split.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert compare_runs(kept[:2]).unlike == frozenset()
    assert compare_runs(kept).unlike == {"test"}
    Path(kept[2].run_dir, "split.csv").write_text("no table\n1,2\n", encoding="utf-8")
    assert compare_runs(kept).unlike == frozenset()


def test_several_networks_are_counted_where_one_has_a_kept_epoch(runs_page, kept):
    several, one = replace(kept[1], networks=10), replace(kept[0], networks=1, best_epoch=1)
    for runs, networks in (([several, one], "10"), ([one, kept[2]], "")):
        runs_page.compare.show_comparison(compare_runs(runs))
        rows = runs_page.compare.results.cells
        told = {rows.data(rows.index(row, 0)): row for row in range(rows.rowCount())}
        assert ("Networks" in told) == bool(networks)
        if networks:
            assert [rows.data(rows.index(told["Networks"], column)) for column in (1, 2)] == ["10", "1"]
            assert [rows.data(rows.index(told["Epochs (kept)"], column)) for column in (1, 2)] == ["–", "1 (1)"]


def test_the_verdict_names_several_networks_in_place_of_a_kept_epoch():
    info = ModelInfo("m.mole", "one", (LOGS,), 0.0, {}, {}, 1, "", "a.csv", {}, "random")
    done = record(epochs=5, best_epoch=3)
    for told, model, facts in (
        (done, info, {"Epochs": "5, kept 3", "Networks": ""}),
        (done, replace(info, networks=10, tuned=5), {"Epochs": "", "Networks": "10, 5 of them fine-tuned"}),
        (replace(done, networks=10), None, {"Epochs": "", "Networks": "10"}),
    ):
        said = dict(story_facts(RunStory(told, (), Verdict(told, (), "rmse"), model)))
        assert {name: said[name] for name in facts} == facts


def test_several_networks_are_compared_as_their_mean_over_their_own_epochs(qtbot, runs_page, kept):
    first = kept[0]
    events = []
    for network, before, values in ((1, 0, (4.0, 2.0, 1.0)), (2, 3, (2.0, 1.0, math.nan)), (3, 6, (0.0, 0.0))):
        for number, value in enumerate(values, start=1):
            placed = {"network": network, "networks": 3, "epochs_before": before}
            own = replace(EVENTS[0], epoch=before + number, metrics={"rmse": value}, train_loss=value, **placed)
            events.append(own)
    path = runs_page.session.workspace / "runs" / first.run_id / "events.jsonl"
    path.write_text("".join(event.to_json() + "\n" for event in events), encoding="utf-8")
    runs_page.list.select([one.run_id for one in kept[:2]])
    qtbot.mouseClick(runs_page.findChild(QPushButton, "compareButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(runs_page.compare.isVisible)
    view = runs_page.compare
    assert ([1.0, 2.0, 3.0], [2.0, 1.0, 1.0]) in view.plot.lines()
    assert ([1.0, 2.0], [1.0, 0.5]) in view.plot.lines(), "one network is as it was"
    assert "the mean" in view._chart._note.text()


def test_words_of_compared_runs_are_not_cut_off_in_a_narrow_window(qtbot, window, runs_page):
    names = ("solubility of everything", "a run with another learning rate", "third")
    runs = keep(qtbot, window, runs_page, names)
    window.resize(1024, 700)
    runs_page.list.select([one.run_id for one in runs])
    qtbot.mouseClick(runs_page.findChild(QPushButton, "compareButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(runs_page.compare.isVisible)
    qtbot.waitUntil(lambda: runs_page.compare.results.width() < 500)
    for table in (runs_page.compare.results, runs_page.compare.settings):
        metrics = QFontMetrics(text_font(11, bold=True))
        for place, column in enumerate(table.cells.columns):
            lines = column.title.split("\n")
            assert table.columnWidth(place) >= max(map(metrics.horizontalAdvance, lines)) + 12
            assert len(lines) <= 2
            assert place == 0 or column.tip in names
    window.resize(1280, 800)
    table = runs_page.compare.settings
    qtbot.waitUntil(lambda: table.viewport().width() > 500)
    qtbot.waitUntil(lambda: 0 <= table.viewport().width() - table.horizontalHeader().length() < 4)


def test_runs_of_one_name_are_told_apart_wherever_they_stand_together(qtbot, window, runs_page):
    runs = keep(qtbot, window, runs_page, ("logp", "logp", "logp"))
    table = runs_page.table.model()
    assert {table.cell(table.index(place, 1)).second for place in range(3)} == {"1 epoch", "2 epochs", "3 epochs"}
    runs_page.list.select([one.run_id for one in runs[:2]])
    qtbot.mouseClick(runs_page.findChild(QPushButton, "compareButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(runs_page.compare.isVisible)
    assert runs_page.header.title() == "Runs side by side: logp"
    for table in (runs_page.compare.results, runs_page.compare.settings):
        assert [column.title for column in table.cells.columns[1:]] == ["2 epochs", "1 epoch"]


def test_a_run_goes_to_the_trash_and_back(qtbot, window, runs_page, kept):
    runs_page.list.select([kept[1].run_id, kept[0].run_id])
    action(runs_page, "trash").trigger()
    qtbot.waitUntil(lambda: names(runs_page) == ["third"])
    runs_page.list.filter.setCurrentIndex(runs_page.list.filter.findData("trash"))
    qtbot.waitUntil(lambda: sorted(names(runs_page)) == ["first", "second"])
    assert runs_page.header.title() == "Trash"
    runs_page.list.select([kept[0].run_id])
    action(runs_page, "restore").trigger()
    qtbot.waitUntil(lambda: names(runs_page) == ["second"])
    runs_page.list.select([kept[1].run_id])
    runs_page.actions_.drop()
    question = window.findChild(DeleteQuestion, "dropQuestion")
    button = next(button for button in question.buttons() if "Delete" in button.text())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(runs_page.list._nothing.isVisible)
    runs_page.list.filter.setCurrentIndex(runs_page.list.filter.findData("all"))
    qtbot.waitUntil(lambda: names(runs_page) == ["third", "first"])


def test_a_run_is_duplicated_with_its_data_and_settings(qtbot, window, runs_page, molecules_csv):
    job = TrainConfig.from_dict(
        {
            "name": "old",
            "preset": "small",
            "data": {"path": str(molecules_csv), "targets": ["toxic"]},
            "split": {"method": "random"},
            "training": {"epochs": 7, "learning_rate": 0.00123},
        }
    )
    folder = Workspace(window.session.workspace).create(job)
    job.to_yaml(folder.config)
    one = record(run_id=folder.path.name, run_dir=str(folder.path), name="old", model_path="")
    folder.write_record(one)
    Workspace(window.session.workspace).save(one)
    window.session.runs_changed.emit()
    qtbot.waitUntil(lambda: runs_page.story is not None)
    with qtbot.waitSignal(window.session.job_offered, timeout=30_000):
        qtbot.mouseClick(runs_page.findChild(QPushButton, "trainAgainButton"), Qt.MouseButton.LeftButton)
    train = window.page("train")
    assert train.isVisible()
    again = train.setup.job()
    assert (again.training.epochs, again.training.learning_rate) == (7, 0.00123)
    assert (again.name, again.preset, again.split.method, again.data.targets) == (
        "old, copy",
        "small",
        "random",
        ["toxic"],
    )


def test_what_goes_on_or_again_is_handed_to_training(qtbot, window, runs_page, kept, monkeypatch):
    started = []
    monkeypatch.setattr(window.session.training, "start", lambda job, resume="": started.append((job, resume)))
    store = Workspace(window.session.workspace)
    cut = RunRecord.from_dict({**kept[0].to_dict(), "status": "interrupted"})
    store.find(cut.run_id).write_record(cut)
    store.save(cut)
    window.session.runs_changed.emit()
    runs_page.list.select([cut.run_id])
    qtbot.waitUntil(lambda: runs_page.findChild(QPushButton, "resumeRunButton").isVisible())
    qtbot.mouseClick(runs_page.findChild(QPushButton, "resumeRunButton"), Qt.MouseButton.LeftButton)
    assert started[0][1] == cut.run_dir
    # A disk that was full, too, leaves a checkpoint.
    failed = RunRecord.from_dict({**kept[1].to_dict(), "status": "failed"})
    store.find(failed.run_id).write_record(failed)
    store.save(failed)
    window.go_to("runs")
    window.session.runs_changed.emit()
    runs_page.list.select([failed.run_id])
    qtbot.waitUntil(lambda: runs_page.list.selected()[0].status is RunState.FAILED)
    assert runs_page.findChild(QPushButton, "resumeRunButton").isVisible()
    folder = store.find(kept[2].run_id)
    tasks = {"roles": {"tasks": [LOGS.to_dict()]}}
    folder.dataset.write_text(json.dumps(tasks), encoding="utf-8")
    folder.split.write_text("row,smiles,part,file,value: logS\n0,CCO,train,0,1.5\n", encoding="utf-8")
    window.go_to("runs")
    runs_page.list.select([kept[2].run_id])
    action(runs_page, "reproduce").trigger()
    qtbot.waitUntil(lambda: len(started) == 2)
    assert started[1][0].data.path == str(folder.path / "reproduce.csv")
