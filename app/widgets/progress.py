"""A bar with a word and a count; never a spinner alone."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from app.text import progress_words, stage_words
from app.theme import SPACE
from app.widgets.basic import Card, label, link_button, row, secondary_button


class ProgressStrip(QWidget):
    """Stage, bar, count and a way to cancel, in one or two lines.

    Signals
    -------
    cancelled
        The user no longer wants it.
    """

    cancelled = Signal()

    def __init__(self, *, compact: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stage = label("", "heading")
        self._count = label("", "muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._cancel = (link_button if compact else secondary_button)("Cancel", "cancelWorkButton")
        self._cancel.clicked.connect(self.cancelled)
        if compact:
            layout = row(self._stage, self._bar, self._count, self._cancel, spacing=SPACE[2])
            layout.setStretchFactor(self._bar, 1)
            self.setLayout(layout)
            return
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[1])
        column.addLayout(row(self._stage, None, self._count))
        column.addWidget(self._bar)
        column.addSpacing(SPACE[1])
        column.addWidget(self._cancel, 0, Qt.AlignmentFlag.AlignHCenter)

    def show_progress(self, stage: str, done: int, total: int) -> None:
        """Show where the work stands, its stage by the engine's name or in words; a total of 0: nobody knows."""
        self._stage.setText(stage_words(stage))
        self._count.setText(progress_words(stage, done, total))
        # Counts beyond 32 bits would overflow Qt's integers; the bar only needs thousandths.
        self._bar.setRange(0, 1000 if total > 0 else 0)
        if total > 0:
            self._bar.setValue(round(1000 * min(done, total) / total))


class LoadingPanel(QWidget):
    """A card in the middle of an empty page, with a `ProgressStrip` and the name of what is being read.

    Signals
    -------
    cancelled
        The user no longer wants it.
    """

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        card = Card()
        card.setFixedWidth(420)
        self._name = label("", "title")
        self._strip = ProgressStrip()
        self._strip.cancelled.connect(self.cancelled)
        card.add(self._name)
        card.add(self._strip)
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        outer.addWidget(card, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addStretch(3)

    def begin(self, name: str) -> None:
        """Show what is being read."""
        self._name.setText(name)
        self._strip.show_progress("Reading the file", 0, 0)

    def show_progress(self, stage: str, done: int, total: int) -> None:
        """Show where the work stands."""
        self._strip.show_progress(stage, done, total)
