"""What will be trained: preset, the few common settings, all settings, and the estimate; one source for the job."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.pages.setting_words import SECTIONS
from app.pages.train_presets import PresetShelf, StartShelf, start_fault
from app.services.devices import Device, find_devices
from app.services.estimates import (
    DataSize,
    SpeedMemory,
    data_size,
    epoch_seconds,
    estimate_memory,
    estimate_seconds,
    is_head_only,
    networks_of_job,
)
from app.services.measured_jobs import MeasuredJobs
from app.services.open_dataset import OpenDataset
from app.services.user_presets import is_own
from app.text import count, counted
from app.widgets.config_fields import field_specs
from app.widgets.config_form import ConfigForm
from app.widgets.figures import rough_duration
from app.widgets.preset_settings import AUTOMATIC, PresetSettings
from mole_engine.contracts.config import (
    TrainConfig,
    TrainingConfig,
)
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.presets import DEFAULT_PRESET

if TYPE_CHECKING:
    from app.services.session import Session

SPEED_FILE = "speed.json"
_EPOCHS, _RATE, _DEVICE, _INIT = "training.epochs", "training.learning_rate", "runtime.device", "init"
_KIND, _TRIALS = "ensemble.kind", "search.trials"
SEARCH_TRIALS = 20
"""Trials of a search that was asked for without a number."""
_KEPT = ("training", "model", "ensemble", "search", "runtime", "name", "seed", "init", "baselines")
"""Parts of the configuration in which changes survive when another file is opened."""


class TrainSetup(QObject):
    """Holds preset list, settings card and form in step.

    Attributes
    ----------
    presets, card, form
        The widgets.

    Signals
    -------
    changed()
        The job to come is another one.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._dataset: OpenDataset | None = None
        self._size = DataSize(0, 0, 0, 25.0)
        self._shelf = PresetShelf(session, self)
        cores = os.cpu_count() or 1
        self._devices: list[Device] = [Device("cpu", f"CPU, {counted(cores, 'core')}")]
        self._memory = SpeedMemory(session.workspace / SPEED_FILE)
        self._measured = MeasuredJobs(session, self._memory, self)
        self._measured.measured.connect(self._show_values)
        self._devices_known = False
        self._asked: tuple[str, float] | None = None
        self.presets = self._shelf.view
        specs = {spec.path: spec for spec in (*field_specs(TrainingConfig, "training"), *field_specs(TrainConfig, ""))}
        self.card = PresetSettings(specs[_EPOCHS], specs[_RATE], specs[_INIT].help)
        self._starts = StartShelf(session, self.card, self)
        self.form = ConfigForm(SECTIONS)
        self._connect()
        self.presets.select(DEFAULT_PRESET)

    def _connect(self) -> None:
        self.presets.chosen.connect(self._choose)
        self.form.edited.connect(self._edited)
        self.card.epochs_changed.connect(self._set_epochs)
        self.card.rate_changed.connect(self._set_rate)
        self.card.device_changed.connect(self._set_device)
        self.card.start_changed.connect(self._set_start)
        self.card.save_asked.connect(self._save_preset)
        self.card.delete_asked.connect(self._shelf.ask_to_delete)
        self._starts.chosen.connect(self._set_start)
        self._shelf.saved.connect(self._show_saved)
        self._shelf.deleted.connect(self._show_default)
        self._session.prefetch.devices_known.connect(self._look_for_devices)
        self._session.job_offered.connect(self.take_over)

    def set_dataset(self, dataset: OpenDataset) -> None:
        """Train on this from now on."""
        self._dataset = dataset
        self._size = data_size(dataset)
        self._rebase(keep=_KEPT)
        self._measure()

    def look_for_models(self) -> None:
        """Offer the models of the workspace to start from."""
        self._starts.renew()

    @Slot(object)
    def take_over(self, config: TrainConfig) -> None:
        """Show the settings of an earlier run as changes to its preset; data and split are those that are open."""
        if config.preset in self._shelf.presets:
            self.presets.select(config.preset)
        self._rebase(keep=())
        values = config.to_dict()
        for section in SECTIONS:
            if section.prefix not in ("split", "runtime"):
                for spec in section.specs():
                    value: object = values
                    for name in spec.path.split("."):
                        value = value[name] if isinstance(value, dict) else None
                    self.form.set_value(spec.path, value)
        self._show_values()

    @Slot(str)
    def set_kind(self, kind: str) -> None:
        """Train "one" network, several ("folds", "seeds"), or "search" for settings first."""
        if kind == "search":
            self.form.set_value(_TRIALS, SEARCH_TRIALS)
            return
        self.form.set_value(_TRIALS, 0)
        self.form.set_value(_KIND, "none" if kind == "one" else kind)

    def kind_words(self) -> str:
        """Return what a job trains, in words. Raises InputError where settings do not fit together."""
        config = self.form.config()
        kind, members, networks = config.ensemble.kind, config.ensemble.members, networks_of_job(config, self._size)
        words = "One network" if networks == 1 else counted(networks, "network")
        if kind != "none":
            # Several of a fold, or fine-tuned ones beside them: the training counts them all.
            words += f" ({kind})" if networks == members else f" ({count(members)} {kind})"
        blend = ", blended" if config.ensemble.trees else ""
        search = f", {counted(config.search.trials, 'trial')} first" if config.search.trials else ""
        return f"{words}{blend}{search}"

    def job(self, pinned: Sequence[str] = ()) -> TrainConfig:
        """Return the job, with these molecules to watch.

        Raises
        ------
        InputError
            When settings do not fit together, nothing is open, or the model to start from is gone.
        """
        if self._dataset is None:
            raise InputError("There is nothing to train on.", "", "Open a file first.")
        config = self.form.config()
        fault = start_fault(config)
        if fault is not None:
            raise fault
        return config.model_copy(update={"pinned": list(pinned)})

    def remember_estimate(self, config: TrainConfig) -> None:
        """Note what was expected of a job that starts now, for `learn`."""
        device = self._device(config)
        # Epochs of a head alone say nothing about those of a network.
        seconds = epoch_seconds(config, self._size, device.flops)
        self._asked = None if is_head_only(config) else (device.key, seconds)

    def estimate(self) -> float:
        """Return about how many seconds the job will take; NaN where its settings do not fit together."""
        try:
            return self._seconds(self.form.config())
        except InputError:
            return float("nan")

    def fault(self) -> str:
        """Return why the settings do not fit together, "" where they do."""
        try:
            self.form.config()
        except InputError as error:
            return error.problem.cause or error.problem.title
        return ""

    def memory(self) -> float:
        """Return about how many bytes the job will take; NaN where its settings do not fit together."""
        try:
            config = self.form.config()
            return self._measured.bytes_of(config) or estimate_memory(config, self._size)
        except InputError:
            return float("nan")

    def learn(self, seconds: list[float]) -> None:
        """Compare how long the epochs of the last job took with their estimate, so that the next one is better."""
        asked, self._asked = self._asked, None
        # The first epoch warms up; a pause makes one epoch long, which a median does not mind.
        known = [value for value in seconds[1:] if math.isfinite(value)]
        if asked is not None and known:
            self._memory.learn(*asked, statistics.median(known))
            self._show_times()

    # Keeping in step -------------------------------------------------------------------------------------------

    @Slot(str)
    def _choose(self, name: str) -> None:
        # A preset is a fresh start; only where it runs is the machine's business, not the preset's.
        self._rebase(keep=())

    def _rebase(self, keep: tuple[str, ...]) -> None:
        preset = self._shelf.presets[self.presets.current_name()]
        changes: dict[str, object] = {"runtime": {"device": self._session.settings.device}}
        if self._dataset is not None:
            changes["data"] = self._dataset.data_config.model_dump()
            changes["split"] = self._dataset.split_config.model_dump()
        self.form.set_base(preset.config(changes), keep)
        self._show_values()

    @Slot(str)
    def _edited(self, path: str) -> None:
        if path.startswith("split.") and self._dataset is not None:
            # The Data page shows the split, so that it is made there.
            name = path.removeprefix("split.")
            changes = {name: self.form.value(path)}
            self._session.start_task(self._session.datasets.revise(split=changes))
        self._show_values()

    @Slot(int)
    def _set_epochs(self, epochs: int) -> None:
        self.form.set_value(_EPOCHS, epochs)

    @Slot(float)
    def _set_rate(self, rate: float) -> None:
        self.form.set_value(_RATE, rate)

    @Slot(str)
    def _set_device(self, key: str) -> None:
        self._session.settings.device = key
        self.form.set_value(_DEVICE, key)

    @Slot(str)
    def _set_start(self, key: str) -> None:
        self.form.set_value(_INIT, key)

    @Slot()
    def _save_preset(self) -> None:
        try:
            self.form.config()
        except InputError as error:
            self._session.report(error)
            return
        self._shelf.ask_for_name(self.form.config, self.card.window())

    @Slot(str)
    def _show_saved(self, name: str) -> None:
        self.presets.select(name)
        # Saved over the one that is selected: what was changed is now the preset.
        self._rebase(keep=())

    @Slot(str)
    def _show_default(self, _name: str) -> None:
        self.presets.select(DEFAULT_PRESET)

    def _show_values(self) -> None:
        form = self.form
        self.card.show_values(form.value(_EPOCHS), form.value(_RATE), form.value(_DEVICE), form.value(_INIT))
        own = [path for path in form.changed_paths() if not path.startswith("split.")]
        self.card.show_changes(len(own), own=is_own(self.presets.current_name()))
        self._keep_seed()
        self._show_times()
        self.changed.emit()

    def _keep_seed(self) -> None:
        """See to it that what is shown of the split is what the job will make."""
        seed = self.form.value("seed")
        if seed != self._session.datasets.seed:
            self._session.start_task(self._session.datasets.use_seed(seed))

    # Estimates -------------------------------------------------------------------------------------------------

    @Slot(str)
    def _look_for_devices(self, _words: str) -> None:
        self._session.start_task(self._find_devices())

    async def _find_devices(self) -> None:
        self._devices = await self._session.run_blocking(find_devices)
        self.card.set_devices([(device.key, device.title) for device in self._devices])
        self._devices_known = True
        self._show_values()
        self._measure()

    def _measure(self) -> None:
        """Take a few real steps of the job as it stands, where this machine has not trained yet."""
        if self._dataset is None or not self._devices_known or self.fault():
            return
        device = {"runtime": {"device": self._session.settings.device}}
        configs = [self.form.config(), *(preset.config(device) for preset in self._shelf.presets.values())]
        # A head alone says nothing about networks, and the first preset that trains one is the smallest.
        config = next((config for config in configs if not is_head_only(config)), configs[0])
        place = self._device(config)
        self._measured.ask(config, self._dataset.structures, self._size, (place.key, place.flops))

    def _device(self, config: TrainConfig) -> Device:
        """Return the device that a job would run on."""
        wanted = config.runtime.device.partition(":")[0]
        kinds = (device for device in self._devices if device.key.partition(":")[0] == wanted)
        exact = (device for device in self._devices if device.key == config.runtime.device)
        automatic = self._devices[0] if wanted == AUTOMATIC else self._devices[-1]
        return next(exact, next(kinds, automatic))

    def _seconds(self, config: TrainConfig) -> float:
        device = self._device(config)
        return estimate_seconds(config, self._size, device.flops, self._memory.correction(device.key))

    def _show_times(self) -> None:
        if self._dataset is None:
            return
        chosen = self.presets.current_name()
        times = {}
        for name, preset in self._shelf.presets.items():
            device = {"runtime": {"device": self._session.settings.device}}
            seconds = self.estimate() if name == chosen else self._seconds(preset.config(device))
            times[name] = rough_duration(seconds)
        self.presets.set_times(times)
