"""Two questions that take trainings of their own: whether more data is worth it, whether it is more than chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.services.runs import RunStory
from app.services.verdict import TaskVerdict

if TYPE_CHECKING:
    from app.services.session import Session


class CheckPane(QWidget):
    """Starts a check, shows how far it is, and what it found."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        QVBoxLayout(self)

    def show_story(self, story: RunStory, verdict: TaskVerdict | None) -> None:
        """Show the checks of a run."""

    def show_kind(self, kind: str) -> None:
        """Show "learning" or "scramble"."""
