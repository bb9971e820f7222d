"""A search for settings as the window shows it: lines, table, best trial, repeated and failed trials."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QPoint, Qt

from app.widgets.parallel_plot import Axis, ParallelPlot
from app.widgets.search_panel import SearchPanel, setting_words
from mole_engine.contracts.events import Notice, TrialFinished


def trial(number, value, state="complete", best=False, **settings):
    known = {"training.learning_rate": 1e-4 * number, "model.pooling": ("cls", "mean")[number % 2], **settings}
    return TrialFinished(
        number=number, settings=known, value=value, state=state, best=best, total=9, monitor="val/rmse", seconds=31.0
    )


TRIALS = [trial(1, 1.2, best=True), trial(2, 0.8, best=True), trial(3, 0.9, "pruned"), trial(4, math.nan, "failed")]


@pytest.fixture
def panel(qtbot):
    made = SearchPanel()
    qtbot.addWidget(made)
    made.resize(720, 640)
    made.show()
    qtbot.waitExposed(made)
    for event in TRIALS:
        made.add_trial(event)
    return made


def texts(table, row):
    return [table.model().data(table.model().index(row, column)) for column in range(table.model().columnCount())]


def test_trials_fill_the_table_and_name_the_best(panel):
    assert panel._note.text() == "4 of 9 trials"
    assert panel._best.text() == "Best so far: RMSE 0.800 in trial 2, with learning rate 2e-4, pooling cls."
    assert panel.table.model().rowCount() == 4
    assert texts(panel.table, 1) == ["2", "finished", "0.800", "2e-4", "cls", "31 s"]
    assert texts(panel.table, 3)[:3] == ["4", "failed", "–"]


def test_a_trial_that_is_told_again_counts_once_and_a_log_replays(panel):
    panel.add_trial(trial(2, 0.7, best=True))
    assert len(panel.trials) == 4
    assert "RMSE 0.700 in trial 2" in panel._best.text()
    panel.replay([Notice(message="x"), *TRIALS, trial(3, 0.5, best=True)])
    assert [event.number for event in panel.trials] == [1, 2, 3, 4]
    assert "trial 3" in panel._best.text()
    panel.replay([])
    assert panel.table.model().rowCount() == 0


def test_a_line_can_be_pointed_at(qtbot, panel):
    line = panel.plot.lines()[1]
    middle = (line[0] + line[1]) / 2
    with qtbot.waitSignal(panel.plot.trial_pointed) as pointed:
        qtbot.mouseClick(panel.plot, Qt.MouseButton.LeftButton, pos=QPoint(round(middle.x()), round(middle.y())))
    assert pointed.args == [1]
    assert panel.table.chosen() == 1
    with qtbot.waitSignal(panel.curves_asked):
        panel.findChild(object, "trialsCurvesButton").click()


def test_axes_are_logarithmic_where_numbers_span_decades_and_ordered_for_words():
    rates = Axis("rate", (1e-5, 1e-3, 1e-4))
    assert rates.places() == pytest.approx([0.0, 1.0, 0.5])
    assert Axis("dropout", (0.0, 0.2, 0.1)).places() == pytest.approx([0.0, 1.0, 0.5])
    assert Axis("pooling", ("mean", "cls", None)).places()[:2] == [1.0, 0.0]
    assert math.isnan(Axis("pooling", ("mean", "cls", None)).places()[2])
    assert Axis("flag", (True, False)).places() == [1.0, 0.0]
    assert Axis("same", (3, 3)).places() == [0.5, 0.5]
    assert Axis("nothing", (None,)).ends() == ("", "")
    assert rates.ends() == ("1e-5", "1e-3")
    assert [setting_words(value) for value in (True, 0.123456, 16, "cls", None)] == ["on", "0.123", "16", "cls", "–"]


def test_a_plot_without_trials_draws_nothing(qtbot):
    plot = ParallelPlot()
    qtbot.addWidget(plot)
    plot.show()
    qtbot.waitExposed(plot)
    assert plot.lines() == []
