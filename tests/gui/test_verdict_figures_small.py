"""Figures of a verdict in a window of 1024 x 700: choices, columns, titles of axes and of charts can be read."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QFontMetrics, QPainter, QPixmap

from app.theme import text_font, theme
from app.widgets.curve_plot import Curve, CurvePlot
from app.widgets.live_chart import MetricChart
from app.widgets.molecule_scatter import MoleculeScatter, ScatterPoint
from app.widgets.plotting import fitting_title
from app.widgets.run_curves import RunCurves
from tests.gui.test_verdict_small import learnt, small

__all__ = ["small"]

_EDGES = 16
"""Pixels that a header keeps free at both ends of its words."""


def test_what_a_check_trains_is_read_whole(qtbot, small):
    small.figures.choose("learning")
    pane = small.figures.checks
    qtbot.waitUntil(pane.model.isVisible)
    qtbot.waitUntil(lambda: pane.model.shown_text() == pane.model.currentText() == "ECFP4 + random forest")
    for button in (pane.start_button, pane.cancel_button):
        button.show()
        place = button.mapTo(pane, button.rect().topLeft())
        qtbot.waitUntil(lambda place=place, button=button: place.x() + button.width() <= pane.width())


def test_ring_systems_keep_their_errors_in_sight(qapp, qtbot, window, small):
    theme.apply(qapp)
    small.figures.choose("scaffolds")
    table = small.figures.scaffolds
    qtbot.waitUntil(lambda: table.cells.rowCount() > 0)
    bad = [column.key for column in table.cells.columns].index("bad")

    def shown():
        return [number for number in range(len(table.cells.columns)) if not table.isColumnHidden(number)]

    def fits():
        ends = [table.columnViewportPosition(number) + table.columnWidth(number) for number in shown()]
        assert max(ends) <= table.viewport().width()
        metrics = QFontMetrics(text_font(11, bold=True))
        for number in shown():
            assert table.columnWidth(number) >= metrics.horizontalAdvance(table.cells.columns[number].title) + _EDGES

    qtbot.waitUntil(fits)
    cell = table.cells.cell(table.cells.index(0, bad))
    assert cell.text.startswith("0.5")
    # The mean error has no column here, but it is said, and not cut.
    assert QFontMetrics(text_font(11)).horizontalAdvance(cell.second) <= table.columnWidth(bad) - 12
    assert "mean +0.5" in f"{cell.text} {cell.second}"
    window.resize(1600, 900)
    qtbot.waitUntil(lambda: len(shown()) == 4)
    qtbot.waitUntil(fits)
    assert table.cells.cell(table.cells.index(0, bad)).second == ""


def test_titles_of_axes_are_not_cut_by_the_edge(qtbot, window, shown):
    whole = "predicted \u2212 measured, log(mol/L)"
    figure = shown(MoleculeScatter("aPlot", "Errors", window.session.depictions, "zero"), 236, 220)
    figure.show_scatter([ScatterPoint("C", x, x, "") for x in (1.0, 2.0)], "measured, log(mol/L)", whole)
    axis = figure.plot().getPlotItem().getAxis("left")

    def inside():
        return axis.label.isVisible() and 0 < axis.label.boundingRect().width() <= axis.size().height()

    qtbot.waitUntil(lambda: axis.labelText == "predicted \u2212 measured")
    qtbot.waitUntil(inside)
    assert axis.toolTip() == whole
    figure.resize(236, 500)
    qtbot.waitUntil(lambda: axis.labelText == whole)
    qtbot.waitUntil(inside)
    assert axis.toolTip() == ""


def test_the_unit_of_an_axis_goes_before_its_name():
    whole = "predicted \u2212 measured, log(mol/L)"
    wide = QFontMetrics(text_font(11)).horizontalAdvance
    assert fitting_title(whole, 1000) == whole
    assert fitting_title(whole, wide(whole) - 1) == "predicted \u2212 measured"
    assert fitting_title(whole, 50).endswith("…")
    assert fitting_title("epoch", 1000) == "epoch"


@pytest.mark.parametrize("width", [330, 700])
def test_a_chart_says_which_network_it_shows(qapp, qtbot, shown, width):
    theme.apply(qapp)
    chart = shown(MetricChart("aMetricPlot"), width, 260)
    curves = RunCurves.replay(learnt(7))
    curves.metrics["mae"] = list(curves.metrics["rmse"])
    curves.networks, curves.starts = 6, [0, 3]
    chart.set_unit("log(mol/L)")
    chart.set_curves(curves)
    qtbot.waitUntil(lambda: chart._note.text() == "log(mol/L), validation, network 2 of 6")
    qtbot.waitUntil(lambda: chart._note.shown() == chart._note.text())
    qtbot.waitUntil(lambda: chart.picker.isVisible() and chart.rect().contains(chart._pickers.geometry()))


def test_a_curve_between_0_and_1_has_both_ends_on_its_axes(qtbot, shown):
    view = CurvePlot()
    view.show_curve(Curve("roc", [0.0, 1.0], [0.0, 1.0], "false positive rate", "true positive rate"))
    shown(view, 250, 480)
    item = view.plot().getPlotItem()

    def figures(side):
        paper = QPixmap(10, 10)
        painter = QPainter(paper)
        try:
            return [words for _, _, words in item.getAxis(side).generateDrawSpecs(painter)[2]]
        finally:
            painter.end()

    ends = ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    for height in (480, 300, 200, 160):
        view.resize(250, height)
        qtbot.waitUntil(lambda height=height: item.getAxis("left").height() < height)
        assert (figures("left"), figures("bottom")) == (ends, ends)
