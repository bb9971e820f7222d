"""The verdict for every kind of run, the list of runs, and what is saved from there."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from app.pages.verdict_cells import against_row, against_words
from app.services.runs import ModelInfo, RunStory
from app.services.verdict import Against, Verdict, _task_verdict
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.events import EpochMetrics, StateChanged
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.data.scaling import TaskScale
from mole_engine.inference.bootstrap import Comparison
from mole_engine.inference.results import TaskResult
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


def numbers(**more):
    size = 40
    truth = np.arange(size, dtype=float)
    upper = truth + np.where(truth % 10 > 0, 2.0, -0.1)
    return _task_verdict(
        TaskResult(
            LOGS,
            ["CCO"] * size,
            truth,
            truth + 0.5,
            truth - 1.0,
            upper,
            np.full(size, 1.0),
            np.full(size, 0.24),
            ["CCCO", "c1ccccc1"],
            np.array([1.5, 2.5]),
            [place != 3 for place in range(size)],
            **more,
        ),
        (Against("ECFP4 + random forest", Comparison("rmse", 0.5, 0.9, 0.4, 0.2, 0.6, size)),),
    )


def classes(sets=()):
    truth, score = np.array([1, 0, 0, 1] * 10, dtype=float), np.array([0.9, 0.2, 0.8, 0.7] * 10)
    nothing = np.full(40, np.nan)
    known = (TOXIC, ["CCO"] * 40, truth, score, nothing, nothing, nothing, nothing, ["CCN"], np.array([1.0]))
    return _task_verdict(TaskResult(*known, sets=list(sets)), ())


def story(record, *verdicts, events=EVENTS):
    tasks = tuple(verdict.task for verdict in verdicts)
    said = ("Beats the baseline by 0.4 RMSE", "RMSE 0.5 against 0.9", "good")
    return RunStory(record, events, Verdict(record, tuple(verdicts), "rmse", *said), model(*tasks) if tasks else None)


def test_a_gain_too_small_to_be_written_is_neither_good_nor_bad():
    for difference, low, high, tone in (
        (0.4, 0.2, 0.6, "good"),
        (-0.4, -0.6, -0.2, "danger"),
        (1e-4, 5e-5, 2e-4, "muted"),
    ):
        known = Comparison("rmse", 0.9 - difference, 0.9, difference, low, high, 40)
        assert against_row(Against("mean", known))[3] == tone


def test_baselines_judged_on_logarithms_are_said_to_be_with_the_figures_as_measured():
    known = Comparison("rmse", 0.3, 0.5, 0.2, 0.1, 0.3, 40, "logarithms", 412.0, 398.0)
    note, tip = against_words([Against("mean", known)], "nM")
    assert note == "model's gain in RMSE of logarithms"
    assert tip.endswith(". As measured, where the largest values decide, RMSE in nM: this model 412, mean 398")
    plain = against_words([Against("mean", Comparison("rmse", 0.3, 0.5, 0.2, 0.1, 0.3, 40))], "nM")
    assert plain[0] == "model's gain in RMSE"
    assert "measured" not in plain[1]


@pytest.fixture
def show(runs_page):
    def shower(told):
        runs_page._story = told
        runs_page.verdict.show_story(told)
        runs_page._go(2)
        return runs_page.verdict

    return shower


def words(widget):
    return [label.text() for label in widget.findChildren(QLabel) if label.text()]


def figures(view):
    return [view.figures.picker.itemData(place) for place in range(view.figures.picker.count())]


def click(plot, x, y):
    made = plot.plot()
    spot = made.getPlotItem().getViewBox().mapViewToScene(QPointF(x, y)).toPoint()
    QTest.mouseClick(made.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)


def test_numbers_get_a_parity_plot_intervals_and_the_worst_molecules(qtbot, runs_page, show):
    view = show(story(record(metrics={"rmse": 0.5, "mae": 0.4, "r2": 0.99}), numbers()))
    assert "Beats the baseline by 0.4 RMSE" in words(view.banner)
    assert {"Test RMSE", "0.500", "log(mol/L)"} <= set(words(view.tile))
    assert "MAE 0.40 · R² 0.99" in words(view.tile)
    assert {"0.900", "+0.400 (0.200 to 0.600)"} <= set(words(view.against))
    assert any("90% intervals hold 90% of the test molecules (36 of 40)." in text for text in words(view.share))
    table = view.worst.model()
    assert [table.headerData(place, Qt.Orientation.Horizontal) for place in range(4)] == [
        "structure",
        "measured",
        "predicted",
        "error",
    ]
    parity = view.figures.parity
    assert parity.isVisible()
    box = parity.plot().getPlotItem().getViewBox()
    qtbot.waitUntil(lambda: parity.point_at(box.mapViewToScene(QPointF(3.0, 3.5))) == 3)
    card = next(card for card in runs_page.findChildren(QWidget, "hoverCard") if card.isVisible())
    assert any(text.startswith("measured 3.0") for text in words(card))
    assert "far from the training set (0.24)" in words(card)
    assert parity.point_at(QPointF(-500, -500)) == -1
    assert not card.isVisible()


def test_a_click_on_a_point_chooses_its_row_and_shows_its_training_neighbours(qtbot, show, monkeypatch):
    view = show(story(record(metrics={"rmse": 0.5}), numbers()))
    find = view._find_neighbours
    parity = view.figures.parity
    qtbot.waitUntil(lambda: parity.plot().width() > 200)
    told = []
    monkeypatch.setattr(view, "_find_neighbours", lambda *_asked: told.append(words(view.neighbours)) or find(*_asked))
    click(parity, 7.0, 7.5)
    qtbot.waitUntil(lambda: view.worst.chosen() == 7)
    assert "Looking through the training molecules." in told[0], "it does not ask for what has just been done"
    assert list(parity._mark.getData()[0]) == [7.0]
    qtbot.waitUntil(lambda: "1.50" in words(view.neighbours))
    assert any(text.startswith("similarity 0.") for text in words(view.neighbours))
    # The way back: a row that is chosen is ringed in the plot.
    view.worst.choose(12)
    assert list(parity._mark.getData()[0]) == [12.0]


def test_every_figure_of_numbers_can_be_shown(qtbot, show):
    view = show(story(record(metrics={"rmse": 0.5}), numbers()))
    card = view.figures
    kinds = ["parity", "residuals", "scaffolds", "coverage", "deviation", "learning", "scramble", "charts", "facts"]
    assert figures(view) == kinds
    card.choose("residuals")
    qtbot.waitUntil(lambda: card.residuals.isVisible() and card.residuals.plot().width() > 200)
    click(card.residuals, 5.0, 0.5)
    qtbot.waitUntil(lambda: view.worst.chosen() == 5)
    card.choose("coverage")
    xs, ys = card.curve.plot._line.getData()
    assert (xs[0], xs[-1], ys[0], ys[-1]) == (0.1, 0.95, 0.0, 1.0)
    card.choose("deviation")
    assert "All molecules have the same deviation" in card._says.text()
    card.choose("scaffolds")
    qtbot.waitUntil(lambda: card.scaffolds.model().rowCount() == 1)
    assert card.scaffolds.model().data(card.scaffolds.model().index(0, 1)) == "40"
    card.choose("facts")
    assert "80 + 10 + 40" in [text.replace("\u2026", "") for text in words(card.facts)]


def test_ring_systems_that_stand_alone_leave_no_titles_over_an_empty_table(qtbot, show):
    alone = numbers()
    alone.result.smiles[:] = [f"C1{'C' * size}C1" for size in range(1, 41)]
    card = show(story(record(metrics={"rmse": 0.5}), alone)).figures
    card.choose("scaffolds")
    qtbot.waitUntil(lambda: card._says.text().startswith("Every test molecule has a ring system of its own"))
    assert (card.scaffolds.model().rowCount(), card.scaffolds.model().columnCount()) == (0, 0)


def test_the_scale_of_deviations_is_named_where_it_is_not_the_targets_own(show):
    card = show(
        story(record(metrics={"rmse": 0.5}), numbers(scale=TaskScale("box-cox", low=0.1, exponent=0.5)))
    ).figures
    card.choose("deviation")
    assert card._says.text().startswith("Rank correlation of Box-Cox powers ")
    card = show(story(record(metrics={"rmse": 0.5}), numbers(scale=TaskScale(mean=1.0)))).figures
    card.choose("deviation")
    assert card._says.text().startswith("All molecules have the same deviation")


def test_classes_get_curves_a_movable_threshold_and_the_sure_mistakes(show):
    view = show(story(record(metrics={"auroc": 0.75}), classes()))
    card = view.figures
    assert figures(view)[:5] == ["roc", "pr", "confusion", "reliability", "scaffolds"]
    assert "Test AUROC" in words(view.tile)
    assert card.curve.plot.isVisible()
    line = card.curve.plot._line.getData()
    assert (line[0][0], line[1][0], line[0][-1], line[1][-1]) == (0, 0, 1, 1)
    axis = card.curve.plot._plot.getPlotItem().getAxis("bottom")
    assert [words for _, words in axis._tickLevels[0]] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    card.choose("pr")
    assert card.curve.plot._line.getData()[1][0] == 1.0
    card.choose("confusion")
    assert card.confusion.grid._table == [[10, 10], [0, 20]]
    assert "precision) 67%" in card.confusion._scores.text()
    card.confusion.slider.setValue(85)
    assert card.confusion.grid._table == [[20, 0], [10, 10]]
    assert "Found (recall) 50%" in card.confusion._scores.text()
    card.choose("reliability")
    assert list(card.curve.plot._dots.getData()[1]) == [0.0, 1.0, 0.0, 1.0]
    assert view.worst.model().data(view.worst.model().index(0, 2)) == "yes"
    assert view.worst.model().rowCount() == 40
    assert not view.share.isVisible()


def test_each_of_several_classes_is_held_against_all_others(show):
    colour = TaskSpec("colour", TaskKind.MULTICLASS, classes=("red", "blue", "green"))
    truth = np.array([0, 1, 2, 1] * 10, dtype=float)
    shares = np.array([[0.8, 0.15, 0.05], [0.3, 0.5, 0.2], [0.2, 0.2, 0.6], [0.5, 0.1, 0.4]] * 10)
    nothing = np.full(40, np.nan)
    known = (colour, ["CCO"] * 40, truth, shares, nothing, nothing, nothing, nothing, ["CCN"], np.array([1.0]))
    view = show(story(record(metrics={"macro_f1": 0.75}), _task_verdict(TaskResult(*known), ())))
    card = view.figures
    assert figures(view)[:5] == ["confusion", "roc", "pr", "reliability", "scaffolds"]
    card.choose("roc")
    picker = card.curve.picker
    assert [picker.itemText(place) for place in range(picker.count())] == ["red", "blue", "green"]
    assert picker.isVisible()
    assert "AUROC 1.00, test set" in words(card)
    picker.setCurrentIndex(1)
    assert "AUROC 0.50, test set" in words(card), "half of the blue ones stand before all others, half behind them"
    card.choose("pr")
    assert "Dashed: guessing, which is right for 50%, the share of positives." in words(card)
    assert picker.currentText() == "blue"
    card.choose("reliability")
    assert list(card.curve.plot._dots.getData()[1]) == [0.5, 0.0, 1.0]
    view = show(story(record(metrics={"rmse": 0.5}), numbers()))
    card.choose("coverage")
    assert card.curve.plot.isVisible()
    assert not picker.isVisible(), "intervals of numbers know no classes"
    view = show(story(record(metrics={"auroc": 0.75}), classes()))
    assert not picker.isVisible(), "of two classes each is the other's rest"


def test_a_class_that_no_test_molecule_has_is_told_in_words(show):
    colour = TaskSpec("colour", TaskKind.MULTICLASS, classes=("red", "blue", "green"))
    shares = np.tile([0.5, 0.4, 0.1], (6, 1))
    nothing = np.full(6, np.nan)
    truth = np.array([0, 1] * 3, dtype=float)
    known = (colour, ["CCO"] * 6, truth, shares, nothing, nothing, nothing, nothing, ["CCN"], np.array([1.0]))
    card = show(story(record(metrics={"macro_f1": 0.3}), _task_verdict(TaskResult(*known), ()))).figures
    card.choose("roc")
    card.curve.picker.setCurrentIndex(2)
    assert "The test molecules are all of one kind: there is nothing to tell apart." in words(card)
    card.choose("pr")
    assert "No test molecule is of this class." in words(card)


def test_classes_say_how_often_the_true_one_was_not_ruled_out(show):
    no, yes, both = frozenset({0}), frozenset({1}), frozenset({0, 1})
    view = show(story(record(metrics={"auroc": 0.75}), classes([yes, no, yes, both] * 10)))
    assert view.share.isVisible()
    said = " ".join(words(view.share))
    assert "hold 75% of the test molecules (30 of 40); 75% of them name one class" in said
    assert "Can I trust the classes?" in said


def test_several_tasks_can_be_chosen_one_by_one(show):
    metrics = {"rmse": 0.6, "rmse/logS": 0.5, "auroc": 0.8}
    view = show(story(record(metrics=metrics), numbers(), classes()))
    tasks = view.figures.task_picker
    assert [tasks.itemText(place) for place in range(tasks.count())] == ["logS", "toxic"]
    assert "Test RMSE, logS" in words(view.tile)
    tasks.setCurrentIndex(1)
    assert view.figures.curve.plot.isVisible()
    assert figures(view)[0] == "roc"
    view.figures.choose("charts")
    assert view.figures.charts.isVisible()


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
    assert view.figures.charts.isVisible()
    assert not view.predict_button.isEnabled()
    assert not view.export_button.isEnabled()
    assert not view._worst_card.isVisible()
    # The ways on stay where they are with a result: one below the other at the bottom.
    assert view.predict_button.geometry().bottom() >= view.predict_button.parentWidget().height() - 2
    assert view.predict_button.y() - view.report_button.geometry().bottom() < 20


def test_old_runs_are_listed_and_their_curves_replayed(qtbot, window, runs_page):
    workspace = Workspace(window.session.workspace)
    for number, status in enumerate((RunState.COMPLETED, RunState.TRAINING)):
        folder = workspace.create(TrainConfig.from_dict({"name": f"run {number}"}))
        kept = record(status, run_id=folder.path.name, name=f"run {number}", created=float(number + 1))
        kept = RunRecord.from_dict({**kept.to_dict(), "run_dir": str(folder.path)})
        folder.write_record(kept)
        events = [StateChanged(run_id="r", seq=0, state=RunState.TRAINING), *EVENTS]
        folder.events.write_text("".join(event.to_json() + "\n" for event in events), encoding="utf-8")
        workspace.save(kept)
    window.session.start_task(runs_page._reload(first=True))
    table = runs_page.table.model()
    qtbot.waitUntil(lambda: table.rowCount() == 2)
    assert [table.data(table.index(row, 1)) for row in range(2)] == ["run 1", "run 0"]
    # The one that claims to train belongs to no living process.
    assert table.data(table.index(0, 2)) == "interrupted"
    runs_page.table.setCurrentIndex(table.index(1, 0))
    qtbot.waitUntil(lambda: runs_page.story is not None and runs_page.story.record.name == "run 0")
    assert runs_page.charts.metric_chart._curves.metrics["rmse"] == [1.0, 0.5, 1 / 3]
    assert runs_page.charts.isVisible()
    qtbot.mouseClick(runs_page.findChild(QPushButton, "showVerdictButton"), Qt.MouseButton.LeftButton)
    assert runs_page.verdict.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert runs_page.table.isVisible()


def test_the_report_is_saved_where_asked(qtbot, window, runs_page, show, tmp_path):
    folder = Workspace(window.session.workspace).create(TrainConfig())
    kept = record(run_dir=str(folder.path))
    folder.write_record(kept)
    TrainConfig().to_yaml(folder.config)
    show(story(kept, numbers()))
    target = tmp_path / "report.html"
    runs_page.save_report(str(target))
    qtbot.waitUntil(target.is_file)
    assert "solubility" in target.read_text(encoding="utf-8")
    with qtbot.waitSignal(window.session.problem_raised) as raised:
        runs_page.save_report(str(tmp_path / "missing" / "report.html"))
    assert "does not exist" in raised.args[0].one_line()
