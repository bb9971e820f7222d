"""The list of runs: searched, annotated, compared, thrown away and restored, trained again."""

from __future__ import annotations

import json
import math
from dataclasses import replace

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
def page(qtbot, window):
    window.go_to("runs")
    made = window.page("runs")
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    return made


@pytest.fixture
def kept(qtbot, window, page):
    """Return three runs in the list: names, settings and results differ."""
    return keep(qtbot, window, page, ("first", "second", "third"))


def keep(qtbot, window, page, titles):
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
    qtbot.waitUntil(lambda: page.table.model().rowCount() == 3 and page.story is not None)
    return made


def names(page):
    table = page.table.model()
    return [table.data(table.index(place, 1)).split()[0] for place in range(table.rowCount())]


def action(page, name):
    return page.findChild(QAction, f"run.{name}")


def test_runs_are_searched_filtered_starred_and_annotated(qtbot, window, page, kept):
    assert names(page) == ["third", "second", "first"]
    page.list.search.setText("SECOND")
    assert names(page) == ["second"]
    page.list.notes.setPlainText("ask Anna")
    page.list.tags.setText("hERG, final")
    page.list.flush()
    store = Workspace(window.session.workspace)
    qtbot.waitUntil(lambda: [one.notes for one in store.records()] == ["", "ask Anna", ""])
    assert store.records()[1].tags == ["hERG", "final"]
    page.list.search.setText("anna final")
    qtbot.waitUntil(lambda: names(page) == ["second"])
    page.list.search.clear()
    assert page.list.star.text() == "☆ Star"
    star = page.table.visualRect(page.table.model().index(2, 0)).center()
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, star)
    qtbot.waitUntil(lambda: [one.starred for one in store.records()] == [False, False, True])
    qtbot.waitUntil(lambda: page.list.star.text() == "★ Starred")
    page.list.filter.setCurrentIndex(page.list.filter.findData("starred"))
    qtbot.waitUntil(lambda: names(page) == ["first"])
    page.list.search.setText("nothing fits this")
    assert page.list._nothing.isVisible()


