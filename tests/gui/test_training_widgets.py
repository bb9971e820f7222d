"""Charts, presets, form and log by themselves: what they show, and what they tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontMetrics
from PySide6.QtWidgets import QComboBox, QSpinBox, QWidget

from app.theme import DARK, LIGHT, text_font, theme
from app.widgets.config_fields import NumberEdit, field_specs, number_text
from app.widgets.config_form import ConfigForm, FormSection
from app.widgets.event_log import EventLog
from app.widgets.live_chart import LossChart, MetricChart, RunCharts
from app.widgets.preset_list import PresetList
from app.widgets.preset_settings import PresetSettings
from app.widgets.run_curves import RunCurves
from mole_engine.contracts.config import ModelConfig, TrainConfig, TrainingConfig
from mole_engine.contracts.errors import InputError, Problem
from mole_engine.contracts.events import (
    CheckpointSaved,
    EpochMetrics,
    Notice,
    RunFailed,
    RunFinished,
    StageProgress,
    StateChanged,
    StepMetrics,
)
from mole_engine.contracts.presets import list_presets
from mole_engine.contracts.run_state import RunState


def step(number, loss, total=8, epochs=4):
    epoch = (number - 1) * epochs // total + 1
    return StepMetrics(
        step=number, total_steps=total, epoch=epoch, total_epochs=epochs, loss=loss, learning_rate=1e-3, eta_seconds=91
    )


def epoch(number, rmse, best=False, validation=0.5, epochs=4, **more):
    metrics = {"rmse": rmse, "mae": rmse / 2, **more}
    return EpochMetrics(
        epoch=number,
        total_epochs=epochs,
        step=number * 2,
        train_loss=1 / number,
        validation_loss=validation,
        metrics=metrics,
        monitor="rmse",
        is_best=best,
    )


EVENTS = [step(1, 2.0), step(2, 1.0), epoch(1, 1.4, best=True), step(3, 0.5), step(4, -0.1), epoch(2, 0.7, best=True)]
EVENTS += [step(5, 0.4), epoch(3, 0.9)]


def lines(chart):
    """Points of each curve; pyqtgraph says None where there are none."""
    items = chart.plot.getPlotItem().listDataItems()
    return {item.name(): [[] if part is None else part for part in item.getData()] for item in items}


def test_curves_stand_over_epochs_and_mark_the_kept_one():
    curves = RunCurves.replay(EVENTS)
    assert list(curves.steps.epochs[:2]) == [0.5, 1.0]
    assert curves.epochs == [1.0, 2.0, 3.0]
    assert curves.metrics["rmse"] == [1.4, 0.7, 0.9]
    assert curves.marked("rmse") == (1, "best")
    assert curves.marked("mae") == (1, "")
    assert curves.metric_names()[0] == "rmse"
    assert curves.total_epochs == 4
    curves.add(StateChanged(state=RunState.EVALUATING, kept_epoch=3))
    assert curves.marked("rmse") == (2, "kept"), "the last epoch was kept, not the best"
    curves.add(StateChanged(state=RunState.EVALUATING, kept_epoch=2))
    assert curves.marked("rmse") == (1, "best")


def test_a_metric_that_appears_late_stays_with_its_epoch():
    curves = RunCurves.replay([epoch(1, 1.0), epoch(2, 0.9, r2=0.5)])
    assert math.isnan(curves.metrics["r2"][0])
    assert curves.metrics["r2"][1] == 0.5
    several = RunCurves.replay([epoch(1, 1.0, **{"rmse/a": 1.0, "rmse/b": 2.0})])
    assert several.metric_names() == ["rmse", "mae", "rmse/a", "rmse/b"]


def test_smoothing_has_no_bias_at_the_start():
    level = RunCurves.replay(step(number, 5.0) for number in (1, 2, 3))
    assert list(level.steps.calm_losses) == pytest.approx([5.0, 5.0, 5.0])
    shaken = RunCurves.replay(step(number, 10.0 * (number % 2), total=200) for number in range(1, 101))
    assert 4.0 < shaken.steps.calm_losses[-1] < 6.0


def test_loss_chart_draws_steps_and_both_means(shown):
    chart = shown(LossChart())
    assert chart.plot.objectName() == "lossPlot"
    chart.set_curves(RunCurves.replay(EVENTS))
    drawn = lines(chart)
    assert list(drawn["train steps"][0]) == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert list(drawn["validation"][1]) == [0.5, 0.5, 0.5]
    (low, high), _ = chart.plot.getPlotItem().viewRange()
    assert low <= 0
    assert high >= 4


def test_an_empty_chart_of_a_run_that_is_over_promises_nothing(shown):
    charts = shown(RunCharts("old"))
    charts.set_curves(RunCurves())
    assert "ended before its first values" in charts.loss_chart._hint.text()
    charts.set_curves(RunCurves(), over=False)
    assert "once training has begun" in charts.loss_chart._hint.text()


def test_log_scale_leaves_out_what_has_no_logarithm(shown):
    chart = shown(LossChart())
    chart.set_curves(RunCurves.replay(EVENTS))
    chart.log_button.click()
    losses = lines(chart)["train steps"][1]
    assert losses[0] == pytest.approx(np.log10(2.0))
    assert not np.isfinite(losses[3])
    labels = chart.plot.getPlotItem().getAxis("left").tickStrings([-1.0, 0.0, 1.0], 1, 1)
    assert labels == ["0.1", "1", "10"]


def test_smooth_replaces_the_mean_of_epochs(shown):
    chart = shown(LossChart())
    chart.set_curves(RunCurves.replay(EVENTS))
    assert len(lines(chart)["train"][0]) == 3
    chart.smooth_button.click()
    assert len(lines(chart)["train"][0]) == 5


def test_metric_chart_offers_metrics_and_marks_the_best(shown):
    chart = shown(MetricChart())
    chart.set_unit("log(mol/L)")
    chart.set_curves(RunCurves.replay(EVENTS))
    assert [chart.picker.itemText(place) for place in range(chart.picker.count())] == ["RMSE", "MAE"]
    assert chart._words.toPlainText() == "best 0.700 · epoch 2"
    assert chart._note.text() == "log(mol/L), validation"
    chart.picker.setCurrentIndex(1)
    assert list(lines(chart)["validation"][1]) == [0.7, 0.35, 0.45]
    assert chart._words.toPlainText() == "0.350 · epoch 2"


def test_the_thin_line_of_a_metric_is_named_where_there_is_one(shown):
    chart, curves = shown(MetricChart()), RunCurves.replay(EVENTS)
    curves.train_metrics["rmse"] = [0.9, 0.5, 0.3]
    chart.set_curves(curves)
    assert chart._note.text() == "validation; thin line: training"


def test_charts_grow_while_events_come_and_keep_the_choice(qtbot, shown):
    chart = shown(MetricChart())
    curves = RunCurves()
    chart.set_curves(curves)
    for event in EVENTS[:3]:
        curves.add(event)
    chart.refresh()
    qtbot.waitUntil(lambda: len(lines(chart)["validation"][0]) == 1)
    chart.picker.setCurrentIndex(1)
    for event in EVENTS[3:]:
        curves.add(event)
    chart.refresh()
    qtbot.waitUntil(lambda: len(lines(chart)["validation"][0]) == 3)
    assert chart.picker.currentText() == "MAE"


def test_charts_follow_the_theme(shown):
    theme.set_mode("light")
    chart = shown(LossChart())
    chart.set_curves(RunCurves.replay(EVENTS))
    assert chart._train.opts["pen"].color() == QColor(LIGHT.train)
    theme.set_mode("dark")
    assert chart._train.opts["pen"].color() == QColor(DARK.train)
    assert chart.plot.backgroundBrush().color() == QColor(DARK.surface)
    assert chart.plot.getPlotItem().getAxis("bottom").labelStyle["color"].upper() == DARK.muted
    theme.set_mode("system")


def test_a_plot_can_be_found_by_name_before_it_is_made(qtbot):
    chart = LossChart()
    qtbot.addWidget(chart)
    assert chart.findChild(QWidget, "lossPlot").accessibleName()
    chart.ensure_plot()
    assert chart.findChild(QWidget, "lossPlot").accessibleName()
    assert chart.findChild(QWidget, "lossPlot") is chart.plot


def test_presets_can_be_chosen_with_the_keyboard(qtbot, shown):
    presets = list_presets()
    cards = shown(PresetList(presets), 260, 500)
    cards.select(presets[0].name)
    with qtbot.waitSignal(cards.chosen) as chosen:
        qtbot.keyClick(cards, Qt.Key.Key_Down)
    assert chosen.args == [presets[1].name]
    cards.set_times({presets[1].name: "about 4 min"})
    words = cards.currentItem().data(Qt.ItemDataRole.AccessibleTextRole)
    assert presets[1].title in words
    assert "about 4 min" in words


def form_of(qtbot):
    form = ConfigForm(
        (FormSection("Training", "training", TrainingConfig), FormSection("Network", "model", ModelConfig))
    )
    qtbot.addWidget(form)
    form.show()
    qtbot.waitUntil(form.editor("training.epochs").isVisible)
    return form


def test_form_has_every_setting_with_its_range_and_default(qtbot):
    form = form_of(qtbot)
    epochs = form.editor("training.epochs")
    assert isinstance(epochs, QSpinBox)
    assert (epochs.minimum(), epochs.maximum(), epochs.value()) == (1, 10_000, TrainConfig().training.epochs)
    schedule = form.editor("training.schedule")
    assert isinstance(schedule, QComboBox)
    assert schedule.findText("cosine") >= 0
    assert "Learning rate after the warm-up." in schedule.toolTip()
    assert isinstance(form.editor("training.learning_rate"), NumberEdit)
    fields = {f"training.{name}" for name in TrainingConfig.model_fields}
    assert fields <= set(form._rows)


def test_form_marks_changes_and_puts_them_back(qtbot):
    form = form_of(qtbot)
    preset = list_presets()[0].config()
    form.set_base(preset)
    assert form.changes() == {}
    rate = form.editor("training.learning_rate")
    rate.setText("1e-4")
    with qtbot.waitSignal(form.edited) as edited:
        rate.editingFinished.emit()
    assert edited.args == ["training.learning_rate"]
    assert form.changes() == {"training": {"learning_rate": 1e-4}}
    assert form.config().training.learning_rate == 1e-4
    reset = form.findChild(QWidget, "reset.training.learning_rate")
    assert reset.isVisible()
    reset.click()
    assert form.changes() == {}
    assert not reset.isVisible()


def test_form_refuses_what_is_out_of_range_and_what_does_not_fit_together(qtbot):
    form = form_of(qtbot)
    rate = form.editor("training.learning_rate")
    before = form.value("training.learning_rate")
    rate.setText("7")
    rate.editingFinished.emit()
    assert form.value("training.learning_rate") == before
    form.editor("model.heads").setValue(7)
    with pytest.raises(InputError, match="multiple of heads"):
        form.config()
    assert "multiple of heads" in form._fault.text()
    assert form._fault.isVisible()


def test_changes_survive_another_base_only_where_asked(qtbot):
    form = form_of(qtbot)
    form.set_value("training.epochs", 7)
    form.set_value("model.layers", 2)
    form.set_base(TrainConfig(), keep=("training",))
    assert form.changed_paths() == ["training.epochs"]
    assert form.value("model.layers") == TrainConfig().model.layers


def test_rare_settings_are_shown_on_request(qtbot):
    form = form_of(qtbot)
    rare = next(spec for spec in field_specs(TrainingConfig, "training") if spec.advanced)
    assert not form.editor(rare.path).isVisible()
    form._rare.click()
    assert form.editor(rare.path).isVisible()


def test_a_setting_that_is_zero_shows_its_zero(shown):
    form = shown(ConfigForm((FormSection("Training", "training", TrainingConfig),)))
    assert form.editor("training.head_learning_rate").text() == "0"


def test_lines_of_the_log_are_as_high_as_their_words(shown):
    log = shown(EventLog())
    log.setFixedWidth(300)
    at_once = "Judging the model: 60 molecules"
    log.replay([Notice(run_id="r", seq=0, time=0.0, level="info", message=at_once)])
    rule = QFontMetrics(text_font(12))
    assert rule.horizontalAdvance(at_once) < 300 - 58
    assert log.sizeHintForRow(0) < 2 * rule.height()


def test_numbers_are_written_as_one_types_them():
    assert [number_text(value) for value in (2e-4, 0.1, 1.0, 0.0, 5e-7)] == ["2e-4", "0.1", "1", "0", "5e-7"]


def test_event_log_speaks_in_words_newest_first(qtbot):
    log = EventLog()
    qtbot.addWidget(log)
    for event in (
        StateChanged(state=RunState.QUEUED),
        StageProgress(stage="Checking molecules", done=3, total=10),
        StageProgress(stage="Checking molecules", done=10, total=10),
        step(1, 1.0),
        CheckpointSaved(path="x", epoch=1, monitor="rmse", value=1.4, is_best=True),
        CheckpointSaved(path="x", epoch=2, monitor="rmse", value=0.7, is_best=True),
        CheckpointSaved(path="x", epoch=3, monitor="rmse", value=0.9),
        Notice(message="the batch was halved", level="warning"),
        RunFinished(status=RunState.COMPLETED, seconds=91),
    ):
        log.add(event)
    assert log.lines() == [
        "Completed in 1 min 31 s",
        "The batch was halved",
        "Lowest RMSE so far: 0.700, epoch 2",
        "Checking molecules: 10 molecules",
    ]
    log.replay([RunFailed(problem=Problem("No target.", "", "Choose one."))])
    assert log.lines() == ["No target. Choose one."]


def test_of_each_network_the_events_tell_only_the_newest_checkpoint(qtbot):
    log = EventLog()
    qtbot.addWidget(log)
    saves = [
        CheckpointSaved(
            path="x", epoch=epoch, monitor="rmse", value=2 - epoch / 9, is_best=True, network=n, epochs_before=n
        )
        for n, epoch in ((1, 2), (1, 3), (1, 4), (2, 3), (2, 5))
    ]
    newest = ["Network 2: lowest RMSE so far: 1.44, epoch 3", "Network 1: lowest RMSE so far: 1.56, epoch 3"]
    for event in saves:
        log.add(event)
    assert log.lines() == newest
    log.replay(saves)
    assert log.lines() == newest


@pytest.mark.parametrize("way", ["one by one", "together"])
def test_notices_that_read_like_a_checkpoint_do_not_replace_each_other(qtbot, way):
    log = EventLog()
    qtbot.addWidget(log)
    said = [Notice(message=f"Molecules left out so far: {number}") for number in (3, 7)]
    # A target may be called as it likes.
    saves = [
        CheckpointSaved(path="x", epoch=epoch, monitor=f"rmse/y so far: {task}", value=1.0, is_best=True)
        for epoch, task in ((1, "a"), (2, "b"))
    ]
    if way == "together":
        log.replay([*said, *saves])
    else:
        for event in (*said, *saves):
            log.add(event)
    assert log.lines()[2:] == ["Molecules left out so far: 7", "Molecules left out so far: 3"]
    assert len(log.lines()) == 4


def test_a_learning_rate_that_cannot_be_is_refused_in_words_beside_the_presets(qtbot):
    specs = {spec.path: spec for spec in field_specs(TrainConfig.model_fields["training"].annotation, "training")}
    card = PresetSettings(specs["training.epochs"], specs["training.learning_rate"], "")
    qtbot.addWidget(card)
    card.show_values(10, 1e-3, "auto")
    card.show()
    card.rate.selectAll()
    qtbot.keyClicks(card.rate, "5")
    card.rate.clearFocus()
    card.rate.editingFinished.emit()
    assert "stays 1e-3, since 5 cannot be" in card.refused.text()
    assert card.refused.isVisible()
    card.show_values(10, 1e-3, "auto")
    assert card.refused.isVisible()
    qtbot.keyClicks(card.rate, "2e-3")
    assert not card.refused.isVisible()


def test_the_form_of_all_settings_is_built_a_few_rows_a_turn(qtbot):
    form = ConfigForm([FormSection("Training", "training", TrainingConfig)])
    qtbot.addWidget(form)
    form.show()
    # As many as fit into a blink; the rest comes while the window goes on.
    assert 0 < len(form._rows) < 10
    qtbot.waitUntil(lambda: len(form._rows) == len(field_specs(TrainingConfig, "training")))
    assert form._rows["training.learning_rate"].editor.value() == TrainConfig().training.learning_rate
