"""Is it any good? All runs of the workspace, and the verdict on one of them."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.pages.base import Page
from app.pages.saving import ask_where_to_save, suggested_name
from app.pages.verdict import VerdictView
from app.pages.words import preset_title
from app.services.runs import EXPORTS, RunStory
from app.text import count, duration
from app.theme import SPACE
from app.widgets.basic import EmptyState, primary_button, row, secondary_button
from app.widgets.cell_table import Cell, CellTable, Column
from app.widgets.event_log import STATE_TONES
from app.widgets.figures import day_and_time, main_metric, metric_words
from app.widgets.live_chart import RunCharts
from app.widgets.run_curves import RunCurves
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

if TYPE_CHECKING:
    from app.services.session import Session

COLUMNS = (
    Column("name", "run"),
    Column("status", "status", "chip", 112),
    Column("data", "data", width=150),
    Column("preset", "preset", width=96),
    Column("metric", "test result", "number", 150),
    Column("molecules", "molecules", "number", 84),
    Column("seconds", "time", "number", 92),
    Column("created", "started", "number", 156),
)
_EMPTY, _LIST, _VERDICT = range(3)


class RunsPage(Page):
    """The list, or the verdict on the run that was chosen in it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, "Runs", parent)
        self.setObjectName("runsPage")
        self._records: list[RunRecord] = []
        self._asked = 0
        self._wanted = self._note = ""
        self._kind = EXPORTS[0][0]
        self._story: RunStory | None = None
        self.table = CellTable("runsTable", "Runs")
        self.charts = RunCharts("replay")
        self.verdict = VerdictView(session)
        self._all = secondary_button("All runs", "allRunsButton", "Back to the list (Esc)")
        self._again = secondary_button("Train again", "trainAgainButton", "Go to the Train page")
        self._open = primary_button("Show the verdict →", "showVerdictButton", "How good is this run?")
        self._resume = secondary_button("Resume", "resumeRunButton", "Go on from the last checkpoint of this run")
        for button in (self._resume, self._all, self._again):
            self.header.add_action(button)
        self._stack = QStackedWidget()
        for state in (self._empty_state(), self._list_side(), self.verdict):
            self._stack.addWidget(state)
        self.body.addWidget(self._stack, 1)
        self._connect()
        self._go(_EMPTY)
        session.start_task(self._reload(first=True))

    # Building --------------------------------------------------------------------------------------------------

    def _empty_state(self) -> QWidget:
        self._to_train = primary_button("Train a model", "runsTrainButton", "Go to the Train page")
        words = "Every training is kept here with its curves, its verdict and its model."
        return EmptyState("runs", "No runs yet", words, (self._to_train,))

    def _list_side(self) -> QWidget:
        side = QWidget()
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(self.table, 5)
        layout.addWidget(self.charts, 4)
        layout.addLayout(row(None, self._open))
        return side

    def _connect(self) -> None:
        session = self.session
        session.runs_changed.connect(self._renew)
        session.run_started.connect(self._renew)
        session.run_finished.connect(self._finished)
        self.table.row_chosen.connect(self._choose)
        self.table.row_activated.connect(self._show_verdict)
        self._open.clicked.connect(self._show_verdict)
        self._all.clicked.connect(self.show_list)
        self._again.clicked.connect(self._train)
        self._resume.clicked.connect(self._go_on)
        self._to_train.clicked.connect(self._train)
        self.verdict.predict_asked.connect(self._predict)
        self.verdict.export_asked.connect(self._export)
        self.verdict.report_asked.connect(self._report)

    # What others call ------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Esc goes back to the list."""
        if self._stack.currentIndex() == _VERDICT:
            self.show_list()
            return True
        return False

    @property
    def story(self) -> RunStory | None:
        """The run that is shown, once it was read."""
        return self._story

    @Slot()
    def show_list(self) -> None:
        """Show all runs."""
        self._go(_LIST if self._records else _EMPTY)

    # What happens ----------------------------------------------------------------------------------------------

    @Slot()
    def _renew(self) -> None:
        self.session.start_task(self._reload())

    @Slot(object)
    def _finished(self, record: RunRecord) -> None:
        if record.status is RunState.COMPLETED:
            # Shown from the record at once; the list follows.
            self._wanted = record.run_id
            self.session.start_task(self._read(record, show=True))

    async def _reload(self, *, first: bool = False) -> None:
        self._asked += 1
        asked = self._asked
        records = await self.session.runs.records(first=first)
        if asked != self._asked:
            # A newer question is under way; an old answer must not overtake it.
            return
        self._records = records
        self.table.show_rows(COLUMNS, len(self._records), self._cell)
        if self._stack.currentIndex() != _VERDICT:
            self.show_list()
        names = [record.run_id for record in self._records]
        if self._wanted in names:
            self.table.blockSignals(True)
            place = names.index(self._wanted)
            self.table.choose(place)
            self.table.blockSignals(False)
            if self._story is None or self._story.record != self._records[place]:
                # The run has gone on since it was read.
                self._choose(place)
        elif names:
            self.table.choose(0)

    @Slot(int)
    def _choose(self, place: int) -> None:
        if 0 <= place < len(self._records):
            record = self._records[place]
            self._wanted = record.run_id
            self.session.start_task(self._read(record, show=False))

    async def _read(self, record: RunRecord, *, show: bool) -> None:
        story = await self.session.runs.story(record)
        if record.run_id != self._wanted:
            # Another run was chosen meanwhile.
            return
        self._story, self._note = story, ""
        tasks = story.verdict.tasks
        self.charts.set_curves(RunCurves.replay(story.events), tasks[0].task.unit if tasks else "")
        self.verdict.show_story(story)
        if show:
            self._go(_VERDICT)
        else:
            self._show_head()

    @Slot()
    def _show_verdict(self) -> None:
        if self._story is not None:
            self._go(_VERDICT)

    def _go(self, state: int) -> None:
        self._stack.setCurrentIndex(state)
        self._all.setVisible(state == _VERDICT)
        self._again.setVisible(state != _EMPTY)
        self.primary = {_EMPTY: self._to_train, _LIST: self._open, _VERDICT: self.verdict.predict_button}[state]
        self._show_head()
        self._take_focus()

    def _take_focus(self) -> None:
        """Keep the keyboard in the page's main list rather than on whichever button comes next."""
        if self.isVisible():
            (self.verdict.worst if self._stack.currentIndex() == _VERDICT else self.table).setFocus()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take the keyboard."""
        super().showEvent(event)
        self._take_focus()

    def _show_head(self) -> None:
        record = self._story.record if self._story is not None else None
        self._resume.setVisible(record is not None and record.status is RunState.INTERRUPTED)
        if self._stack.currentIndex() != _VERDICT or self._story is None:
            self.header.set_title("Runs")
            number = len(self._records)
            self.header.set_chips([(f"{count(number)} run{'' if number == 1 else 's'}", "neutral")] if number else [])
            return
        record = self._story.record
        self.header.set_title(f"Run: {record.name}")
        words = record.status.value
        if record.status is RunState.COMPLETED:
            words = f"completed in {duration(record.seconds)}"
        self.header.set_chips([(words, STATE_TONES.get(record.status, "neutral")), (self._note, "accent")])

    def _cell(self, place: int, key: str) -> Cell:
        record = self._records[place]
        main = main_metric(record.metrics)
        molecules = sum(record.counts.values())
        cells = {
            "name": lambda: Cell(record.name, bold=True, tip=record.error or record.run_id),
            "status": lambda: Cell(record.status.value, STATE_TONES.get(record.status, "")),
            "data": lambda: Cell(record.data_name),
            "preset": lambda: Cell(preset_title(record.preset)),
            "metric": lambda: Cell(metric_words(record.metrics, main), order=record.metrics.get(main, float("nan"))),
            "molecules": lambda: Cell(count(molecules) if molecules else "", order=molecules),
            "seconds": lambda: Cell(duration(record.seconds) if record.seconds else "", order=record.seconds),
            "created": lambda: Cell(day_and_time(record.created), order=record.created),
        }
        return cells[key]()

    # What the user does ----------------------------------------------------------------------------------------

    @Slot()
    def _train(self) -> None:
        self.navigate.emit("train")

    @Slot()
    def _go_on(self) -> None:
        if self._story is None:
            return
        record = self._story.record
        job = TrainConfig(name=record.name, preset=record.preset, seed=record.seed)
        job.training.epochs = max(record.epochs, 1)
        job.runtime.device = self.session.settings.device
        try:
            self.session.training.start(job, record.run_dir)
        except InputError as error:
            self.session.report(error)
        else:
            self.navigate.emit("train")

    @Slot()
    def _predict(self) -> None:
        if self._story is not None and self._story.model is not None:
            self.session.predictions.choose(self._story.model.path)
            self.navigate.emit("predict")

    @Slot(str)
    def _export(self, kind: str) -> None:
        if self._story is None or self._story.model is None:
            return
        self._kind = kind
        title, tip = next((title, tip) for ending, title, tip in EXPORTS if ending == kind)
        name = suggested_name(self._story.model.name, kind)
        ask_where_to_save(self, f"Export: {tip}", name, f"{title} (*.{kind})", self.save_export)

    @Slot()
    def _report(self) -> None:
        if self._story is not None:
            name = suggested_name(self._story.record.name, "html")
            ask_where_to_save(self, "Save the report", name, "Web page (*.html)", self.save_report)

    @Slot(str)
    def save_export(self, path: str) -> None:
        """Write the model to `path` in the format that was asked for."""
        if self._story is not None and self._story.model is not None:
            work = self.session.runs.export(self._story.model.path, self._kind, path)
            self.session.start_task(self._saved(work, path))

    @Slot(str)
    def save_report(self, path: str) -> None:
        """Write the report to `path`."""
        if self._story is not None:
            self.session.start_task(self._saved(self.session.runs.report(self._story.record, path), path))

    async def _saved(self, work: Coroutine[Any, Any, None], path: str) -> None:
        await work
        self._note = f"saved {Path(path).name}"
        self._show_head()
