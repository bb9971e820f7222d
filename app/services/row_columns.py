"""The columns of the open file as numbers and classes, one value a row: for filters, bars, statistics and colours."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from app.summaries import ColumnSummary
from app.text import OWN, own_title
from mole_engine.contracts.dataset import TableSource, TaskSpec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from app.services.open_dataset import OpenDataset

    Floats = npt.NDArray[np.float64]

PART_KEY, SIMILARITY_KEY = f"{OWN}set", f"{OWN}similarity"
"""Columns of our own that are no properties."""

PARTS = ("train", "val", "test", "left out")
CLASS_LIMIT = 40
"""A column with more distinct words is text: it has no bars, and is searched rather than ticked."""

BARS = 22
_KEPT_COLUMNS = 24
_HEAVY_TAIL = 50.0


@dataclass(frozen=True, slots=True)
class RowColumn:
    """One column.

    Attributes
    ----------
    key, title, unit
        Its name for us, for people, and the unit of its numbers.
    kind
        "number", "class" or "text".
    values
        (rows,) float64: numbers, or positions in `labels`; NaN where a row has none. For text only whether there is
        any (0 or NaN).
    labels
        Of the classes, the most frequent one first.
    """

    key: str
    title: str
    kind: Literal["number", "class", "text"]
    values: Floats
    labels: tuple[str, ...] = ()
    unit: str = ""


class NumberColumns(Mapping[str, Sequence[float]]):
    """The columns of numbers of a table; each is read when it is first asked for, and the last few are kept."""

    def __init__(self, table: TableSource) -> None:
        self._table = table
        self._names = frozenset(column.name for column in table.info.columns if column.kind == "number")
        self._known: OrderedDict[str, Floats] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Floats:  # type: ignore[override]  # an array is indexed like a sequence
        if name not in self._names:
            raise KeyError(name)
        with self._lock:
            if name not in self._known:
                self._known[name] = self._table.numbers(name)  # type: ignore[attr-defined]  # every engine table has it
                while len(self._known) > _KEPT_COLUMNS:
                    self._known.popitem(last=False)
            return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def column_keys(dataset: OpenDataset, properties: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return key and title of every column there is to choose from: targets, part, properties, then the others."""
    targets = [task.name for task in dataset.roles.tasks]
    rest = [
        column.name
        for column in dataset.info.columns
        if column.name not in targets and column.name != dataset.roles.smiles and column.kind != "empty"
    ]
    own = [PART_KEY, *properties]
    return [(key, own_title(key)) for key in (*targets, *own, *rest)]


def read_column(dataset: OpenDataset, key: str, own: Mapping[str, Floats]) -> RowColumn:
    """Return a column; `own` holds the values of our own columns by key. Blocking; raises KeyError."""
    import numpy as np

    if key == PART_KEY:
        return _parts(dataset)
    if key.startswith(OWN):
        return RowColumn(key, own_title(key), "number", own[key])
    task = next((task for task in dataset.roles.tasks if task.name == key), None)
    info = dataset.info.column(key)
    unit = task.unit if task is not None else info.unit
    if info.kind == "number" and not (task is not None and task.classes):
        return RowColumn(key, key, "number", np.asarray(dataset.numbers[key], np.float64), unit=unit)
    return _words(dataset, key, task)


def summarise(column: RowColumn, rows: npt.NDArray[np.int64] | None = None) -> ColumnSummary:
    """Count the values of a column, of all rows or of some."""
    import numpy as np

    values = column.values if rows is None else column.values[rows]
    known = values[np.isfinite(values)]
    facts = (column.key, column.title, column.unit, column.kind)
    if column.kind == "number" and len(known):
        return _summarise_numbers(facts, column, known, len(values))
    counts: tuple[int, ...] = ()
    if column.labels:
        counts = tuple(np.bincount(known.astype(np.int64), minlength=len(column.labels)).tolist())
    distinct = sum(1 for many in counts if many)
    return ColumnSummary(*facts, counts, (), column.labels, len(values), len(known), distinct)


def bars_of(values: Floats, edges: Sequence[float], size: int) -> tuple[int, ...]:
    """Count values into the bars of a summary: by `edges`, or, for `size` classes, by position."""
    import numpy as np

    known = values[np.isfinite(values)]
    if edges:
        return tuple(np.histogram(known, bins=np.asarray(edges))[0].tolist())
    return tuple(np.bincount(known.astype(np.int64), minlength=size).tolist())


def _summarise_numbers(facts: tuple[str, str, str, str], column: RowColumn, known: Floats, rows: int) -> ColumnSummary:
    import numpy as np

    # The bars span the whole column, so that they stay where they are while rows are filtered.
    whole = column.values[np.isfinite(column.values)]
    low, high, middle = float(whole.min()), float(whole.max()), float(np.median(whole))
    logarithmic = low > 0 and high / middle > _HEAVY_TAIL
    number = BARS if high > low else 1
    if logarithmic:
        edges = np.logspace(np.log10(low), np.log10(high), number + 1)
    else:
        edges = np.linspace(low, high, number + 1) if high > low else np.array([low - 0.5, low + 0.5])
    if high > low:
        # Rounding must not leave the ends outside.
        edges[0], edges[-1] = low, high
    with np.errstate(over="ignore"):
        # Of a mistyped 1e300 the square is infinite; its column is shown all the same.
        mean, deviation = float(known.mean()), float(known.std())
    return ColumnSummary(
        *facts,
        counts=bars_of(known, tuple(edges.tolist()), 0),
        edges=tuple(edges.tolist()),
        labels=(),
        rows=rows,
        filled=len(known),
        distinct=len(np.unique(known)),
        low=float(known.min()),
        high=float(known.max()),
        median=float(np.median(known)),
        mean=mean,
        deviation=deviation,
        logarithmic=logarithmic,
    )


def _parts(dataset: OpenDataset) -> RowColumn:
    import numpy as np

    codes = {"train": 0.0, "val": 1.0, "test": 2.0}
    values = np.array([codes.get(part, np.nan) for part in dataset.parts])
    values[dataset.left_out] = 3.0
    return RowColumn(PART_KEY, own_title(PART_KEY), "class", values, PARTS)


def _words(dataset: OpenDataset, key: str, task: TaskSpec | None) -> RowColumn:
    import numpy as np

    texts = [text.strip() for text in dataset.table.column_values(key)]
    if task is not None and task.classes:
        names = _class_names(set(texts), task, dataset.info.column(key).decimal)
        texts = [names[text] for text in texts]
    frequent = Counter(texts)
    frequent.pop("", None)
    if len(frequent) > CLASS_LIMIT:
        there = np.array([0.0 if text else np.nan for text in texts])
        return RowColumn(key, key, "text", there)
    labels = tuple(label for label, _ in frequent.most_common())
    code = {label: float(place) for place, label in enumerate(labels)}
    values = np.array([code.get(text, np.nan) for text in texts])
    return RowColumn(key, key, "class", values, labels)


def _class_names(texts: Collection[str], task: TaskSpec, decimal: str) -> dict[str, str]:
    """Return the class that each text of a target means ("1.0" and "1" are one), "" for none, itself if it is odd."""
    from mole_engine.data.targets import read_labels

    spelled = list(texts)
    labels = read_labels(spelled, task, decimal)
    named = [task.classes[int(place)] if place >= 0 else "" for place in labels.values.tolist()]
    return {text: text if row in labels.bad else named[row] for row, text in enumerate(spelled)}
