"""A card with a plot over epochs: made when first shown, redrawn at a bounded rate, read and zoomed with the mouse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.theme import Tokens, theme
from app.widgets.basic import Card, muted_label, pill_button
from app.widgets.crosshair import Crosshair
from app.widgets.plotting import SMOOTH_LIMIT, brush, new_plot, pen, style_plot, whole_ticks
from app.widgets.run_curves import RunCurves

REDRAW_MS = 150
"""Shortest time between two redraws; events in between are drawn together."""

_AXIS_WIDTH = 40

LOWEST_QUANTILE, HIGHEST_QUANTILE = 0.02, 0.98
"""What "clip" leaves of the values of single steps when it chooses the visible range."""


class ChartLink(QObject):
    """Keeps the epochs shown, and the one under the pointer, the same in several charts.

    Attributes
    ----------
    held
        The epochs that the user has zoomed to, or None while the charts follow the run.

    Signals
    -------
    moved()
        `held` is another range.
    pointed(float)
        The pointer stands at this epoch; NaN: over none of the charts.
    """

    moved = Signal()
    pointed = Signal(float)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.held: tuple[float, float] | None = None

    def hold(self, span: tuple[float, float] | None) -> None:
        """Show these epochs everywhere; None: all of them, from now on."""
        if span != self.held:
            self.held = span
            self.moved.emit()


class ChartCard(Card):
    """Base of the charts of a run.

    Attributes
    ----------
    plot
        The `PlotWidget`, None until the card was shown for the first time.
    link
        Shared with the chart beside it.
    fit_button
        Shows the whole run again, visible after the user has zoomed.
    """

    def __init__(self, title: str, plot_name: str, description: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent=parent)
        self._plot_name, self._description = plot_name, description
        self._curves = RunCurves()
        self._over = self._zoomed = self._logarithmic = False
        self.plot: Any = None
        self.crosshair: Crosshair | None = None
        # Until there is a plot, this widget stands for it.
        self._hint: QLabel | None = None
        self._stand_in = QWidget()
        self._stand_in.setObjectName(plot_name)
        self._stand_in.setAccessibleName(description)
        self.add(self._stand_in, 1)
        self.fit_button = pill_button(
            "whole run", f"{plot_name}FitButton", "Show all epochs again (double click on the chart)", checkable=False
        )
        self.fit_button.clicked.connect(self.fit)
        self.fit_button.hide()
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_MS)
        self._redraw.timeout.connect(self._draw_now)
        self.link = ChartLink(self)
        self.link.moved.connect(self._follow_link)
        self.link.pointed.connect(self._show_pointer)
        theme.changed.connect(self._restyle)

    def share(self, link: ChartLink) -> None:
        """Show the same epochs as the other charts of `link`."""
        self.link.moved.disconnect(self._follow_link)
        self.link.pointed.disconnect(self._show_pointer)
        self.link = link
        link.moved.connect(self._follow_link)
        link.pointed.connect(self._show_pointer)

    def set_curves(self, curves: RunCurves) -> None:
        """Show the curves of another run (or of none)."""
        self._curves = curves
        self.fit()
        self._draw_now()

    def set_over(self, over: bool) -> None:
        """Say that nothing will be added any more, so that an empty chart promises nothing."""
        self._over = over
        self._draw_now()

    @Slot()
    def refresh(self) -> None:
        """Draw soon, because the curves have grown."""
        if not self._redraw.isActive() and self.isVisible():
            self._redraw.start()

    @Slot()
    def fit(self) -> None:
        """Show the whole run, and follow it again."""
        self._zoomed = False
        self.fit_button.hide()
        self.link.hold(None)
        self._draw_now()

    def ensure_plot(self) -> Any:
        """Return the plot, made now if this is the first time."""
        if self.plot is None:
            self.plot = new_plot(self._plot_name, self._description)
            whole_ticks(self.plot.getPlotItem().getAxis("bottom"))
            # The same in all charts, so that one epoch stands below the other.
            self.plot.getPlotItem().getAxis("left").setWidth(_AXIS_WIDTH)
            self.plot.getPlotItem().setContentsMargins(0, 0, 8, 0)
            self._let_mouse_in(self.plot)
            self._build(self.plot)
            self.body.replaceWidget(self._stand_in, self.plot)
            self.body.setStretchFactor(self.plot, 1)
            self._stand_in.setObjectName("")
            self._stand_in.deleteLater()
            self.plot.show()
            hint = self._hint = muted_label(self._hint_words())
            hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
            QVBoxLayout(self.plot).addWidget(hint)
            self._draw_now()
        return self.plot

    # What the user does ----------------------------------------------------------------------------------------

    def _let_mouse_in(self, plot: Any) -> None:
        item = plot.getPlotItem()
        item.setMouseEnabled(x=True, y=True)
        box = item.getViewBox()
        box.sigRangeChangedManually.connect(self._zoomed_by_hand)
        box.sigRangeChanged.connect(self._range_changed)
        box.sigResized.connect(self._range_changed)
        scene = plot.scene()
        scene.sigMouseMoved.connect(self._mouse_moved)
        scene.sigMouseClicked.connect(self._mouse_clicked)
        plot.viewport().installEventFilter(self)
        self.crosshair = Crosshair(plot)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take the crosshair away with the pointer."""
        if event.type() == QEvent.Type.Leave:
            self.link.pointed.emit(math.nan)
        return super().eventFilter(watched, event)

    @Slot(object)
    def _mouse_moved(self, position: QPointF) -> None:
        box = self.plot.getPlotItem().getViewBox()
        inside = self._has_data() and box.sceneBoundingRect().contains(position)
        self.link.pointed.emit(float(box.mapSceneToView(position).x()) if inside else math.nan)

    @Slot(object)
    def _mouse_clicked(self, event: Any) -> None:
        if event.double():
            self.fit()

    @Slot(object)
    def _zoomed_by_hand(self, _mask: object) -> None:
        self._zoomed = True
        self.fit_button.show()
        (low, high), _ = self.plot.getPlotItem().viewRange()
        self.link.hold((low, high))

    @Slot()
    def _follow_link(self) -> None:
        self.fit_button.setVisible(self.link.held is not None)
        if self.link.held is None:
            self._zoomed = False
            self._draw_now()
        elif self.plot is not None:
            self.plot.setXRange(*self.link.held, padding=0)

    @Slot(float)
    def _show_pointer(self, epoch: float) -> None:
        if self.crosshair is not None:
            self.crosshair.show_at(epoch, self._readings(epoch) if math.isfinite(epoch) else [])

    # Drawing ---------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make the plot, and draw what has come in meanwhile."""
        super().showEvent(event)
        self.ensure_plot()
        self._draw_now()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Leave room for the words in the chart at its new height."""
        super().resizeEvent(event)
        self.refresh()

    @Slot()
    def _draw_now(self) -> None:
        self._redraw.stop()
        if self.plot is None:
            return
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
            if self.crosshair is not None:
                self.crosshair.color(theme.palette())
            self._draw_now()

    def _fit_ranges(self, plot: Any, series: Sequence[Any], *, below: float = 0.05, above: float = 0.05) -> None:
        """Show all epochs to come and all values of `series`, unless the user has zoomed."""
        end = self._curves.width
        plot.getPlotItem().getAxis("bottom").last_tick = end
        if self._zoomed:
            return
        if self.link.held is None:
            plot.setXRange(0, end, padding=0.02)
        low, high = value_range(series, logarithmic=self._logarithmic)
        size = high - low
        plot.setYRange(low - below * size, high + above * size, padding=0)

    def _hint_words(self) -> str:
        over, coming = "This run has ended before its first values.", "The curve appears here once training has begun."
        return over if self._over else coming

    def _has_data(self) -> bool:
        """Whether there is anything to draw yet."""
        return bool(self._curves.steps.epochs or self._curves.epochs)

    def _build(self, plot: Any) -> None:
        raise NotImplementedError

    def _color(self, tokens: Tokens) -> None:
        raise NotImplementedError

    def _draw(self, plot: Any) -> None:
        raise NotImplementedError

    def _readings(self, epoch: float) -> list[tuple[str, str]]:
        """Return what the crosshair tells at `epoch`: words, and the palette's name of their colour."""
        raise NotImplementedError

    @Slot()
    def _range_changed(self) -> None:
        """Hear that another part is shown; charts with words at fixed places move them."""


