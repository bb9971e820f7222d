"""What a cell says: nothing, a number, a bound, or a word."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine.contracts.cells import unguarded

NULL_WORDS = frozenset(
    {"", "na", "n/a", "#n/a", "<na>", "n.a.", "nan", "null", "none", "nil", "nd", "n.d.", "nt", "n.t.", "missing"}
    | {"-", "--", "—", "–", "?", ".", "#value!", "#div/0!", "#ref!", "not tested", "not determined", "not available"}
)
"""Cells that mean "no value", compared in lower case."""

DOTS_GROUP = ",."
"""Decimal mark of columns with decimal commas in which a dot parts thousands, even a lone one ("7.989")."""

_SIGN = re.compile(r"\(?[+±−–—/-]+\)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
# A leading zero never begins thousands: "0,512" is a decimal.
_THOUSANDS_COMMA = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+", re.ASCII)
_THOUSANDS_DOT = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
_WITH_UNIT = re.compile(r"(.*[\d.,])(\s*[^\d\s.,<>=~]\S*)", re.DOTALL)
_BOUND = re.compile(r"(>=|<=|=>|=<|>>|<<|≥|≤|>|<|~|≈|=)\s*(.+)", re.DOTALL)
_PIECE = 20_000
_DASHES = str.maketrans({"−": "-", "\u00a0": "", "\u202f": "", "'": ""})
_PLAIN_NUMBERS = re.compile(r"(?:-?[0-9]{1,17}(?:\.[0-9]{1,17})?\n)+")
"""Of a column, a line for each cell."""


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


def are_plain_numbers(texts: Sequence[str]) -> bool:
    """Whether every cell is a number of digits and a point, which any reader takes for the same; seen at once."""
    lines = "\n".join([*texts, ""])
    # A cell may hold a line break itself.
    return lines.count("\n") == len(texts) and _PLAIN_NUMBERS.fullmatch(lines) is not None


def filled_texts(texts: Iterable[str]) -> set[str]:
    """Return those of a column's distinct texts that hold a value.

    A dash means "no value", but "negative" in a column whose other cells are signs such as "+" and "++".
    """
    distinct = set(texts)
    filled = {text for text in distinct if not is_null(text)}
    if all(map(_is_sign, filled)) and any("+" in text for text in filled):
        filled |= {text for text in distinct if _is_sign(text)}
    return filled


def label_text(text: str) -> str:
    """Return a class label as its cell means it: no blanks around it, no guard against being run as a formula."""
    return unguarded(text.strip())


def _is_sign(text: str) -> bool:
    return _SIGN.fullmatch(label_text(text)) is not None


def parse_number(text: str, decimal: str = ".") -> Number:
    """Read a number as people write it: 1.2e3, 1,5, 1.234,5, > 50, −3.

    Parameters
    ----------
    text
        The cell.
    decimal
        The column's decimal mark, "." or "," or `DOTS_GROUP`; decides what a lone comma, and what dots mean.
    """
    stripped = text.strip()
    bound = ""
    match = _BOUND.fullmatch(stripped)
    if match:
        bound = _plain_bound(match.group(1))
        stripped = match.group(2)
    return Number(_parse_plain(stripped, decimal), bound)


def with_point(text: str, decimal: str) -> str:
    """Write the number in a cell with a decimal point and nothing between thousands; bound and unit stay.

    A cell without a number is returned as it is.
    """
    stripped = text.strip()
    bound = _BOUND.fullmatch(stripped)
    number = bound.group(2) if bound else stripped
    plain, unit = _plain_text(number, decimal), ""
    if not plain and (parts := _WITH_UNIT.fullmatch(number)):
        plain, unit = _plain_text(parts.group(1), decimal), parts.group(2)
    return f"{bound.group(1) if bound else ''}{plain}{unit}" if plain else text


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
    values = plain_numbers(series, decimal)
    unclear = np.flatnonzero(~np.isfinite(values))
    for position, text in zip(unclear, series.iloc[unclear].tolist(), strict=True):
        values[position] = np.nan if is_null(text) else parse_number(text, decimal).value
    return values


def plain_numbers(series: pd.Series, decimal: str) -> npt.NDArray[np.float64]:
    """Read the cells that need no second look, (n,) float64; not finite for all others."""
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
    if decimal == DOTS_GROUP:
        values[series.str.contains(".", regex=False).to_numpy(dtype=bool)] = np.nan
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
    plain = _plain_text(text, decimal)
    value = float(plain) if plain else math.nan
    return value if math.isfinite(value) else math.nan


def _plain_text(text: str, decimal: str) -> str:
    """Return a number as Python writes it, or empty where there is none."""
    text = text.strip().translate(_DASHES)
    if "," in text:
        text = _without_commas(text, decimal)
    elif decimal == DOTS_GROUP or (decimal == "," and text.count(".") > 1):
        text = text.replace(".", "") if _THOUSANDS_DOT.fullmatch(text) else text
    return text if _NUMBER.fullmatch(text) else ""


def _without_commas(text: str, decimal: str) -> str:
    if "." in text:
        # Both marks: the last one is the decimal mark, the other groups thousands.
        if text.rindex(",") > text.rindex("."):
            return text.replace(".", "").replace(",", ".") if text.count(",") == 1 else ""
        return text.replace(",", "")
    if decimal == "." and _THOUSANDS_COMMA.fullmatch(text):
        return text.replace(",", "")
    if text.count(",") > 1:
        return text.replace(",", "") if _THOUSANDS_COMMA.fullmatch(text) else ""
    return text.replace(",", ".")
