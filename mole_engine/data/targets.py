"""What a target column asks for, and its labels as numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine.contracts.config import TaskName
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.data.profile import MAX_CLASSES
from mole_engine.data.values import (
    Number,
    filled_texts,
    is_null,
    is_number,
    label_text,
    parse_number,
    plain_numbers,
    shown,
)

POSITIVE_WORDS = frozenset(
    {"1", "yes", "y", "true", "t", "active", "positive", "pos", "toxic", "high", "pass", "passed", "hit", "binder"}
    | {"actives", "inhibitor", "substrate", "permeable", "soluble", "mutagenic", "blocker", "agonist", "bbb+", "good"}
    | {"+", "+ve", "(+)"}
)
NEGATIVE_WORDS = frozenset(
    {"0", "-1", "no", "n", "false", "f", "inactive", "negative", "neg", "low", "fail", "failed", "non-hit", "decoy"}
    | {"inactives", "nontoxic", "insoluble", "impermeable", "nonbinder", "bbb-", "bad", "non-toxic", "non-binder"}
    | {"-", "-ve", "(-)"}
)
_LEADING_DASH = re.compile(r"^(\(?)[−–—]")
"""A minus sign or dash that stands for a hyphen: "−ve" is "-ve"."""

_NUMERIC_SHARE = 0.9
_FEW_CLASSES = 10
_LEAST_SPREAD = 1e-6
"""Of a target's values, relative to the largest; a network computes in 32 bits, about seven digits."""
_LARGEST_EXACT = 2**53
LARGEST_LABEL = 1e37
"""Beyond this a network, which computes in 32 bits, has no number for a label: one such would end the training."""
_PIECE = 20_000


@dataclass
class Labels:
    """One target column, read.

    Attributes
    ----------
    values
        (n,) float64; regression values, or class positions 0..k-1; NaN where there is no label.
    bad
        Reason by row for cells that hold no label of this kind.
    censored
        Reason by row for bounds such as "> 50", kept with the bound's value.
    """

    values: npt.NDArray[np.float64]
    bad: dict[int, str] = field(default_factory=dict)
    censored: dict[int, str] = field(default_factory=dict)


@dataclass
class _Column:
    """The distinct filled texts of a column with how often each stands there."""

    name: str
    counts: Counter[str]
    numbers: dict[str, Number]
    labels: dict[str, str]
    label_counts: Counter[str]

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def numeric_share(self) -> float:
        return sum(self.counts[text] for text in self.numbers) / self.total

    @property
    def examples(self) -> str:
        odd = [text for text in self.counts if text not in self.numbers]
        return shown(odd or list(self.counts))


def task_of(
    name: str, texts: Sequence[str], decimal: str, task: TaskName = "auto", unit: str = "", positive: str = ""
) -> TaskSpec:
    """Decide what a column asks for.

    Parameters
    ----------
    name, texts
        The column.
    decimal
        Decimal mark of the table.
    task
        What the user asks for; "auto": two classes for two whole numbers or two words, several classes for few whole
        numbers or words, else regression.
    unit
        Of a regression target.
    positive
        Label that counts as positive; empty: by its meaning ("active", "yes", 1), else the later one in order.

    Raises
    ------
    InputError
        When the column is empty, has one value only, or fits no kind of task.
    """
    column = _read_column(name, texts, decimal)
    kind = _kind(column) if task == "auto" else TaskKind(task)
    if kind is TaskKind.REGRESSION:
        _check_regression(column)
        return TaskSpec(name, kind, unit)
    if kind is TaskKind.CLASSIFICATION:
        return TaskSpec(name, kind, "", _two_classes(column, positive))
    return TaskSpec(name, kind, "", _several_classes(column, task != "auto"))


def read_labels(texts: Sequence[str], task: TaskSpec, decimal: str) -> Labels:
    """Turn the cells of a target column into numbers; nothing is left out in silence."""
    if task.kind is TaskKind.REGRESSION:
        return _read_values(texts, decimal)
    positions = {_key(label, decimal): float(index) for index, label in enumerate(task.classes)}
    values = np.full(len(texts), np.nan)
    labels = Labels(values)
    for row, text in enumerate(texts):
        position = positions.get(_key(text, decimal))
        if position is not None:
            values[row] = position
        elif not is_null(text):
            labels.bad[row] = f"'{text.strip()[:60]}' is none of the classes {shown(task.classes, 6)}"
    return labels


