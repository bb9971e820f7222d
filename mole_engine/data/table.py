"""A file as it was read: texts only, each row with its line."""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine.contracts.cells import unguarded
from mole_engine.contracts.dataset import TableInfo
from mole_engine.contracts.errors import InputError
from mole_engine.data.texts import Texts
from mole_engine.data.values import numbers_of, shown

Result = TypeVar("Result")

LONG_TABLE = 100_000
"""Rows from which memory counts more than going back to former settings at once."""


class RawTable:
    """Implements `mole_engine.contracts.dataset.TableSource`.

    Attributes
    ----------
    info
        What the window shows of the file.
    frame
        The cells, all texts, untouched; a cell that the file lacks is "".
    problems
        Reason by row for structures that the reader itself could not read (broken SDF records).
    types
        Columns that the file knows to be more than texts; see `mole_engine.data.cell_types`.

    Parameters
    ----------
    lines
        (rows,) line of its file on which each row starts.
    files
        First row and name of each of several files, in row order; empty where there is one file.
    """

    def __init__(
        self,
        info: TableInfo,
        frame: pd.DataFrame,
        lines: npt.NDArray[np.int64],
        problems: dict[int, str] | None = None,
        files: Sequence[tuple[int, str]] = (),
        types: Mapping[str, str] | None = None,
    ) -> None:
        self.info = info
        self.frame = frame
        self.problems = problems or {}
        self.types = types or {}
        self._lines = lines
        self._files = tuple(files)
        self._texts: dict[str, Texts] = {}
        self._remembered: dict[object, list[tuple[object, object]]] = {}

    def __len__(self) -> int:
        return len(self.frame)

    def cell(self, row: int, column: str) -> str:
        """Text of one cell, as in the file."""
        return self.column_values(column)[row]

    def column_values(self, column: str) -> Sequence[str]:
        """All texts of one column, in row order."""
        # Kept: reading single cells out of pandas' column is a hundred times slower.
        if column not in self._texts:
            self._texts[column] = Texts(self.frame[column])
        return self._texts[column]

    def line(self, row: int) -> int:
        """Line of the file on which data row `row` starts, from 1."""
        return int(self._lines[row])

    def file(self, row: int) -> str:
        """Name of the file that data row `row` stands in; empty where the table is of one file."""
        if not self._files:
            return ""
        return self._files[bisect_right(self._files, row, key=lambda part: part[0]) - 1][1]

    def place(self, row: int) -> str:
        """Say where a row stands: "line 3", or "line 3 of b.csv" where there are several files."""
        name = self.file(row)
        return f"line {self.line(row)} of {name}" if name else f"line {self.line(row)}"

    def replaced(self, info: TableInfo, frame: pd.DataFrame) -> RawTable:
        """Return the same rows with other columns."""
        return RawTable(info, frame, self._lines, self.problems, self._files)

    def remembered(self, key: tuple[object, ...], make: Callable[[], Result]) -> Result:
        """Return what `make` gave when it was called with this key before, else call it.

        The last few results of each sort (the first item of the key) are kept, of long tables only one: a user who
        changes a target, or undoes a step, should not wait for all structures again.
        """
        known = self._remembered.setdefault(key[0], [])
        for entry in known:
            if entry[0] == key:
                return cast("Result", entry[1])
        result = make()
        kept = 3 if len(self) <= LONG_TABLE else 0
        self._remembered[key[0]] = [(key, result), *known[:kept]]
        return result

    def numbers(self, column: str) -> npt.NDArray[np.float64]:
        """Read a column as numbers, (rows,) float64 with NaN; a bound like "> 50" counts as 50."""
        return numbers_of(self.frame[column], self.info.column(column).decimal)

    def resolve(self, name: str, what: str = "column") -> str:
        """Return the column that `name` means: exact, or the only one equal but for case and blanks around it.

        An apostrophe that guards a name against being run as a formula does not count either.

        Raises
        ------
        InputError
            Naming similar columns.
        """
        names = [column.name for column in self.info.columns]
        if name in names:
            return name
        wanted = unguarded(name).strip().casefold()
        loose = [other for other in names if unguarded(other).strip().casefold() == wanted]
        if len(loose) == 1:
            return loose[0]
        folded = {other.strip().casefold(): other for other in names}
        close = [folded[match] for match in difflib.get_close_matches(name.strip().casefold(), list(folded), n=3)]
        remedy = f"Did you mean {shown(close)}?" if close else f"The columns are {shown(names, 12)}."
        raise InputError(f"{self.info.name} has no {what} '{name}'.", "", remedy)


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name for a column of ours that the file has none of."""
    while name in taken:
        name += "_mole"
    return name
