"""What about new molecules? Paste or drop them, choose a model, read values, intervals and warnings, save them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.pages.base import Page
from app.pages.dropped import is_model, not_predicted
from app.pages.predict_answer import PredictionAnswer
from app.pages.predict_cells import empty_words, model_words, prediction_chips
from app.pages.run_names import record_differences
from app.pages.saving import ask_where_to_save, suggested_name
from app.questions import ColumnNeededError
from app.services.prediction_table import Predictions
from app.services.runs import ModelInfo
from app.text import counted
from app.theme import SPACE, mono_font
from app.widgets.basic import Card, EmptyState, link_button, muted_label, primary_button, secondary_button
from app.widgets.combo import Combo
from app.widgets.drop_zone import FILE_FILTER, DropZone
from app.widgets.file_drags import SmilesEdit, let_files_through
from app.widgets.progress import LoadingPanel
from app.widgets.verdict_cards import WordCard
from mole_engine.contracts.errors import InputError, StructureColumnError
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

if TYPE_CHECKING:
    from app.services.session import Session

_LEFT_WIDTH = 320
MODEL_FILTER = "MolE models (*.mole)"
_EMPTY, _BUSY, _TABLE = range(3)


class PredictPage(Page):
    """Molecules in at the left, predictions at the right."""

    drop_words = "Drop to predict"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, "Predict", parent)
        self.setObjectName("predictPage")
        self._models: list[ModelInfo] = []
        # How often the models were to be listed, and which of these lists is shown.
        self._asked = self._known = 0
        self._gone = self._listed = self._under_way = False
        self._waiting: Callable[[], None] | None = None
        self.models = Combo()
        self.models.setObjectName("predictModelCombo")
        self.models.setAccessibleName("Model")
        self.models.setPlaceholderText("No model yet")
        self._about = muted_label()
        self._other = link_button("Open a model file", "openModelButton", "Choose a .mole file")
        self.smiles = SmilesEdit()
        self.smiles.setObjectName("predictSmilesEdit")
        self.smiles.setAccessibleName("Molecules as SMILES, one a line")
        self.smiles.setPlaceholderText("Paste SMILES, one a line\n\nCCO\nc1ccccc1O")
        self.smiles.setFont(mono_font(12))
        self.smiles.setTabChangesFocus(True)
        let_files_through(self.smiles)
        kinds = "CSV, TSV, SMILES, SDF, Excel or Parquet"
        self.zone = DropZone("Drop a file here", kinds, name="predictDropZone", icon="file", several=True)
        self.zone.setFixedHeight(150)
        self.button = primary_button("Predict", "predictButton", "Predict the pasted molecules (Ctrl+Return)")
        self.save_button = secondary_button("Save", "savePredictionsButton", "Save as CSV, Excel, SDF or Parquet")
        self.answer = PredictionAnswer(session)
        self.table, self.explanation = self.answer.table, self.answer.explanation
        self.explaining = self.answer.explaining
        self.primary = self.button
        self._build()
        self._connect()
        self._show_model()
        self.look_again()

    # Building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.header.add_action(self.save_button)
        self.save_button.setEnabled(False)
        left = QWidget()
        left.setFixedWidth(_LEFT_WIDTH)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[2])
        model = self._card = WordCard((self._about,), "Model")
        model.header.addWidget(self._other)
        model.add(self.models)
        model.add(self._about)
        molecules = Card("Molecules")
        molecules.add(self.smiles, 1)
        column.addWidget(model)
        column.addWidget(molecules, 1)
        column.addWidget(self.zone)
        column.addWidget(self.button)
        layout = QHBoxLayout()
        layout.setSpacing(SPACE[3])
        layout.addWidget(left)
        layout.addWidget(self._right(), 1)
        self.body.addLayout(layout)

    def _right(self) -> QWidget:
        self.train = primary_button("Train a model", "predictTrainButton", "Go to the Train page")
        self._empty = EmptyState("predict", "", "", (self.train,))
        self._loading = LoadingPanel()
        self._stack = QStackedWidget()
        for state in (self._empty, self._loading, self.answer):
            self._stack.addWidget(state)
        return self._stack

    def _connect(self) -> None:
        session = self.session
        session.models_changed.connect(self.look_again)
        session.run_finished.connect(self._take_newest)
        session.predictions.model_chosen.connect(self.look_again)
        session.predictions.busy.connect(self._loading.show_progress)
        session.predictions_ready.connect(self._show)
        self._loading.cancelled.connect(self.cancel)
        self.models.currentIndexChanged.connect(self._model_changed)
        self.smiles.textChanged.connect(self._renew_button)
        self.button.clicked.connect(self._predict_pasted)
        self.smiles.files_pasted.connect(self.take_files)
        self.zone.dropped.connect(self.predict_file)
        self.zone.several_dropped.connect(self.take_files)
        self.zone.activated.connect(self._choose_file)
        self._other.clicked.connect(self._choose_model)
        self.train.clicked.connect(self._train)
        self.save_button.clicked.connect(self._ask_where)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Let the user paste at once."""
        super().showEvent(event)
        self.smiles.setFocus(Qt.FocusReason.OtherFocusReason)

    # What others call ------------------------------------------------------------------------------------------

    @Slot(object)
    def take_files(self, paths: Sequence[str]) -> bool:
        """Predict the molecules of a dropped file, by the model that was dropped with it if there is one."""
        fault = not_predicted(paths)
        if fault is not None:
            self.session.report(fault)
            return True
        for path in sorted(paths, key=is_model, reverse=True):
            self.predict_file(path)
        return True

    @Slot()
    def cancel(self) -> bool:
        """Esc drops a prediction under way, or one that waits for its model, or a file that is being written."""
        if self._waiting is not None:
            self._waiting = None
            self._show_state()
            return True
        return self.session.predictions.cancel()

    @Slot(str)
    def predict_file(self, path: str) -> None:
        """Predict every molecule of a file (a `.mole` file is a model to use instead)."""
        if is_model(path):
            self.session.predictions.choose(path)
        else:
            self._when_known(partial(self._predict_by_column, path, ""), Path(path).name)

    def _when_known(self, ask: Callable[[], None], what: str) -> None:
        """Ask as soon as the models are listed and the one just chosen is among them; that is, mostly, at once."""
        if self._known == self._asked or self._under_way:
            ask()
            return
        self._waiting = ask
        if self.session.is_looking:
            self.look_again()  # Asked for by now: what is wrong is told, whatever was told before.
        self._loading.begin(what)
        self._loading.show_progress("Looking for the model", 0, 0)
        self._show_state()

    @Slot(str)
    def save(self, path: str) -> None:
        """Write the table to `path`."""
        if self.answer.predictions is not None:
            self.session.start_task(self._save(self.answer.predictions, path))

    def _predict_by_column(self, path: str, column: str) -> None:
        if not self._model_path():
            none, remedy = "There is no model to predict with.", "Train one, or open a .mole file; then drop it again."
            if self._models:
                none, remedy = (
                    "No model is chosen to predict with.",
                    "Choose one at the left; then drop the file again.",
                )
            self.session.report(InputError(none, "", remedy))
            return
        self._start(self._ask_file(self._model_path(), path, column), Path(path).name)

    async def _ask_file(self, model: str, path: str, column: str) -> Predictions:
        try:
            return await self.session.predictions.predict_file(model, path, column)
        except StructureColumnError as error:
            raise ColumnNeededError(error, partial(self._predict_by_column, path)) from error

    # Models ----------------------------------------------------------------------------------------------------

    @Slot()
    def look_again(self) -> None:
        """See which models there are by now."""
        # Counted here, since a task begins later: whoever asks from now on waits for what it finds.
        self._asked += 1
        self.session.start_task(self._reload(self._asked))

    @Slot(object)
    def _take_newest(self, record: RunRecord) -> None:
        if record.status is not RunState.COMPLETED or not record.model_path:
            return
        if self.isVisible() and self._model_path():
            # Whoever asks a model now goes on asking it; the new one is in the list.
            self.session.predictions.model_path = self._model_path()
        else:
            self.session.predictions.choose(record.model_path)

    async def _reload(self, asked: int) -> None:
        """Show the models there are, then answer who has waited for them."""
        chosen = self.session.predictions.model_path
        try:
            models, fault = await self._find_models(chosen)
            if asked != self._asked:
                # A newer question is under way; an old answer must not overtake it.
                return
            # Of the one that was asked so far it is enough that the page says so.
            another = chosen != self._model_path()
            self._show_models(models, fault)
            waiting = self._waiting
        finally:
            if asked == self._asked:
                self._known, self._waiting = asked, None
                self._show_state()
        if fault is not None and (another or Path(chosen).is_file() or waiting is not None):
            raise fault
        if waiting is not None:
            waiting()

    async def _find_models(self, chosen: str) -> tuple[list[ModelInfo], InputError | None]:
        """Return the models of the workspace and the one that was chosen, wherever it lies; or why that one is not."""
        models = await self.session.runs.models()
        if chosen and chosen not in [model.path for model in models]:
            try:
                models.insert(0, await self.session.runs.model(chosen))
            except InputError as error:
                return models, error
        return models, None

    def _show_models(self, models: list[ModelInfo], fault: InputError | None) -> None:
        chosen = self.session.predictions.model_path
        if fault is not None:
            # The one before goes on to be asked; no other takes the place of one that has been thrown away.
            chosen = self._model_path() if self._model_path() in [model.path for model in models] else ""
            self.session.predictions.model_path = chosen
        self._gone = not chosen and (self._gone or fault is not None)
        self._models, self._listed = models, True
        self.models.blockSignals(True)
        self.models.clear()
        for model, apart in zip(models, record_differences(models), strict=True):
            self.models.addItem(f"{model.name}, {apart}" if apart else model.name, model.path)
        self.models.setCurrentIndex(-1 if self._gone else max(0, self.models.findData(chosen)) if models else -1)
        self.models.blockSignals(False)
        self._show_model()

    @Slot()
    def _model_changed(self) -> None:
        self.session.predictions.model_path = self._model_path()
        self._gone = False
        self._show_model()

    def _show_model(self) -> None:
        model = next((model for model in self._models if model.path == self._model_path()), None)
        none = "No model yet" if self._listed else "Looking for models"
        self.models.setPlaceholderText("Choose a model" if self._models else none)
        if model is None and self._models:
            self._about.setText("The model that was asked before is gone. Choose another one.")
        elif model is None:
            self._about.setText("There is no model yet. Train one, or open a .mole file." if self._listed else "")
        else:
            self._about.setText(model_words(model))
        self._card.fit()
        self._show_chips()
        if self.answer.predictions is None:
            self._show_empty(model)
        self._renew_button()

    @Slot()
    def _train(self) -> None:
        self.navigate.emit("train")

    def _show_empty(self, model: ModelInfo | None) -> None:
        self.train.setVisible(model is None and self._listed)
        title, text = empty_words(listed=self._listed, some=bool(self._models), chosen=model is not None)
        self._empty.title.setText(title)
        self._empty.text.setText(text)

    def _show_state(self) -> None:
        """Show what is under way, else what was answered last, else that nothing has been asked yet."""
        if self._waiting is not None or self._under_way:
            self._stack.setCurrentIndex(_BUSY)
        else:
            self._stack.setCurrentIndex(_EMPTY if self.answer.predictions is None else _TABLE)

    def _model_path(self) -> str:
        return str(self.models.currentData() or "")

    @Slot()
    def _choose_model(self) -> None:
        dialog = QFileDialog(self, "Open a model", str(Path.home()), MODEL_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.session.predictions.choose)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    # Predicting ------------------------------------------------------------------------------------------------

    @Slot()
    def _predict_pasted(self) -> None:
        lines = self.smiles.toPlainText().splitlines()
        what = counted(sum(bool(line.strip()) for line in lines), "pasted line")
        self._when_known(partial(self._predict_lines, lines, what), what)

    def _predict_lines(self, lines: list[str], what: str) -> None:
        self._start(self.session.predictions.predict_pasted(self._model_path(), lines), what)

    @Slot()
    def _choose_file(self) -> None:
        dialog = QFileDialog(self, "Predict the molecules of a file", str(Path.home()), FILE_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.predict_file)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _start(self, question: Coroutine[Any, Any, Predictions], what: str) -> None:
        if self._under_way:
            # The service says so; the question under way, and the button that cancels it, stay in sight.
            self.session.start_task(question)
            return
        self._under_way = True
        self._loading.begin(what)
        self._show_state()
        self.button.setEnabled(False)
        self.session.start_task(self._answer(question))

    async def _answer(self, question: Coroutine[Any, Any, Predictions]) -> None:
        try:
            await question
        finally:
            self._under_way = False
            self._renew_button()
            self._show_state()

    @Slot()
    def _renew_button(self) -> None:
        self.button.setEnabled(bool(self._model_path() and self.smiles.toPlainText().strip()) and not self._under_way)

    @Slot(object)
    def _show(self, predictions: Predictions) -> None:
        self.save_button.setEnabled(True)
        self.answer.show_predictions(predictions)
        self._stack.setCurrentIndex(_TABLE)
        self._show_chips()

    def _show_chips(self, *more: tuple[str, str]) -> None:
        """Say what the table holds; also whose predictions they are where another model is chosen by now."""
        predictions = self.answer.predictions
        if predictions is None:
            return
        place = self.models.findData(predictions.model_path)
        name = (self.models.itemText(place) if place >= 0 else "") or predictions.model_name
        other = "" if predictions.model_path == self._model_path() else name
        self.header.set_chips([*prediction_chips(predictions, other), *more])

    # Saving ----------------------------------------------------------------------------------------------------

    @Slot()
    def _ask_where(self) -> None:
        if self.answer.predictions is not None:
            name = suggested_name(f"{Path(self.answer.predictions.source).stem or 'molecules'}-predicted", "csv")
            kinds = "Table (*.csv);;Excel workbook (*.xlsx);;Structures (*.sdf);;Parquet (*.parquet)"
            ask_where_to_save(self, "Save the predictions", name, kinds, self.save)

    async def _save(self, predictions: Predictions, path: str) -> None:
        name = Path(path).name
        self._show_chips((f"saving {name} (Esc stops it)", "neutral"))
        try:
            await self.session.predictions.save(predictions, path)
        except Exception:
            self._show_chips((f"{name} was not saved", "warning"))
            raise
        self._show_chips((f"saved {name}", "accent"))
