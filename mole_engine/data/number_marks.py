"""Which mark each column writes its decimals with, and which one parts thousands: "4,512" may be either."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
from pyarrow import compute

from mole_engine.data.values import DOTS_GROUP, with_point

_BEFORE, _AFTER = r"^\s*[<>=~≤≥≈]*\s*[+\-−]?(?:", r")(?:\s*[%°µμÅA-Za-z]\S{0,15})?\s*$"
"""Around a number: a bound, a sign, and a unit (or an exponent)."""

_LONE = r"\d*{0}\d+"
_UNCLEAR = r"[1-9]\d{{0,2}}{0}\d{{3}}"
"""One mark before exactly three digits; a leading zero can never begin thousands."""

_WITH_EXPONENT = r"[1-9]\d{{0,2}}{0}\d{{3}}[eE][+-]?\d{{1,4}}"
_GROUPS = r"\d{{1,3}}(?:{0}\d{{3}}){{2,}}(?:{1}\d+)?|\d{{1,3}}(?:{0}\d{{3}})+{1}\d+"
_GROUPED_DECIMAL = r"\d{{1,3}}(?:{0}\d{{3}})+{1}\d+"
_ANY, _WHOLE = r"\d[\d.,]*|[.,]\d+", r"[1-9]\d{0,14}"
_INTEGER_PART = re.compile(r"\d+", re.ASCII)
_ONLY_POINTS = re.compile(r"(?:-?(?:0\.\d+|\d{4,}(?:\.\d+)?|\d{1,3}(?:\.(?:\d\d?|\d{4,}))?)?\n)*", re.ASCII)
"""Lines of numbers whose points can part no thousands: of tables of descriptors, nearly all columns are such."""
_LOOKED_AT = 10_000
_HUNDRED = 100
_OTHER = {".": ",", ",": "."}
_REMEDY = "If that is wrong, set the decimal mark, or write the numbers without a mark for thousands."
_REMEDY_FIXED = "If that is wrong, write all decimals with the mark that is set, and thousands without a mark."


class Marks(NamedTuple):
    """How the decimals of a table are written.

    Attributes
    ----------
    table
        "." or ",": the mark of most columns.
    columns
        Of each column: ".", ",", or `DOTS_GROUP`.
    notes
        What was decided without proof, in words.
    """

    table: str
    columns: list[str]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Use:
    """How a column uses one mark: cells where it must be the decimal mark, must part thousands, or may be either."""

    decimal: int
    groups: int
    unclear: int


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    cells: pa.Array
    comma: _Use
    dot: _Use

    @property
    def for_comma(self) -> int:
        """Cells that only decimal commas explain."""
        return self.comma.decimal + self.dot.groups

    @property
    def for_dot(self) -> int:
        """Cells that only decimal points explain."""
        return self.dot.decimal + self.comma.groups

    @property
    def proven(self) -> str:
        """The decimal mark that the cells prove; empty where they prove none, or both alike."""
        if self.for_comma == self.for_dot:
            return ""
        return "," if self.for_comma > self.for_dot else "."


def find_marks(frame: pd.DataFrame, names: Sequence[str], likely: str, delimiter: str, *, fixed: bool) -> Marks:
    """Decide for each column of texts how its numbers are written.

    A column is read by what its own cells prove ("0,512" and "1.234,5" have a decimal comma, "1,234.5" and
    "1,234,567" have not), else by what the other columns prove, else by the plain whole numbers beside the unclear
    ones: 624 does not stand among 4.512 and 7.989, but well among 4512 and 7989. What remains is read with the likely
    mark, so that at least all cells of a column are on one scale; each decision without proof is told. Where ";" parts
    the columns, marks are taken for decimals unless whole numbers in the hundreds, or decimal commas elsewhere in the
    table, speak for thousands.

    Parameters
    ----------
    frame, names
        Columns of texts and what they are called.
    likely
        The mark that a first look has found, or the user has fixed.
    delimiter
        Between columns; numbers with points are usual in any table but those with ";".
    fixed
        Whether the user has fixed the mark: then only the use of dots beside decimal commas is decided.
    """
    columns = [_column(name, texts, delimiter) for name, (_, texts) in zip(names, frame.items(), strict=True)]
    votes = [one.proven for one in columns if one is not None and one.proven]
    table = likely
    if votes and not fixed and votes.count(",") != votes.count("."):
        table = max(_OTHER, key=votes.count)
    marks, notes = [], []
    for column in columns:
        mark, why = table, ""
        if column is not None:
            mark, why = (table, "") if fixed else _decimal_of(column, table, bool(votes), delimiter)
            mark, dots = _use_of_dots(column, mark, bool(votes), delimiter, fixed=fixed)
            why = why or dots
        marks.append(mark)
        notes.extend([why] if why else [])
    if not votes and not fixed and not any(mark != "." for mark, one in zip(marks, columns, strict=True) if one):
        table = "."
    return Marks(table, marks, notes)


def holds_numbers(texts: pd.Series) -> bool:
    """Whether at least half of the cells with a digit are a number, with or without a unit."""
    return _numbers_in(pa.array(texts)) is not None


def _numbers_in(cells: pa.Array) -> pa.Array | None:
    numbers = cells.filter(compute.match_substring_regex(cells, _pattern(_ANY)))
    digits = compute.sum(compute.match_substring_regex(cells, r"\d")).as_py() or 0
    return numbers if 2 * len(numbers) >= max(1, digits) else None


def _column(name: str, texts: pd.Series, delimiter: str) -> _Column | None:
    """Count how a column uses the marks; None for one that holds no numbers, or no mark."""
    points = _only_points(texts)
    if points is not None:
        return _Column(name, pa.array([], pa.string()), _Use(0, 0, 0), _Use(points, 0, 0)) if points else None
    cells = pa.array(texts)
    # Only where a mark could part thousands is each cell looked at.
    if delimiter != ";" and not _any(cells, ",") and len(cells) > _LOOKED_AT:
        cells = pa.array(texts.iloc[:: len(cells) // _LOOKED_AT])
    numbers = _numbers_in(cells) if _any(cells, ",") or _any(cells, ".") else None
    return None if numbers is None else _Column(name, numbers, _use(numbers, ","), _use(numbers, "."))


def _only_points(texts: pd.Series) -> int | None:
    """Return how many numbers have a decimal point where nothing else is in question; None where something may be."""
    if len(texts) > _LOOKED_AT:
        return None
    lines = "\n".join([*texts, ""])
    # A cell may hold a line break itself.
    if lines.count("\n") != len(texts) or _ONLY_POINTS.fullmatch(lines) is None:
        return None
    return lines.count(".")


def _any(cells: pa.Array, mark: str) -> bool:
    return bool(compute.any(compute.match_substring(cells, mark)).as_py())


def _use(cells: pa.Array, mark: str) -> _Use:
    if not _any(cells, mark):
        return _Use(0, 0, 0)
    own, other = re.escape(mark), re.escape(_OTHER[mark])
    lone, unclear, exponent = (_count(cells, pattern.format(own)) for pattern in (_LONE, _UNCLEAR, _WITH_EXPONENT))
    unclear -= exponent
    decimal = lone - unclear + _count(cells, _GROUPED_DECIMAL.format(other, own))
    return _Use(decimal, _count(cells, _GROUPS.format(own, other)), unclear)


def _count(cells: pa.Array, pattern: str) -> int:
    return int(compute.sum(compute.match_substring_regex(cells, _pattern(pattern))).as_py() or 0)


def _pattern(number: str) -> str:
    return f"{_BEFORE}{number}{_AFTER}"


def _decimal_of(column: _Column, table: str, proven: bool, delimiter: str) -> tuple[str, str]:
    """Return a column's decimal mark, and a note where that is a guess."""
    unclear = column.comma.unclear
    if column.proven:
        both = column.for_comma > 0 and column.for_dot > 0 and unclear + column.dot.unclear > 0
        return column.proven, _told_of_both(column, column.proven) if both else ""
    if column.for_comma and column.for_dot:
        return table, _told_of_both(column, table)
    if not unclear or (not proven and delimiter == ","):
        return table, ""
    # Columns are parted by ";" so that commas can be decimal marks.
    whole = _hundreds(column, ",") if delimiter == ";" and not proven else _whole_that_misfits(column, ",")
    if proven:
        return table, _told(column, ",", table, "as elsewhere in the file") if whole and table == "," else ""
    if whole:
        return ".", _told(column, ",", ".", f"since whole numbers such as {whole} stand beside it")
    return table, _told(column, ",", table, "but nothing in the file proves it")


