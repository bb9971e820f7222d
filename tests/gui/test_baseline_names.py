"""Names of simple models on the metric chart where it is too small for all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPointF

from app.widgets.live_chart import MetricChart
from app.widgets.run_curves import RunCurves
from mole_engine.contracts.events import BaselineReady, EpochMetrics

TITLES = (
    "Mean of the training molecules",
    "ECFP4 + random forest",
    "RDKit descriptors + extra trees",
    "RDKit descriptors + gradient boosting",
)
VALUES = (2.05, 1.05, 0.81, 0.72)
SMALL, LARGE = (322, 228), (620, 320)
"""Of the chart in a window of 1024 x 700, and where there is room for all names."""


CLOSE = (7.75, 7.23, 5.28, 4.01)
"""Two weak simple models whose names must share the room between two lines."""


def curves_of(metric, values=VALUES):
    sign = 1 if metric == "rmse" else -1
    events = [
        BaselineReady(name=title, title=title, metrics={metric: sign * value})
        for title, value in zip(TITLES, values, strict=True)
    ]
    events += [
        EpochMetrics(
            epoch=number, total_epochs=20, step=number, train_loss=1.0, validation_loss=1.0,
            metrics={metric: sign * (0.6 + 1.2 / number)}, monitor=metric, is_best=True,
        )
        for number in range(1, 20)
    ]  # fmt: skip
    return RunCurves.replay(events)


@pytest.fixture
def chart(qtbot, shown):
    """Return a function that shows a chart of a metric, and that changes its size."""
    made = {}

    def show(metric, size):
        kept = made.get(metric) or made.setdefault(metric, shown(MetricChart(), *size))
        kept.resize(*size)
        box = kept.plot.getPlotItem().getViewBox()
        qtbot.waitUntil(lambda: size[0] - 100 < box.width() < size[0] and box.height() < size[1])
        kept.set_curves(curves_of(metric))
        return kept

    return show


def told_at(chart, epoch):
    chart.link.pointed.emit(epoch)
    return chart.crosshair.text()


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_a_small_chart_names_the_strongest_simple_models_and_the_crosshair_tells_the_others(chart, metric):
    chart = chart(metric, SMALL)
    box = chart.plot.getPlotItem().getViewBox()
    named = [text.rpartition(" ")[0] for text in chart.baseline_texts()]
    assert len(named) == 3
    assert named[:2] == list(TITLES[1:3]), "the weakest is left out, whether less or more is better"
    words = [item for item in chart._baselines._words if item.isVisible()]
    heights = [item.boundingRect().height() - 2 for item in words]
    assert sum(heights) <= box.height() / 2
    assert all(line.isVisible() for line in chart._baselines._lines)
    told = told_at(chart, 12.0)
    assert "Mean of the training molecules" in told
    assert "2.05" in told
    assert "random forest" not in told
    assert told_at(chart, math.nan) == ""


def test_a_name_wider_than_the_chart_is_cut_before_its_value_and_told_in_full(chart):
    chart = chart("rmse", SMALL)
    cut = chart.baseline_texts()[-1]
    assert cut.startswith("RDKit descriptors + grad")
    assert cut.endswith("\N{HORIZONTAL ELLIPSIS} 0.720")
    box = chart.plot.getPlotItem().getViewBox()
    view, wide = box.viewRect(), box.viewPixelSize()[0]
    for words in chart._baselines._words[1:]:
        place = words.mapRectToView(words.boundingRect())
        assert view.left() - wide <= place.left()
        assert place.right() <= view.right() + wide
    assert "RDKit descriptors + gradient boosting 0.720" in told_at(chart, 12.0)
    for epoch in (1.0, 9.0, 11.0, 19.0):
        told_at(chart, epoch)
        place = chart.crosshair._words.mapRectToView(chart.crosshair._words.boundingRect())
        assert view.left() - wide <= place.left()


def test_where_there_is_room_all_names_stand_and_the_crosshair_repeats_none(chart):
    for size, named in ((LARGE, 4), (SMALL, 3), (LARGE, 4)):
        made = chart("rmse", size)
        assert len(made.baseline_texts()) == named
        assert ("Mean of" in told_at(made, 12.0)) == (named < 4)
    assert [text.rpartition(" ")[0] for text in made.baseline_texts()] == list(TITLES)


@pytest.mark.parametrize("values", [VALUES, CLOSE])
@pytest.mark.parametrize("height", [228, 260, 290, 293, 300, 320])
def test_no_name_is_painted_over_by_the_ground_of_another(chart, values, height):
    made = chart("rmse", (570, height))
    made.set_curves(curves_of("rmse", values))
    texts = [item for item in made._baselines._words if item.isVisible()]
    assert len(texts) >= 3
    for item in texts:
        margin = item.textItem.document().documentMargin()
        words = item.mapRectToScene(item.boundingRect()).adjusted(margin, margin, -margin, -margin)
        for other in texts:
            ground = other.mapRectToScene(other.boundingRect())
            # What a line of text has above and below its letters may be lost.
            hidden = ground.intersected(words).height() if other is not item else 0
            assert hidden <= 2, (item.toPlainText(), other.toPlainText(), hidden)


def test_words_hide_no_part_of_a_curve_also_where_they_have_no_other_place(qtbot, chart):
    made = chart("rmse", SMALL)
    qtbot.wait(50)
    picture, box = made.plot.grab().toImage(), made.plot.getPlotItem().getViewBox()
    names = [item for item in (*made._baselines._words, made._words) if item.isVisible()]
    grounds = [item.mapRectToScene(item.boundingRect()) for item in names]
    color, hidden, covered = made._line.opts["pen"].color(), 0, 0
    for epoch in np.linspace(1, 18, 400):
        value = np.interp(epoch, made._line.xData, made._line.yData)
        place = made.plot.mapFromScene(box.mapViewToScene(QPointF(epoch, value)))
        if not any(ground.contains(QPointF(place)) for ground in grounds):
            continue
        covered += 1
        near = [picture.pixelColor(place.x() + x, place.y() + y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
        hidden += min(abs(one.red() - color.red()) + abs(one.blue() - color.blue()) for one in near) > 60
    assert covered
    assert not hidden


@pytest.mark.parametrize("values", [(1.37, 0.719, 0.223, 0.182), (1.37, 0.86, 0.7, 0.68), (1.12, 0.975, 0.854, 0.727)])
def test_no_line_runs_through_the_name_of_another(chart, values):
    made = chart("rmse", (570, 300))
    made.set_curves(curves_of("rmse", values))
    lines = made._baselines
    for place, item in enumerate(lines._words):
        words = item.mapRectToView(item.boundingRect())
        low, high = sorted((words.top(), words.bottom()))
        struck = [value for other, value in enumerate(values) if other != place and low < value < high]
        assert not struck, (item.toPlainText(), struck)
