"""Presets and start weights that the Train page offers: what is shipped, and what is the user's own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.services.start_weights import SCRATCH, shipped_weights
from app.services.user_presets import UserPresets, is_own
from app.text import counted
from app.widgets.delete_question import DeleteQuestion
from app.widgets.preset_list import PresetList
from app.widgets.preset_settings import PresetSettings
from app.widgets.save_preset import SavePresetDialog
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.paths import native
from mole_engine.contracts.presets import Preset, list_presets

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.services.session import Session


class PresetShelf(QObject):
    """The presets by name, and saving and deleting the user's own.

    Attributes
    ----------
    presets
        Shipped ones first.
    view
        The list that shows them.

    Signals
    -------
    saved(str), deleted(str)
        A preset of the user's with this name is new (or another than before), or is gone.
    """

    saved = Signal(str)
    deleted = Signal(str)

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._own = UserPresets(session.workspace)
        self.presets: dict[str, Preset] = {}
        self._config: Callable[[], TrainConfig] | None = None
        self._told: set[str] = set()
        self._read()
        self.view = PresetList(list(self.presets.values()))

    def ask_for_name(self, config: Callable[[], TrainConfig], parent: QWidget) -> None:
        """Ask how the settings (read when the answer comes) shall be called, then save them."""
        self._config = config
        preset = self.presets.get(self.view.current_name())
        own = preset is not None and is_own(preset.name)
        said = (preset.title, preset.summary) if preset and own else ("", "")
        titles = {
            kept: [one.title for one in self.presets.values() if is_own(one.name) is kept] for kept in (True, False)
        }
        dialog = SavePresetDialog(*said, own=titles[True], shipped=titles[False], parent=parent)
        dialog.saved.connect(self._save)
        dialog.show()

    @Slot()
    def ask_to_delete(self) -> None:
        """Ask, then delete the selected preset, if it is the user's own."""
        preset = self.presets.get(self.view.current_name())
        if preset is None or not is_own(preset.name):
            return
        what = "Its settings are removed from the disk; runs and models made with it stay."
        box = DeleteQuestion("deletePresetQuestion", f"Delete the preset “{preset.title}”?", what, self.view.window())
        box.confirmed.connect(partial(self.delete, preset.name))
        box.open()

    def delete(self, name: str) -> None:
        """Delete a preset of the user's."""
        try:
            self._own.delete(name)
        except KnownError as error:
            self._session.report(error)
            return
        self._renew()
        self.deleted.emit(name)

    @Slot(str, str)
    def _save(self, title: str, summary: str) -> None:
        if self._config is None:
            return
        try:
            preset = self._own.save(title, summary, self._config())
        except KnownError as error:
            self._session.report(error)
            return
        self._renew()
        self.saved.emit(preset.name)

    def _read(self) -> None:
        self.presets = {preset.name: preset for preset in (*list_presets(), *self._own.read())}
        faults = [fault for fault in self._own.faults if fault not in self._told]
        self._told.update(faults)
        if faults:
            # Else a preset that was there yesterday would be gone without a word.
            title = f"{counted(len(faults), 'preset of yours', 'presets of yours')} cannot be read."
            self._session.report(InputError(title, " ".join(faults), ""))

    def _renew(self) -> None:
        self._read()
        self.view.set_presets(list(self.presets.values()))


class StartShelf(QObject):
    """Fills the list of models to start from.

    Signals
    -------
    chosen(str)
        The user has chosen a file.
    """

    chosen = Signal(str)

    def __init__(self, session: Session, card: PresetSettings, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._card = session, card
        self._shipped = [(item.key, item.title, item.tip) for item in shipped_weights()]
        card.set_starts(self._shipped)
        card.start_file_asked.connect(self._ask_for_file)
        session.models_changed.connect(self.renew)

    @Slot()
    def renew(self) -> None:
        """Look for models of the workspace."""
        self._session.start_task(self._fill())

    async def _fill(self) -> None:
        models = await self._session.runs.models()
        own = [(model.path, model.name, f"Trained here on {model.data_name}\n{model.path}") for model in models]
        self._card.set_starts([*self._shipped, *own])

    @Slot()
    def _ask_for_file(self) -> None:
        dialog = QFileDialog(self._card, "Start from a model", str(Path.home()), "MolE models (*.mole)")
        dialog.setObjectName("startDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.take)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def take(self, path: str) -> None:
        """Start from the file at `path`, if it is a model."""
        self._session.start_task(self._check(native(path)))

    async def _check(self, path: str) -> None:
        await self._session.runs.model(path)
        self.chosen.emit(path)


def start_fault(config: TrainConfig) -> InputError | None:
    """Return what is wrong with the file that a job shall start from, None where nothing is."""
    path = Path(config.init)
    if config.init == SCRATCH or path.suffix != ".mole" or path.is_file():
        return None
    return InputError("The model to start from is gone.", f"There is no file {path}.", "Choose another one.")
