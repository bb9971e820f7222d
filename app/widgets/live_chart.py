"""Charts of a run: loss and validation metrics over epochs, growing while it trains or replayed from its log."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.text import number
from app.theme import Tokens, text_font, theme
from app.widgets.basic import Card, muted_label, pill_button
from app.widgets.figures import IN_UNITS, metric_title
from app.widgets.legend import Legend
from app.widgets.plotting import SMOOTH_LIMIT, brush, label_axis, new_plot, pen, style_plot
from app.widgets.run_curves import RunCurves, smoothed

REDRAW_MS = 150
"""Shortest time between two redraws; events in between are drawn together."""


class ChartCard(Card):
    """A card whose plot is made when it is first shown and redrawn at a bounded rate."""

    def __init__(self, title: str, plot_name: str, description: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent=parent)
        self._plot_name, self._description = plot_name, description
        self._curves = RunCurves()
        self._over = False
        self.plot: Any = None
        # Until there is a plot, this widget stands for it.
        self._hint: QLabel | None = None
        self._stand_in = QWidget()
        self._stand_in.setObjectName(plot_name)
        self._stand_in.setAccessibleName(description)
        self.add(self._stand_in, 1)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self._draw_now)
        theme.changed.connect(self._restyle)

    def set_curves(self, curves: RunCurves) -> None:
        """Show the curves of another run (or of none)."""
        self._curves = curves
        self._draw_now()

    @Slot()
    def refresh(self) -> None:
        """Draw soon, because the curves have grown."""
        if not self._redraw.isActive() and self.isVisible():
            self._redraw.start()

    def ensure_plot(self) -> Any:
        """Return the plot, made now if this is the first time."""
        if self.plot is None:
            self.plot = new_plot(self._plot_name, self._description)
            self._build(self.plot)
            self.body.replaceWidget(self._stand_in, self.plot)
            self.body.setStretchFactor(self.plot, 1)
            self._stand_in.setObjectName("")
            self._stand_in.deleteLater()
            self.plot.show()
            hint = self._hint = muted_label(self._hint_words(), wrap=False)
            hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
            QVBoxLayout(self.plot).addWidget(hint)
            self._draw_now()
        return self.plot

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make the plot, and draw what has come in meanwhile."""
        super().showEvent(event)
        self.ensure_plot()
        self._draw_now()

    @Slot()
    def _draw_now(self) -> None:
        self._redraw.stop()
        if self.plot is not None:
            bare = not self._has_data()
            if self._hint is not None:
                self._hint.setText(self._hint_words())
                self._hint.setVisible(bare)
            for side in ("left", "bottom"):
                self.plot.getPlotItem().getAxis(side).setVisible(not bare)
            self._draw(self.plot)

    @Slot()
    def _restyle(self) -> None:
        if self.plot is not None:
            style_plot(self.plot)
            self._color(theme.palette())
            self._draw_now()

    def set_over(self, over: bool) -> None:
        """Say that nothing will be added any more, so that an empty chart promises nothing."""
        self._over = over
        self._draw_now()

    def _hint_words(self) -> str:
        over, coming = "This run has ended before its first values.", "The curve appears here once training has begun."
        return over if self._over else coming

    def _has_data(self) -> bool:
        """Whether there is anything to draw yet."""
        return bool(self._curves.step_epochs or self._curves.epochs)

    def _build(self, plot: Any) -> None:
        raise NotImplementedError

    def _color(self, tokens: Tokens) -> None:
        raise NotImplementedError

    def _draw(self, plot: Any) -> None:
        raise NotImplementedError

    def _fit_epochs(self, plot: Any) -> None:
        """Let the epochs that are to come stand on the axis from the start."""
        last = self._curves.epochs[-1] if self._curves.epochs else 0.0
        plot.setXRange(0, max(self._curves.total_epochs, last, 1), padding=0.02)


class LossChart(ChartCard):
    """Training and validation loss; the training loss of single steps is a thin line behind its mean."""

    def __init__(self, plot_name: str = "lossPlot", parent: QWidget | None = None) -> None:
        super().__init__("Loss", plot_name, "Training and validation loss over epochs", parent)
        self.log_button = pill_button("log", "lossLogButton", "Show the loss on a logarithmic scale")
        self.smooth_button = pill_button("smooth", "lossSmoothButton", "Show the running mean of the training loss")
        self.log_button.toggled.connect(self._set_log)
        self.smooth_button.toggled.connect(self._draw_now)
        self._legend = Legend((("train", "train"), ("validation", "validation")))
        for widget in (self._legend, self.log_button, self.smooth_button):
            self.header.addWidget(widget)

    def _build(self, plot: Any) -> None:
        label_axis(plot, "bottom", "epoch")
        self._steps = plot.plot([], [], name="train steps")
        self._train = plot.plot([], [], name="train")
        self._validation = plot.plot([], [], name="validation")
        for curve in (self._steps, self._train, self._validation):
            curve.setDownsampling(auto=True, method="peak")
        self._color(theme.palette())
        self._set_log(self.log_button.isChecked())

    def _color(self, tokens: Tokens) -> None:
        self._train.setPen(pen(tokens.train, 2))
        self._validation.setPen(pen(tokens.validation, 2))

    @Slot(bool)
    def _set_log(self, checked: bool) -> None:
        if self.plot is not None:
            self.plot.getPlotItem().setLogMode(x=False, y=checked)
            self._draw(self.plot)

    def _draw(self, plot: Any) -> None:
        curves, smooth = self._curves, self.smooth_button.isChecked()
        steps = _positive(curves.step_losses) if self.log_button.isChecked() else curves.step_losses
        _set_line(self._steps, curves.step_epochs, steps)
        # Behind another line the single steps step back; alone they are the training curve.
        faded = smooth or len(curves.epochs) > 1
        self._steps.setPen(pen(theme.palette().train, 1, alpha=0.45 if faded else 1.0))
        if smooth and curves.step_losses:
            _set_line(self._train, curves.step_epochs, smoothed(curves.step_losses))
        else:
            _set_line(self._train, curves.epochs, curves.train_losses)
        _set_line(self._validation, curves.epochs, curves.validation_losses)
        self._fit_epochs(plot)


