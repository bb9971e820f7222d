"""The queue of trainings behind one button in the Train page's header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from app.pages.words import preset_title
from app.text import counted
from app.widgets.basic import secondary_button
from app.widgets.queue_panel import QueueEntry, QueuePanel
from mole_engine.contracts.errors import KnownError

if TYPE_CHECKING:
    from app.services.run_queue import QueuedRun
    from app.services.session import Session


class QueueControl(QObject):
    """Keeps button, panel and service in step.

    Attributes
    ----------
    button
        "Queue (1)"; hidden while nothing runs or waits.
    panel
        What the button opens.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.button = secondary_button("Queue", "queueButton", "Trainings that wait for their turn")
        self.panel = QueuePanel(self.button)
        training = session.training
        self.button.clicked.connect(self._open)
        self.panel.move_asked.connect(self._move)
        self.panel.next_asked.connect(self._next)
        self.panel.drop_asked.connect(self._drop)
        self.panel.hold_asked.connect(training.hold_queue)
        self.panel.start_asked.connect(training.start_queue)
        training.queue_changed.connect(self.renew)
        training.state_changed.connect(self.renew)
        self.renew()

    @Slot()
    def renew(self) -> None:
        """Show what waits now."""
        training = self._session.training
        queued = training.queued()
        self.button.setText(f"Queue ({len(queued)})" if queued else "Queue")
        # Until the button stands in a header it has no window to be shown in.
        self.button.setVisible(self.button.parent() is not None and bool(queued or training.is_running))
        record = training.record
        entries = [QueueEntry(run.run_id, run.name, _note(run)) for run in queued]
        self.panel.show_queue(entries, held=training.is_held, running=record.name if record is not None else "")

    @Slot()
    def _open(self) -> None:
        self.renew()
        self.panel.show_below(self.button)

    @Slot(str, int)
    def _move(self, run_id: str, places: int) -> None:
        try:
            self._session.training.move(run_id, places)
        except KnownError as error:
            self._session.report(error)

    @Slot(str)
    def _next(self, run_id: str) -> None:
        try:
            self._session.training.run_next(run_id)
        except KnownError as error:
            self._session.report(error)

    @Slot(str)
    def _drop(self, run_id: str) -> None:
        try:
            self._session.training.drop(run_id)
        except KnownError as error:
            self._session.report(error)


def _note(run: QueuedRun) -> str:
    if run.resume:
        return "goes on from its last saved epoch"
    parts = (preset_title(run.config.preset), counted(run.config.training.epochs, "epoch"), f"seed {run.config.seed}")
    return " · ".join(part for part in parts if part)