def test_three_runs_side_by_side(qtbot, page, kept):
    assert not page.findChild(QPushButton, "compareButton").isEnabled()
    page.list.select([one.run_id for one in kept])
    qtbot.mouseClick(page.findChild(QPushButton, "compareButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.compare.isVisible)
    view = page.compare
    assert [len(xs) for xs, _ in view.plot.lines()] == [3, 2, 1]
    assert view.plot.lines()[0][1] == [1.0, 0.5, 1 / 3]
    view.picker.setCurrentIndex(view.picker.findData("training loss"))
    assert view.plot.lines()[1][1] == [1.0, 0.5]
    settings = view.settings.model()
    rows = [[settings.data(settings.index(row, column)) for column in range(4)] for row in range(settings.rowCount())]
    assert rows == [["Epochs", "3", "2", "1"]]
    results = view.results.model()
    assert [results.cell(results.index(0, column)).bold for column in range(1, 4)] == [True, False, False]
    qtbot.keyClick(page.window(), Qt.Key.Key_Escape)
    assert page.table.isVisible()


def without_test(one, value):
    counts = {"train": 90, "val": 10, "test": 0}
    return replace(one, metrics={}, validation_metrics={"rmse": value, "rmse/logS": value}, counts=counts)


def test_a_run_without_a_test_part_shows_what_the_validation_molecules_said(qtbot, window, page, kept):
    workspace = Workspace(window.session.workspace)
    workspace.save(without_test(kept[0], 0.4))
    window.session.runs_changed.emit()
    table, column = page.table.model(), [column.key for column in page.table.cells.columns].index("metric")
    words = lambda: [table.data(table.index(place, column)) for place in range(3)]  # noqa: E731 - asked twice
    qtbot.waitUntil(lambda: words()[2] == "RMSE 0.400 validation")
    assert words()[:2] == ["RMSE 0.333", "RMSE 0.500"]
    page.table.sortByColumn(column, Qt.SortOrder.AscendingOrder)
    assert names(page) == ["third", "first", "second"]
    assert "validation" in table.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)


def test_runs_without_a_test_are_compared_by_the_same_molecules(qtbot, page, kept):
    tested = replace(kept[1], validation_metrics={"rmse": 0.3})
    page.compare.show_comparison(compare_runs([tested, without_test(kept[0], 0.4)]))
    rows = page.compare.results.cells
    told = [[rows.data(rows.index(row, column)) for column in range(3)] for row in range(2)]
    # Validation and test are not held against each other: the one with a test stands in both rows.
    assert told == [["Test RMSE", "0.500", "–"], ["Validation RMSE", "0.300", "0.400"]]
    assert [rows.cell(rows.index(1, column)).bold for column in (1, 2)] == [True, False]
    assert page.compare._results_card._note.text() == "test and validation molecules; the best of each row is bold"
    page.compare.show_comparison(compare_runs([without_test(kept[0], 0.4), without_test(kept[1], 0.2)]))
    assert [rows.data(rows.index(0, column)) for column in range(3)] == ["RMSE", "0.400", "0.200"]
    assert page.compare._results_card._note.text() == "validation molecules; the best of each row is bold"
    page.compare.show_comparison(compare_runs(kept[:2]))
    assert page.compare._results_card._note.text() == "test molecules; the best of each row is bold"


def test_several_networks_are_counted_where_one_has_a_kept_epoch(page, kept):
    several, one = replace(kept[1], networks=10), replace(kept[0], networks=1, best_epoch=1)
    for runs, networks in (([several, one], "10"), ([one, kept[2]], "")):
        page.compare.show_comparison(compare_runs(runs))
        rows = page.compare.results.cells
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


def test_several_networks_are_compared_as_their_mean_over_their_own_epochs(qtbot, page, kept):
    first = kept[0]
    events = []
    for network, before, values in ((1, 0, (4.0, 2.0, 1.0)), (2, 3, (2.0, 1.0, math.nan)), (3, 6, (0.0, 0.0))):
        for number, value in enumerate(values, start=1):
            placed = {"network": network, "networks": 3, "epochs_before": before}
            own = replace(EVENTS[0], epoch=before + number, metrics={"rmse": value}, train_loss=value, **placed)
            events.append(own)
    path = page.session.workspace / "runs" / first.run_id / "events.jsonl"
    path.write_text("".join(event.to_json() + "\n" for event in events), encoding="utf-8")
    page.list.select([one.run_id for one in kept[:2]])
    qtbot.mouseClick(page.findChild(QPushButton, "compareButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.compare.isVisible)
    view = page.compare
    assert ([1.0, 2.0, 3.0], [2.0, 1.0, 1.0]) in view.plot.lines()
    assert ([1.0, 2.0], [1.0, 0.5]) in view.plot.lines(), "one network is as it was"
    assert "the mean" in view._chart._note.text()


def test_words_of_compared_runs_are_not_cut_off_in_a_narrow_window(qtbot, window, page):
    names = ("solubility of everything", "a run with another learning rate", "third")
    runs = keep(qtbot, window, page, names)
    window.resize(1024, 700)
    page.list.select([one.run_id for one in runs])
    qtbot.mouseClick(page.findChild(QPushButton, "compareButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.compare.isVisible)
    qtbot.waitUntil(lambda: page.compare.results.width() < 500)
    for table in (page.compare.results, page.compare.settings):
        metrics = QFontMetrics(text_font(11, bold=True))
        for place, column in enumerate(table.cells.columns):
            lines = column.title.split("\n")
            assert table.columnWidth(place) >= max(map(metrics.horizontalAdvance, lines)) + 12
            assert len(lines) <= 2
            assert place == 0 or column.tip in names
    window.resize(1280, 800)
    table = page.compare.settings
    qtbot.waitUntil(lambda: table.viewport().width() > 500)
    qtbot.waitUntil(lambda: 0 <= table.viewport().width() - table.horizontalHeader().length() < 4)


def test_runs_of_one_name_are_told_apart_wherever_they_stand_together(qtbot, window, page):
    runs = keep(qtbot, window, page, ("logp", "logp", "logp"))
    table = page.table.model()
    assert {table.cell(table.index(place, 1)).second for place in range(3)} == {"1 epoch", "2 epochs", "3 epochs"}
    page.list.select([one.run_id for one in runs[:2]])
    qtbot.mouseClick(page.findChild(QPushButton, "compareButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.compare.isVisible)
    assert page.header.title() == "Runs side by side: logp"
    for table in (page.compare.results, page.compare.settings):
        assert [column.title for column in table.cells.columns[1:]] == ["2 epochs", "1 epoch"]


def test_a_run_goes_to_the_trash_and_back(qtbot, window, page, kept):
    page.list.select([kept[1].run_id, kept[0].run_id])
    action(page, "trash").trigger()
    qtbot.waitUntil(lambda: names(page) == ["third"])
    page.list.filter.setCurrentIndex(page.list.filter.findData("trash"))
    qtbot.waitUntil(lambda: sorted(names(page)) == ["first", "second"])
    assert page.header.title() == "Trash"
    page.list.select([kept[0].run_id])
    action(page, "restore").trigger()
    qtbot.waitUntil(lambda: names(page) == ["second"])
    page.list.select([kept[1].run_id])
    page.actions_.drop_now()
    qtbot.waitUntil(page.list._nothing.isVisible)
    page.list.filter.setCurrentIndex(page.list.filter.findData("all"))
    qtbot.waitUntil(lambda: names(page) == ["third", "first"])


def test_a_run_is_duplicated_with_its_data_and_settings(qtbot, window, page, molecules_csv):
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
    qtbot.waitUntil(lambda: page.story is not None)
    with qtbot.waitSignal(window.session.job_offered, timeout=30_000):
        qtbot.mouseClick(page.findChild(QPushButton, "trainAgainButton"), Qt.MouseButton.LeftButton)
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


def test_what_goes_on_or_again_is_handed_to_training(qtbot, window, page, kept, monkeypatch):
    started = []
    monkeypatch.setattr(window.session.training, "start", lambda job, resume="": started.append((job, resume)))
    store = Workspace(window.session.workspace)
    cut = RunRecord.from_dict({**kept[0].to_dict(), "status": "interrupted"})
    store.find(cut.run_id).write_record(cut)
    store.save(cut)
    window.session.runs_changed.emit()
    page.list.select([cut.run_id])
    qtbot.waitUntil(lambda: page.findChild(QPushButton, "resumeRunButton").isVisible())
    qtbot.mouseClick(page.findChild(QPushButton, "resumeRunButton"), Qt.MouseButton.LeftButton)
    assert started[0][1] == cut.run_dir
    folder = store.find(kept[2].run_id)
    tasks = {"roles": {"tasks": [LOGS.to_dict()]}}
    folder.dataset.write_text(json.dumps(tasks), encoding="utf-8")
    folder.split.write_text("row,smiles,part,file,value: logS\n0,CCO,train,0,1.5\n", encoding="utf-8")
    window.go_to("runs")
    page.list.select([kept[2].run_id])
    action(page, "reproduce").trigger()
    qtbot.waitUntil(lambda: len(started) == 2)
    assert started[1][0].data.path == str(folder.path / "reproduce.csv")
