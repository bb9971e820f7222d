"""When the window looks for what has changed outside it: at once, but neither twice at a time nor all the time."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Slot

from app.services.session import Session


class LookAround(QObject):
    """Looks when it is asked to; who asks again soon, or while it looks, is answered by one look afterwards.

    Windows are activated in bursts (dialogs, the keys that go through windows), and each look takes a thread from what
    the user has asked for.

    Parameters
    ----------
    session
        Whose tasks the look begins.
    look
        Begins one.
    parent
        The window: with it the timer ends.
    """

    pause_ms = 1000
    """Least time between two looks."""

    def __init__(self, session: Session, look: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._look = session, look
        self._is_asked = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self._after_pause)

    @property
    def is_asked(self) -> bool:
        """Whether another look is to come; for tests, which wait for it."""
        return self._is_asked

    def ask(self) -> None:
        """Look now or, where that was done a moment ago or goes on, a little later."""
        self._is_asked = True
        if not self._pause.isActive():
            self._after_pause()

    @Slot()
    def _after_pause(self) -> None:
        if not self._is_asked:
            return
        self._pause.start(self.pause_ms)
        if not self._session.is_looking:
            self._is_asked = False
            with self._session.looking():
                self._look()
