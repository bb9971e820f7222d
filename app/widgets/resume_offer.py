"""Offers to go on with a training that was cut off."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.theme import SPACE
from app.widgets.basic import Card, label, link_button, muted_label, row, secondary_button


class ResumeOffer(Card):
    """A few words: what was cut off and where, Resume, Not now. Hidden until there is something to offer.

    Signals
    -------
    resume_asked(), dismissed()
        The user has answered.
    """

    resume_asked = Signal()
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tone="accent", parent=parent)
        self.setObjectName("resumeOffer")
        self._headline, self._words = label("", "heading", wrap=True), muted_label()
        self.resume_button = secondary_button("Resume", "resumeOfferButton", "Go on from the last saved epoch")
        later = link_button("Not now", "resumeLaterButton", "The Runs page can resume it another day")
        self.resume_button.clicked.connect(self.resume_asked)
        later.clicked.connect(self.dismissed)
        self.body.addWidget(self._headline)
        words = row(spacing=SPACE[2])
        words.addWidget(self._words, 1)
        for button in (self.resume_button, later):
            words.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.body.addLayout(words)
        self.hide()

    def show_run(self, title: str, words: str) -> None:
        """Offer a run."""
        self._headline.setText(title)
        self._words.setText(words)
        self.show()
