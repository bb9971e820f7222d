"""The bar at the top of a page."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from app.theme import SPACE
from app.widgets.basic import Chip, GivingLabel, pill_button, row, set_role

_HEIGHT, _LEAST_TITLE = 56, 260


class PageHeader(QFrame):
    """The bar at the top of a page: title, chips, and buttons at the right.

    In a narrow place the title is cut in the middle; then the neutral chips leave, the last one first.

    Signals
    -------
    notice_clicked
        The user wants to see what the notice is about.
    """

    notice_clicked = Signal()

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="header")
        self.setFixedHeight(_HEIGHT)
        self._title = GivingLabel(title, "title", least=_LEAST_TITLE, middle=True)
        self._chips: list[Chip] = []
        self._notice: QPushButton | None = None
        self._layout = row(self._title, spacing=SPACE[2])
        self._layout.setContentsMargins(SPACE[4], 0, SPACE[4], 0)
        self._layout.addStretch(1)
        self.setLayout(self._layout)

    def title(self) -> str:
        """Return the title shown."""
        return self._title.text()

    def set_title(self, title: str) -> None:
        """Show another title."""
        self._title.setText(title)
        self._fit()

    def set_chips(self, facts: Sequence[tuple[str, str]]) -> None:
        """Show chips after the title, each a text and a tone."""
        while len(self._chips) < len(facts):
            chip = Chip(parent=self)
            self._layout.insertWidget(1 + len(self._chips), chip)
            self._chips.append(chip)
        for index, chip in enumerate(self._chips):
            chip.show_fact(*(facts[index] if index < len(facts) else ("", "neutral")))
        self._fit()

    def show_notice(self, text: str, tip: str = "") -> None:
        """Show a warning behind the chips that leads to what it is about; "" shows none."""
        if self._notice is None:
            if not text:
                return
            self._notice = pill_button("", "headerNotice", checkable=False)
            set_role(self._notice, tone="warning")
            self._notice.clicked.connect(self.notice_clicked)
            self._layout.insertWidget(1 + len(self._chips), self._notice)
        self._notice.setText(text)
        self._notice.setToolTip(tip)
        self._notice.setVisible(bool(text))
        self._fit()

    def add_action(self, button: QWidget) -> None:
        """Add a button at the right end."""
        self._layout.addWidget(button)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Chips are left out of it: they leave before the window has to be wider."""
        return QSize(_LEAST_TITLE, _HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Show the chips that there is room for."""
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        """Look again when a button comes or goes."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().event(event)

    def _fit(self) -> None:
        facts = [chip for chip in self._chips if chip.text()]
        items = [self._layout.itemAt(place) for place in range(self._layout.count())]
        widgets = [item.widget() for item in items if item is not None]
        others = [widget for widget in widgets if widget and widget not in self._chips and not widget.isHidden()]
        room = self.width() - 2 * SPACE[4] - SPACE[2]
        for item in others:
            wide = item.minimumSizeHint().width() if item is self._title else item.sizeHint().width()
            room -= wide + SPACE[2]
        left = room - sum(chip.sizeHint().width() + SPACE[2] for chip in facts)
        gone: list[Chip] = []
        for chip in reversed(facts):
            if left < 0 and chip.property("tone") == "neutral":
                left += chip.sizeHint().width() + SPACE[2]
                gone.insert(0, chip)
        for chip in facts:
            if chip.isHidden() != (chip in gone):
                chip.setVisible(chip not in gone)
        self.setToolTip(", ".join(chip.text() for chip in gone))
