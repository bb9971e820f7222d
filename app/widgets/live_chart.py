"""Charts of a run: loss and validation metrics over epochs, growing while it trains or replayed from its log."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.text import number
from app.theme import SPACE, Tokens, text_font, theme
from app.widgets.baseline_lines import BaselineLines
from app.widgets.basic import pill_button, row
from app.widgets.chart_card import ChartCard, ChartLink, calm_part, color_line, fast_curve, set_line
from app.widgets.figures import IN_UNITS, lower_is_better, metric_title
from app.widgets.legend import Legend
from app.widgets.metric_picker import MetricPicker
from app.widgets.plotting import brush, faded, label_axis, pen
from app.widgets.run_curves import RunCurves, nearest

_WORDS_HEIGHT = 24
"""Pixels that the words at a point need above or below it."""

_EARLIER = 0.4
"""How much of a line's colour is left where a network is finished and another one learns."""


class LossChart(ChartCard):
    """Training and validation loss; the training loss of single steps is a thin line behind its mean."""

    def __init__(self, plot_name: str = "lossPlot", parent: QWidget | None = None) -> None:
        super().__init__("Loss", plot_name, "Training and validation loss over epochs", parent)
        self.log_button = pill_button("log", "lossLogButton", "Show the loss on a logarithmic scale")
        self.smooth_button = pill_button("smooth", "lossSmoothButton", "Show the running mean of the training loss")
        self.clip_button = pill_button("clip", "lossClipButton", "Let rare spikes of single steps leave the chart")
        self.log_button.toggled.connect(self._set_log)
        self.smooth_button.toggled.connect(self._draw_now)
        self.clip_button.toggled.connect(self._draw_now)
        self._legend = Legend((("train", "train"), ("validation", "validation")))
        self._buttons = (self.log_button, self.smooth_button, self.clip_button, self.fit_button)
        for widget in (self._legend, *self._buttons):
            self.header.addWidget(widget)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Give the legend a line of its own where the title's has no room for it."""
        super().resizeEvent(event)
        shown = [self._title, self._legend, *(button for button in self._buttons if not button.isHidden())]
        wanted = sum(widget.sizeHint().width() + self.header.spacing() for widget in shown)
        inside = self.contentsRect().width() - 2 * SPACE[3]
        home, other = (self.body, self.header) if wanted > inside else (self.header, self.body)
        if other.indexOf(self._legend) >= 0:
            other.removeWidget(self._legend)
            home.insertWidget(0 if home is self.body else home.indexOf(self.log_button), self._legend)

    def _build(self, plot: Any) -> None:
        label_axis(plot, "bottom", "epoch")
        self._earlier = [fast_curve(plot, name) for name in ("train before", "validation before")]
        self._steps = fast_curve(plot, "train steps")
        self._train = fast_curve(plot, "train")
        self._validation = fast_curve(plot, "validation")
        self._color(theme.palette())
        self._set_log(self.log_button.isChecked())

    def _color(self, tokens: Tokens) -> None:
        color_line(self._train, tokens.train, 2)
        color_line(self._validation, tokens.validation, 2)
        for line, color in zip(self._earlier, (tokens.train, tokens.validation), strict=True):
            color_line(line, faded(color, _EARLIER), 1)

    @Slot(bool)
    def _set_log(self, checked: bool) -> None:
        self._logarithmic = checked
        if self.plot is not None:
            self._zoomed = False
            self.plot.getPlotItem().setLogMode(x=False, y=checked)
            self._draw(self.plot)

    def _draw(self, plot: Any) -> None:
        curves, smooth, log = self._curves, self.smooth_button.isChecked(), self._logarithmic
        # Of several networks, laid over each other, single steps are shown of the one under way only.
        steps, start = curves.steps, curves.start
        own = bisect_right(steps.epochs, start)
        places = [epoch - start for epoch in steps.epochs[own:]] if start else steps.epochs
        losses, calm = steps.losses[own:], steps.calm_losses[own:]
        before, trained, epochs, now = curves.laid_over(curves.train_losses)
        set_line(self._earlier[0], before, trained, positive=log)
        set_line(self._steps, places, losses, positive=log)
        # Behind another line the single steps step back; alone they are the training curve.
        behind = smooth or len(epochs) > 1
        color = theme.palette().train
        color_line(self._steps, faded(color, 0.45) if behind else color, 1)
        if smooth and len(places):
            set_line(self._train, places, calm, positive=log)
        else:
            set_line(self._train, epochs, now, positive=log)
        before, judged, epochs, now = curves.laid_over(curves.validation_losses)
        set_line(self._earlier[1], before, judged, positive=log)
        set_line(self._validation, epochs, now, positive=log)
        single = calm_part(losses) if self.clip_button.isChecked() else losses
        self._fit_ranges(plot, (single, curves.train_losses, curves.validation_losses))

    def _readings(self, epoch: float) -> list[tuple[str, str]]:
        curves, told = self._curves, []
        epoch += curves.start
        step = nearest(curves.steps.epochs, epoch)
        if step >= 0 and curves.steps.epochs[step] > curves.start:
            told.append((f"train {number(curves.steps.calm_losses[step])}", "train"))
        place = nearest(curves.epochs, epoch)
        if place >= 0 and curves.epochs[place] > curves.start and math.isfinite(curves.validation_losses[place]):
            told.append((f"validation {number(curves.validation_losses[place])}", "validation"))
        return told


