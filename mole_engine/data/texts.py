"""Columns of texts as they lie in memory: one block of letters, and where each text begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

_PIECE = 20_000


class Texts(Sequence[str]):
    """Texts that are made one by one when they are looked at: a million of them take no memory but their letters.

    Parameters
    ----------
    cells
        The texts; a column of Arrow's is looked at where it lies, anything else is copied once.
    """

    def __init__(self, cells: pd.Series | Sequence[str]) -> None:
        self._array = _one_block(cells)
        # Seen as plain memory, of which single numbers are read faster than of an array.
        self._starts = memoryview(_starts(self._array).data)
        letters = self._array.buffers()[2]
        self._letters = memoryview(letters) if letters is not None else memoryview(b"")

    def __len__(self) -> int:
        return len(self._array)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return self._some(place)
        size = len(self._array)
        if not -size <= place < size:
            raise IndexError(place)
        place %= size
        return str(self._letters[self._starts[place] : self._starts[place + 1]], "utf-8")

    def __iter__(self) -> Iterator[str]:
        # In pieces: Python's lock is not given up within one call, which would stop a window for a second.
        for start in range(0, len(self), _PIECE):
            yield from _listed(self._array.slice(start, _PIECE))

    def _some(self, places: slice) -> list[str]:
        first, last, step = places.indices(len(self))
        if step == 1:
            return _listed(self._array.slice(first, max(0, last - first)))
        return [self[place] for place in range(first, last, step)]


def _listed(array: Any) -> list[str]:
    texts: list[str] = array.to_pylist()
    return texts


def _one_block(cells: pd.Series | Sequence[str]) -> Any:
    array = pa.array(cells, pa.large_string()) if not isinstance(cells, pd.Series) else pa.array(cells)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    if array.type != pa.large_string():
        array = array.cast(pa.large_string())
    # A cell that is missing is an empty one.
    return array.fill_null("") if array.null_count else array


def _starts(array: Any) -> npt.NDArray[np.int64]:
    """Return where each text begins, and where the last one ends, in the block of letters."""
    offsets = array.buffers()[1]
    if offsets is None:
        return np.zeros(1, np.int64)
    starts = np.frombuffer(offsets, np.int64, len(array) + 1 + array.offset)
    return starts[array.offset :]
