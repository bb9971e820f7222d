"""Workbooks and Parquet files know numbers, dates and truth values: written as such again, not as texts.

Tables are read as texts throughout, since a CSV file has nothing else. What the file knew of a column goes along as
`frame.attrs["types"]`, for writers of formats that know it too.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

INTEGER, NUMBER, BOOLEAN, DATE = "integer", "number", "boolean", "date"
ATTRIBUTE = "types"
"""Key of a frame's `attrs`: column name to one of the words above; texts are not listed."""

_ARROW: dict[str, pa.DataType] = {
    INTEGER: pa.int64(),
    NUMBER: pa.float64(),
    BOOLEAN: pa.bool_(),
    DATE: pa.timestamp("us"),
}
_WITH_GAPS = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


class SeenTypes:
    """Finds the types of a sheet's columns while its rows pass."""

    def __init__(self) -> None:
        self._seen: list[set[str]] = []

    def see(self, values: Sequence[Any]) -> None:
        """Take the cells of a row."""
        self._seen.extend(set() for _ in range(len(values) - len(self._seen)))
        for kinds, value in zip(self._seen, values, strict=False):
            if value is not None and value != "":
                kinds.add(_type_of(value))

    def types(self) -> dict[int, str]:
        """Return the columns whose cells are all of one type."""
        found = {}
        for index, kinds in enumerate(self._seen):
            if kinds == {INTEGER, NUMBER}:
                found[index] = NUMBER
            elif len(kinds) == 1 and (kind := next(iter(kinds))):
                found[index] = kind
        return found


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INTEGER
    if isinstance(value, float):
        return NUMBER
    return DATE if isinstance(value, datetime.datetime) else ""


def arrow_types(types: Sequence[pa.DataType]) -> dict[int, str]:
    """Return the columns of a Parquet file that can come back as what they were."""
    found = {}
    for index, kind in enumerate(types):
        if pa.types.is_integer(kind) and kind != pa.uint64():
            found[index] = INTEGER
        elif pa.types.is_floating(kind):
            found[index] = NUMBER
        elif pa.types.is_boolean(kind):
            found[index] = BOOLEAN
        elif pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None):
            found[index] = DATE
    return found


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with those columns typed that were so in their file; one that does not fit stays texts."""
    types: Mapping[str, str] = frame.attrs.get(ATTRIBUTE) or {}
    changed = {name: _converted(frame[name], _ARROW[types[name]]) for name in frame.columns if name in types}
    return frame.assign(**{name: values for name, values in changed.items() if values is not None})


def _converted(texts: pd.Series[Any], kind: pa.DataType) -> pd.Series[Any] | None:
    cells = [text if isinstance(text, str) and text.strip() else None for text in texts]
    try:
        values = pa.array(cells, pa.string()).cast(kind)
    except pa.ArrowInvalid:
        return None
    plain: pd.Series[Any] = values.to_pandas(types_mapper=_WITH_GAPS.get)
    plain.index = texts.index
    return plain
