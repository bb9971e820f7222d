"""What the Train page shows of a run under way: curves, small charts, pinned molecules, events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.services.run_events import read_run_events
from app.theme import SPACE
from app.widgets.basic import Card
from app.widgets.chart_card import ChartLink
from app.widgets.event_log import EventLog
from app.widgets.live_chart import LossChart, MetricChart
from app.widgets.pinned_molecules import PinnedMolecule, PinnedMolecules
from app.widgets.run_curves import RunCurves
from app.widgets.search_panel import SearchPanel
from app.widgets.trend_strip import TrendStrip
from mole_engine.contracts.events import Event, PinnedPredictions, TrialFinished
from mole_engine.contracts.records import RunRecord

if TYPE_CHECKING:
    from app.services.session import Session


class RunWatch(QObject):
    """Hands each event to everything that shows it.

    Attributes
    ----------
    loss, metrics, trends, pinned, events, search
        The widgets.
    curves
        What they show.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        # Only until what an earlier part of the run said has been read: a long run has millions.
        self._heard: list[Event] | None = None
        self._unit = ""
        self.curves = RunCurves()
        self.loss = LossChart()
        self.metrics = MetricChart()
        self.trends = TrendStrip()
        self.pinned = PinnedMolecules(session.depictions)
        self.events = EventLog()
        self.search = SearchPanel()
        self._link = ChartLink(self)
        self.loss.share(self._link)
        self.metrics.share(self._link)

    def charts(self) -> QWidget:
        """Return loss, metric and small charts, one below the other."""
        charts = QWidget()
        layout = _column(charts)
        layout.addWidget(self.loss, 1)
        layout.addWidget(self.metrics, 1)
        layout.addWidget(self.trends)
        return charts

    def plots(self) -> Iterator[None]:
        """Make the plots of the two charts, ahead of the first training."""
        for chart in (self.loss, self.metrics):
            chart.ensure_plot()
            yield

    def event_card(self) -> Card:
        """Return the log in its card."""
        card = Card("Events")
        card.add(self.events, 1)
        return card

    def clear(self) -> None:
        """Show no run."""
        self._show(RunCurves())
        self._heard = None
        self.events.replay([])
        self.search.replay([])

    def begin(self, record: RunRecord, unit: str, resumes: str) -> None:
        """Show a run that starts; one that goes on keeps the curves that it had."""
        self._unit = unit
        self._heard = [] if resumes else None
        self._show(RunCurves(record.epochs))
        self.events.replay([])
        self.search.replay([])
        if resumes:
            self._session.start_task(self._recall(resumes))

    def hear(self, event: Event) -> None:
        """Take in one event of the run."""
        self.events.add(event)
        if self._heard is not None:
            self._heard.append(event)
        if isinstance(event, TrialFinished):
            self.search.add_trial(event)
        if not self.curves.add(event):
            return
        self.loss.refresh()
        self.metrics.refresh()
        self.trends.refresh()
        if isinstance(event, PinnedPredictions):
            self._show_pinned(event)

    def _show_pinned(self, event: PinnedPredictions) -> None:
        """Show the molecules of the run, which may have been set up before others were chosen."""
        known = {molecule.smiles: molecule for molecule in self.pinned.molecules}
        if event.smiles != tuple(known):
            self.pinned.set_molecules([known.get(smiles) or PinnedMolecule(smiles) for smiles in event.smiles])
        self.pinned.refresh()

    def finish(self) -> None:
        """Draw what came last."""
        self._heard = None
        self._redraw()

    async def _recall(self, folder: str) -> None:
        events = await self._session.run_blocking(read_run_events, folder)
        if self._session.training.resumes != folder or self._heard is None:
            return
        meanwhile, self._heard = self._heard, None
        curves = RunCurves.replay(events)
        # What was said meanwhile stands in both; curves take a step told twice as one.
        for event in meanwhile:
            curves.add(event)
        self._show(curves)
        self.search.replay([*events, *meanwhile])

    def _show(self, curves: RunCurves) -> None:
        self.curves = curves
        self._redraw()

    @Slot()
    def _redraw(self) -> None:
        self.loss.set_curves(self.curves)
        self.metrics.set_unit(self._unit)
        self.metrics.set_curves(self.curves)
        self.trends.set_curves(self.curves)
        self.pinned.set_curves(self.curves)


def _column(holder: QWidget) -> QVBoxLayout:
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACE[2])
    return layout