def value_range(series: Sequence[Any], *, logarithmic: bool) -> tuple[float, float]:
    """Return the least and the largest of all values as the axis counts them; something sensible without any."""
    import numpy as np

    lows, highs = [], []
    for values in series:
        known = np.asarray(values, dtype=np.float64)
        known = known[np.isfinite(known) & ((known > 0) | (not logarithmic))]
        if known.size:
            lows.append(float(known.min()))
            highs.append(float(known.max()))
    if not lows:
        return (-1.0, 0.0) if logarithmic else (0.0, 1.0)
    low, high = min(lows), max(highs)
    if logarithmic:
        low, high = math.log10(low), math.log10(high)
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):
        # A flat line stands in the middle of something.
        spread = 0.1 if logarithmic else 0.1 * abs(low) or 0.5
        return low - spread, high + spread
    return low, high


def calm_part(values: Any) -> Any:
    """Return `values` without its rarest spikes, for choosing a range."""
    import numpy as np

    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if known.size < 20:
        return known
    low, high = np.quantile(known, (LOWEST_QUANTILE, HIGHEST_QUANTILE))
    return known[(known >= low) & (known <= high)]


def set_line(curve: Any, xs: Sequence[float], ys: Sequence[float], *, positive: bool = False) -> None:
    """Give `curve` its points; `positive` leaves out what has no logarithm."""
    import numpy as np

    # Copies, since pyqtgraph keeps what it is given while ours go on growing.
    places, values = np.array(xs, dtype=np.float64), np.array(ys, dtype=np.float64)
    if positive:
        values[values <= 0] = np.nan
    few = len(places) <= SMOOTH_LIMIT
    curve.setData(
        places, values, antialias=few, connect="finite", symbol="o" if len(places) == 1 else None, symbolSize=5
    )


def color_line(curve: Any, color: str, width: float) -> None:
    """Give `curve` its colour, and the dot that a single point is."""
    curve.setPen(pen(color, width))
    curve.setSymbolPen(None)
    curve.setSymbolBrush(brush(color))


def fast_curve(plot: Any, name: str) -> Any:
    """Add a curve of which only what can be seen is drawn, however many points it has."""
    curve = plot.plot([], [], name=name)
    curve.setDownsampling(auto=True, method="peak")
    curve.setClipToView(True)
    return curve