def _use_of_dots(column: _Column, mark: str, proven: bool, delimiter: str, *, fixed: bool) -> tuple[str, str]:
    """Return the mark, as `DOTS_GROUP` where dots part thousands, and a note where that is a guess."""
    dot, remedy = column.dot, _REMEDY_FIXED if fixed else _REMEDY
    if dot.decimal or not (dot.groups or dot.unclear):
        return mark, ""
    if mark == "," and dot.groups:
        return DOTS_GROUP, ""
    if mark == "," and column.comma.decimal:
        return DOTS_GROUP, _told(column, ".", DOTS_GROUP, "since a comma is the decimal mark beside it", remedy)
    # Between commas dots are decimal points, as this program writes targets beside a column with decimal commas.
    if delimiter == "," or (mark == "." and (fixed or proven or delimiter != ";")):
        return mark, ""
    if fixed:
        return DOTS_GROUP, _told(column, ".", DOTS_GROUP, "since a comma is set as the decimal mark", remedy)
    return _guessed_dots(column, mark, proven)


def _guessed_dots(column: _Column, mark: str, proven: bool) -> tuple[str, str]:
    """Return what `_use_of_dots` does for a column that proves nothing.

    To take 1.250 for 1250 is a thousandfold error if it is wrong: larger whole numbers alone, such as 50, do not speak
    for it unless the table has decimal commas.
    """
    larger = _whole_that_misfits(column, ".")
    whole = larger if mark == "," and proven else _hundreds(column, ".")
    if whole:
        return DOTS_GROUP, _told(column, ".", DOTS_GROUP, f"since whole numbers such as {whole} stand beside it")
    if mark == ",":
        return mark, _told(column, ".", mark, "but nothing in the column proves it")
    return mark, _told(column, ".", mark, "a decimal, since nothing in the file proves thousands") if larger else ""


