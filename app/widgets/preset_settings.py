"""The few settings that everybody looks at, under the presets."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QGridLayout, QSpinBox, QWidget

from app.theme import SPACE
from app.widgets.basic import Card, label, link_button
from app.widgets.config_fields import FieldSpec, NumberEdit

AUTOMATIC = "auto"


class PresetSettings(Card):
    """Epochs, learning rate, device, and the way to all settings.

    Signals
    -------
    epochs_changed(int), rate_changed(float), device_changed(str)
        The user has changed one of them.
    all_asked(bool)
        Show all settings, or the charts again.
    """

    epochs_changed = Signal(int)
    rate_changed = Signal(float)
    device_changed = Signal(str)
    all_asked = Signal(bool)

    def __init__(self, epochs: FieldSpec, rate: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.epochs = QSpinBox()
        self.epochs.setObjectName("epochsSpin")
        self.epochs.setRange(int(epochs.low), int(epochs.high))
        self.epochs.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.rate = NumberEdit(rate)
        self.rate.setObjectName("learningRateEdit")
        self.device = QComboBox()
        self.device.setObjectName("deviceCombo")
        self.device.addItem("Automatic", AUTOMATIC)
        self.all = link_button("All settings", "allSettingsButton", "Every setting of the job, with its range")
        self.all.setCheckable(True)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE[1])
        grid.setVerticalSpacing(SPACE[1])
        grid.setColumnStretch(1, 1)
        rows = (
            ("Epochs", self.epochs, epochs.hint()),
            ("Learning rate", self.rate, rate.hint()),
            ("Device", self.device, "Where the training runs; automatic takes a GPU if there is one."),
        )
        for number, (title, editor, hint) in enumerate(rows):
            words = label(title)
            words.setBuddy(editor)
            editor.setToolTip(hint)
            editor.setAccessibleName(title)
            editor.setMinimumWidth(90)
            grid.addWidget(words, number, 0)
            grid.addWidget(editor, number, 1)
        self.body.addLayout(grid)
        self.add(self.all)
        self.epochs.valueChanged.connect(self.epochs_changed)
        self.rate.committed.connect(self._tell_rate)
        self.device.currentIndexChanged.connect(self._tell_device)
        self.all.toggled.connect(self._tell_all)

    def show_values(self, epochs: int, rate: float, device: str) -> None:
        """Show what is set, without telling anybody."""
        for widget in (self.epochs, self.rate, self.device):
            widget.blockSignals(True)
        self.epochs.setValue(epochs)
        self.rate.set_value(rate)
        self.device.setCurrentIndex(max(0, self.device.findData(device)))
        for widget in (self.epochs, self.rate, self.device):
            widget.blockSignals(False)

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

    @Slot()
    def _tell_rate(self) -> None:
        self.rate_changed.emit(self.rate.value())

    @Slot()
    def _tell_device(self) -> None:
        self.device_changed.emit(str(self.device.currentData() or AUTOMATIC))

    @Slot(bool)
    def _tell_all(self, shown: bool) -> None:
        self.all.setText("Back to the charts" if shown else "All settings")
        self.all_asked.emit(shown)
