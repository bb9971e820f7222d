"""Asks for the name of a preset to be saved."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from app.theme import SPACE
from app.widgets.basic import label, muted_label, named, primary_button, row, secondary_button


class SavePresetDialog(QDialog):
    """A name and a line of description.

    Parameters
    ----------
    own, shipped
        Names that are taken: by a preset that would be replaced, and by one that cannot be.

    Signals
    -------
    saved(str, str)
        Title and description.
    """

    saved = Signal(str, str)

    def __init__(
        self,
        title: str = "",
        summary: str = "",
        *,
        own: Collection[str] = (),
        shipped: Collection[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("savePresetDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Save as preset")
        self.name = named(QLineEdit(title), "presetNameEdit", "Name")
        self.name.setMaxLength(60)
        self.summary = named(QLineEdit(summary), "presetSummaryEdit", "What it is for")
        self.summary.setMaxLength(200)
        self.take = primary_button("Save", "presetSaveButton")
        # Else Return would press the button before it, and what was typed would be lost.
        self.take.setDefault(True)
        self._own, self._shipped = _plain(own), _plain(shipped)
        self._remark = muted_label()
        self._remark.setObjectName("presetNameRemark")
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
        for widget in (label("Name"), self.name, self._remark, label("What it is for"), self.summary):
            layout.addWidget(widget)
        layout.addSpacing(SPACE[2])
        layout.addLayout(row(None, back, self.take))
        self.setFixedWidth(440)
        self._name_changed(title)

    @Slot(str)
    def _name_changed(self, text: str) -> None:
        name = _plain([text]).pop()
        usable = any(letter.isalnum() for letter in name)
        words = "" if usable or not name else "A name needs letters or figures."
        if name in self._own:
            words = "Saving replaces your preset of this name."
        elif name in self._shipped:
            usable, words = False, "A preset that comes with the program has this name."
        self.take.setEnabled(usable)
        self._remark.setText(words)

    @Slot()
    def _save(self) -> None:
        self.saved.emit(self.name.text().strip(), self.summary.text().strip())
        self.close()


def _plain(names: Collection[str]) -> set[str]:
    return {" ".join(name.split()).casefold() for name in names}
