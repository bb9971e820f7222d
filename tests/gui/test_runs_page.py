"""The verdict for every kind of run, the list of runs, and what is saved from there."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from app.services.runs import ModelInfo, RunStory
from app.services.verdict import TaskVerdict, TestMolecule, Verdict
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.events import EpochMetrics, StateChanged
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.runs import Workspace

LOGS = TaskSpec("logS", TaskKind.REGRESSION, "log(mol/L)")
TOXIC = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))
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


def model(*tasks):
    return ModelInfo("m.mole", "solubility", tasks, 0.0, {}, {}, 1, "small", "a.csv", {}, "scaffold")


def numbers(count=40):
    molecules = [
        TestMolecule("CCO", n, n + 0.5, n - 1.0, n + (2.0 if n % 10 else -0.1), in_domain=n != 3, similarity=0.24)
        for n in range(count)
    ]
    return TaskVerdict(LOGS, tuple(molecules))


def classes():
    pairs = [("yes", 0.9), ("no", 0.2), ("no", 0.8), ("yes", 0.7)] * 10
    molecules = [
        TestMolecule(
            "CCO", float(true == "yes"), score, measured_class=true, predicted_class="yes" if score > 0.5 else "no"
        )
        for true, score in pairs
    ]
    return TaskVerdict(TOXIC, tuple(molecules))


def story(record, *verdicts, events=EVENTS):
    tasks = tuple(verdict.task for verdict in verdicts)
    return RunStory(record, events, Verdict(record, tuple(verdicts), "rmse"), model(*tasks) if tasks else None)


@pytest.fixture
def page(qtbot, window):
    window.go_to("runs")
    made = window.page("runs")
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    return made


@pytest.fixture
def show(page):
    def shower(told):
        page._story = told
        page.verdict.show_story(told)
        page._go(2)
        return page.verdict

    return shower


def words(widget):
    return [label.text() for label in widget.findChildren(QLabel) if label.text()]


def test_numbers_get_a_parity_plot_intervals_and_the_worst_molecules(qtbot, page, show):
    view = show(story(record(metrics={"rmse": 0.5, "mae": 0.4, "r2": 0.99}), numbers()))
    assert "Clearly better than guessing" in words(view.banner)
    assert {"Test RMSE", "0.500", "log(mol/L)"} <= set(words(view.tile))
    assert "MAE 0.40 · R² 0.99" in words(view.tile)
    assert any("90% intervals hold 90% of the test molecules (36 of 40)." in text for text in words(view.share))
    table = view.worst.model()
    assert [table.headerData(place, Qt.Orientation.Horizontal) for place in range(4)] == [
        "structure",
        "measured",
        "predicted",
        "error",
    ]
    assert view.parity.isVisible()
    plot = view.parity.plot()
    qtbot.wait(50)
    box = plot.getPlotItem().getViewBox()
    found = view.parity.point_at(box.mapViewToScene(QPointF(3.0, 3.5)))
    assert found == 3
    card = page.findChild(QWidget, "hoverCard")
    assert any(text.startswith("measured 3.0") for text in words(card))
    assert "far from the training set (0.24)" in words(card)
    assert view.parity.point_at(QPointF(-500, -500)) == -1
    assert not card.isVisible()


def test_classes_get_curves_and_the_sure_mistakes(show):
    view = show(story(record(metrics={"auroc": 0.75}), classes()))
    assert "Test AUROC" in words(view.tile)
    assert view.curve.isVisible()
    line = view.curve._line.getData()
    assert (line[0][0], line[1][0], line[0][-1], line[1][-1]) == (0, 0, 1, 1)
    axis = view.curve._plot.getPlotItem().getAxis("bottom")
    assert [words for _, words in axis._tickLevels[0]] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    view._picker.setCurrentIndex(1)
    assert view._picker.currentText() == "Precision and recall"
    assert view.curve._line.getData()[1][0] == 1.0
    assert view.worst.model().rowCount() == 10
    assert not view.share.isVisible()


def test_several_tasks_can_be_chosen_one_by_one(show):
    metrics = {"rmse": 0.6, "rmse/logS": 0.5, "auroc": 0.8}
    view = show(story(record(metrics=metrics), numbers(), classes()))
    offered = [view._picker.itemText(place) for place in range(view._picker.count())]
    assert offered == ["logS: Parity", "toxic: ROC curve", "toxic: Precision and recall", "Training curves"]
    assert "Test RMSE, logS" in words(view.tile)
    view._picker.setCurrentIndex(1)
    assert view.curve.isVisible()
    view._picker.setCurrentIndex(3)
    assert view.charts.isVisible()


@pytest.mark.parametrize(
    ("status", "headline"),
    [
        (RunState.FAILED, "This run has failed"),
        (RunState.CANCELLED, "This run was cancelled"),
        (RunState.INTERRUPTED, "This run was interrupted"),
        (RunState.TRAINING, "This run is still going on"),
    ],
)
def test_a_run_without_a_result_shows_why_and_its_curves(show, status, headline):
    view = show(story(record(status, error="No target. Choose one.")))
    assert headline in words(view.banner)
    assert ("No target. Choose one." in words(view.banner)) is (status is RunState.FAILED)
    assert view.charts.isVisible()
    assert not view.predict_button.isEnabled()
    assert not view.export_button.isEnabled()
    assert not view._worst_card.isVisible()
    # The ways on stay where they are with a result: one below the other at the bottom.
    assert view.predict_button.geometry().bottom() >= view.predict_button.parentWidget().height() - 2
    assert view.predict_button.y() - view.report_button.geometry().bottom() < 20


def test_old_runs_are_listed_and_their_curves_replayed(qtbot, window, page):
    workspace = Workspace(window.session.workspace)
    for number, status in enumerate((RunState.COMPLETED, RunState.TRAINING)):
        folder = workspace.create(TrainConfig.from_dict({"name": f"run {number}"}))
        kept = record(status, run_id=folder.path.name, name=f"run {number}", created=float(number + 1))
        kept = RunRecord.from_dict({**kept.to_dict(), "run_dir": str(folder.path)})
        folder.write_record(kept)
        events = [StateChanged(run_id="r", seq=0, state=RunState.TRAINING), *EVENTS]
        folder.events.write_text("".join(event.to_json() + "\n" for event in events), encoding="utf-8")
        workspace.save(kept)
    window.session.start_task(page._reload(first=True))
    table = page.table.model()
    qtbot.waitUntil(lambda: table.rowCount() == 2)
    assert [table.data(table.index(row, 0)) for row in range(2)] == ["run 1", "run 0"]
    # The one that claims to train belongs to no living process.
    assert table.data(table.index(0, 1)) == "interrupted"
    page.table.setCurrentIndex(table.index(1, 0))
    qtbot.waitUntil(lambda: page.story is not None and page.story.record.name == "run 0")
    assert page.charts.metric_chart._curves.metrics["rmse"] == [1.0, 0.5, 1 / 3]
    assert page.charts.isVisible()
    qtbot.mouseClick(page.findChild(QPushButton, "showVerdictButton"), Qt.MouseButton.LeftButton)
    assert page.verdict.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert page.table.isVisible()


def test_the_report_is_saved_where_asked(qtbot, window, page, show, tmp_path):
    folder = Workspace(window.session.workspace).create(TrainConfig())
    kept = record(run_dir=str(folder.path))
    folder.write_record(kept)
    TrainConfig().to_yaml(folder.config)
    show(story(kept, numbers()))
    target = tmp_path / "report.html"
    page.save_report(str(target))
    qtbot.waitUntil(target.is_file)
    assert "solubility" in target.read_text(encoding="utf-8")
    with qtbot.waitSignal(window.session.problem_raised) as raised:
        page.save_report(str(tmp_path / "missing" / "report.html"))
    assert "does not exist" in raised.args[0].one_line()
