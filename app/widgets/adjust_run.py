"""Change a training while it runs: its learning rate, and the epoch after which it ends."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QSpinBox, QVBoxLayout, QWidget

from app.text import count
from app.theme import SPACE
from app.widgets.basic import label, named, pill_button, row
from app.widgets.config_fields import rate_text

SMALLEST, LARGEST = 1e-3, 1e3
"""Bounds of the factor on the planned learning rate."""

_STEPS = (("÷ 2", 0.5), ("× 2", 2.0))


class AdjustRun(QWidget):
    """Two lines under the progress of a run.

    Signals
    -------
    rate_asked(float)
        Multiply the planned learning rate by this factor; 1 goes back to the plan.
    last_epoch_asked(int)
        End after this epoch.
    """

    rate_asked = Signal(float)
    last_epoch_asked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("adjustRun")
        self._factor = 1.0
        self._rate = label("", "figure")
        self._plan = pill_button("plan", "ratePlanButton", "Go back to the planned learning rate", checkable=False)
        self._plan.clicked.connect(self._back_to_plan)
        self._plan.hide()
        buttons = []
        for number, (words, factor) in enumerate(_STEPS):
            tip = f"Learning rate {words} from the next step on"
            button = pill_button(words, f"rateButton{number}", tip, checkable=False)
            button.setProperty("factor", factor)
            button.setAccessibleName("Half the learning rate" if factor < 1 else "Twice the learning rate")
            button.clicked.connect(self._change_rate)
            buttons.append(button)
        self.last = named(QSpinBox(), "lastEpochSpin", "Last epoch")
        self.last.setToolTip(
            "End training after this epoch; the learning rate's plan is fitted to it. Epochs of several networks are "
            "counted through: those that would begin later are left out"
        )
        self.last.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.last.setKeyboardTracking(False)
        self.last.setRange(1, 10_000)
        self._set = pill_button("Set", "lastEpochButton", "End after this epoch", checkable=False)
        self._set.clicked.connect(self._change_last)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, SPACE[0], 0, 0)
        column.setSpacing(SPACE[1])
        column.addLayout(row(label("Learning rate", "muted"), self._rate, None, self._plan, *buttons, spacing=5))
        column.addLayout(row(label("Last epoch", "muted"), None, self.last, self._set, spacing=5))

    def begin(self, epochs: int) -> None:
        """Show the plan of a run that starts."""
        self._factor = 1.0
        self._rate.setText("")
        self._show_factor()
        self.last.setValue(max(1, epochs))

    def show_step(self, rate: float, epoch: int, total: int) -> None:
        """Show the learning rate of the newest step; an epoch that is over can no longer be the last."""
        self._rate.setText(rate_text(rate))
        self.last.setMinimum(max(1, epoch))
        if not self.last.hasFocus() and total != self.last.value():
            self.last.setValue(total)
        self.last.setSuffix(f" of {count(total)}" if self.last.value() != total else "")

    @Slot()
    def _change_rate(self) -> None:
        self._ask(self._factor * float(self.sender().property("factor")))

    @Slot()
    def _back_to_plan(self) -> None:
        self._ask(1.0)

    def _ask(self, factor: float) -> None:
        self._factor = round(min(LARGEST, max(SMALLEST, factor)), 9)
        self._show_factor()
        self.rate_asked.emit(self._factor)

    def _show_factor(self) -> None:
        self._plan.setVisible(self._factor != 1.0)
        self._plan.setToolTip(f"{self._factor:g} times the plan; press to go back to the plan")

    @Slot()
    def _change_last(self) -> None:
        self.last.clearFocus()
        self.last_epoch_asked.emit(self.last.value())
