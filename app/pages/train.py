"""How is it going? Presets at the left, charts in the middle, progress and events at the right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.pages.base import Page
from app.pages.saving import ask_for_folder
from app.pages.train_setup import TrainSetup
from app.services.datasets import samples
from app.services.open_dataset import OpenDataset
from app.text import count, counted
from app.theme import SPACE
from app.widgets.basic import Card, EmptyState, heading_label, primary_button, secondary_button
from app.widgets.event_log import EventLog
from app.widgets.figures import rough_duration
from app.widgets.live_chart import LossChart, MetricChart
from app.widgets.run_curves import RunCurves
from app.widgets.run_panel import RunPanel
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import Event
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

if TYPE_CHECKING:
    from app.services.session import Session

_LEFT_WIDTH, _RIGHT_WIDTH = 262, 300


class TrainPage(Page):
    """Choose a preset, press Train, watch."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, "Train", parent)
        self.setObjectName("trainPage")
        self._curves = RunCurves()
        self._unit = ""
        self._running = False
        self.setup = TrainSetup(session)
        self.panel = RunPanel()
        self.loss = LossChart()
        self.metrics = MetricChart()
        self.events = EventLog()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty_state())
        self._stack.addWidget(self._work_side())
        self.body.addWidget(self._stack, 1)
        tip = "Write this job as scripts for torchrun and SLURM; All settings has the devices and nodes"
        self._export = secondary_button("Export job", "exportJobButton", tip)
        self._export.setEnabled(False)
        self.header.add_action(self._export)
        self._connect()
        if session.dataset is not None:
            self._show_dataset(session.dataset)
        else:
            self._renew_ready()

    # Building --------------------------------------------------------------------------------------------------

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

    def _work_side(self) -> QWidget:
        side = QWidget()
        layout = QHBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[3])
        layout.addWidget(self._left())
        layout.addWidget(self._middle(), 1)
        layout.addWidget(self._right())
        return side

    def _left(self) -> QWidget:
        column = QWidget()
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, SPACE[1], 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(heading_label("Preset"))
        layout.addWidget(self.setup.presets, 1)
        layout.addWidget(self.setup.card)
        layout.addStretch(0)
        column.setFixedWidth(_LEFT_WIDTH)
        return column

    def _middle(self) -> QWidget:
        charts = QWidget()
        layout = QVBoxLayout(charts)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(self.loss, 1)
        layout.addWidget(self.metrics, 1)
        settings = Card("All settings")
        settings.add(self.setup.form, 1)
        self._center = QStackedWidget()
        self._center.addWidget(charts)
        self._center.addWidget(settings)
        return self._center

    def _right(self) -> QWidget:
        column = QWidget()
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        events = Card("Events")
        events.add(self.events, 1)
        layout.addWidget(self.panel)
        layout.addWidget(events, 1)
        column.setFixedWidth(_RIGHT_WIDTH)
        return column

    def _connect(self) -> None:
        session, training = self.session, self.session.training
        session.dataset_opened.connect(self._show_opened)
        session.dataset_changed.connect(self._show_dataset)
        session.run_event.connect(self._hear)
        session.run_finished.connect(self._finish)
        training.state_changed.connect(self._renew_steering)
        self.setup.changed.connect(self._renew_ready)
        self.setup.card.all_asked.connect(self._show_settings)
        self._export.clicked.connect(self._ask_for_folder)
        self.panel.train_asked.connect(self._train)
        self.panel.pause_asked.connect(training.pause)
        self.panel.resume_asked.connect(training.resume)
        self.panel.stop_asked.connect(training.stop)
        self.panel.cancel_asked.connect(training.cancel)
        self.primary = self.panel.train_button

    # What the user does ----------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Esc leaves the settings; it never cancels a training."""
        if self._center.currentIndex() == 1:
            self.setup.card.all.setChecked(False)
            return True
        return False

    @Slot()
    def _train(self) -> None:
        try:
            self.session.training.start(self.setup.job())
        except InputError as error:
            self.session.report(error)

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

    def _begin(self, record: RunRecord) -> None:
        """Show a job that has just been started, here or by resuming an old run."""
        self._stack.setCurrentIndex(1)
        self.setup.card.all.setChecked(False)
        self._curves = RunCurves(record.epochs)
        self._set_curves()
        self.events.replay([])
        self.events.setFocus(Qt.FocusReason.OtherFocusReason)
        self.panel.show_started(record.epochs)

    @Slot()
    def _open_sample(self) -> None:
        self.session.start_task(self.session.datasets.open(samples()[0].path))

    @Slot()
    def _go_to_data(self) -> None:
        self.navigate.emit("data")

    @Slot(bool)
    def _show_settings(self, shown: bool) -> None:
        self._center.setCurrentIndex(1 if shown else 0)

    # What happens ----------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Give the keyboard to the presets."""
        super().showEvent(event)
        self.setup.presets.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(object)
    def _show_opened(self, dataset: OpenDataset) -> None:
        if not self.session.training.is_running:
            # The charts of an earlier run say nothing about another file.
            self._curves = RunCurves()
            self._set_curves()
            self.events.replay([])
        self._show_dataset(dataset)
        if dataset.info.path == samples()[0].path:
            # It needs no checking, so the way leads straight on.
            self.navigate.emit("train")

    @Slot(object)
    def _show_dataset(self, dataset: OpenDataset) -> None:
        self._stack.setCurrentIndex(1)
        self.setup.set_dataset(dataset)
        if not self.session.training.is_running:
            # Else the head goes on telling what the charts are about.
            self._show_head(dataset)
        self._renew_ready()

    def _show_head(self, dataset: OpenDataset) -> None:
        tasks = dataset.roles.tasks
        self._unit = tasks[0].unit if tasks and tasks[0].kind is TaskKind.REGRESSION else ""
        self.header.set_title(f"Train: {dataset.title}")
        self._export.setEnabled(bool(tasks))
        self._show_chips()

    def _show_chips(self, *more: tuple[str, str]) -> None:
        dataset = self.session.dataset
        if dataset is None:
            return
        # Without the reasons behind it, which the Data page tells.
        split = dataset.split.method.partition(" (")[0].partition(", ")[0]
        facts = (dataset.info.name, counted(dataset.molecules, "molecule"), f"{split} split")
        self.header.set_chips([*((fact, "neutral") for fact in facts), *more])

    @Slot(object)
    def _hear(self, event: Event) -> None:
        self.panel.show_event(event)
        self.events.add(event)
        if self._curves.add(event):
            self.loss.refresh()
            self.metrics.refresh()

    @Slot(object)
    def _finish(self, record: RunRecord) -> None:
        self._set_curves()
        self.setup.learn(self._curves.epoch_seconds)
        if self.session.dataset is not None:
            # Another file may have been opened meanwhile.
            self._show_head(self.session.dataset)
        self._renew_ready()
        if record.status is RunState.COMPLETED and self.isVisible():
            self.navigate.emit("runs")

    @Slot()
    def _renew_steering(self) -> None:
        training = self.session.training
        self.setup.set_enabled(not training.is_running)
        begins = training.is_running and not self._running
        self._running = training.is_running
        if begins and training.record is not None:
            self._begin(training.record)
        if training.is_running:
            self.panel.show_steering(paused=training.is_paused, ending=training.ending)

    @Slot()
    def _renew_ready(self) -> None:
        if self.session.training.is_running:
            return
        dataset = self.session.dataset
        if dataset is None or not dataset.roles.tasks:
            self.panel.show_ready("Ready", "No target", "Choose a target column on the Data page.", enabled=False)
            return
        estimate = rough_duration(self.setup.estimate())
        words = f"{count(len(dataset.split.train))} molecules train, {count(len(dataset.split.validation))} choose the "
        note = f"{words}best epoch, {count(len(dataset.split.test))} judge the model."
        self.panel.show_ready("Ready. It will take", estimate, note, enabled=True)

    def _set_curves(self) -> None:
        self.loss.set_curves(self._curves)
        self.metrics.set_unit(self._unit)
        self.metrics.set_curves(self._curves)
