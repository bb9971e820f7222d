"""What the menu of the runs does: star, duplicate, continue, make again, throw away, restore."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPoint, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.file_manager import show_folder
from app.pages.resuming import resume_run
from app.text import counted
from app.widgets.delete_question import DeleteQuestion
from mole_engine.contracts.errors import MoleError
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

if TYPE_CHECKING:
    from app.services.session import Session

_CAN_RESUME = (RunState.INTERRUPTED, RunState.FAILED)
_FEW = 2


class RunActions(QObject):
    """Acts on the runs that are selected.

    Attributes
    ----------
    menu
        For the button of the page and for the table.

    Signals
    -------
    navigate(str)
        A page to go to.
    said(str)
        What was done, in a few words.
    compare_asked(list)
        Records to be compared.
    """

    navigate = Signal(str)
    said = Signal(str)
    compare_asked = Signal(list)

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._window = session, window
        self._records: list[RunRecord] = []
        self._in_trash = False
        self.menu = QMenu(window)
        self.menu.setObjectName("runMenu")
        self.menu.setToolTipsVisible(True)
        self._actions: dict[str, QAction] = {}
        for name, title, tip, slot in (
            ("compare", "Compare", "Curves, results and settings side by side", self.compare),
            ("duplicate", "Duplicate as new run", "Open its data and settings on the Train page", self.duplicate),
            ("continue", "Continue", "Go on from its last checkpoint, or from its model", self.go_on),
            ("reproduce", "Reproduce", "Train it again from its folder alone, to compare", self.reproduce),
            ("folder", "Open folder", "Show its files", self.open_folder),
            ("trash", "Move to trash", "It can be restored from there", self.trash),
            ("restore", "Restore", "Bring it back to the runs", self.restore),
            ("drop", "Delete for good …", "Its files are removed from the disk", self.drop),
        ):
            action = self.menu.addAction(title)
            action.setObjectName(f"run.{name}")
            action.setToolTip(tip)
            action.triggered.connect(slot)
            self._actions[name] = action

    def set_selected(self, records: Sequence[RunRecord], *, in_trash: bool) -> None:
        """Act on these runs from now on."""
        self._records, self._in_trash = list(records), in_trash
        one = records[0] if len(records) == 1 else None
        over = [record for record in records if not record.status.is_active]
        usable = {
            "compare": not in_trash and _FEW <= len(records) <= self._session.runs.most_compared,
            "duplicate": not in_trash and one is not None and bool(one.run_dir),
            "continue": not in_trash and one is not None and (one.status in _CAN_RESUME or bool(one.model_path)),
            "reproduce": not in_trash and one is not None and one.status is RunState.COMPLETED,
            "folder": one is not None and bool(one.run_dir),
            "trash": not in_trash and bool(over),
            "restore": in_trash and bool(records),
            "drop": in_trash and bool(records),
        }
        for name, action in self._actions.items():
            action.setEnabled(usable[name])
            action.setVisible((name in ("restore", "drop", "folder")) if in_trash else name not in ("restore", "drop"))

    @property
    def can_resume(self) -> bool:
        """Whether what is selected is one run that was cut off, or has failed, and may go on from its checkpoint."""
        return not self._in_trash and len(self._records) == 1 and self._records[0].status in _CAN_RESUME

    def can(self, name: str) -> bool:
        """Whether an action ("compare", "continue" ...) is possible now."""
        return self._actions[name].isEnabled()

    @Slot(QPoint)
    def show_menu(self, at: QPoint) -> None:
        """Show the menu at a place of the screen."""
        self.menu.popup(at)

    # The actions -----------------------------------------------------------------------------------------------

    @Slot()
    def compare(self) -> None:
        """Show the selected runs side by side."""
        if self.can("compare"):
            self.compare_asked.emit(list(self._records))

    @Slot()
    def duplicate(self) -> None:
        """Bring data and settings of the run to the Train page."""
        if self._records:
            self._start(self._duplicate(self._records[0], from_model=False))

    @Slot()
    def go_on(self) -> None:
        """Resume a run that was cut off; of a finished one, start a new run from its model."""
        if not self._records:
            return
        record = self._records[0]
        if record.status in _CAN_RESUME:
            self._resume(record)
        else:
            self._start(self._duplicate(record, from_model=True))

    @Slot()
    def reproduce(self) -> None:
        """Train the run again from its folder alone."""
        if self._records:
            self._start(self._reproduce(self._records[0]))

    @Slot()
    def open_folder(self) -> None:
        """Show the run's files in the system's file manager."""
        if self._records:
            show_folder(self._records[0].run_dir)

    @Slot()
    def trash(self) -> None:
        """Move the selected runs to the trash."""
        over = [record for record in self._records if not record.status.is_active]
        names = [record.run_id for record in over]
        if names:
            work = self._session.runs.shelf.trash(names)
            self._start(self._changed(work, f"{counted(len(names), 'run')} moved to the trash"))

    @Slot()
    def restore(self) -> None:
        """Bring the selected runs back."""
        names = [record.run_id for record in self._records]
        self._start(self._changed(self._session.runs.shelf.restore(names), f"{counted(len(names), 'run')} restored"))

    @Slot()
    def drop(self) -> None:
        """Ask, then delete the selected runs for good."""
        question = f"Delete {counted(len(self._records), 'run')} for good?"
        what = "Models, curves and notes are removed from the disk."
        box = DeleteQuestion("dropQuestion", question, what, self._window)
        # Those that were asked about, whatever is selected when the answer comes.
        box.confirmed.connect(partial(self._drop, [record.run_id for record in self._records]))
        box.open()

    def _drop(self, names: list[str]) -> None:
        self._start(self._changed(self._session.runs.shelf.drop(names), f"{counted(len(names), 'run')} deleted"))

    # Work ------------------------------------------------------------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._session.start_task(work)

    async def _changed(self, work: Coroutine[Any, Any, None], words: str) -> None:
        try:
            await work
        finally:
            # Also after a failure half way, when some of them have moved.
            self._session.runs_changed.emit()
            self._session.models_changed.emit()
        self.said.emit(words)

    async def _duplicate(self, record: RunRecord, *, from_model: bool) -> None:
        config = await self._session.runs.shelf.config(record)
        name = f"{record.name}, {'continued' if from_model else 'copy'}"
        # The number of threads that suited that run's molecules and moment is chosen anew, and what shares them.
        runtime = {"threads": 0, "side_by_side": 0}
        changes: dict[str, Any] = {"name": name, "out": "", "workspace": "", "runtime": runtime}
        if from_model:
            changes["init"] = record.model_path
        self.navigate.emit("train")
        await self._session.offer_job(config.updated(changes))

    def _resume(self, record: RunRecord) -> None:
        if resume_run(self._session, record):
            self.navigate.emit("train")

    async def _reproduce(self, record: RunRecord) -> None:
        config = await self._session.runs.shelf.reproduction(record)
        try:
            self._session.training.start(config)
        except MoleError as error:
            self._session.report(error)
        else:
            self.navigate.emit("train")
