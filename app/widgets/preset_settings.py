"""The few settings that everybody looks at, under the presets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QGridLayout, QSpinBox, QWidget

from app.text import count
from app.theme import SPACE
from app.widgets.basic import Card, label, link_button, row
from app.widgets.combo import Combo
from app.widgets.config_fields import FieldSpec, NumberEdit

AUTOMATIC = "auto"
SCRATCH = "none"
CHOOSE = "choose a file"
"""Entry that opens the file dialog; no setting."""


class PresetSettings(Card):
    """Epochs, learning rate, start weights, device, and the way to all settings.

    Signals
    -------
    epochs_changed(int), rate_changed(float), device_changed(str), start_changed(str)
        The user has changed one of them.
    start_file_asked()
        The user wants to start from a file that is not in the list.
    all_asked(bool)
        Show all settings, or the charts again.
    save_asked(), delete_asked()
        Keep the settings as a preset; drop the preset that is selected.
    """

    epochs_changed = Signal(int)
    rate_changed = Signal(float)
    device_changed = Signal(str)
    start_changed = Signal(str)
    start_file_asked = Signal()
    all_asked = Signal(bool)
    save_asked = Signal()
    delete_asked = Signal()

    def __init__(self, epochs: FieldSpec, rate: FieldSpec, start_help: str, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._changed = 0
        self._start_before = SCRATCH
        self.epochs = QSpinBox()
        self.epochs.setObjectName("epochsSpin")
        self.epochs.setRange(int(epochs.low), int(epochs.high))
        self.epochs.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.rate = NumberEdit(rate)
        self.rate.setObjectName("learningRateEdit")
        self.start = Combo()
        self.start.setObjectName("startCombo")
        self.device = Combo()
        self.device.setObjectName("deviceCombo")
        self.device.addItem("Automatic", AUTOMATIC)
        self.all = link_button("All settings", "allSettingsButton", "Every setting of the job, with its range")
        self.all.setCheckable(True)
        self.save = link_button("Save as preset", "savePresetButton", "Keep these settings as a preset of your own")
        self.delete = link_button("Delete preset …", "deletePresetButton", "Remove this preset of your own")
        self.delete.hide()
        rows = (
            ("Epochs", self.epochs, epochs.hint()),
            ("Learning rate", self.rate, rate.hint()),
            ("Start from", self.start, start_help),
            ("Device", self.device, "Where the training runs; automatic takes a GPU if there is one."),
        )
        self.refused = label("", tone="danger", wrap=True)
        self.refused.setObjectName("presetRefused")
        self.refused.hide()
        self.body.addLayout(_grid(rows))
        self.body.addWidget(self.refused)
        self.body.addLayout(row(self.all, None, self.save, self.delete))
        self.set_starts(())
        self._connect()

    def _connect(self) -> None:
        self.epochs.valueChanged.connect(self.epochs_changed)
        self.rate.committed.connect(self._tell_rate)
        self.rate.refused.connect(self._say_refused)
        self.rate.textEdited.connect(self.refused.hide)
        self.start.currentIndexChanged.connect(self._tell_start)
        self.device.currentIndexChanged.connect(self._tell_device)
        self.all.toggled.connect(self._tell_all)
        self.save.clicked.connect(self.save_asked)
        self.delete.clicked.connect(self.delete_asked)

    def show_values(self, epochs: int, rate: float, device: str, start: str = SCRATCH) -> None:
        """Show what is set, without telling anybody."""
        for widget in (self.epochs, self.rate, self.device, self.start):
            widget.blockSignals(True)
        self.epochs.setValue(epochs)
        if rate != self.rate.value():
            # Another preset, or another rate: what was refused is past.
            self.refused.hide()
        self.rate.set_value(rate)
        self.device.setCurrentIndex(max(0, self.device.findData(device)))
        self._choose_start(start)
        for widget in (self.epochs, self.rate, self.device, self.start):
            widget.blockSignals(False)

    def show_changes(self, changed: int, *, own: bool) -> None:
        """Say how many settings differ from the preset, and whether that preset is the user's to delete."""
        self._changed = changed
        self.delete.setVisible(own and not changed)
        self.save.setVisible(not (own and not changed))
        self._name_all()

    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        """Offer these devices (key, title) after "Automatic"."""
        chosen = self.device.currentData()
        self.device.blockSignals(True)
        self.device.clear()
        self.device.addItem("Automatic", AUTOMATIC)
        if devices:
            self.device.setItemData(0, f"Automatic: {devices[0][1]}", Qt.ItemDataRole.ToolTipRole)
        for key, title in devices:
            self.device.addItem(title, key)
        self.device.setCurrentIndex(max(0, self.device.findData(chosen)))
        self.device.blockSignals(False)

    def set_starts(self, starts: Sequence[tuple[str, str, str]]) -> None:
        """Offer these models (key, title, tip) to start from, after "Nothing"."""
        chosen = str(self.start.currentData() or SCRATCH)
        self.start.blockSignals(True)
        self.start.clear()
        entries = (
            (SCRATCH, "Nothing", "From random weights"),
            *starts,
            (CHOOSE, "Choose a file…", "Any .mole file with an encoder"),
        )
        for key, title, tip in entries:
            self.start.addItem(title, key)
            self.start.setItemData(self.start.count() - 1, tip or key, Qt.ItemDataRole.ToolTipRole)
        self._choose_start(chosen)
        self.start.blockSignals(False)

    def _choose_start(self, key: str) -> None:
        if self.start.findData(key) < 0:
            # A file of the user's, or what a preset asks for.
            self.start.insertItem(self.start.count() - 1, Path(key).stem, key)
            self.start.setItemData(self.start.count() - 2, key, Qt.ItemDataRole.ToolTipRole)
        self.start.setCurrentIndex(self.start.findData(key))
        self._start_before = key

    @Slot(str)
    def _say_refused(self, words: str) -> None:
        self.refused.setText(words)
        self.refused.show()

    @Slot()
    def _tell_rate(self) -> None:
        self.rate_changed.emit(self.rate.value())

    @Slot()
    def _tell_start(self) -> None:
        key = str(self.start.currentData() or SCRATCH)
        if key == CHOOSE:
            # Nothing is chosen until the dialog has an answer.
            self.start.blockSignals(True)
            self._choose_start(self._start_before)
            self.start.blockSignals(False)
            self.start_file_asked.emit()
            return
        self._start_before = key
        self.start_changed.emit(key)

    @Slot()
    def _tell_device(self) -> None:
        self.device_changed.emit(str(self.device.currentData() or AUTOMATIC))

    @Slot(bool)
    def _tell_all(self, shown: bool) -> None:
        self._name_all()
        self.all_asked.emit(shown)

    def _name_all(self) -> None:
        changed = f" ({count(self._changed)})" if self._changed else ""
        told = f"; {count(self._changed)} differ from the preset" if self._changed else ""
        self.all.setToolTip(f"Every setting of the job, with its range{told}")
        self.all.setText("Back to charts" if self.all.isChecked() else f"All settings{changed}")


def _grid(rows: Sequence[tuple[str, QWidget, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(SPACE[1])
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)
    for number, (title, editor, hint) in enumerate(rows):
        words = label(title)
        words.setBuddy(editor)
        editor.setToolTip(hint)
        editor.setAccessibleName(title)
        editor.setMinimumWidth(90)
        if isinstance(editor, QComboBox):
            # A long name must not widen the card.
            editor.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        grid.addWidget(words, number, 0)
        grid.addWidget(editor, number, 1)
    return grid
