"""Is it any good? All runs of the workspace, the verdict on one of them, or several side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.pages.base import Page
from app.pages.compare import CompareView
from app.pages.runs_actions import RunActions
from app.pages.runs_list import RunList
from app.pages.saving import ask_where_to_save, suggested_name
from app.pages.verdict import VerdictView
from app.services.runs import EXPORTS, RunStory
from app.text import counted, duration
from app.theme import SPACE
from app.widgets.basic import EmptyState, primary_button, row, secondary_button
from app.widgets.event_log import STATE_TONES
from app.widgets.run_curves import RunCurves
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

if TYPE_CHECKING:
    from app.services.session import Session

_EMPTY, _LIST, _VERDICT, _COMPARE = range(4)


class RunsPage(Page):
    """The list, the verdict on the run that was chosen in it, or the runs that are compared."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, "Runs", parent)
        self.setObjectName("runsPage")
        self._records: list[RunRecord] = []
        self._asked = 0
        self._in_trash = self._was_visible = False
        self._wanted = self._awaited = self._note = ""
        self._kind = EXPORTS[0][0]
        self._story: RunStory | None = None

    def pieces(self) -> Iterator[None]:
        """Build the page."""
        session = self.session
        self.list = RunList()
        self.table, self.charts = self.list.table, self.list.charts
        yield
        self.verdict = VerdictView(session)
        yield
        self.compare = CompareView()
        yield
        self.actions_ = RunActions(session, self)
        self._make_buttons()
        self._stack = QStackedWidget()
        self.body.addWidget(self._stack, 1)
        yield
        for state in (self._empty_state(), self._list_side(), self.verdict, self.compare):
            self._stack.addWidget(state)
            yield
        self._connect()
        self._go(_EMPTY)
        session.start_task(self._reload(first=True))

    def plots(self) -> Iterator[None]:
        """Make the charts of the chosen run."""
        for chart in (self.charts.loss_chart, self.charts.metric_chart):
            chart.ensure_plot()
            yield

    # Building --------------------------------------------------------------------------------------------------

    def _make_buttons(self) -> None:
        self._all = secondary_button("All runs", "allRunsButton", "Back to the list (Esc)")
        self._again = secondary_button(
            "Train again", "trainAgainButton", "Bring its data and settings to the Train page"
        )
        self._open = primary_button("Show the verdict →", "showVerdictButton", "How good is this run?")
        self._resume = secondary_button("Resume", "resumeRunButton", "Go on from the last checkpoint of this run")
        self._compare = secondary_button(
            "Compare", "compareButton", "Select two to six runs (with Ctrl) to compare them"
        )
        self._more = secondary_button("More ▾", "runMenuButton", "What can be done with the selected runs")
        self._more.setMenu(self.actions_.menu)
        for button in (self._resume, self._all, self._again, self._compare, self._more):
            self.header.add_action(button)

    def _empty_state(self) -> QWidget:
        self._to_train = primary_button("Train a model", "runsTrainButton", "Go to the Train page")
        words = "Every training is kept here with its curves, its verdict and its model."
        self._nothing = EmptyState("runs", "No runs yet", words, (self._to_train,))
        self._nothing.look_for("runs")
        return self._nothing

    def _list_side(self) -> QWidget:
        side = QWidget()
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(self.list, 1)
        layout.addLayout(row(None, self._open))
        return side

    def _connect(self) -> None:
        session, actions = self.session, self.actions_
        session.runs_changed.connect(self.look_again)
        session.run_started.connect(self.look_again)
        session.run_finished.connect(self._finished)
        session.training.state_changed.connect(self._look_around)
        self.list.chosen.connect(self._choose)
        self.list.activated.connect(self._show_verdict)
        self.list.selection_changed.connect(self._renew_actions)
        self.list.annotated.connect(self._annotate)
        self.list.trash_asked.connect(self._show_trash)
        self.list.menu_asked.connect(actions.show_menu)
        # Before the run that is written about goes elsewhere.
        actions.menu.aboutToShow.connect(self.list.flush)
        actions.navigate.connect(self.navigate)
        actions.said.connect(self._say)
        actions.compare_asked.connect(self._ask_to_compare)
        self._open.clicked.connect(self._show_verdict)
        self._all.clicked.connect(self.show_list)
        self._again.clicked.connect(actions.duplicate)
        self._compare.clicked.connect(actions.compare)
        self._resume.clicked.connect(actions.go_on)
        self._to_train.clicked.connect(self._train)
        self.verdict.predict_asked.connect(self._predict)
        self.verdict.export_asked.connect(self._export)
        self.verdict.report_asked.connect(self._report)

    # What others call ------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Esc goes back to the list."""
        if self._stack.currentIndex() in (_VERDICT, _COMPARE):
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
        self._go_to_list()
        self._follow()

    # What happens ----------------------------------------------------------------------------------------------

    @Slot()
    def look_again(self) -> None:
        """See which runs there are by now: the command line makes some too."""
        self.session.start_task(self._reload())

    @Slot(bool)
    def _show_trash(self, wanted: bool) -> None:
        self._in_trash = wanted
        self.look_again()

    @Slot()
    def _look_around(self) -> None:
        """Note, before a run that has ended leads here, whether the user is here already."""
        self._was_visible = self.isVisible()

    @Slot(object)
    def _finished(self, record: RunRecord) -> None:
        if record.status is not RunState.COMPLETED:
            return
        if self._was_visible:
            # Who reads, compares or writes here is not taken elsewhere.
            self._note = f"{record.name} has finished"
            self._show_head()
            return
        if self._in_trash:
            self.list.filter.setCurrentIndex(0)
        # Shown from the record at once; the list follows.
        self._wanted = self._awaited = record.run_id
        self.session.start_task(self._read(record, show=True))

    async def _reload(self, *, first: bool = False) -> None:
        self._asked += 1
        asked = self._asked
        runs = self.session.runs
        records = await (runs.shelf.trashed() if self._in_trash else runs.records(first=first))
        if asked != self._asked:
            # A newer question is under way; an old answer must not overtake it.
            return
        self._records = records
        self._nothing.look_for("")
        # What was just typed about a run: signals that are blocked would not write it down.
        self.list.flush()
        self.list.blockSignals(True)
        self.list.show_records(records, in_trash=self._in_trash)
        self.list.reach(self._wanted)
        self.list.blockSignals(False)
        if self._stack.currentIndex() not in (_VERDICT, _COMPARE):
            self._go_to_list()
        self._renew_actions()
        with self.session.looking():
            self._follow()

    def _follow(self) -> None:
        """Read the run that is to be shown: another one than before, or one that has gone on since it was read."""
        if self._awaited:
            return
        record = self.list.current()
        if self._stack.currentIndex() == _VERDICT and self._story is not None:
            # The verdict stays with its run, whatever the list below has selected or left out.
            shown = self._story.record.run_id
            record = next((one for one in self._records if one.run_id == shown), None)
        if record is not None and (self._story is None or self._story.record != record):
            self._choose(record)

    @Slot(object)
    def _choose(self, record: RunRecord) -> None:
        self._wanted = record.run_id
        self.session.start_task(self._read(record, show=False))

    async def _read(self, record: RunRecord, *, show: bool) -> None:
        try:
            story = await self.session.runs.story(record)
        finally:
            if self._awaited == record.run_id:
                self._awaited = ""
        if record.run_id != self._wanted:
            # Another run was chosen meanwhile.
            return
        tasks = story.verdict.tasks
        self.charts.set_curves(RunCurves.replay(story.events), tasks[0].task.unit if tasks else "")
        # Either takes most of a tenth of a second: the window answers in between.
        await asyncio.sleep(0)
        if record.run_id != self._wanted:
            return
        self._story = story
        self.verdict.show_story(story)
        if show:
            self._note = ""
            self._go(_VERDICT)
        else:
            self._renew_actions()

    @Slot()
    def _show_verdict(self) -> None:
        if self._story is not None:
            self._note = ""
            self._go(_VERDICT)

    @Slot(list)
    def _ask_to_compare(self, records: Sequence[RunRecord]) -> None:
        self.session.start_task(self._show_comparison(records))

    async def _show_comparison(self, records: Sequence[RunRecord]) -> None:
        self.compare.show_comparison(await self.session.runs.shelf.compare(records))
        self._go(_COMPARE)

    @Slot(str, str, list, bool)
    def _annotate(self, run_id: str, notes: str, tags: list[str], starred: bool) -> None:
        self.session.start_task(self._annotated(self.session.runs.shelf.annotate(run_id, notes, tags, starred)))

    async def _annotated(self, writing: Future[None]) -> None:
        try:
            await asyncio.wrap_future(writing)
        finally:  # Also where it could not be written: the run may be gone.
            await self._reload()

    # Showing ---------------------------------------------------------------------------------------------------

    def _go_to_list(self) -> None:
        if (state := _LIST if self._records or self._in_trash else _EMPTY) != self._stack.currentIndex():
            # Else whoever writes notes, or searches, would lose the keyboard to the table.
            self._go(state)

    def _go(self, state: int) -> None:
        self._stack.setCurrentIndex(state)
        self.primary = {_EMPTY: self._to_train, _LIST: self._open, _VERDICT: self.verdict.predict_button}.get(state)
        self._renew_actions()
        self._take_focus()

    @Slot()
    def _renew_actions(self) -> None:
        """Let the buttons follow what is shown and selected."""
        state = self._stack.currentIndex()
        selected = self.list.selected()
        if state == _VERDICT and self._story is not None:
            selected = [self._story.record]
        self.actions_.set_selected(selected, in_trash=self._in_trash)
        if state == _LIST and self._story is not None and not self.list.records():
            # What was thrown away, or does not fit the search, is no longer drawn below an empty list.
            self._story = None
            self.charts.set_curves(RunCurves(), "")
        over = state in (_VERDICT, _COMPARE)
        self._all.setVisible(over)
        self._again.setVisible(state in (_LIST, _VERDICT) and not self._in_trash)
        self._again.setEnabled(self.actions_.can("duplicate"))
        self._compare.setVisible(state == _LIST and not self._in_trash)
        self._compare.setEnabled(self.actions_.can("compare"))
        self._more.setVisible(state in (_LIST, _VERDICT))
        self._resume.setVisible(self.actions_.can_resume and state in (_LIST, _VERDICT))
        self._open.setVisible(not self._in_trash)
        self._open.setEnabled(len(selected) == 1)
        self._show_head()

    def _take_focus(self) -> None:
        """Keep the keyboard in the page's main list rather than on whichever button comes next."""
        if self.isVisible():
            places = {_EMPTY: self._to_train, _VERDICT: self.verdict.worst, _COMPARE: self.compare.results}
            self.take_focus(places.get(self._stack.currentIndex(), self.table), self._all)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take the keyboard."""
        super().showEvent(event)
        self._take_focus()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Write down notes that were just typed."""
        super().hideEvent(event)
        self.list.flush()

    def _show_head(self) -> None:
        state = self._stack.currentIndex()
        note = (self._note, "accent")
        if state == _VERDICT and self._story is not None:
            record = self._story.record
            self.header.set_title(f"Run: {record.name}")
            words = record.status.value
            if record.status is RunState.COMPLETED:
                words = f"completed in {duration(record.seconds)}"
            apart = self.list.difference(record.run_id)
            self.header.set_chips([(apart, "neutral"), (words, STATE_TONES.get(record.status, "neutral")), note])
        elif state == _COMPARE:
            shared = self.compare.shared_name
            self.header.set_title(f"Runs side by side: {shared}" if shared else "Runs side by side")
            self.header.set_chips([])
        else:
            self.header.set_title("Trash" if self._in_trash else "Runs")
            number, selected = len(self._records), len(self.list.selected())
            chips = [(counted(number, "run"), "neutral")] if number else []
            chips += [(f"{selected} selected", "neutral")] if selected > 1 else []
            self.header.set_chips([*chips, note])

    @Slot(str)
    def _say(self, words: str) -> None:
        self._note = words
        if self._stack.currentIndex() == _VERDICT:
            self.show_list()
        self._show_head()

    # What the user does ----------------------------------------------------------------------------------------

    @Slot()
    def _train(self) -> None:
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
