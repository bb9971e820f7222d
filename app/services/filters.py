"""Which rows are shown: small questions, each about every row of the open file, all of which must be answered yes."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, Signal

from app.services.open_dataset import OpenDataset
from app.services.row_columns import RowColumn
from app.services.tasks import Progress, TaskRunner
from app.text import count, number, own_title
from mole_engine.contracts.dataset import IssueKind
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float32]

ColumnReader = Callable[[OpenDataset, str], RowColumn]
Answers = OrderedDict[tuple[int, Any], tuple[OpenDataset, "Mask"]]

_KEPT_ANSWERS = 16
_SHOWN_LABELS = 3


class RowFilter(Protocol):
    """A question about rows; frozen, so that its answer can be kept."""

    @property
    def words(self) -> str:
        """What a chip says."""
        ...

    def mask(self, dataset: OpenDataset, columns: ColumnReader, on_progress: ProgressHandler) -> Mask:
        """Return (rows,) bool. Blocking."""
        ...


@dataclass(frozen=True, slots=True)
class RangeFilter:
    """Rows whose number lies between `low` and `high`, both included."""

    key: str
    low: float
    high: float

    @property
    def words(self) -> str:
        """Return "logP 1.2 to 3.4"."""
        title = own_title(self.key)
        if math.isinf(self.low):
            return f"{title} at most {number(self.high)}"
        if math.isinf(self.high):
            return f"{title} at least {number(self.low)}"
        return f"{title} {number(self.low)} to {number(self.high)}"

    def mask(self, dataset: OpenDataset, columns: ColumnReader, on_progress: ProgressHandler) -> Mask:
        """Rows without a value are not among them."""
        values = columns(dataset, self.key).values
        return (values >= self.low) & (values <= self.high)


@dataclass(frozen=True, slots=True)
class ChoiceFilter:
    """Rows whose word is one of some."""

    key: str
    labels: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return "toxic: yes"."""
        shown = ", ".join(self.labels[:_SHOWN_LABELS])
        more = f" and {len(self.labels) - _SHOWN_LABELS} more" if len(self.labels) > _SHOWN_LABELS else ""
        return f"{own_title(self.key)}: {shown}{more}"

    def mask(self, dataset: OpenDataset, columns: ColumnReader, on_progress: ProgressHandler) -> Mask:
        """Compare the class of every row."""
        import numpy as np

        column = columns(dataset, self.key)
        codes = [float(place) for place, label in enumerate(column.labels) if label in self.labels]
        return np.isin(column.values, codes)


@dataclass(frozen=True, slots=True)
class TextFilter:
    """Rows with a text in any column, or in one; with `structures`, also those that contain it, read as SMARTS."""

    text: str
    key: str = ""
    structures: bool = False

    @property
    def words(self) -> str:
        """Return the text between quotes, after the column."""
        return f"{own_title(self.key)} contains “{self.text}”" if self.key else f"“{self.text}”"

    def mask(self, dataset: OpenDataset, columns: ColumnReader, on_progress: ProgressHandler) -> Mask:
        """Search without regard to case."""
        import numpy as np

        wanted = self.text.casefold()
        found = np.zeros(dataset.info.rows, bool)
        for name in [self.key] if self.key else [column.name for column in dataset.info.columns]:
            on_progress("Searching", 0, 0)
            cells = dataset.table.column_values(name)
            found[[row for row, cell in enumerate(cells) if wanted in cell.casefold()]] = True
        if self.structures:
            found |= _containing(dataset, self.text, on_progress, found)
        return found


@dataclass(frozen=True, slots=True)
class PatternFilter:
    """Rows whose structure, cleaned where it is kept, contains a SMARTS pattern, which the drawings mark."""

    smarts: str

    @property
    def words(self) -> str:
        """Return "contains" and the pattern."""
        return f"contains {self.smarts}"

    def mask(self, dataset: OpenDataset, columns: ColumnReader, on_progress: ProgressHandler) -> Mask:
        """Match every molecule. Raises InputError where the pattern cannot be read."""
        self.check()
        return _containing(dataset, self.smarts, on_progress)

    def check(self) -> None:
        """Raise InputError where the pattern cannot be read. Blocking."""
        if not is_pattern(self.smarts):
            raise InputError(f"“{self.smarts}” is not a SMARTS pattern.", "", "Correct it, or search for text instead.")