def _read_values(texts: Sequence[str], decimal: str) -> Labels:
    labels = Labels(np.full(len(texts), np.nan))
    # In pieces: Python's lock is not given up within one call, which would stop a window for a second.
    for start in range(0, len(texts), _PIECE):
        _read_piece(texts[start : start + _PIECE], start, decimal, labels)
    return labels


def _read_piece(texts: Sequence[str], start: int, decimal: str, labels: Labels) -> None:
    series = pd.Series(texts, dtype="str")
    values = plain_numbers(series, decimal)
    for place in np.flatnonzero(~(np.abs(values) <= LARGEST_LABEL)).tolist():
        text, row = texts[place], start + place
        number = Number(np.nan) if is_null(text) else parse_number(text, decimal)
        values[place] = number.value
        if np.isnan(number.value):
            if not is_null(text):
                labels.bad[row] = f"'{text.strip()[:60]}' is not a number"
        elif abs(number.value) > LARGEST_LABEL:
            values[place] = np.nan
            labels.bad[row] = f"'{text.strip()[:60]}' is too large a number to learn from"
        elif number.bound == "~":
            labels.censored[row] = f"'{text.strip()}' is approximate; {number.value:g} is used"
        elif number.bound:
            labels.censored[row] = f"'{text.strip()}' is a bound, not a value; {number.value:g} is used"
    labels.values[start : start + len(values)] = values


def _key(text: str, decimal: str) -> str:
    """Spelling-independent form of a class label: "1.0" and "1", "Active" and "active " are one class."""
    stripped = label_text(text)
    value = parse_number(stripped, decimal)
    if is_number(value) and not value.bound:
        # All digits: dates and identifiers such as 20240101 and 20240102 are two classes.
        whole = value.value.is_integer() and abs(value.value) < _LARGEST_EXACT
        return str(int(value.value)) if whole else repr(value.value)
    return _LEADING_DASH.sub(r"\1-", stripped.casefold())


def _read_column(name: str, texts: Sequence[str], decimal: str) -> _Column:
    counts = Counter(map(label_text, texts))
    for text in counts.keys() - filled_texts(counts):
        del counts[text]
    if not counts:
        raise InputError(f"The target '{name}' is empty.", "No row has a value in it.", "Choose another target column.")
    parsed = {text: parse_number(text, decimal) for text in counts}
    labels: dict[str, str] = {}
    label_counts: Counter[str] = Counter()
    for text, count in counts.most_common():
        key = _key(text, decimal)
        plain = is_number(parsed[text]) and not parsed[text].bound
        labels.setdefault(key, key if plain else text)
        label_counts[key] += count
    numbers = {text: number for text, number in parsed.items() if is_number(number)}
    return _Column(name, counts, numbers, labels, label_counts)


def _kind(column: _Column) -> TaskKind:
    if column.numeric_share >= _NUMERIC_SHARE:
        return _kind_of_numbers(column)
    if len(_word_pair(column)) == 2 or len(column.labels) <= 2:
        return TaskKind.CLASSIFICATION
    if len(column.labels) <= _class_limit(column):
        return TaskKind.MULTICLASS
    if column.numeric_share >= 0.5:
        return TaskKind.REGRESSION
    raise InputError(
        f"The target '{column.name}' holds neither numbers nor classes.",
        f"It has {len(column.labels)} different values, such as {column.examples}.",
        "Choose another target column, or correct the values.",
    )


def _kind_of_numbers(column: _Column) -> TaskKind:
    values = {number.value for number in column.numbers.values()}
    whole = all(value == int(value) for value in values) and not any(n.bound for n in column.numbers.values())
    if len(values) == 1 and whole and values <= {0.0, 1.0}:
        return TaskKind.CLASSIFICATION
    if whole and len(values) == 2:
        return TaskKind.CLASSIFICATION
    if whole and 2 < len(values) <= _FEW_CLASSES and column.total >= 5 * len(values):
        return TaskKind.MULTICLASS
    return TaskKind.REGRESSION


