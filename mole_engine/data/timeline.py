"""Columns that order molecules in time: dates in the usual spellings, years, or any numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine.contracts.errors import InputError
from mole_engine.data.table import RawTable
from mole_engine.data.values import is_null, numbers_of, shown

_MOST = 0.9
_NAMES = re.compile(r"(.*[_ .-])?(date|time|timestamp|year|month|day|datum)([_ .-].*)?", re.IGNORECASE)
_FORMATS = {
    "ISO8601": "year-month-day",
    "%d/%m/%Y": "day/month/year",
    "%m/%d/%Y": "month/day/year",
    "%d.%m.%Y": "day.month.year",
    "%Y/%m/%d": "year/month/day",
    "%d-%m-%Y": "day-month-year",
    "%d-%b-%Y": "day-month-year",
    "%d %b %Y": "day month year",
    "%d/%m/%y": "day/month/year",
    "%m/%d/%y": "month/day/year",
    "%d.%m.%y": "day.month.year",
    "%d-%b-%y": "day-month-year",
    "%b %d, %Y": "month day, year",
    "%d/%m/%Y %H:%M": "day/month/year",
    "%m/%d/%Y %H:%M": "month/day/year",
    "%d.%m.%Y %H:%M": "day.month.year",
}


def order_of(texts: Sequence[str], decimal: str = ".") -> tuple[npt.NDArray[np.float64], str]:
    """Read a column that can be sorted by.

    Returns
    -------
    values
        (n,) float64: numbers as they are, dates as seconds; NaN where a cell holds neither.
    spelling
        How dates were read ("day/month/year"), empty for numbers.
    """
    filled = sum(not is_null(text) for text in texts)
    numbers = numbers_of(texts, decimal)
    if np.isfinite(numbers).sum() >= _MOST * filled:
        return numbers, ""
    cells = pd.Series([text.strip() for text in texts], dtype="str")
    best, spelling, read = numbers, "", int(np.isfinite(numbers).sum())
    for pattern, words in _FORMATS.items():
        dates = pd.to_datetime(cells, format=pattern, errors="coerce", utc=True)
        count = int(dates.notna().sum())
        if count > read:
            best, spelling, read = _seconds(dates), words, count
        if count >= filled:
            break
    return best, spelling


def find_order_column(table: RawTable, wanted: str) -> str:
    """Return the column that a time split sorts by: `wanted`, or one that is called date, year or the like.

    Raises
    ------
    InputError
        When there is none, or most of its cells are neither dates nor numbers.
    """
    names = [column.name for column in table.info.columns if column.kind != "empty"]
    found = [table.resolve(wanted, "column to sort by")] if wanted else [n for n in names if _NAMES.fullmatch(n)]
    if not found:
        raise InputError(
            f"{table.info.name} has no column with dates.",
            f"Looked at {shown(names, 8)}.",
            "Name the column to sort by, or divide another way.",
        )
    texts = table.column_values(found[0])
    values, _ = order_of(texts, table.info.column(found[0]).decimal)
    filled = [text for text in texts if not is_null(text)]
    if not filled or np.isfinite(values).sum() < 0.5 * len(filled):
        raise InputError(
            f"The molecules cannot be sorted by '{found[0]}'.",
            f"It holds {shown(filled)}, which are neither dates nor numbers." if filled else "It is empty.",
            "Choose a column with dates, years or numbers.",
        )
    return found[0]


def _seconds(dates: pd.Series) -> npt.NDArray[np.float64]:
    stamps = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return np.asarray(stamps.to_numpy(dtype=np.float64, na_value=np.nan), np.float64)
