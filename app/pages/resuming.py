"""Going on with a run that was cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.widgets.figures import day_and_time
from app.widgets.resume_offer import ResumeOffer
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import KnownError
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

if TYPE_CHECKING:
    from app.services.session import Session

_CALM_MS = 400


def resume_run(session: Session, record: RunRecord) -> bool:
    """Go on with a run from its last checkpoint, or queue it; return whether that could be asked for."""
    # The run's own settings count; these are only what the window shows before it speaks.
    job = TrainConfig(name=record.name, preset=record.preset, seed=record.seed)
    job.training.epochs = max(record.epochs, 1)
    job.data.path = record.data_name
    job.runtime.device = session.settings.device
    try:
        session.training.start(job, record.run_dir)
    except KnownError as error:
        session.report(error)
        return False
    return True


class ResumeControl(QObject):
    """Offers on the start page to go on with the newest run, if it was cut off by a crash, a kill or a hurried end.

    Attributes
    ----------
    offer
        The card to show.

    Signals
    -------
    resumed()
        The user has said yes, and the run goes on.
    """

    resumed = Signal()

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._record: RunRecord | None = None
        self._dismissed = ""
        self.offer = ResumeOffer()
        self.offer.resume_asked.connect(self._resume)
        self.offer.dismissed.connect(self._dismiss)
        session.runs_changed.connect(self._look)
        session.training.state_changed.connect(self._show)
        # Not before the window has been painted: this reads the workspace.
        QTimer.singleShot(_CALM_MS, self, self._look_first)

    @Slot()
    def _look_first(self) -> None:
        if not self.offer.window().isVisible():
            # Closed in the meantime.
            return
        # What is still marked as active then was cut off: nothing of this window can be running yet.
        with self._session.looking():
            self._session.start_task(self._read(first=not self._session.training.is_running))

    @Slot()
    def _look(self) -> None:
        with self._session.looking():
            self._session.start_task(self._read(first=False))

    async def _read(self, *, first: bool) -> None:
        records = await self._session.runs.records(first=first)
        newest = records[0] if records else None
        self._record = newest if newest is not None and newest.status is RunState.INTERRUPTED else None
        self._show()

    @Slot()
    def _show(self) -> None:
        record = self._record
        if record is None or self._session.training.is_running or record.run_id == self._dismissed:
            self.offer.hide()
            return
        title = f"The training {record.name} was cut off"
        self.offer.show_run(title, f"Started {day_and_time(record.created)}. It can go on from its last saved epoch.")

    @Slot()
    def _resume(self) -> None:
        if self._record is not None and resume_run(self._session, self._record):
            self.resumed.emit()

    @Slot()
    def _dismiss(self) -> None:
        if self._record is not None:
            self._dismissed = self._record.run_id
        self._show()
