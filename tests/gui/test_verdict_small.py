"""What a verdict says can be read in a small window too, whatever it has to tell."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtWidgets import QLabel

from app.services.runs import RunStory
from app.services.verdict import Against, Verdict, _task_verdict
from app.widgets.basic import GivingLabel
from app.widgets.run_curves import RunCurves
from app.widgets.verdict_cards import FactsCard
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.events import EpochMetrics
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.inference.bootstrap import Comparison
from mole_engine.inference.results import TaskResult

LOGS = TaskSpec("logS", TaskKind.REGRESSION, "log(mol/L)")
BASELINES = (
    "RDKit descriptors + gradient boosting",
    "RDKit descriptors + extra trees",
    "ECFP4 + random forest",
    "The mean of the training molecules",
)


@pytest.fixture
def small(qtbot, window, runs_page):
    """Return the verdict of a run with four baselines and intervals, in a window of 1024 x 700."""
    size = 20
    truth, one = np.arange(size, dtype=float), np.ones(size)
    known = (LOGS, ["C" * (2 + n) + "O" for n in range(size)], truth, truth + 0.5, truth - 1, truth + 1, one, one)
    found = _task_verdict(TaskResult(*known, ["CCCO"], np.array([1.0])), ())
    against = tuple(Against(name, Comparison("rmse", 0.5, 0.9, 0.4, 0.2, 0.6, size)) for name in BASELINES)
    record = RunRecord(
        run_id="r",
        name="logS",
        status=RunState.COMPLETED,
        metrics={"rmse": 0.5, "mae": 0.4, "r2": 0.9, "pearson": 0.9, "spearman": 0.9},
        counts={"train": 160, "val": 20, "test": size},
        preset="small",
        device="CPU, 2 threads",
    )
    said = ("Beats the baseline by 0.4 RMSE", "RMSE 0.5 against 0.9", "good")
    told = RunStory(record, (), Verdict(record, (replace(found, against=against),), "rmse", *said), None)
    window.resize(1024, 700)
    return show(qtbot, runs_page, told)


def show(qtbot, runs_page, told):
    runs_page._story = told
    runs_page.verdict.show_story(told)
    runs_page._go(2)
    qtbot.wait(100)
    return runs_page.verdict


def learnt(epochs):
    return [
        EpochMetrics(
            epoch=number, total_epochs=20, step=number, train_loss=1.0, validation_loss=1.0,
            metrics={"rmse": 4.0 + 1 / number}, monitor="rmse", is_best=True,
        )
        for number in range(1, epochs + 1)
    ]  # fmt: skip


def test_no_line_of_the_baselines_is_cut(small):
    assert small.share.isVisible()
    lines = [line for line in small.against.findChildren(QLabel) if line.isVisible() and line.text()]
    assert len(lines) >= 3 * len(BASELINES)
    for line in lines:
        assert line.height() >= line.fontMetrics().height(), line.text()
    cards = (small.tile, small.against, small._errors, small.share)
    ends = [(card.mapTo(small._middle, card.rect().topLeft()).y(), card.height()) for card in cards]
    assert all(top + high <= below for (top, high), (below, _) in pairwise(ends))


def test_how_it_was_made_shows_the_values_beside_long_names(qtbot, small):
    small.figures.choose("facts")
    facts = small.figures.findChild(FactsCard)
    qtbot.waitUntil(facts.isVisible)
    names = [name for name in facts.findChildren(GivingLabel) if name.isVisible() and name.text()]
    shown = [label.text() for label in facts.findChildren(QLabel) if label.isVisible() and label not in names]
    assert "160 + 20 + 20" in shown
    assert "Small" in shown


def test_the_title_of_a_figure_is_read_whole_beside_its_pickers(qtbot, window, small):
    card = small.figures

    def is_beside():
        both = (card.findChildren(GivingLabel)[0], card.picker)
        tops = [widget.mapTo(card, widget.rect().center()).y() for widget in both]
        return abs(tops[0] - tops[1]) < 5

    for width, beside in ((1024, False), (1500, True), (1024, False)):
        window.resize(width, 700)
        qtbot.waitUntil(lambda beside=beside: is_beside() is beside)
        for kind in ("parity", "residuals"):
            card.choose(kind)
            title = card.findChildren(GivingLabel)[0]
            assert title.text() in ("Predicted vs measured", "Errors by value")
            qtbot.waitUntil(lambda title=title: title.shown() == title.text())
            qtbot.waitUntil(lambda: card.picker.shown_text() == card.picker.currentText())
            assert is_beside() is beside


def test_the_curves_of_a_run_that_failed_have_the_room_that_its_verdict_leaves(qtbot, window, runs_page):
    record = RunRecord(run_id="f", name="logS", status=RunState.FAILED, error="The disk is full.")
    window.resize(1024, 700)
    nothing = Verdict(record, (), "", "No verdict", "", "")
    view = show(qtbot, runs_page, RunStory(record, tuple(learnt(7)), nothing, None))
    charts = view.figures.charts
    qtbot.waitUntil(lambda: charts.metric_chart.plot is not None)
    assert view.figures.width() > 450
    for chart in (charts.loss_chart, charts.metric_chart):
        assert chart.height() >= chart.minimumSizeHint().height(), "the axis would be cut"


def test_curves_in_a_narrow_verdict_are_scrolled_rather_than_cut(qtbot, small):
    charts = small.figures.charts
    small.figures.choose("charts")
    qtbot.waitUntil(lambda: charts.metric_chart.plot is not None)
    charts.set_curves(RunCurves.replay(learnt(7)))
    both = (charts.loss_chart, charts.metric_chart)
    # The axis would be cut.
    qtbot.waitUntil(lambda: all(chart.height() >= chart.minimumSizeHint().height() for chart in both))
    plot, words = charts.metric_chart.plot, charts.metric_chart._words
    inside = plot.getPlotItem().getViewBox().sceneBoundingRect().adjusted(-1, 0, 1, 0)
    place = words.mapRectToScene(words.boundingRect())
    assert inside.left() <= place.left()
    assert place.right() <= inside.right()