class MetricChart(ChartCard):
    """One validation metric, chosen in the header, with the kept epoch and the simple models to compare with."""

    def __init__(self, plot_name: str = "metricPlot", parent: QWidget | None = None) -> None:
        super().__init__("Metric", plot_name, "Validation metric over epochs", parent)
        self.choice = MetricPicker(plot_name)
        self.picker, self.task_picker = self.choice.metric, self.choice.task
        self.choice.changed.connect(self._show_other)
        self._pickers = QWidget()
        self._pickers.setLayout(row(self.task_picker, self.picker, None, spacing=6))
        for widget in (self._pickers, self.fit_button):
            self.header.addWidget(widget)
        self._unit = ""
        self._thin = ""
        """What the note says of the thin line, where there is room."""

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Place the lists anew."""
        super().resizeEvent(event)
        self._place_pickers()

    def _place_pickers(self) -> None:
        """Name the thin line where there is room, and give the lists a line of their own where there is none."""
        lists = [box.minimumWidth() for box in (self.task_picker, self.picker) if not box.isHidden()]
        others = (self._title, self._note, self.fit_button)
        short = self._note.text().removesuffix(self._thin)
        inside = self.contentsRect().width() - 2 * SPACE[3]
        for note in dict.fromkeys((short + self._thin, short)):
            self._note.setText(note)
            parts = lists + [part.sizeHint().width() for part in others if not part.isHidden()]
            is_cut = sum(width + self.header.spacing() for width in parts) > inside
            if not is_cut:
                break
        home, other = (self.body, self.header) if is_cut else (self.header, self.body)
        if other.indexOf(self._pickers) >= 0:
            other.removeWidget(self._pickers)
            home.insertWidget(0 if home is self.body else home.indexOf(self.fit_button), self._pickers)
        # On a line of their own they would leave an empty one where there is nothing to choose.
        self._pickers.setVisible(bool(lists))

    def set_unit(self, unit: str) -> None:
        """Say in which unit RMSE and MAE are."""
        self._unit = unit
        self._draw_now()

    def baseline_texts(self) -> list[str]:
        """Return what the lines of the simple models are called."""
        return self._baselines.texts() if self.plot is not None else []

    @Slot()
    def _show_other(self) -> None:
        # Another metric has another range, but the epochs zoomed to stay.
        self._zoomed = False
        self._draw_now()

    def _build(self, plot: Any) -> None:
        import pyqtgraph as pg

        label_axis(plot, "bottom", "epoch")
        self._baselines = BaselineLines(plot)
        self._earlier = fast_curve(plot, "validation before")
        self._train = fast_curve(plot, "train")
        self._line = fast_curve(plot, "validation")
        self._point = pg.ScatterPlotItem(size=10)
        self._words, self._low = pg.TextItem(anchor=(0.5, 0)), False
        self._words.setFont(text_font(11, bold=True))
        # The words behind the curves: they may have no place that is free of another one.
        for item, level in ((self._point, 30), (self._words, -2)):
            plot.addItem(item, ignoreBounds=True)
            item.setZValue(level)
            item.setVisible(False)
        self._color(theme.palette())

    def _color(self, tokens: Tokens) -> None:
        color_line(self._train, faded(tokens.train, 0.6), 1)
        color_line(self._earlier, faded(tokens.validation, _EARLIER), 1)
        color_line(self._line, tokens.validation, 2)
        self._point.setPen(pen(tokens.validation, 2))
        self._point.setBrush(brush(tokens.surface))
        self._words.setColor(tokens.ink)
        self._words.fill = brush(tokens.surface, 0.8)
        self._baselines.color(tokens)

    def _has_data(self) -> bool:
        return bool(self._curves.metric_names())

    def _draw(self, plot: Any) -> None:
        curves = self._curves
        self.choice.offer(curves.metric_names())
        name = self.choice.current()
        values, trained = curves.metrics.get(name, []), curves.train_metrics.get(name, [])
        unit = f"{self._unit}, " if self._unit and name.partition("/")[0] in IN_UNITS else ""
        self._thin = "; thin line: training" if any(map(math.isfinite, trained)) else ""
        self.set_title(metric_title(name) if name else "Metric", f"{unit}validation{self._which()}")
        self._place_pickers()
        baselines = curves.baselines_of(name)
        learnt = curves.laid_over(trained)[2:]
        set_line(self._train, *learnt)
        before, earlier, epochs, now = curves.laid_over(values)
        set_line(self._earlier, before, earlier)
        set_line(self._line, epochs, now)
        # Room for the words beyond the extreme points, however flat the plot is.
        height = plot.getPlotItem().getViewBox().height()
        room = min(0.6, 0.05 + _WORDS_HEIGHT / max(height - 2 * _WORDS_HEIGHT, _WORDS_HEIGHT))
        self._fit_ranges(plot, (values, trained, [value for _, value in baselines]), below=room, above=room)
        self._mark(name, values)
        drawn = ((before, earlier), (epochs, now), learnt)
        self._baselines.show(baselines, drawn, self._words, lower=lower_is_better(name))

    def _which(self) -> str:
        """Say which network the strong line is of, where there are several."""
        curves = self._curves
        if not curves.networks:
            return ""
        return f", network {len(curves.starts)} of {curves.networks}"

    @Slot()
    def _range_changed(self) -> None:
        if self.plot is not None and hasattr(self, "_low"):
            self._baselines.place()
            self._place_words()

    def _mark(self, name: str, values: list[float]) -> None:
        marked = self._curves.marked(name)
        for item in (self._point, self._words):
            item.setVisible(marked is not None)
        if marked is None:
            return
        index, role = marked
        epoch, value = self._curves.epochs[index] - self._curves.start, values[index]
        self._point.setData([epoch], [value])
        self._words.setText(f"{role} {number(value)} · epoch {epoch:.0f}".lstrip())
        self._words.setPos(epoch, value)
        known = [item for item in values if math.isfinite(item)]
        self._low = value <= (min(known) + max(known)) / 2
        self._place_words()

    def _place_words(self) -> None:
        """Keep the words inside near an edge of the chart, and off the line: below a high value, above a low."""
        if self.plot is None:
            return
        box = self.plot.getPlotItem().getViewBox()
        left, right = box.viewRange()[0]
        epoch = self._words.pos().x()
        width = self._words.boundingRect().width() * abs(box.viewPixelSize()[0])
        start = max(left, min(epoch - width / 2, right - width))
        self._words.setAnchor(((epoch - start) / width if width else 0.5, -0.3 if self._low else 1.3))

    def _readings(self, epoch: float) -> list[tuple[str, str]]:
        curves, name, told = self._curves, self.choice.current(), []
        place = nearest(curves.epochs, epoch + curves.start)
        if place >= 0 and curves.epochs[place] <= curves.start:
            return []
        for words, color, series in (
            ("validation", "validation", curves.metrics),
            ("train", "train", curves.train_metrics),
        ):
            values = series.get(name, [])
            if 0 <= place < len(values) and math.isfinite(values[place]):
                told.append((f"{words} {number(values[place])}", color))
        # Lines that have no room for their names; alone they are no reason for a crosshair.
        return told + [(words, "baseline") for words in self._baselines.unnamed()] if told else []


class RunCharts(QWidget):
    """Loss and metric of one run, side by side or, where the place is narrow, one above the other."""

    def __init__(self, prefix: str = "", *, stacked: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.loss_chart = LossChart(f"{prefix}LossPlot" if prefix else "lossPlot")
        self.metric_chart = MetricChart(f"{prefix}MetricPlot" if prefix else "metricPlot")
        self._link = ChartLink(self)
        layout = QVBoxLayout(self) if stacked else QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for chart in (self.loss_chart, self.metric_chart):
            chart.share(self._link)
            layout.addWidget(chart, 1)

    def set_curves(self, curves: RunCurves, unit: str = "", *, over: bool = True) -> None:
        """Show the curves of a run; `over`: nothing will come after them."""
        for chart in (self.loss_chart, self.metric_chart):
            chart.set_over(over)
        self.loss_chart.set_curves(curves)
        self.metric_chart.set_unit(unit)
        self.metric_chart.set_curves(curves)

    def refresh(self) -> None:
        """Draw soon, because the curves have grown."""
        self.loss_chart.refresh()
        self.metric_chart.refresh()