def _check_regression(column: _Column) -> None:
    if column.numeric_share < 0.5:
        raise InputError(
            f"The target '{column.name}' does not hold numbers.",
            f"It has values such as {column.examples}.",
            "Choose another target, or a task with classes.",
        )
    values = {number.value for number in column.numbers.values()}
    if len(values) == 1:
        raise InputError(
            f"All values of the target '{column.name}' are the same.",
            f"Every label is {values.pop():g}, so there is nothing to learn.",
            "Choose another target column.",
        )
    low, high = min(values), max(values)
    if high - low <= _LEAST_SPREAD * max(abs(low), abs(high)):
        raise InputError(
            f"The values of the target '{column.name}' differ too little for their size.",
            f"They lie between {low:.12g} and {high:.12g}, which 32-bit numbers can hardly tell apart.",
            f"Subtract a constant such as {low:.12g} from all of them.",
        )


def _class_limit(column: _Column) -> int:
    return min(MAX_CLASSES, max(2, column.total // 3))


def _word_pair(column: _Column) -> list[str]:
    """The two keys that read as yes and no and cover nearly all labels, or nothing."""
    yes = [key for key in column.labels if key in POSITIVE_WORDS]
    no = [key for key in column.labels if key in NEGATIVE_WORDS]
    if len(yes) != 1 or len(no) != 1:
        return []
    covered = column.label_counts[yes[0]] + column.label_counts[no[0]]
    return [no[0], yes[0]] if covered >= _NUMERIC_SHARE * column.total else []


def _two_classes(column: _Column, positive: str) -> tuple[str, ...]:
    keys = _word_pair(column) or _ordered(list(column.labels))
    if len(keys) == 1:
        raise InputError(
            f"The target '{column.name}' has only one class.",
            f"Every label is '{column.labels[keys[0]]}', so there is nothing to learn.",
            "Add molecules of the other class, or choose another target.",
        )
    if len(keys) > 2:
        raise InputError(
            f"The target '{column.name}' does not have two classes.",
            f"It has {len(keys)} different values, such as {shown([column.labels[key] for key in keys])}.",
            "Choose the task 'multiclass' or 'regression', or correct the values.",
        )
    if positive:
        return _with_positive(column, keys, positive)
    first, last = keys
    if _reads_as_yes(first, last) and not _reads_as_yes(last, first):
        first, last = last, first
    return (column.labels[first], column.labels[last])


def _with_positive(column: _Column, keys: list[str], positive: str) -> tuple[str, ...]:
    wanted = _key(positive, ".")
    if wanted not in keys:
        raise InputError(
            f"The target '{column.name}' has no class '{positive}'.",
            f"Its classes are {shown([column.labels[key] for key in keys])}.",
            "Name one of them as positive.",
        )
    other = keys[1 - keys.index(wanted)]
    return (column.labels[other], column.labels[wanted])


def _reads_as_yes(key: str, other: str) -> bool:
    """Whether a class is the one looked for: by its own word, by the other's, or because the other denies it."""
    if is_number(parse_number(key)):
        return False  # of two numbers the larger one
    denied = any(other == prefix + key for prefix in ("non-", "non ", "non", "not ", "no ", "in", "un", "im"))
    return denied or key in POSITIVE_WORDS or other in NEGATIVE_WORDS


def _several_classes(column: _Column, asked: bool) -> tuple[str, ...]:
    keys = _ordered(list(column.labels))
    limit = max(MAX_CLASSES, column.total // 2) if asked else _class_limit(column)
    if len(keys) == 1:
        raise InputError(
            f"The target '{column.name}' has only one class.",
            f"Every label is '{column.labels[keys[0]]}', so there is nothing to learn.",
            "Add molecules of other classes, or choose another target.",
        )
    if len(keys) > limit:
        raise InputError(
            f"The target '{column.name}' has too many classes.",
            f"It has {len(keys)} different values, such as {column.examples}.",
            "Choose the task 'regression', or another target.",
        )
    return tuple(column.labels[key] for key in keys)


def _ordered(keys: list[str]) -> list[str]:
    numbers = [parse_number(key) for key in keys]
    if all(map(is_number, numbers)):
        return [key for _, key in sorted(zip([number.value for number in numbers], keys, strict=True))]
    return sorted(keys)