def _whole_that_misfits(column: _Column, mark: str) -> int:
    """Return the largest plain whole number if it stands better among thousands than among decimals, else 0.

    Decimals written with exactly three digits hardly ever have whole numbers among them, but a 2 among logP values of
    1.234 must not make thousands of these: the whole numbers have to be far larger, or hundreds and plenty.
    """
    unclear, whole = _beside(column, mark)
    if not unclear or not whole:
        return 0
    return max(whole) if max(whole) > 3 * (max(unclear) + 1) else _hundreds(column, mark)


def _hundreds(column: _Column, mark: str) -> int:
    """Return the largest plain whole number if a tenth of the cells are whole numbers in the hundreds, else 0."""
    unclear, whole = _beside(column, mark)
    hundreds = [number for number in whole if number >= _HUNDRED]
    return max(hundreds) if unclear and hundreds and 10 * len(hundreds) >= len(whole) + len(unclear) else 0


def _beside(column: _Column, mark: str) -> tuple[list[int], list[int]]:
    """Return what stands before the mark in unclear numbers, and the plain whole numbers beside them."""
    return _integers(column.cells, _UNCLEAR.format(re.escape(mark))), _integers(column.cells, _WHOLE)


def _integers(cells: pa.Array, pattern: str) -> list[int]:
    """Return the digits before the mark of the first cells that fit a pattern."""
    found = cells.filter(compute.match_substring_regex(cells, _pattern(pattern))).slice(0, _LOOKED_AT).to_pylist()
    return [int(match.group()) for text in found if (match := _INTEGER_PART.search(text))]


def _told(column: _Column, mark: str, read_with: str, why: str, remedy: str = _REMEDY) -> str:
    fits = compute.match_substring_regex(column.cells, _pattern(_UNCLEAR.format(re.escape(mark))))
    text = column.cells.filter(fits)[0].as_py().strip()
    value = with_point(text, read_with)
    return f"The column '{column.name}' was checked for thousands: '{text}' is read as {value}, {why}. {remedy}"


def _told_of_both(column: _Column, mark: str) -> str:
    use = column.comma if column.comma.unclear else column.dot
    unclear = "," if use is column.comma else "."
    if not use.unclear:
        return ""
    return _told(column, unclear, mark, "but the column has decimal commas and decimal points")
