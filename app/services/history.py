"""Undo and redo: of what changes what trains (columns, clean-up, parts), and of the filters that say what is shown."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.services.datasets import DatasetService, Wanted
from mole_engine.contracts.config import CurationConfig

_NAMES = {
    "smiles_column": "structure column",
    "targets": "targets",
    "task": "kind of target",
    "units": "unit",
    "molar_log": "molar logarithm",
    "target_transform": "transform",
    "validation_path": "validation file",
    "test_path": "test file",
    "method": "split",
    "column": "split",
    "validation_fraction": "size of the validation part",
    "test_fraction": "size of the test part",
    "seed": "seed of the split",
    "encoding": "text encoding",
    "delimiter": "separator",
}


class DatasetHistory(QObject):
    """Steps through the settings that the open data set was made by.

    A step is recorded when a change has succeeded. Going back makes the data set anew by the earlier settings; where
    that fails or is cancelled, the history stays where it was.

    Attributes
    ----------
    stack
        Qt's, for actions and their texts.

    Signals
    -------
    wanted(tuple)
        Settings that the data set is to be made by.
    filters_wanted(tuple)
        Filters that the rows are to pass.
    data_steps(str, str)
        What undo and redo would change of the data, in a few words; "" where they change filters or nothing.
    """

    wanted = Signal(object)
    filters_wanted = Signal(object)
    data_steps = Signal(str, str)

    def __init__(self, datasets: DatasetService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._datasets = datasets
        self._now = datasets.settled
        self._going: Wanted | None = None
        self._silent = False
        self._place = 0
        self.stack = QUndoStack(self)
        datasets.opened.connect(self._begin)
        datasets.changed.connect(self._record)
        self.stack.indexChanged.connect(self._moved)

    def filter(self, words: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
        """Ask for other filters, as a step that can be taken back; `words` name it."""
        if self._going is None:
            self.stack.push(_FilterStep(self, words, before, after))
        else:
            # While a data set is being made, its own step is not yet settled: nothing may come in between.
            self.filters_wanted.emit(after)

    @Slot(object)
    def _begin(self, _made: object) -> None:
        self._now, self._going, self._place = self._datasets.settled, None, 0
        self.stack.clear()

    @Slot(object)
    def _record(self, _made: object) -> None:
        before, after = self._now, self._datasets.settled
        going, self._going = self._going, None
        if going is not None and after != going:
            self._put_back()
        elif going is not None:
            self._now, self._place = after, self.stack.index()
        if going is None and after != before:
            self._now = after
            self.stack.push(_Step(self, words_of(before, after), before, after))
            self._place = self.stack.index()

    @Slot(int)
    def _moved(self, place: int) -> None:
        # Past a filter there is nothing to wait for.
        if self._going is None and not self._silent:
            self._place = place
        self.data_steps.emit(self._data_step(place - 1), self._data_step(place))

    def _data_step(self, place: int) -> str:
        step = self.stack.command(place) if 0 <= place < self.stack.count() else None
        return step.text() if isinstance(step, _Step) else ""

    def _put_back(self) -> None:
        """Stand where the data set stands, without making it again."""
        self._silent = True
        self.stack.setIndex(self._place)
        self._silent = False

    def go(self, settings: Wanted) -> None:
        """Ask for the data set by these settings; called by the steps."""
        # While an earlier step is still being made, what holds is not what will.
        if not self._silent and (self._going is not None or settings != self._datasets.settled):
            self._going = settings
            self.wanted.emit(settings)


class _Step(QUndoCommand):
    def __init__(self, history: DatasetHistory, words: str, before: Wanted, after: Wanted) -> None:
        super().__init__(words)
        self._history, self._before, self._after = history, before, after

    def undo(self) -> None:
        self._history.go(self._before)

    def redo(self) -> None:
        # Qt calls this when the step is recorded, too; then the data set is there already.
        self._history.go(self._after)


class _FilterStep(QUndoCommand):
    def __init__(self, history: DatasetHistory, words: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
        super().__init__(words)
        self._history, self._before, self._after = history, before, after

    def undo(self) -> None:
        self._history.filters_wanted.emit(self._before)

    def redo(self) -> None:
        self._history.filters_wanted.emit(self._after)


def words_of(before: Wanted, after: Wanted) -> str:
    """Return what has changed between two settings, in a few words."""
    old: dict[str, Any] = {**before[0].model_dump(), **before[1].model_dump()}
    new: dict[str, Any] = {**after[0].model_dump(), **after[1].model_dump()}
    changed = [name for name in new if new[name] != old.get(name)]
    if "curation" in changed:
        steps = [name for name in CurationConfig.model_fields if new["curation"][name] != old["curation"][name]]
        return f"clean-up: {', '.join(step.replace('_', ' ') for step in steps[:2])}"
    words = list(dict.fromkeys(_NAMES.get(name, name.replace("_", " ")) for name in changed))
    return ", ".join(words[:2])
