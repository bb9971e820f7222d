"""How is it going? Presets at the left, charts in the middle, progress and events at the right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.pages.base import Page
from app.pages.saving import ask_for_folder
from app.pages.train_pins import pinned_molecules
from app.pages.train_queue import QueueControl
from app.pages.train_setup import TrainSetup
from app.pages.train_watch import RunWatch
from app.pages.train_words import parts_words, unit_of
from app.pages.words import LEAK_TIP
from app.services.datasets import samples
from app.services.open_dataset import OpenDataset
from app.text import counted
from app.theme import SPACE
from app.widgets.basic import Card, EmptyState, heading_label, primary_button, secondary_button
from app.widgets.figures import rough_duration, rough_memory
from app.widgets.run_panel import RunPanel
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.events import Event
from mole_engine.contracts.presets import list_presets
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

if TYPE_CHECKING:
    from app.services.session import Session

_LEFT_WIDTH, _LEAST_LEFT, _RIGHT_WIDTH = 262, 246, 300
_CHARTS, _SETTINGS, _TRIALS = range(3)


class TrainPage(Page):
    """Choose a preset, press Train, watch."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, "Train", parent)
        self.setObjectName("trainPage")
        self._running = self._waits = False
        self._pins: list[str] = []

    def pieces(self) -> Iterator[None]:
        """Build the page."""
        session = self.session
        list_presets()
        yield
        self.setup = TrainSetup(session)
        yield
        self.watch = RunWatch(session)
        yield
        self.panel = RunPanel()
        self.queue = QueueControl(session)
        yield
        yield from self._place()
        self._connect()
        if session.dataset is not None:
            self._show_dataset(session.dataset)
        else:
            self._renew_ready()

    def plots(self) -> Iterator[None]:
        """Make the charts."""
        yield from self.watch.plots()

    # Building --------------------------------------------------------------------------------------------------

    def _place(self) -> Iterator[None]:
        self.enqueue_button = secondary_button("Add to queue", "enqueueButton", "Train this after what runs now")
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty_state())
        side = QWidget()
        layout = QHBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        for column, stretch in ((self._left, 0), (self._middle, 1), (self._right, 0)):
            layout.addWidget(column(), stretch)
            yield
        self._stack.addWidget(side)
        self.body.addWidget(self._stack, 1)
        yield
        tip = "Write this job as scripts for torchrun and SLURM; All settings has the devices and nodes"
        self._export = secondary_button("Export job", "exportJobButton", tip)
        self._export.setEnabled(False)
        self.trials_button = secondary_button("Trials", "trialsButton", "The trials of the search for settings")
        self.trials_button.setCheckable(True)
        self.trials_button.hide()
        for button in (self.trials_button, self.queue.button, self._export):
            self.header.add_action(button)
        self.queue.renew()

    def _empty_state(self) -> QWidget:
        sample = secondary_button("Try a sample", "trainSampleButton", "Open the sample that comes with the program")
        choose = primary_button("Open a file", "trainOpenButton", "Choose a file with molecules")
        sample.clicked.connect(self._open_sample)
        choose.clicked.connect(self._go_to_data)
        return EmptyState(
            "train",
            "Nothing to train on yet",
            "Open a table with structures and a measured value, or try the sample; "
            "then choose a preset here and watch the model learn.",
            (sample, choose),
        )

    def _left(self) -> QWidget:
        column = QWidget()
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, SPACE[1], 0, 0)
        layout.setSpacing(SPACE[2])
        self._left_title = heading_label("Preset")
        layout.addWidget(self._left_title)
        layout.addWidget(self.setup.presets, 1)
        layout.addWidget(self.setup.card)
        layout.addWidget(self.enqueue_button)
        self.enqueue_button.hide()
        column.setMinimumWidth(_LEAST_LEFT)
        column.setMaximumWidth(_LEFT_WIDTH)
        return column

    def _middle(self) -> QWidget:
        settings = Card("All settings")
        settings.add(self.setup.form, 1)
        self._center = QStackedWidget()
        self._center.addWidget(self.watch.charts())
        self._center.addWidget(settings)
        self._center.addWidget(self.watch.search)
        return self._center

    def _right(self) -> QWidget:
        column = QWidget()
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(self.panel)
        layout.addWidget(self.watch.pinned)
        layout.addWidget(self.watch.event_card(), 1)
        column.setFixedWidth(_RIGHT_WIDTH)
        return column

    def _connect(self) -> None:
        session, training = self.session, self.session.training
        session.dataset_opened.connect(self._show_opened)
        session.dataset_changed.connect(self._show_dataset)
        session.datasets.busy.connect(self._renew_for_data)
        session.datasets.idle.connect(self._renew_for_data)
        session.run_event.connect(self._hear)
        session.run_finished.connect(self._finish)
        training.state_changed.connect(self._renew_steering)
        training.waiting.connect(self.panel.show_waiting)
        self.setup.changed.connect(self._renew_ready)
        self.setup.card.all_asked.connect(self._show_settings)
        self.trials_button.toggled.connect(self._show_trials)
        self.watch.search.curves_asked.connect(self._leave_trials)
        self.panel.kind_asked.connect(self.setup.set_kind)
        self._export.clicked.connect(self._ask_for_folder)
        self.enqueue_button.clicked.connect(self._enqueue)
        self.watch.pinned.chosen.connect(self._pin)
        self.panel.train_asked.connect(self._train)
        self.panel.pause_asked.connect(training.pause)
        self.panel.resume_asked.connect(training.resume)
        self.panel.stop_asked.connect(training.stop)
        self.panel.cancel_asked.connect(training.cancel)
        self.panel.adjust.rate_asked.connect(training.set_learning_rate)
        self.panel.adjust.last_epoch_asked.connect(training.set_last_epoch)
        self.header.notice_clicked.connect(self._go_to_split)
        self.primary = self.panel.train_button

    # What the user does ----------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Esc leaves the settings; it never cancels a training."""
        if self._center.currentIndex() == _SETTINGS:
            self.setup.card.all.setChecked(False)
            return True
        return False

    def _job(self) -> TrainConfig | None:
        """Return the job as it is set up, or lead to the setting that is wrong."""
        try:
            dataset = self.session.dataset
            pinned = pinned_molecules(dataset, self._pins) if dataset is not None else []
            return self.setup.job([molecule.smiles for molecule in pinned])
        except InputError as error:
            if self.setup.form.point_at(error):
                self.setup.card.all.setChecked(True)
            else:
                self.session.report(error)
            return None

    @Slot()
    def _train(self) -> None:
        job = self._job()
        if job is None:
            return
        try:
            self.session.training.start(job)
        except KnownError as error:
            self.session.report(error)
        else:
            self.setup.remember_estimate(job)

    @Slot()
    def _enqueue(self) -> None:
        job = self._job()
        try:
            if job is not None:
                self.session.training.enqueue(job)
        except KnownError as error:
            self.session.report(error)

    @Slot(list)
    def _pin(self, smiles: list[str]) -> None:
        self._pins = smiles
        self._show_pins()

    @Slot()
    def _ask_for_folder(self) -> None:
        ask_for_folder(self, "Folder for the job's scripts", self.export_job)

    @Slot(str)
    def export_job(self, folder: str) -> None:
        """Write the job as it is set up into `folder`, as scripts for another machine."""
        try:
            job = self.setup.form.config()
        except InputError as error:
            self.session.report(error)
            return
        self.session.start_task(self._exported(job, folder))

    async def _exported(self, job: TrainConfig, folder: str) -> None:
        await self.session.runs.scripts(job, folder)
        self._show_chips((f"scripts in {Path(folder).name}", "accent"))

    @Slot()
    def _open_sample(self) -> None:
        self.session.start_task(self.session.datasets.open(samples()[0].path))

    @Slot()
    def _go_to_data(self) -> None:
        self.navigate.emit("data")

    @Slot()
    def _go_to_split(self) -> None:
        self.navigate.emit("split")

    @Slot(bool)
    def _show_settings(self, shown: bool) -> None:
        watched = _TRIALS if self.trials_button.isChecked() else _CHARTS
        self._center.setCurrentIndex(_SETTINGS if shown else watched)

    @Slot(bool)
    def _show_trials(self, shown: bool) -> None:
        self.setup.card.all.setChecked(False)
        self._center.setCurrentIndex(_TRIALS if shown else _CHARTS)

    @Slot()
    def _leave_trials(self) -> None:
        self.trials_button.setChecked(False)

    def _offer_trials(self) -> None:
        """Lead to the trials of a search once there are any, at once the first time."""
        if self.trials_button.isHidden() and self.watch.search.trials:
            self.trials_button.show()
            self.trials_button.setChecked(True)

    # What happens ----------------------------------------------------------------------------------------------

    def _begin(self, record: RunRecord) -> None:
        """Show a job that has just been started: here, from the queue, or by resuming an old run."""
        keyboard = self.window().focusWidget()
        self._stack.setCurrentIndex(1)
        self.setup.card.all.setChecked(False)
        self.trials_button.setChecked(False)
        self.trials_button.hide()
        dataset = self.session.dataset
        if dataset is None or record.data_name != dataset.info.name:
            dataset = None
            # From the queue, or of an earlier day: the head tells what the charts are about.
            self.header.set_title(f"Train: {record.name}")
            self.header.set_chips([(record.data_name, "neutral")])
            self.header.show_notice("")
        config, resumes = self.session.training.config, self.session.training.resumes
        self.watch.begin(record, unit_of(config, dataset) if config is not None else "", resumes)
        self.panel.show_started(record.epochs, resumes=bool(resumes), keyboard=keyboard)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Give the keyboard to the presets, and look for models to start from."""
        super().showEvent(event)
        self.setup.look_for_models()
        self.setup.presets.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(object)
    def _show_opened(self, dataset: OpenDataset) -> None:
        self._pins = []
        if not self.session.training.is_running:
            # The charts of an earlier run say nothing about another file.
            self.watch.clear()
        self._show_dataset(dataset)

    @Slot(object)
    def _show_dataset(self, dataset: OpenDataset) -> None:
        self._stack.setCurrentIndex(1)
        self.setup.set_dataset(dataset)
        if not self.session.training.is_running:
            # Else head and pinned molecules go on telling what the charts are about.
            self._show_head(dataset)
            self._show_pins()
        self._renew_ready()

    def _show_pins(self) -> None:
        dataset = self.session.dataset
        self.watch.pinned.set_molecules(pinned_molecules(dataset, self._pins) if dataset is not None else ())

    def _show_head(self, dataset: OpenDataset) -> None:
        self.header.set_title(f"Train: {dataset.title}")
        self._export.setEnabled(bool(dataset.roles.tasks))
        self._show_chips()

    def _show_chips(self, *more: tuple[str, str]) -> None:
        dataset = self.session.dataset
        if dataset is None:
            return
        # Without the reasons behind it, which the Data page tells.
        split = dataset.split.method.partition(" (")[0].partition(", ")[0]
        divided = f"split by {split}" if split.startswith("column ") else f"{split} split"
        facts = (dataset.info.name, counted(dataset.molecules, "molecule"), divided)
        self.header.set_chips([*((fact, "neutral") for fact in facts), *more])
        self.header.show_notice(dataset.leak_words, LEAK_TIP)

    @Slot(object)
    def _hear(self, event: Event) -> None:
        self.panel.show_event(event)
        self.watch.hear(event)
        self._offer_trials()

    @Slot(object)
    def _finish(self, record: RunRecord) -> None:
        self.watch.finish()
        self.setup.learn(self.watch.curves.epoch_seconds)
        if self.session.dataset is not None:
            # Another file may have been opened meanwhile.
            self._show_head(self.session.dataset)
            self._show_pins()
        self._renew_ready()
        if record.status is RunState.COMPLETED and self.isVisible() and not self.session.training.queued():
            self.navigate.emit("runs")

    @Slot()
    def _renew_steering(self) -> None:
        training = self.session.training
        self.enqueue_button.setVisible(training.is_running)
        self.enqueue_button.setEnabled(self.session.dataset is not None and not self._waits)
        self._left_title.setText("Next training" if training.is_running else "Preset")
        begins = training.is_running and not self._running
        self._running = training.is_running
        if begins and training.record is not None:
            self._begin(training.record)
        if training.is_running:
            self.panel.show_steering(paused=training.is_paused, ending=training.ending)

    @Slot()
    def _renew_for_data(self) -> None:
        """Hold the buttons while another file, or the same one in another way, is on its way."""
        if self._waits != self.session.datasets.is_busy:
            self._waits = not self._waits
            self._renew_steering()
            self._renew_ready()

    @Slot()
    def _renew_ready(self) -> None:
        if self.session.training.is_running:
            return
        if self._waits:
            why = "The data is being read and cleaned up; the training learns from what comes out."
            self.panel.show_ready("Not ready", "Reading", why, enabled=False)
            return
        dataset = self.session.dataset
        if dataset is None or not dataset.roles.tasks:
            why = dataset.no_target if dataset else ""
            if dataset is not None and len(dataset.info.columns) > 1:
                why += " Choose a target column on the Data page."
            self.panel.show_ready("Not ready", "No target", why, enabled=False)
            return
        fault = self.setup.fault()
        if fault:
            # Train leads to the setting that is wrong.
            self.panel.show_ready("Not ready", "See settings", fault, enabled=True)
            return
        estimate = rough_duration(self.setup.estimate())
        note = f"{parts_words(dataset, self.setup.form.config())} {rough_memory(self.setup.memory())}"
        self.panel.show_ready("Ready. It will take", estimate, note, enabled=True)
        self.panel.show_kind(self.setup.kind_words())
