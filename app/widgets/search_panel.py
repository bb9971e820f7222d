"""A search for settings as it goes: its trials as lines across the settings, and as a table."""

from __future__ import annotations

import math
from collections.abc import Iterable

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from app.text import DASH, count, duration, number
from app.widgets.basic import Card, label, link_button, row
from app.widgets.cell_table import Cell, CellTable, Column
from app.widgets.config_fields import field_title, number_text
from app.widgets.event_log import TRIAL_WORDS
from app.widgets.figures import metric_title
from app.widgets.parallel_plot import Axis, ParallelPlot
from mole_engine.contracts.events import Event, TrialFinished

_TONES = {"complete": "good", "failed": "danger"}


class SearchPanel(Card):
    """Fills while a search runs, or from the log of one that is over.

    Signals
    -------
    curves_asked()
        Show the curves of the run instead.
    """

    curves_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Search for settings", parent=parent)
        self.setObjectName("searchPanel")
        self._trials: list[TrialFinished] = []
        self.plot = ParallelPlot()
        self.table = CellTable("trialsTable", "Trials", bare=True)
        back = link_button("Show the curves", "trialsCurvesButton", "The training under way")
        back.clicked.connect(self.curves_asked)
        self.header.addWidget(back)
        self._best = label("", "", wrap=True)
        self.body.addLayout(row(self._best))
        self.add(self.plot, 4)
        self.add(self.table, 5)
        self.table.row_chosen.connect(self._choose)
        self.plot.trial_pointed.connect(self._pointed)

    @property
    def trials(self) -> list[TrialFinished]:
        """What has been tried, in order."""
        return self._trials

    def add_trial(self, trial: TrialFinished) -> None:
        """Take in one more trial."""
        # A search that goes on after a break may tell of a trial again.
        self._trials = [known for known in self._trials if known.number != trial.number] + [trial]
        self._show()

    def replay(self, events: Iterable[Event]) -> None:
        """Show the trials of a run (none: of no search)."""
        told = {event.number: event for event in events if isinstance(event, TrialFinished)}
        self._trials = [told[number] for number in sorted(told)]
        self._show()

    def best(self) -> TrialFinished | None:
        """Return the best trial so far."""
        return next((trial for trial in reversed(self._trials) if trial.best), None)

    def setting_names(self) -> list[str]:
        """Return the dotted names of the settings that vary, in order of appearance."""
        return list(dict.fromkeys(name for trial in self._trials for name in trial.settings))

    def _show(self) -> None:
        trials, names, best = self._trials, self.setting_names(), self.best()
        monitor = trials[-1].monitor if trials else ""
        title = metric_title(monitor.removeprefix("val/")) if monitor else "result"
        total = trials[-1].total if trials else 0
        self.set_title("Search for settings", f"{count(len(trials))}{f' of {count(total)}' if total else ''} trials")
        self._best.setText(_best_words(best, title) if best is not None else "No trial has a result yet.")
        axes = [Axis(field_title(name), tuple(trial.settings.get(name) for trial in trials)) for name in names]
        axes.append(Axis(title, tuple(trial.value if math.isfinite(trial.value) else None for trial in trials)))
        faint = [trial.state != "complete" for trial in trials]
        self.plot.show_trials(axes, faint, trials.index(best) if best is not None else -1)
        columns = (
            Column("number", "trial", "number", 46),
            Column("state", "ended", "chip", 106),
            Column("value", title, "number", 68),
            *(Column(name, field_title(name), "number", 98, tip=name) for name in names),
            Column("seconds", "time", "number", 68),
        )
        self.table.show_rows(columns, len(trials), self._cell, again=True)

    def _cell(self, place: int, key: str) -> Cell:
        trial = self._trials[place]
        if key == "number":
            return Cell(count(trial.number), order=trial.number, bold=trial.best and trial is self.best())
        if key == "state":
            return Cell(TRIAL_WORDS.get(trial.state, trial.state), _TONES.get(trial.state, ""))
        if key == "value":
            return Cell(number(trial.value), order=trial.value, bold=trial is self.best())
        if key == "seconds":
            return Cell(duration(trial.seconds), order=trial.seconds)
        value = trial.settings.get(key)
        return Cell(setting_words(value), order=value if isinstance(value, (int, float)) else str(value))

    @Slot(int)
    def _choose(self, place: int) -> None:
        self.plot.choose(place)

    @Slot(int)
    def _pointed(self, place: int) -> None:
        self.table.choose(place)
        self.plot.choose(place)


def setting_words(value: object) -> str:
    """Return a tried value as one would type it."""
    if value is None:
        return DASH
    if isinstance(value, float):
        return number_text(float(f"{value:.2e}"))
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _best_words(trial: TrialFinished, title: str) -> str:
    settings = ", ".join(f"{field_title(name).lower()} {setting_words(v)}" for name, v in trial.settings.items())
    return f"Best so far: {title} {number(trial.value)} in trial {count(trial.number)}, with {settings}."
