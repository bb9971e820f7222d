"""What a cell says: nothing, a number, a bound, or a word."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

NULL_WORDS = frozenset(
    {"", "na", "n/a", "#n/a", "<na>", "n.a.", "nan", "null", "none", "nil", "nd", "n.d.", "nt", "n.t.", "missing"}
    | {"-", "--", "—", "–", "?", ".", "#value!", "#div/0!", "#ref!", "not tested", "not determined", "not available"}
)
"""Cells that mean "no value", compared in lower case."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_THOUSANDS_COMMA = re.compile(r"[+-]?\d{1,3}(,\d{3})+", re.ASCII)
_BOUND = re.compile(r"(>=|<=|=>|=<|>>|<<|≥|≤|>|<|~|≈|=)\s*(.+)", re.DOTALL)
_PIECE = 20_000
_DASHES = str.maketrans({"−": "-", "\u00a0": "", "\u202f": "", "'": ""})


@dataclass(frozen=True, slots=True)
class Number:
    """A number read from a cell.

    Attributes
    ----------
    value
        Finite, or NaN where the cell holds no number.
    bound
        ">" or "<" for a censored value such as "> 50" ("~" for an approximate one), else empty.
    """

    value: float
    bound: str = ""


def is_number(number: Number) -> bool:
    """Whether a number was found at all."""
    return not math.isnan(number.value)


def is_null(text: str) -> bool:
    """Whether a cell means "no value"."""
    return text.strip().lower() in NULL_WORDS


def parse_number(text: str, decimal: str = ".") -> Number:
    """Read a number as people write it: 1.2e3, 1,5, 1.234,5, > 50, −3.

    Parameters
    ----------
    text
        The cell.
    decimal
        The table's decimal mark; decides what a lone comma or several dots mean.
    """
    stripped = text.strip()
    bound = ""
    match = _BOUND.fullmatch(stripped)
    if match:
        bound = _plain_bound(match.group(1))
        stripped = match.group(2)
    return Number(_parse_plain(stripped, decimal), bound)


def numbers_of(texts: Sequence[str] | pd.Series, decimal: str = ".") -> npt.NDArray[np.float64]:
    """Read a whole column.

    Returns
    -------
    numpy.ndarray
        (n,) float64; NaN where a cell is empty or holds no number.
    """
    # In pieces: Python's lock is not given up within one call, which would stop a window for a second.
    pieces = [_piece_of(texts[start : start + _PIECE], decimal) for start in range(0, len(texts), _PIECE)]
    return np.concatenate(pieces) if pieces else np.zeros(0)


def _piece_of(texts: Sequence[str] | pd.Series, decimal: str) -> npt.NDArray[np.float64]:
    series = pd.Series(texts, dtype="str") if not isinstance(texts, pd.Series) else texts
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
    unclear = np.flatnonzero(~np.isfinite(values))
    for position, text in zip(unclear, series.iloc[unclear].tolist(), strict=True):
        values[position] = np.nan if is_null(text) else parse_number(text, decimal).value
    return values


def shown(texts: Sequence[str], limit: int = 3) -> str:
    """Quote a few values for a message: "'a', 'b', 'c' and 4 more"."""
    quoted = ", ".join(f"'{text if len(text) <= 40 else text[:37] + '...'}'" for text in texts[:limit])
    return f"{quoted} and {len(texts) - limit} more" if len(texts) > limit else quoted


def _plain_bound(sign: str) -> str:
    if sign == "=":
        return ""
    if sign in "~≈":
        return "~"
    return ">" if sign in {">", ">=", "=>", ">>", "≥"} else "<"


def _parse_plain(text: str, decimal: str) -> float:
    text = text.strip().translate(_DASHES)
    if "," in text:
        text = _without_commas(text, decimal)
    elif decimal == "," and text.count(".") > 1:
        text = text.replace(".", "")
    if not _NUMBER.fullmatch(text):
        return math.nan
    value = float(text)
    return value if math.isfinite(value) else math.nan


def _without_commas(text: str, decimal: str) -> str:
    if "." in text:
        # Both marks: the last one is the decimal mark, the other groups thousands.
        if text.rindex(",") > text.rindex("."):
            return text.replace(".", "").replace(",", ".") if text.count(",") == 1 else ""
        return text.replace(",", "")
    if decimal != "," and _THOUSANDS_COMMA.fullmatch(text):
        return text.replace(",", "")
    if text.count(",") > 1:
        return text.replace(",", "") if _THOUSANDS_COMMA.fullmatch(text) else ""
    return text.replace(",", ".")
