"""What belongs to the rows that remain after clean-up, without a dictionary of a million entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

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
