"""What all pages share: a header bar, a body with the page's margin, a primary button, a way to leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.theme import SPACE
from app.widgets.page_header import PageHeader

if TYPE_CHECKING:
    from app.services.session import Session


class Page(QWidget):
    """A page of the window.

    Who makes a page runs `pieces` to its end before the page is used: at once, or a piece a turn of the event loop
    while nobody waits for it. Small pages have none and are whole after their constructor.

    Attributes
    ----------
    session
        What is open, and the services.
    header
        The bar at the top.
    body
        Layout below it, with the page's margins.
    primary
        The button that Ctrl+Return presses, or None.
    drop_words
        What becomes of files that are dropped on the page.

    Signals
    -------
    navigate
        Name of the page to go to: data, train, runs, predict, models, preferences; split is a place of the Data page.
    """

    navigate = Signal(str)
    drop_words = "Drop to open"

    def __init__(self, session: Session, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.primary: QPushButton | None = None
        self.header = PageHeader(title)
        content = QWidget()
        content.setObjectName("pageBody")
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(SPACE[4], SPACE[3], SPACE[4], SPACE[3])
        self.body.setSpacing(SPACE[2])
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.header)
        outer.addWidget(content, 1)

    def pieces(self) -> Iterator[None]:
        """Build what the constructor has left, a piece (some 30 ms at most) between two yields; to be run once."""
        return iter(())

    def plots(self) -> Iterator[None]:
        """Make the plots ahead of their first showing, one between two yields, now that their library is loaded."""
        return iter(())

    def look_again(self) -> None:
        """See what has changed outside the window: the page is shown again, or the user comes back to the window."""

    def take_files(self, paths: Sequence[str]) -> bool:
        """Take files that were dropped on the page; return whether it has. Else the window opens them."""
        return False

    def take_focus(self, *widgets: QWidget) -> None:
        """Give the keyboard to the first of these that is shown: Qt gives it to hidden ones, too, where it is lost."""
        next((widget for widget in widgets if widget.isVisible()), self).setFocus(Qt.FocusReason.OtherFocusReason)

    def cancel(self) -> bool:
        """Cancel what this page is doing (Esc); return whether there was anything."""
        return False
