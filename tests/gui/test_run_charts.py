"""Reading, zooming and comparing in the charts of a run; many points; a run that went back."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from app.theme import theme
from app.widgets.basic import GivingLabel
from app.widgets.live_chart import LossChart, MetricChart, RunCharts
from app.widgets.pinned_molecules import PinnedMolecule, PinnedMolecules
from app.widgets.run_curves import RunCurves, nearest
from app.widgets.sparkline import thinned
from app.widgets.trend_strip import TrendStrip
from mole_engine.contracts.events import BaselineReady, EpochMetrics, PinnedPredictions, StepMetrics

EPOCHS = 40


def step(number, loss=1.0, total=400, **more):
    return StepMetrics(
        step=number,
        total_steps=total,
        epoch=1 + number * EPOCHS // (total + 1),
        total_epochs=EPOCHS,
        loss=loss,
        learning_rate=2e-4,
        **more,
    )


def epoch(number, rmse=0.9, best=False, **more):
    metrics = {"rmse": rmse, "mae": rmse / 2, **more}
    return EpochMetrics(
        epoch=number,
        total_epochs=EPOCHS,
        step=10 * number,
        train_loss=1 / number,
        validation_loss=2 / number,
        metrics=metrics,
        monitor="rmse",
        is_best=best,
        train_metrics={"rmse": rmse / 3},
    )


def run_of(epochs=12):
    events = [BaselineReady(name="mean", title="Mean of the training molecules", metrics={"rmse": 1.9, "mae": 1.5})]
    events += [step(number, 2 / number) for number in range(1, 10 * epochs + 1)]
    events += [epoch(number, 1.5 / number, best=True) for number in range(1, epochs + 1)]
    return RunCurves.replay(events)


def spans(chart):
    return chart.plot.getPlotItem().viewRange()


def wheel(qtbot, chart, at=None):
    """Turn the wheel over a chart, as a user does to zoom in."""
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    view = chart.plot.viewport()
    spot = at or view.rect().center()
    event = QWheelEvent(
        QPointF(spot),
        QPointF(view.mapToGlobal(spot)),
        QPoint(0, 0),
        QPoint(0, 360),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def test_a_baseline_stands_there_before_the_first_epoch_with_its_name(shown):
    chart = shown(MetricChart())
    curves = RunCurves(EPOCHS)
    curves.add(BaselineReady(name="fingerprints", title="ECFP4 + random forest", metrics={"rmse": 0.86, "r2": 0.4}))
    chart.set_curves(curves)
    assert chart.baseline_texts() == ["ECFP4 + random forest 0.860"]
    assert chart.picker.currentText() == "RMSE"
    low, high = spans(chart)[1]
    assert low < 0.86 < high
    chart.picker.setCurrentIndex(chart.picker.findData("r2"))
    assert chart.baseline_texts() == ["ECFP4 + random forest 0.400"]


def test_the_first_epoch_brings_the_metric_that_counts_unless_another_was_chosen(shown):
    for by_hand in (False, True):
        chart = shown(MetricChart())
        curves = RunCurves(EPOCHS)
        chart.set_curves(curves)
        curves.add(BaselineReady(name="mean", title="mean", metrics={"mae": 1.5, "rmse": 1.9}))
        chart._draw_now()
        assert chart.picker.currentData() == "mae"
        if by_hand:
            chart.picker.setCurrentIndex(1)
            chart.picker.setCurrentIndex(0)
        curves.add(epoch(1))
        chart._draw_now()
        assert chart.picker.currentData() == ("mae" if by_hand else "rmse")


def test_names_of_baselines_that_are_close_do_not_stand_on_each_other(shown):
    chart = shown(MetricChart())
    curves = run_of()
    for name, value in (("a", 0.86), ("b", 0.855), ("c", 0.85)):
        curves.add(BaselineReady(name=name, title=name, metrics={"rmse": value}))
    chart.set_curves(curves)
    pixel = chart.plot.getPlotItem().getViewBox().viewPixelSize()[1]
    places = sorted(words.pos().y() for words in chart._baselines._words)
    assert min(np.diff(places)) >= 13 * pixel


@pytest.mark.parametrize(
    ("values", "curve"),
    [
        ((0.95, 0.94, 0.93), lambda number: 0.9 - 0.002 * number),
        ((1.5, 0.76, 0.73), lambda number: 0.7 + 0.8 / number),
        ((0.85, 0.8, -0.1), lambda number: 0.9 - 1 / number),
        ((1.5, 0.76, 0.73), lambda number: 2 - 0.015 * number),
    ],
)
@pytest.mark.parametrize("size", [(540, 300), (330, 245)])
def test_names_of_baselines_are_inside_the_chart_and_off_the_curve_and_each_other(shown, values, curve, size):
    chart = shown(MetricChart(), *size)
    titles = ("Mean of the training molecules", "ECFP4 + Gaussian process", "ECFP4 + random forest")
    events = [
        BaselineReady(name=title, title=title, metrics={"rmse": value})
        for title, value in zip(titles, values, strict=True)
    ]
    events += [epoch(number, curve(number), best=True) for number in range(1, EPOCHS + 1)]
    chart.set_curves(RunCurves.replay(events))
    box = chart.plot.getPlotItem().getViewBox()
    wide, high = box.viewPixelSize()
    # Around the letters there is a margin of 4 pixels.
    places = [
        words.mapRectToView(words.boundingRect()).adjusted(0, 4 * high, 0, -4 * high)
        for words in [*chart._baselines._words, chart._words]
    ]
    view = box.viewRect()
    for number, place in enumerate(places[:3]):
        assert view.top() - high <= place.top() < place.bottom() <= view.bottom() + high
        assert view.left() <= place.left() + wide
        assert place.right() <= view.right() + wide
        assert not any(place.intersects(other) for other in places[:number] + places[number + 1 :])
        xs = np.linspace(max(place.left(), 1), place.right(), 200)
        ys = np.interp(xs, np.arange(1, EPOCHS + 1), [curve(step) for step in range(1, EPOCHS + 1)])
        assert not ((ys > place.top()) & (ys < place.bottom()))[xs <= EPOCHS].any()
    aligned = [place.center().y() for place in places[:3] if abs(place.right() - places[0].right()) < wide]
    assert aligned == sorted(aligned, reverse=True), "the names are in the order of their lines"


def test_a_baseline_that_is_zoomed_out_of_the_chart_takes_its_name_along(shown):
    chart = shown(MetricChart())
    chart.set_curves(run_of())
    (words,) = chart._baselines._words
    assert words.isVisible()
    chart.plot.setYRange(0.1, 0.5)
    assert not words.isVisible()
    chart.fit()
    assert words.isVisible()


def test_the_words_at_the_best_epoch_stay_inside_a_narrow_chart(shown):
    chart = shown(MetricChart(), 300, 220)
    chart.set_curves(RunCurves.replay([epoch(number, 1.0 - 0.01 * number, best=True) for number in range(1, 32)]))
    box = chart.plot.getPlotItem().getViewBox()
    words = chart._words.mapRectToView(chart._words.boundingRect())
    assert words.right() <= box.viewRange()[0][1]


def test_the_last_epoch_is_always_on_the_axis(shown):
    chart = shown(LossChart())
    chart.set_curves(run_of())
    axis = chart.plot.getPlotItem().getAxis("bottom")
    for last in (7, 24, 40, 300, 4711):
        axis.last_tick = last
        ticks = axis.tickValues(-0.02 * last, 1.02 * last, 500)[0][1]
        assert ticks[0] == 0
        assert ticks[-1] == last
        assert len(ticks) <= 9
        assert all(tick == int(tick) for tick in ticks)


def test_zooming_one_chart_zooms_the_other_and_whole_run_goes_back(qtbot, shown):
    charts = shown(RunCharts(), 1200)
    charts.set_curves(run_of(), over=False)
    before = spans(charts.metric_chart)[0]
    wheel(qtbot, charts.loss_chart)
    low, high = spans(charts.loss_chart)[0]
    assert high - low < before[1] - before[0]
    assert spans(charts.metric_chart)[0] == pytest.approx([low, high])
    assert charts.loss_chart.fit_button.isVisible()
    assert charts.metric_chart.fit_button.isVisible()
    # What comes in now does not take the place away under the reader's eye.
    charts.loss_chart._curves.add(step(390, 5.0))
    charts.loss_chart._draw_now()
    assert spans(charts.loss_chart)[0] == pytest.approx([low, high])
    qtbot.mouseClick(charts.metric_chart.fit_button, Qt.MouseButton.LeftButton)
    assert spans(charts.loss_chart)[0] == pytest.approx(before)
    assert not charts.loss_chart.fit_button.isVisible()


def test_the_crosshair_tells_the_values_in_both_charts(qtbot, shown):
    charts = shown(RunCharts(), 1200)
    charts.set_curves(run_of())
    chart = charts.loss_chart
    box = chart.plot.getPlotItem().getViewBox()
    spot = chart.plot.mapFromScene(box.mapViewToScene(QPointF(6.2, spans(chart)[1][1] / 2)))
    qtbot.mouseMove(chart.plot.viewport(), spot)
    qtbot.waitUntil(lambda: "validation 0.333" in chart.crosshair.text())
    assert "validation 0.250" in charts.metric_chart.crosshair.text()
    assert "train 0.0833" in charts.metric_chart.crosshair.text()
    charts.loss_chart.link.pointed.emit(math.nan)
    assert chart.crosshair.text() == ""


def test_clip_lets_a_spike_leave_and_log_keeps_its_place(shown):
    chart = shown(LossChart())
    curves = RunCurves.replay([step(number, 1.0 + number % 3) for number in range(1, 200)])
    curves.add(step(200, 1e6))
    chart.set_curves(curves)
    assert spans(chart)[1][1] > 1e5
    chart.clip_button.click()
    assert spans(chart)[1][1] < 10
    chart.log_button.click()
    assert spans(chart)[1][1] < 1


def test_each_target_can_be_chosen(shown):
    chart = shown(MetricChart())
    curves = RunCurves.replay([epoch(1, 1.0, **{"rmse/a": 0.5, "rmse/b": 1.5}), epoch(2, 0.8, **{"rmse/a": 0.4})])
    chart.set_curves(curves)
    assert [chart.picker.itemText(place) for place in range(chart.picker.count())] == ["RMSE", "MAE"]
    assert chart.task_picker.isVisible()
    chart.task_picker.setCurrentIndex(chart.task_picker.findData("a"))
    assert chart._title.text() == "RMSE, a"
    assert list(chart._line.getData()[1]) == [0.5, 0.4]
    # A metric that single targets do not have shows its mean.
    chart.picker.setCurrentIndex(1)
    assert chart._title.text() == "MAE"


def test_a_run_that_went_back_to_its_checkpoint_has_one_line():
    events = [step(number) for number in range(1, 41)] + [epoch(1), epoch(2), epoch(3), epoch(4, best=True)]
    again = [step(number, 9.0) for number in range(31, 50)] + [epoch(4, 0.1)]
    curves = RunCurves.replay([*events, *again])
    assert list(curves.steps.epochs) == sorted(set(curves.steps.epochs))
    assert len(curves.steps.epochs) == 49
    assert curves.steps.losses[29:32].tolist() == [1.0, 9.0, 9.0]
    assert curves.epochs == [1, 2, 3, 4]
    assert curves.metrics["rmse"] == [0.9, 0.9, 0.9, 0.1]
    assert len(curves.train_losses) == len(curves.train_metrics["rmse"]) == 4


def test_networks_that_follow_each_other_are_laid_over_each_other(shown):
    own = 10
    events = []
    for network in (1, 2, 3):
        before = own * (network - 1)
        for number in range(1, own + 1 if network < 3 else 5):
            placed = {"network": network, "networks": 4, "epochs_before": before}
            events.append(replace(step(10 * (before + number), network / number), network_epochs=own, **placed))
            # The best of the second is far better than that of the third, whose folds are others.
            events.append(replace(epoch(before + number, network % 2 + 1 / number, best=True), **placed))
    charts = shown(RunCharts())
    charts.set_curves(RunCurves.replay(events))
    loss, metric = charts.loss_chart, charts.metric_chart
    assert spans(metric)[0][1] == pytest.approx(own, abs=0.5)
    assert metric._line.getData()[0].tolist() == [1, 2, 3, 4]
    assert metric._line.getData()[1][-1] == pytest.approx(1.25)
    earlier = metric._earlier.getData()[0]
    assert np.nanmax(earlier) == own
    assert np.isnan(earlier).sum() == 2, "the line does not go back from one network to the next"
    assert loss._steps.getData()[0].max() == pytest.approx(4)
    assert "network 3 of 4" in metric._note.text()
    assert metric._words.textItem.toPlainText() == "best 1.25 · epoch 4"
    assert ("validation 1.25", "validation") in metric._readings(4.0)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_dot_of_a_first_epoch_has_the_colour_of_its_line(shown, mode):
    charts = shown(RunCharts())
    charts.set_curves(RunCurves.replay([step(1), epoch(1)]))
    theme.set_mode(mode)
    for chart in (charts.loss_chart, charts.metric_chart):
        lines = {line.name(): line for line in chart.plot.getPlotItem().listDataItems() if line.name()}
        for name, color in (("train", theme.palette().train), ("validation", theme.palette().validation)):
            line = lines[name]
            assert line.opts["symbol"] == "o"
            assert QColor(line.opts["symbolBrush"].color()).name() == QColor(line.opts["pen"].color()).name()
            if chart is charts.loss_chart:
                assert line.opts["symbolBrush"].color() == QColor(color)
    theme.set_mode("system")


def test_a_hundred_thousand_steps_are_drawn_in_milliseconds(qtbot, shown):
    """Measured as the processor time of this thread, which other work on the machine does not lengthen much."""
    rng = np.random.default_rng(0)
    curves = RunCurves(EPOCHS)
    for number, loss in enumerate(rng.random(100_000), start=1):
        curves.add(step(number, float(loss), total=100_000))
    chart = shown(LossChart())
    chart.set_curves(curves)
    chart.smooth_button.click()
    spent = []
    for _ in range(7):
        begun = time.thread_time()
        chart._draw_now()
        chart.plot.viewport().repaint()
        spent.append(time.thread_time() - begun)
    drawn = chart._steps.curve.getData()[0]
    assert len(drawn) < 10_000
    # 30 ms are promised on an ordinary machine; a tenfold slower one still passes.
    assert sorted(spent)[3] < 0.3


def test_small_charts_show_the_newest_value_and_thin_out(qtbot, shown):
    strip = shown(TrendStrip(), 600, 80)
    curves = RunCurves(EPOCHS)
    curves.add(step(1, gradient_norm=1.234, molecules_per_second=2140.4, memory_bytes=3_100_000_000))
    curves.add(step(2, gradient_norm=math.nan))
    strip.set_curves(curves)
    assert strip.values() == ["2e-4", "1.23", "2,140", "3.1 GB"]
    # As wide as in windows of 1280 and 1024 pixels: every name can be read beside its value.
    theme.apply(QApplication.instance())
    curves.add(replace(step(3), learning_rate=5.14e-5))
    strip.set_curves(curves)
    names = [name for name in strip.findChildren(GivingLabel) if name.text()]
    for width in (569, 330, 569):
        strip.resize(width, strip.height())
        qtbot.waitUntil(lambda width=width: strip.width() == width and strip.values()[0] == "5.1e-5")
        qtbot.waitUntil(lambda: [name.shown() for name in names] == [name.text() for name in names], timeout=5_000)
        rows = 1 if width > 500 else 2
        qtbot.waitUntil(lambda rows=rows: len({name.mapTo(strip, QPoint()).y() for name in names}) == rows)
    values = [math.nan, *np.sin(np.arange(10_000) / 50), 7.0]
    points = thinned(values, 50)
    assert len(points) <= 102
    assert points[-1] == (10_001.0, 7.0)
    assert max(value for _, value in points) == 7.0
    assert [place for place, _ in points] == sorted(place for place, _ in points)


def test_pinned_predictions_move_from_epoch_to_epoch(qtbot, shown):
    class Drawings:
        from app.services.depictions import DepictionService

    depictions = Drawings.DepictionService()
    card = shown(PinnedMolecules(depictions), 300, 200)
    card.set_molecules([PinnedMolecule("CCO", -0.77, "−0.77"), PinnedMolecule("CCC")])
    curves = RunCurves(EPOCHS)
    for number, value in ((1, -2.0), (2, -1.0), (2, -0.9)):
        curves.add(
            PinnedPredictions(epoch=number, smiles=("CCO", "CCC"), outputs=("logS",), values=((value,), (math.nan,)))
        )
    card.set_curves(curves)
    assert card.words() == ["−0.90 measured −0.77", "–"]
    card.setFixedWidth(270)
    qtbot.waitUntil(lambda: card.width() == 270)
    assert card._cells[0]._measured.text() == "/ −0.77", "the number is not cut off in the window's narrow column"
    assert curves.pinned["CCO"] == ([1.0, 2.0], [-2.0, -0.9])
    with qtbot.waitSignal(card.chosen) as chosen:
        card.choose_button.click()
        dialog = card.window().findChild(object, "pinDialog")
        dialog.edit.setPlainText("CCN\n\n CCN \nCCCl")
        dialog.findChild(object, "pinTakeButton").click()
    assert chosen.args == [["CCN", "CCCl"]]
    depictions.close()


def test_nearest_finds_the_closest_place():
    assert [nearest([1.0, 2.0, 4.0], wanted) for wanted in (0.0, 1.4, 2.9, 3.1, 9.0)] == [0, 0, 1, 2, 2]
    assert nearest([], 1.0) == -1