@dataclass(frozen=True, slots=True)
class SimilarFilter:
    """Rows at least so similar to a molecule (Tanimoto, ECFP4)."""

    smiles: str
    least: float = 0.4

    @property
    def words(self) -> str:
        """Return "similar to ... by 0.40 or more"."""
        return f"similar to {self.smiles}: {self.least:.2f} or more"

    def mask(self, dataset: OpenDataset, columns: ColumnReader, on_progress: ProgressHandler) -> Mask:
        """Compare every molecule. Raises InputError where the structure cannot be read."""
        return similarities(dataset, self.smiles, on_progress) >= self.least

    def check(self) -> None:
        """Raise InputError where the structure cannot be read. Blocking."""
        from mole_engine.data.fingerprints import similarity_search

        similarity_search(self.smiles, [])


@dataclass(frozen=True, slots=True)
class RowsFilter:
    """Rows that somebody picked."""

    rows: frozenset[int]
    origin: str = "chosen"

    @property
    def words(self) -> str:
        """Return "34 chosen"."""
        return f"{count(len(self.rows))} {self.origin}"

    def mask(self, dataset: OpenDataset, columns: ColumnReader, on_progress: ProgressHandler) -> Mask:
        """Look the rows up."""
        import numpy as np

        found = np.zeros(dataset.info.rows, bool)
        found[[row for row in self.rows if row < len(found)]] = True
        return found


@dataclass(frozen=True, slots=True)
class StateFilter:
    """Rows that need a look, are left out, or belong to a part: "look", "left out", "train", "val", "test"."""

    state: str
    words: str = field(compare=False)

    def mask(self, dataset: OpenDataset, columns: ColumnReader, on_progress: ProgressHandler) -> Mask:
        """Look the rows up."""
        import numpy as np

        found = np.zeros(dataset.info.rows, bool)
        if self.state == "look":
            found[list(dataset.issues)] = True
        elif self.state == "left out":
            found[dataset.left_out] = True
        else:
            found[[row for row, part in enumerate(dataset.parts) if part == self.state]] = True
        return found


def similarities(dataset: OpenDataset, smiles: str, on_progress: ProgressHandler) -> Floats:
    """Return (rows,) float32: how similar each row's molecule is to another one, NaN for rows without a readable one.

    Raises
    ------
    InputError
        Where `smiles` cannot be read.
    """
    import numpy as np

    from mole_engine.data.fingerprints import similarity_search

    found = np.full(dataset.info.rows, np.nan, np.float32)
    asked = _structures(dataset)
    found[list(asked)] = similarity_search(smiles, list(asked.values()), on_progress)
    return found


def _structures(dataset: OpenDataset) -> dict[int, str]:
    """Return the structure of every row that has one: as it is learnt, or as it stands in a row that is left out."""
    texts = dataset.table.column_values(dataset.roles.smiles)
    left = {row: texts[row] for row, part in enumerate(dataset.parts) if not part and row not in dataset.smiles}
    for issue in dataset.report.issues:
        if issue.kind in (IssueKind.UNREADABLE, IssueKind.EMPTY):
            left.pop(issue.row, None)
    return {**dataset.smiles, **left}


def _containing(dataset: OpenDataset, smarts: str, on_progress: ProgressHandler, known: Mask | None = None) -> Mask:
    import numpy as np

    from mole_engine.chem.substructure import matcher
    from mole_engine.data.many_molecules import containing

    found = np.zeros(dataset.info.rows, bool)
    if matcher(smarts) is None:
        return found
    asked = {row: text for row, text in _structures(dataset).items() if known is None or not known[row]}
    found[list(asked)] = containing(list(asked.values()), smarts, on_progress)
    return found


