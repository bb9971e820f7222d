"""What belongs to single rows of an open file, without an object for each of a million rows."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from mole_engine.contracts.dataset import RowIssue

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class KeptRows(Mapping[int, str]):
    """The cleaned structure of each file row that stands for a molecule.

    Parameters
    ----------
    rows
        (n,) int64, the rows.
    smiles
        (n) or more structures; those behind the first n are not of this file.
    total
        Rows of the file.
    """

    def __init__(self, rows: npt.NDArray[np.int64], smiles: Sequence[str], total: int) -> None:
        import numpy as np

        self._rows, self._smiles = rows, smiles
        self._places = np.full(total, -1, np.int32)
        self._places[rows] = np.arange(len(rows))

    def __getitem__(self, row: int) -> str:
        place = int(self._places[row]) if 0 <= row < len(self._places) else -1
        if place < 0:
            raise KeyError(row)
        return self._smiles[place]

    def __iter__(self) -> Iterator[int]:
        rows: list[int] = self._rows.tolist()
        return iter(rows)

    def __len__(self) -> int:
        return len(self._rows)


class RowIssues(Mapping[int, tuple[RowIssue, ...]]):
    """The issues of each row that has any.

    Parameters
    ----------
    issues
        In row order.
    """

    def __init__(self, issues: tuple[RowIssue, ...]) -> None:
        self._issues = issues
        self._rows = array("q", (issue.row for issue in issues))

    def __getitem__(self, row: int) -> tuple[RowIssue, ...]:
        found = self._issues[bisect_left(self._rows, row) : bisect_right(self._rows, row)]
        if not found:
            raise KeyError(row)
        return found

    def __iter__(self) -> Iterator[int]:
        return iter(dict.fromkeys(self._rows))

    def __len__(self) -> int:
        return self._number

    @cached_property
    def _number(self) -> int:
        return len(set(self._rows))
