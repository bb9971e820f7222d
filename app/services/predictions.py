"""Predicting, beside the window: awaited coroutines over the executor, with progress and cancel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from app.services.model_shelf import ModelShelf
from app.services.prediction_table import Predictions
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.paths import native

if TYPE_CHECKING:
    from app.services.tasks import Progress, TaskRunner


class PredictionService(QObject):
    """Asks models about molecules; one question at a time.

    Signals
    -------
    ready(Predictions)
        A question was answered.
    busy(stage, done, total), idle()
        While the model works.
    model_chosen(str)
        Path of the model that is to be asked from now on.
    """

    ready = Signal(object)
    busy = Signal(str, int, int)
    idle = Signal()
    model_chosen = Signal(str)

    def __init__(self, tasks: TaskRunner, shelf: ModelShelf, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._progress: Progress | None = None
        self._saving: Progress | None = None
        self._asker = _Asker(shelf)
        self.model_path = ""

    def choose(self, path: str) -> None:
        """Make a model the one that is asked."""
        self.model_path = native(path)
        self.model_chosen.emit(self.model_path)

    @property
    def is_busy(self) -> bool:
        """Whether a question is being answered."""
        return self._progress is not None

    async def predict_pasted(self, model_path: str, lines: Sequence[str]) -> Predictions:
        """Predict pasted molecules, as lines (`mole_engine.inference.pasted`).

        Raises
        ------
        InputError
            When there are none, or the model cannot be read.
        Cancelled
            After `cancel`.
        """
        if not any(text.strip() for text in lines):
            raise InputError("There is nothing to predict.", "", "Paste one SMILES a line, or drop a file.")
        return await self._ask(self._asker.predict_pasted, model_path, list(lines))

    async def predict_file(self, model_path: str, path: str, smiles_column: str = "") -> Predictions:
        """Predict every row of a file, the structures of one column ("" to find it).

        Raises InputError and Cancelled as `predict_pasted` does.
        """
        return await self._ask(self._asker.predict_file, model_path, (path, smiles_column))

    async def save(self, predictions: Predictions, path: str) -> None:
        """Write a table of predictions: CSV, TSV, XLSX, Parquet or SDF by the ending.

        An SDF takes a second for some thousand rows, so that it is given up, whole, where the window closes meanwhile.

        Raises
        ------
        Cancelled
            After `cancel`: what stood there before stays.
        InputError, KnownError
            When the ending is not known or the file cannot be written.
        """
        progress = self._saving = self._tasks.new_progress()
        try:
            await self._tasks.save_blocking(_save, predictions, path, progress)
        finally:
            self._saving = None if self._saving is progress else self._saving
            self._tasks.drop_progress(progress)

    @Slot()
    def cancel(self) -> bool:
        """Drop the question under way, or else the file that is being written; return whether there was one."""
        under_way = self._progress or self._saving
        if under_way is not None:
            under_way.cancel()
        return under_way is not None

    async def _ask(self, work: Callable[..., Predictions], model_path: str, what: Any) -> Predictions:
        if self._progress is not None:
            raise InputError("A prediction is already under way.", "", "Wait for its end, or cancel it.")
        progress = self._progress = self._tasks.new_progress()
        progress.changed.connect(self.busy)
        self.busy.emit("Loading the model", 0, 0)
        try:
            answer = await self._tasks.run_blocking(work, model_path, what, progress)
        finally:
            self._progress = None
            self._tasks.drop_progress(progress)
            self.idle.emit()
        self.ready.emit(answer)
        return answer


class _Asker:
    """Puts the questions. Used in worker threads only."""

    def __init__(self, shelf: ModelShelf) -> None:
        self._shelf = shelf

    def predict_pasted(self, model_path: str, lines: list[str], on_progress: ProgressHandler) -> Predictions:
        """Predict pasted lines."""
        from mole_engine.inference.pasted import read_pasted

        model = self._shelf.load(model_path)
        table, column = read_pasted(lines, model)
        return _predicted(model, model_path, "", table, column, on_progress)

    def predict_file(self, model_path: str, where: tuple[str, str], on_progress: ProgressHandler) -> Predictions:
        """Predict the rows of a file; `where` is its path and the column."""
        from mole_engine.inference.tables import read_input

        path, wanted = where
        model = self._shelf.load(model_path)
        table, column = read_input(path, model, on_progress, wanted)
        return _predicted(model, model_path, Path(path).name, table, column, on_progress)


def _predicted(
    model: Any, model_path: str, source: str, table: Any, column: str, on_progress: ProgressHandler
) -> Predictions:
    """Predict the molecules of a table, and turn the answer into plain columns."""
    from mole_engine.inference.tables import find_name_column, predict_table, renamed_columns

    called = find_name_column(table, column)
    renamed = renamed_columns(model, table)
    frame = predict_table(model, table, column, on_progress)
    names = {name: renamed.get(name, name) for name in model.columns.names()}
    columns = {}
    for name, place in names.items():
        if place in frame.columns:
            missing = frame[place].isna()
            columns[name] = [None if gone else value for value, gone in zip(frame[place], missing, strict=True)]
    return Predictions(
        model_path=model_path,
        model_name=str(model.card.name),
        tasks=tuple(model.tasks),
        source=source,
        smiles=[str(text) for text in table[column]],
        columns=columns,
        frame=frame,
        own=frozenset(names.values()),
        structures=column,
        called=called,
        names=["" if gone else str(text) for text, gone in zip(table[called], table[called].isna(), strict=True)]
        if called
        else (),
        near=float(model.card.domain.threshold) if model.card.domain else math.nan,
    )


def _save(predictions: Predictions, path: str, on_progress: ProgressHandler) -> None:
    from mole_engine.inference.tables import write_table

    write_table(predictions.frame, path, predictions.own, predictions.structures, on_progress)
