"""Asks before something is removed from the disk for good."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QMessageBox, QWidget


class DeleteQuestion(QMessageBox):
    """Asks; Return and Esc keep what is there.

    Signals
    -------
    confirmed
        It is to be deleted.
    """

    confirmed = Signal()

    def __init__(self, name: str, question: str, what: str, parent: QWidget) -> None:
        """Ask `question` and say `what` is removed; `name` is the object name."""
        super().__init__(parent)
        self.setObjectName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Delete for good")
        self.setText(question)
        self.setInformativeText(f"{what} This cannot be undone.")
        self.setStandardButtons(QMessageBox.StandardButton.Cancel)
        self.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        self.setDefaultButton(QMessageBox.StandardButton.Cancel)
        self.buttonClicked.connect(self._answered)

    @Slot(object)
    def _answered(self, button: QAbstractButton) -> None:
        # Not by its words, to which desktops add marks of their own.
        if self.buttonRole(button) is QMessageBox.ButtonRole.DestructiveRole:
            self.confirmed.emit()
