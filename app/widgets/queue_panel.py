"""The trainings that wait for their turn: their order, and what is no longer wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QLayoutItem, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.text import count
from app.theme import SPACE
from app.widgets.basic import (
    ElidedLabel,
    hline,
    label,
    link_button,
    muted_label,
    pill_button,
    row,
    secondary_button,
    set_role,
)

_WIDTH, _MOST_HEIGHT = 430, 420


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A waiting training as the panel shows it."""

    run_id: str
    name: str
    note: str


class QueuePanel(QFrame):
    """A floating card below the button that opened it.

    Signals
    -------
    move_asked(str, int)
        Move the training with this identifier so many places (negative: forward).
    next_asked(str), drop_asked(str)
        Make it the next one; take it out.
    hold_asked(), start_asked()
        Let nothing further begin by itself; let the waiting ones begin.
    """

    move_asked = Signal(str, int)
    next_asked = Signal(str)
    drop_asked = Signal(str)
    hold_asked = Signal()
    start_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("queuePanel")
        self.setAccessibleName("Queue of trainings")
        set_role(self, role="card")
        self._held = False
        self._order: list[str] = []
        self._rows = QVBoxLayout()
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(SPACE[1])
        self._hold = secondary_button("Hold", "queueHoldButton")
        self._hold.clicked.connect(self._hold_or_start)
        self._note = muted_label()
        inside = QWidget()
        inside.setLayout(self._rows)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll = scroll
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[3])
        layout.setSpacing(SPACE[1])
        layout.addLayout(row(label("Queue", "heading"), None, self._hold))
        layout.addWidget(self._note)
        layout.addWidget(scroll, 1)
        self.setFixedWidth(_WIDTH)

    def show_queue(self, entries: Sequence[QueueEntry], *, held: bool, running: str = "") -> None:
        """Show what waits; `held`: nothing begins by itself; `running`: the name of what runs now."""
        self._held = held
        holder = self.focusWidget()
        run_id, act = (str(holder.property(key) or "") for key in ("entry", "act")) if holder else ("", "")
        former, self._order = self._order, [entry.run_id for entry in entries]
        while (item := self._rows.takeAt(0)) is not None:
            _forget(item)
        for place, entry in enumerate(entries):
            line = self._line(entry, place, len(entries))
            self._rows.addWidget(line)
            # Else the layout shows it a moment later, and what is hidden cannot have the focus.
            line.show()
            if place + 1 < len(entries):
                self._rows.addWidget(hline())
        self._rows.addStretch(1)
        self._hold.setText("Start" if held else "Hold")
        tip = "Begin with the first one" if held else "Let what runs go on, and nothing begin after it"
        self._hold.setToolTip(tip)
        self._hold.setVisible(bool(entries))
        self._note.setText(_words(len(entries), held, running))
        self._scroll.setVisible(bool(entries))
        rows = len(entries) * 58
        self.setFixedHeight(min(_MOST_HEIGHT, (110 if entries else 88) + rows))
        if run_id in former and entries:
            near = run_id if run_id in self._order else self._order[min(former.index(run_id), len(entries) - 1)]
            self._go_to(near, act)

    def _go_to(self, run_id: str, act: str) -> None:
        """Give the keyboard to the button of a training that does this, or another of its buttons where it cannot."""
        buttons = [one for one in self.findChildren(QPushButton) if one.property("entry") == run_id and one.isEnabled()]
        button = next((one for one in buttons if one.property("act") == act), buttons[0])
        button.setFocus()

    def show_below(self, button: QWidget) -> None:
        """Appear with the right edge at that of `button`."""
        corner = button.mapToGlobal(QPoint(button.width() - _WIDTH, button.height() + 6))
        self.move(corner)
        self.show()

    def _line(self, entry: QueueEntry, place: int, total: int) -> QWidget:
        line = QWidget()
        line.setObjectName(f"queued.{place}")
        up = pill_button("↑", f"queueUp.{place}", "Earlier", checkable=False)
        down = pill_button("↓", f"queueDown.{place}", "Later", checkable=False)
        following = link_button("Run next", f"queueNext.{place}", "Make it the next one")
        drop = link_button("Remove", f"queueDrop.{place}", "Take it out of the queue")
        up.setEnabled(place > 0)
        down.setEnabled(place + 1 < total)
        following.setEnabled(place > 0 or self._held)
        for button, act in ((up, "up"), (down, "down"), (following, "next"), (drop, "drop")):
            button.setProperty("entry", entry.run_id)
            button.setProperty("act", act)
            button.setAccessibleName(f"{button.toolTip()}: {entry.name}")
            button.clicked.connect(self._pressed)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(ElidedLabel(entry.name, "heading"))
        words.addWidget(ElidedLabel(entry.note, "muted"))
        layout = row(up, down, following, drop, spacing=SPACE[1])
        layout.insertLayout(0, words, 1)
        line.setLayout(layout)
        line.setFixedHeight(44)
        return line

    @Slot()
    def _pressed(self) -> None:
        button = self.sender()
        run_id, act = str(button.property("entry")), str(button.property("act"))
        if act in {"up", "down"}:
            self.move_asked.emit(run_id, -1 if act == "up" else 1)
        elif act == "next":
            self.next_asked.emit(run_id)
        else:
            self.drop_asked.emit(run_id)

    @Slot()
    def _hold_or_start(self) -> None:
        (self.start_asked if self._held else self.hold_asked).emit()


def _words(waiting: int, held: bool, running: str) -> str:
    now = f"{running} is training. " if running else ""
    if not waiting:
        return f"{now}Nothing waits. Set up another training and press Add to queue."
    noun = "training waits" if waiting == 1 else "trainings wait"
    if held:
        return f"{now}{count(waiting)} {noun} for your word; press Start, and they run one after the other."
    return f"{now}{count(waiting)} {noun}; each begins when the one before it has ended."


def _forget(item: QLayoutItem) -> None:
    widget = item.widget()
    if widget is not None:
        widget.hide()
        # At once out of the panel, so that nobody finds an old line by its name.
        widget.setParent(None)
        widget.deleteLater()