class MetricChart(ChartCard):
    """One validation metric, chosen in the header, with the kept epoch marked."""

    def __init__(self, plot_name: str = "metricPlot", parent: QWidget | None = None) -> None:
        super().__init__("Metric", plot_name, "Validation metric over epochs", parent)
        self.picker = QComboBox()
        self.picker.setObjectName(f"{plot_name}Picker")
        self.picker.setAccessibleName("Metric to show")
        self.picker.setToolTip("Metric to show")
        self.picker.setMinimumWidth(110)
        self.picker.currentIndexChanged.connect(self._draw_now)
        self.picker.hide()
        self.header.addWidget(self.picker)
        self._unit = ""

    def set_unit(self, unit: str) -> None:
        """Say in which unit RMSE and MAE are."""
        self._unit = unit
        self._draw_now()

    def _build(self, plot: Any) -> None:
        import pyqtgraph as pg

        label_axis(plot, "bottom", "epoch")
        self._line = plot.plot([], [], name="validation")
        self._line.setDownsampling(auto=True, method="peak")
        self._point = pg.ScatterPlotItem(size=10)
        self._words = pg.TextItem(anchor=(0.5, 0))
        self._words.setFont(text_font(11, bold=True))
        for item in (self._point, self._words):
            plot.addItem(item, ignoreBounds=True)
            item.setVisible(False)
        self._color(theme.palette())

    def _color(self, tokens: Tokens) -> None:
        self._line.setPen(pen(tokens.validation, 2))
        self._point.setPen(pen(tokens.validation, 2))
        self._point.setBrush(brush(tokens.surface))
        self._words.setColor(tokens.ink)
        self._words.fill = brush(tokens.surface, 0.8)

    def _has_data(self) -> bool:
        return bool(self._curves.metric_names())

    def _offer(self, names: list[str]) -> None:
        offered = [self.picker.itemData(index) for index in range(self.picker.count())]
        if names == offered:
            return
        chosen = self.picker.currentData()
        self.picker.blockSignals(True)
        self.picker.clear()
        for name in names:
            self.picker.addItem(metric_title(name), name)
        self.picker.setCurrentIndex(names.index(chosen) if chosen in names and len(offered) > 1 else 0)
        self.picker.blockSignals(False)
        self.picker.setVisible(len(names) > 1)

    def _draw(self, plot: Any) -> None:
        curves = self._curves
        self._offer(curves.metric_names())
        name = str(self.picker.currentData() or "")
        values = curves.metrics.get(name, [])
        unit = f"{self._unit}, " if self._unit and name.partition("/")[0] in IN_UNITS else ""
        self.set_title(metric_title(name) if name else "Metric", f"{unit}validation")
        # Room for the words between the lowest point and the axis, however flat the plot is.
        plot.getPlotItem().getViewBox().setDefaultPadding(min(0.3, 0.05 + 30 / max(plot.height(), 60)))
        _set_line(self._line, curves.epochs[: len(values)], values)
        plot.enableAutoRange(y=True)
        self._mark(name, values)
        self._fit_epochs(plot)

    def _mark(self, name: str, values: list[float]) -> None:
        marked = self._curves.marked(name)
        for item in (self._point, self._words):
            item.setVisible(marked is not None)
        if marked is None:
            return
        index, best = marked
        epoch, value = self._curves.epochs[index], values[index]
        self._point.setData([epoch], [value])
        self._words.setText(f"{'best' if best else 'kept'} {number(value)} · epoch {epoch:.0f}")
        self._words.setPos(epoch, value)
        # Near an edge of the chart the words stay inside, and they keep off the line: below a high value, above a low.
        share = epoch / max(self._curves.total_epochs, 1)
        known = [item for item in values if math.isfinite(item)]
        low = value <= (min(known) + max(known)) / 2
        self._words.setAnchor((0.0 if share < 0.2 else 1.0 if share > 0.8 else 0.5, -0.3 if low else 1.3))


class RunCharts(QWidget):
    """Loss and metric of one run, side by side or, where the place is narrow, one above the other."""

    def __init__(self, prefix: str = "", *, stacked: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.loss_chart = LossChart(f"{prefix}LossPlot" if prefix else "lossPlot")
        self.metric_chart = MetricChart(f"{prefix}MetricPlot" if prefix else "metricPlot")
        layout = QVBoxLayout(self) if stacked else QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.loss_chart, 1)
        layout.addWidget(self.metric_chart, 1)

    def set_curves(self, curves: RunCurves, unit: str = "", *, over: bool = True) -> None:
        """Show the curves of a run; `over`: nothing will come after them."""
        for chart in (self.loss_chart, self.metric_chart):
            chart.set_over(over)
        self.loss_chart.set_curves(curves)
        self.metric_chart.set_unit(unit)
        self.metric_chart.set_curves(curves)


def _set_line(curve: Any, xs: list[float], ys: list[float]) -> None:
    few = len(xs) <= SMOOTH_LIMIT
    curve.setData(xs, ys, antialias=few, connect="finite", symbol="o" if len(xs) == 1 else None, symbolSize=5)


def _positive(values: list[float]) -> list[float]:
    return [value if value > 0 else math.nan for value in values]
