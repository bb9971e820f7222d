"""Asks for the name of a preset to be saved."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from app.theme import SPACE
from app.widgets.basic import label, muted_label, named, primary_button, row, secondary_button


class SavePresetDialog(QDialog):
    """A name and a line of description.

    Signals
    -------
    saved(str, str)
        Title and description.
    """

    saved = Signal(str, str)

    def __init__(self, title: str = "", summary: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("savePresetDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Save as preset")
        self.name = named(QLineEdit(title), "presetNameEdit", "Name")
        self.name.setMaxLength(60)
        self.summary = named(QLineEdit(summary), "presetSummaryEdit", "What it is for")
        self.summary.setMaxLength(200)
        self.take = primary_button("Save", "presetSaveButton")
        self.take.setEnabled(bool(title.strip()))
        back = secondary_button("Cancel", "presetCancelButton")
        self.name.textChanged.connect(self._name_changed)
        self.take.clicked.connect(self._save)
        back.clicked.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        layout.setSpacing(SPACE[1])
        layout.addWidget(label("Save as preset", "title"))
        layout.addWidget(muted_label("Network, training and start weights are kept; file, split and device are not."))
        layout.addSpacing(SPACE[1])
        for words, editor in (("Name", self.name), ("What it is for", self.summary)):
            layout.addWidget(label(words))
            layout.addWidget(editor)
        layout.addSpacing(SPACE[2])
        layout.addLayout(row(None, back, self.take))
        self.setFixedWidth(440)

    @Slot(str)
    def _name_changed(self, text: str) -> None:
        self.take.setEnabled(bool(text.strip()))

    @Slot()
    def _save(self) -> None:
        self.saved.emit(self.name.text().strip(), self.summary.text().strip())
        self.close()
