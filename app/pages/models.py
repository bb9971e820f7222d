"""Which models are there? Their cards, and what can be done with them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from app.pages.base import Page
from app.pages.predict import MODEL_FILTER
from app.pages.run_names import record_differences
from app.pages.saving import ask_where_to_save, suggested_name
from app.pages.words import network_words, preset_title
from app.services.runs import EXPORTS, ModelInfo
from app.text import count, counted, number, says_unit
from app.theme import SPACE
from app.widgets.basic import EmptyState, muted_label, primary_button, row, secondary_button
from app.widgets.cell_table import Cell, CellTable, Column
from app.widgets.figures import (
    IN_UNITS,
    RESULT_TIP,
    day_and_time,
    main_metric,
    metric_title,
    metric_words,
    other_metrics,
    part_words,
)
from app.widgets.verdict_cards import FactsCard, MetricTile
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import native
from mole_engine.contracts.records import shown_metrics

if TYPE_CHECKING:
    from app.services.session import Session

COLUMNS = (
    Column("name", "model", needs=160),
    Column("tasks", "predicts", width=112, most=280),
    Column("metric", "result", "number", 112, RESULT_TIP),
    Column("molecules", "molecules", "number", 78, spare=1),
    Column("created", "made", "number", 144),
)
_CARD_WIDTH, _LEAST_CARD = 380, 290
_EMPTY, _LIST = range(2)


class ModelsPage(Page):
    """Models of the workspace, and those opened from elsewhere in this session."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, "Models", parent)
        self.setObjectName("modelsPage")
        self._models: list[ModelInfo] = []
        self._apart: list[str] = []
        self._guests: list[str] = []
        self._asked = 0
        self._wanted = ""
        self._kind = EXPORTS[0][0]
        self.table = CellTable("modelsTable", "Models")
        self.tile = MetricTile("modelMetricTile")
        self.facts = FactsCard("About this model")
        self.notes = muted_label()
        self.predict_button = primary_button(
            "Predict with this model →", "modelPredictButton", "Go to the Predict page"
        )
        self.export_button = secondary_button("Export ▾", "modelExportButton", "Save the model for use elsewhere")
        self._open_button = secondary_button("Open a model", "modelOpenButton", "Choose a .mole file")
        self.header.add_action(self._open_button)
        self._train_button = primary_button("Train a model", "modelsTrainButton", "Go to the Train page")
        self._stack = QStackedWidget()
        words = "A finished training leaves its model here: one file that predicts by itself and can be sent to others."
        self._nothing = EmptyState("models", "No models yet", words, (self._train_button,))
        self._nothing.look_for("models")
        self._stack.addWidget(self._nothing)
        self._stack.addWidget(self._list_side())
        self.body.addWidget(self._stack, 1)
        self._connect()
        session.start_task(self._reload())

    def _list_side(self) -> QWidget:
        menu = QMenu(self.export_button)
        for kind, title, tip in EXPORTS:
            action = menu.addAction(f"{title} (.{kind})")
            action.setData(kind)
            action.setToolTip(tip)
        menu.setToolTipsVisible(True)
        menu.triggered.connect(self._export)
        self.export_button.setMenu(menu)
        side = QWidget()
        layout = QHBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[3])
        layout.addWidget(self.table, 2)
        right = QWidget()
        right.setMinimumWidth(_LEAST_CARD)
        right.setMaximumWidth(_CARD_WIDTH)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[2])
        self.facts.body.insertWidget(1, self.notes)
        column.addWidget(self.tile)
        column.addWidget(self.facts, 1)
        column.addLayout(row(self.export_button))
        column.addWidget(self.predict_button)
        layout.addWidget(right, 1)
        return side

    def _connect(self) -> None:
        self.session.models_changed.connect(self.look_again)
        self.table.row_chosen.connect(self._choose)
        self.table.row_activated.connect(self._predict)
        self.predict_button.clicked.connect(self._predict)
        self._open_button.clicked.connect(self._ask_for_file)
        self._train_button.clicked.connect(self._train)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take the keyboard."""
        super().showEvent(event)
        self.take_focus(self.table, self._train_button)

    # What others call ------------------------------------------------------------------------------------------

    @Slot(str)
    def open_path(self, path: str) -> None:
        """Add a model file from anywhere to the list, and choose it."""
        self.session.start_task(self._open(native(path)))

    async def _open(self, path: str) -> None:
        # Read first: a file that is no model must not stay in the list.
        await self.session.runs.model(path)
        if path not in self._guests:
            self._guests.insert(0, path)
        self._wanted = path
        # Whoever goes on to the Predict page by themselves means this one.
        self.session.predictions.choose(path)
        await self._reload()

    # What happens ----------------------------------------------------------------------------------------------

    @Slot()
    def look_again(self) -> None:
        """See which models there are by now."""
        self.session.start_task(self._reload())

    async def _reload(self) -> None:
        self._asked += 1
        asked = self._asked
        models = await self.session.runs.models()
        known = {model.path for model in models}
        guests = []
        for path in self._guests:
            # One that was moved or damaged meanwhile must not hide the others.
            with contextlib.suppress(InputError):
                if path not in known:
                    guests.append(await self.session.runs.model(path))
        if asked != self._asked:
            # A newer question is under way; an old answer must not overtake it.
            return
        self._nothing.look_for("")
        if guests + models != self._models or not self.table.cells.columns:
            self._show_models(guests + models)
        paths = [model.path for model in self._models]
        place = paths.index(self._wanted) if self._wanted in paths else 0
        if paths and self.table.chosen() != place:
            self.table.choose(place)

    def _show_models(self, models: list[ModelInfo]) -> None:
        """Show other models; the one that was chosen stays chosen, and the table where it was scrolled to."""
        wanted, chosen = self._wanted, self.table.chosen()
        former = self._models[chosen].path if 0 <= chosen < len(self._models) else ""
        self._models, self._apart = models, record_differences(models)
        paths = [model.path for model in models]
        with self.table.staying():
            self.table.show_rows(COLUMNS, len(models), self._cell, again=True)
            self._show_state()
            if former in paths:
                self.table.choose(paths.index(former))
        self._wanted = wanted

    def _show_state(self) -> None:
        self._stack.setCurrentIndex(_LIST if self._models else _EMPTY)
        self.primary = self.predict_button if self._models else self._train_button
        self._show_chips()

    def _cell(self, place: int, key: str) -> Cell:
        model = self._models[place]
        if key == "name":
            return Cell(model.name, bold=True, tip=model.path, second=self._apart[place])
        if key == "tasks":
            return Cell(", ".join(task.name for task in model.tasks))
        if key == "metric":
            metrics, part = shown_metrics(model.metrics, model.validation_metrics, model.counts)
            main = main_metric(metrics)
            return Cell(metric_words(metrics, main), order=metrics.get(main, float("nan")), second=part_words(part))
        if key == "molecules":
            total = sum(model.counts.values())
            return Cell(count(total) if total else "", order=total)
        return Cell(day_and_time(model.created), order=model.created)

    @Slot(int)
    def _choose(self, place: int) -> None:
        if 0 <= place < len(self._models):
            self._wanted = self._models[place].path
            self._show_card()

    @Slot()
    def _show_card(self) -> None:
        model = self._current()
        if model is None:
            return
        task = model.tasks[0] if len(model.tasks) == 1 else None
        metrics, part = shown_metrics(model.metrics, model.validation_metrics, model.counts)
        main = main_metric(metrics)
        unit = task.unit if task is not None and main in IN_UNITS else ""
        value = number(metrics[main]) if main else "–"
        title = f"{part.capitalize()} {metric_title(main)}".strip()
        if main and task is None:
            # Of values in different units it is no error of any of them.
            title += f", mean of {counted(len(model.tasks), 'target')}"
        self.tile.show_metric(title, value, unit, other_metrics(metrics, main))
        parts = [count(model.counts.get(name, 0)) for name in ("train", "val", "test")]
        self.facts.show_facts(
            (
                ("Name", model.name),
                *((f"Predicts {_kind(task)}", _target(task)) for task in model.tasks),
                ("Trained on", model.data_name),
                ("Train + val + test", " + ".join(parts) if any(model.counts.values()) else ""),
                ("Split", model.split),
                ("Preset", preset_title(model.preset)),
                ("Networks", network_words(model.networks, model.tuned)),
                ("Parameters", count(model.parameters) if model.parameters else ""),
                ("Made", day_and_time(model.created)),
                ("File", model.path),
            )
        )
        self.notes.setText("\n".join(model.notes))
        self.notes.setVisible(bool(model.notes))

    def _current(self) -> ModelInfo | None:
        return next((model for model in self._models if model.path == self._wanted), None)

    # What the user does ----------------------------------------------------------------------------------------

    @Slot()
    def _train(self) -> None:
        self.navigate.emit("train")

    @Slot()
    def _predict(self) -> None:
        model = self._current()
        if model is not None:
            self.session.predictions.choose(model.path)
            self.navigate.emit("predict")

    @Slot(object)
    def _export(self, action: object) -> None:
        model, data = self._current(), getattr(action, "data", None)
        if model is None or data is None:
            return
        self._kind = str(data())
        title, tip = next((title, tip) for kind, title, tip in EXPORTS if kind == self._kind)
        name = suggested_name(model.name, self._kind)
        ask_where_to_save(self, f"Export: {tip}", name, f"{title} (*.{self._kind})", self.save_export)

    @Slot(str)
    def save_export(self, path: str) -> None:
        """Write the chosen model to `path` in the format that was asked for."""
        model = self._current()
        if model is not None:
            self.session.start_task(self._saved(model.path, path))

    async def _saved(self, model: str, path: str) -> None:
        await self.session.runs.export(model, self._kind, path)
        self._show_chips((f"saved {Path(path).name}", "accent"))

    def _show_chips(self, *more: tuple[str, str]) -> None:
        number = len(self._models)
        self.header.set_chips([(counted(number, "model"), "neutral"), *more] if number else [])

    @Slot()
    def _ask_for_file(self) -> None:
        dialog = QFileDialog(self, "Open a model", str(Path.home()), MODEL_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.open_path)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


def _kind(task: TaskSpec) -> str:
    return {TaskKind.REGRESSION: "a number", TaskKind.CLASSIFICATION: "a class"}.get(
        task.kind, "one of several classes"
    )


def _target(task: TaskSpec) -> str:
    more = "" if says_unit(task.name, task.unit) else task.unit or ", ".join(task.classes)
    return f"{task.name} ({more})" if more else task.name
