"""The line at the foot of the window: device, cores, what is going on, when something was last saved."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QStatusBar, QWidget

from app.services.prefetch import core_words
from app.services.session import Session
from app.text import duration, progress_words, stage_words
from app.widgets.basic import label
from mole_engine.contracts.events import CheckpointSaved, Event

_TICK_MS = 5000


class StatusLine(QStatusBar):
    """Listens to the session; holds no state of its own but the time of the last checkpoint."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statusLine")
        self.setSizeGripEnabled(False)
        self.setFixedHeight(28)
        self.setContentsMargins(22, 0, 22, 0)
        self._device = label()
        self._cores = label(core_words())
        self._work = label()
        self._saved = label()
        self._saved.setToolTip(f"Everything is kept in {session.workspace}")
        self._device.hide()
        for words in (self._device, self._cores, self._work):
            words.setContentsMargins(0, 0, 12, 0)
            self.addWidget(words)
        self.addPermanentWidget(self._saved)
        self._saved_at = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._renew)
        session.busy.connect(self._show_work)
        session.idle.connect(self._work.clear)
        session.run_event.connect(self._hear)
        session.run_finished.connect(self._finished)
        session.prefetch.devices_known.connect(self._show_device)

    @Slot(str, int, int)
    def _show_work(self, stage: str, done: int, total: int) -> None:
        self._work.setText(f"{stage_words(stage)} {progress_words(stage, done, total)}".strip())

    @Slot(str)
    def _show_device(self, words: str) -> None:
        self._device.setText(words)
        self._device.setVisible(bool(words))

    @Slot(object)
    def _hear(self, event: Event) -> None:
        if isinstance(event, CheckpointSaved):
            self._saved_at = time.monotonic()
            self._timer.start()
            self._renew()

    @Slot(object)
    def _finished(self, record: object) -> None:
        self._timer.stop()
        self._saved.setText("Saved")

    @Slot()
    def _renew(self) -> None:
        age = time.monotonic() - self._saved_at
        self._saved.setText("Saved just now" if age < 2 else f"Saved {duration(age)} ago")