@dataclass(frozen=True, slots=True)
class FoundRows:
    """What filters have found.

    Attributes
    ----------
    rows
        The rows, ascending, that pass all filters that could be read; None where there is none of these.
    faults
        Why the others could not be read.
    """

    rows: list[int] | None
    faults: Mapping[RowFilter | None, str] = field(default_factory=dict)


class FilterService(QObject):
    """Answers filters beside the window; a newer question ends the older one. Answers are kept for a while.

    Signals
    -------
    busy(stage, done, total)
        While a question is being answered; whoever asked knows when it is.
    """

    busy = Signal(str, int, int)

    def __init__(self, tasks: TaskRunner, columns: ColumnReader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._columns = columns
        self._progress: Progress | None = None
        self._answers: Answers = OrderedDict()

    async def rows(self, dataset: OpenDataset, filters: Sequence[RowFilter]) -> FoundRows:
        """Return the rows that pass all filters. One that cannot be read leaves no row out.

        Raises
        ------
        Cancelled
            When a newer question was asked.
        """
        if self._progress is not None:
            self._progress.cancel()
        if not filters:
            return FoundRows(None)
        progress = self._progress = self._tasks.new_progress()
        progress.changed.connect(self.busy)
        # At once: other work may keep the threads from beginning.
        self.busy.emit("Searching", 0, 0)
        try:
            return await self._tasks.run_blocking(self._find, dataset, tuple(filters), self._answers, progress)
        finally:
            self._tasks.drop_progress(progress)
            if self._progress is progress:
                self._progress = None

    def _find(
        self, dataset: OpenDataset, filters: Sequence[RowFilter], answers: Answers, on_progress: ProgressHandler
    ) -> FoundRows:
        import numpy as np

        found = np.ones(dataset.info.rows, bool)
        faults: dict[RowFilter | None, str] = {}
        for one in filters:
            on_progress("Searching", 0, 0)
            try:
                found &= self._answer(dataset, one, answers, on_progress)
            except InputError as error:
                faults[one] = error.problem.title
        readable = any(one not in faults for one in filters)
        return FoundRows([int(row) for row in np.flatnonzero(found)] if readable else None, faults)

    def _answer(self, dataset: OpenDataset, one: RowFilter, answers: Answers, on_progress: ProgressHandler) -> Mask:
        key = (id(dataset), one)
        known = answers.get(key)
        # Held with its data set, so that the number of a dead one cannot come back as another's.
        if known is not None and known[0] is dataset:
            return known[1]
        mask = one.mask(dataset, self._columns, on_progress)
        answers[key] = (dataset, mask)
        while len(answers) > _KEPT_ANSWERS:
            answers.popitem(last=False)
        return mask

    def forget(self) -> None:
        """Drop the answers kept: they belong to data, or to columns of our own, that are no longer there."""
        # Not emptied: a question that is being answered at this moment goes on to put its answers where it began to.
        self._answers = OrderedDict()


def replaces(new: RowFilter, old: RowFilter) -> bool:
    """Return whether a filter asks the same question as an earlier one, with another answer."""
    if type(new) is not type(old):
        return new == old
    if isinstance(new, (RangeFilter, ChoiceFilter)):
        return new.key == getattr(old, "key", "")
    return isinstance(new, (StateFilter, RowsFilter, SimilarFilter)) or new == old


def nothing_words(typed: RowFilter | None) -> str:
    """Return that no row was found for what is typed, in words; None for filters alone."""
    if typed is None:
        return "No row passes the filters"
    if isinstance(typed, PatternFilter):
        return f"No molecule contains {typed.smarts}"
    return f"No molecule is {typed.words}" if isinstance(typed, SimilarFilter) else f"No row has {typed.words}"


def is_pattern(text: str) -> bool:
    """Return whether a text can be read as SMARTS. Blocking, as it loads the chemistry."""
    from mole_engine.chem.substructure import matcher

    return matcher(text) is not None


def fault_of(one: RowFilter) -> str:
    """Return why a pattern or a structure cannot be searched for, "" where it can. Blocking, as `is_pattern`."""
    try:
        if isinstance(one, (PatternFilter, SimilarFilter)):
            one.check()
    except InputError as error:
        return error.problem.title
    return ""
