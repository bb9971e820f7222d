"""What is to become of a running training when the window is closed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from app.text import counted
from app.theme import SPACE
from app.widgets.basic import label, primary_button, row, secondary_button

_KEPT = (
    "Stop it now, and the best model so far is judged and kept; that takes a moment. "
    "Or leave it, and the Runs page resumes it another day."
)
_TOO_EARLY = (
    "It still prepares its molecules, so there is no model to keep. Leave it, and the Runs page resumes it another day."
)


class CloseQuestion(QDialog):
    """Asks; any answer closes it.

    Attributes
    ----------
    keep, later, stay
        Buttons: end the training and keep its best model; leave it so that it can be resumed; do not close the window.
    """

    def __init__(self, parent: QWidget | None = None, *, waiting: int = 0, keeps: bool = True) -> None:
        """Ask.

        Parameters
        ----------
        waiting
            How many more trainings stand in the queue.
        keeps
            Whether there is a model to keep; False while the molecules are still being prepared.
        """
        super().__init__(parent)
        self.setObjectName("closeQuestion")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(False)
        self.setWindowTitle("MolE Studio")
        self.keep = primary_button("Stop and keep the best", "closeKeepButton")
        self.later = secondary_button("Close, resume later", "closeLaterButton")
        self.stay = secondary_button("Go on training", "closeStayButton")
        self.keep.setVisible(keeps)
        (self.keep if keeps else self.later).setDefault(True)
        for button in (self.keep, self.later, self.stay):
            button.setMinimumHeight(39)
            button.clicked.connect(self.close)
        text = _KEPT if keeps else _TOO_EARLY
        if waiting:
            verb = "waits" if waiting == 1 else "wait"
            text += f" In the queue {counted(waiting, 'more training')} {verb} for the next start of the program."
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        layout.setSpacing(SPACE[1])
        layout.addWidget(label("A training is running", "title"))
        layout.addWidget(label(text, wrap=True))
        layout.addSpacing(SPACE[2])
        layout.addLayout(row(self.stay, None, self.later, self.keep))
        self.setFixedWidth(560)
