"""What each column of a table holds, by content."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mole_engine.contracts.dataset import ColumnInfo
from mole_engine.data.recognise import NO_STRUCTURE_NAME, structure_name_rank, structure_share
from mole_engine.data.values import are_plain_numbers, filled_texts, is_number, label_text, parse_number

PART_WORDS = {
    **dict.fromkeys(("train", "training", "tr", "trn", "train_set", "trainset", "training set", "fit"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development", "validate", "valid_set", "tune"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "test_set", "testset", "holdout", "hold-out", "external"), "test"),
}
"""How split columns write the three parts."""

SPLIT_NAMES = re.compile(r"(.*[_ .-])?(split|set|subset|part|partition|fold|group)s?([_ .-].*)?", re.IGNORECASE)

MARK_NAMES = re.compile(
    r"(?P<is>(is|in)[_ .-]?)?(?P<part>train|training|test|testing|holdout|external|val|valid|validation)"
    r"([_ .-]?(set|part))?",
    re.IGNORECASE,
)
"""Names of columns that mark one part with yes and no, 1 and 0: "isTest", "in_train", "holdout"."""

MAX_CLASSES = 50
"""A text column with more distinct values than this is no set of classes."""

_UNIT = re.compile(r".*?\S\s*[\[(]\s*([^()\[\]]{1,20}|[^\[\]]{1,20})\s*[\])]\s*")
_CELLS_TO_LOOK_AT = 2_000_000
_SAMPLE_ROWS = 2_000


def unit_of(name: str) -> str:
    """Return the unit in a header such as "IC50 (nM)" or "logS [log mol/L]"; empty where there is none."""
    match = _UNIT.fullmatch(name)
    return match.group(1).strip() if match else ""


def part_of_word(text: str) -> str:
    """Return "train", "val" or "test" for a cell of a split column, else empty."""
    return PART_WORDS.get(text.strip().casefold(), "")


def profile_columns(frame: pd.DataFrame, names: Sequence[str], decimals: Sequence[str]) -> tuple[ColumnInfo, ...]:
    """Describe each column from a sample of rows, spread over the whole table; `decimals` are the columns' marks."""
    rows = len(frame)
    wanted = max(50, min(_SAMPLE_ROWS, _CELLS_TO_LOOK_AT // max(1, len(names))))
    positions = np.unique(np.linspace(0, rows - 1, min(rows, wanted)).astype(np.int64))
    sample = frame.iloc[positions]
    return tuple(
        _profile(name, sample.iloc[:, index].tolist(), decimal)
        for index, (name, decimal) in enumerate(zip(names, decimals, strict=True))
    )


def _profile(name: str, texts: list[str], decimal: str) -> ColumnInfo:
    if decimal == "." and are_plain_numbers(texts):
        # The usual column of descriptors, of which a table may have thousands, without a look at each cell.
        distinct = list(dict.fromkeys(texts))
        numbers = set(map(float, distinct))
        binary = len(numbers) == 2 and all(value.is_integer() for value in numbers)
        kind = "binary" if binary else "number"
        return ColumnInfo(name, kind, len(texts), len(distinct), unit_of(name), tuple(distinct[:3]), decimal)
    held = filled_texts(texts)
    filled = [text for text in texts if text in held]
    distinct = list(dict.fromkeys(label_text(text) for text in filled))
    return ColumnInfo(
        name=name,
        kind=_kind(name, filled, distinct, decimal),
        filled=len(filled),
        distinct=len(distinct),
        unit=unit_of(name),
        examples=tuple(text[:80] for text in distinct[:3]),
        decimal=decimal,
    )


def _kind(name: str, filled: list[str], distinct: list[str], decimal: str) -> str:
    if not filled:
        return "empty"
    if all(part_of_word(text) for text in distinct):
        return "split"
    numbers = [number.value for number in (parse_number(text, decimal) for text in distinct) if is_number(number)]
    if len(numbers) >= 0.8 * len(distinct):
        whole = all(value == int(value) for value in numbers)
        return "binary" if len(set(numbers)) == 2 and whole and len(numbers) == len(distinct) else "number"
    share = structure_share(filled)
    if share > 0.5 or (share > 0 and structure_name_rank(name) < NO_STRUCTURE_NAME):
        return "smiles"
    labels = {text.casefold() for text in distinct}
    if len(labels) == 2:
        return "binary"
    return "class" if len(labels) <= min(MAX_CLASSES, max(1, len(filled) // 3)) else "text"
