"""Delimited text into columns: every cell kept, every row with its line, broken rows mended and noted."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted
from mole_engine.data.progress import Progress, report
from mole_engine.data.text_format import DELIMITER_NAMES, delimiter_of, find_delimiter, find_encoding
from mole_engine.data.text_layout import Layout, blank_width, declared_separator, find_layout, split_blanks

# The default of 128 KiB refuses files that other programs write; the bound still stops a runaway quote.
csv.field_size_limit(1 << 27)

EXTRA_COLUMN = "extra cells"
"""Column that receives what a row has beyond the header's width."""

_END = "\x03end of the table\x03"
_CHUNK_ROWS = 20_000
_MAX_CELL_LINES = 100
_SAMPLE_LINES = 400
_SAMPLE_BYTES = 1 << 20


@dataclass
class Cells:
    """Columns of texts as a reader hands them over.

    Attributes
    ----------
    names
        Column names as in the file, possibly empty texts.
    frame
        The texts, columns numbered from 0 in the order of `names`.
    lines
        (rows,) line on which each row starts, from 1.
    delimiter, encoding, decimal
        What was found or asked for.
    is_decimal_fixed
        Whether the user has fixed the decimal mark.
    notes
        What was guessed or mended, in words.
    problems
        Reason by row for structures that the reader itself could not read.
    called
        What to call the table where the file's name does not say it, such as one sheet of several; else empty.
    types
        Columns that the file knows to be more than texts, by position; see `mole_engine.data.cell_types`.
    """

    names: list[str]
    frame: pd.DataFrame
    lines: npt.NDArray[np.int64]
    delimiter: str = ""
    encoding: str = ""
    decimal: str = "."
    notes: list[str] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)
    is_decimal_fixed: bool = False
    called: str = ""
    types: dict[int, str] = field(default_factory=dict)


def read_text(
    raw: bytes,
    name: str,
    suffix: str,
    *,
    delimiter: str = "",
    encoding: str = "",
    decimal: str = "",
    on_progress: Progress | None = None,
) -> Cells:
    """Read delimited text.

    Parameters
    ----------
    raw
        The file's bytes, unpacked.
    name, suffix
        File name for messages; its ending (".smi" allows blanks as separator).
    delimiter, encoding, decimal
        Fixed by the user, or empty to be found.

    Raises
    ------
    InputError
        When the file holds no rows or the encoding does not fit.
    """
    found_encoding, note = find_encoding(raw, encoding)
    notes = [note] if note else []
    head = list(islice(_lines(raw[:_SAMPLE_BYTES], found_encoding), _SAMPLE_LINES))
    if len(raw) > _SAMPLE_BYTES and len(head) < _SAMPLE_LINES and len(head) > 1:
        head.pop()  # cut off in the middle
    separator = delimiter_of(delimiter) if delimiter else declared_separator(head) or find_delimiter(head, suffix)
    layout = find_layout(head, separator, decimal, suffix)
    builder = _Builder(name, layout)
    for rows, at in _rows(raw, found_encoding, layout, blank_width(head, suffix), notes):
        builder.add(rows)
        report(on_progress, "read", min(at, len(raw)), len(raw))
    names, frame, lines = builder.finish(notes)
    notes.extend(layout.notes)
    shown = DELIMITER_NAMES.get(separator, separator)
    return Cells(names, frame, lines, shown, found_encoding, layout.decimal, notes, is_decimal_fixed=bool(decimal))


def _lines(raw: bytes, encoding: str) -> io.TextIOWrapper:
    # The encoding has been checked: only a last character that is cut off can need replacing.
    return io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, errors="replace", newline="")


Row = tuple[int, list[str]]


def _rows(raw: bytes, encoding: str, layout: Layout, width: int, notes: list[str]) -> Iterator[tuple[list[Row], int]]:
    """Yield chunks of (line, cells) with the byte position reached."""
    source: Iterator[Row]
    if layout.separator == " ":
        source = ((number, split_blanks(line, width)) for number, line in enumerate(_lines(raw, encoding), 1))
    elif _quotes_close(raw, encoding, layout.separator):
        source = _quoted_rows(raw, encoding, layout.separator)
    else:
        notes.append("A quotation mark is never closed; each line was read as one row.")
        source = _single_line_rows(raw, encoding, layout.separator)
    source = islice(source, layout.skip, None)
    done, line_bytes = 0, len(raw) / max(1, raw.count(b"\n"))
    while chunk := list(islice(source, _CHUNK_ROWS)):
        done += len(chunk)
        yield chunk, int(done * line_bytes)


def _quotes_close(raw: bytes, encoding: str, separator: str) -> bool:
    if b'"' not in raw:
        return True
    last = 0
    reader = csv.reader(chain(_lines(raw, encoding), [_END]), delimiter=separator)
    row: list[str] = []
    for row in reader:  # noqa: B007 - the last one is looked at
        if reader.line_num - last > _MAX_CELL_LINES:
            return False
        last = reader.line_num
    return row == [_END]


def _quoted_rows(raw: bytes, encoding: str, separator: str) -> Iterator[Row]:
    reader = csv.reader(_lines(raw, encoding), delimiter=separator)
    start = 1
    for row in reader:
        yield start, row
        start = reader.line_num + 1


def _single_line_rows(raw: bytes, encoding: str, separator: str) -> Iterator[Row]:
    for number, line in enumerate(_lines(raw, encoding), 1):
        closed = line.count('"') % 2 == 0
        reader = csv.reader([line], delimiter=separator, quoting=csv.QUOTE_MINIMAL if closed else csv.QUOTE_NONE)
        yield number, next(reader, [])


class _Builder:
    """Collects rows chunk by chunk as Arrow columns, so that a million rows need no Python list of their cells."""

    def __init__(self, name: str, layout: Layout) -> None:
        self._name = name
        self._layout = layout
        self._pending_header = layout.header
        self._chunks: list[list[pa.Array]] = []
        self._extra: list[pa.Array] = []
        self._lines: list[npt.NDArray[np.int64]] = []
        self._short: list[int] = []
        self._long: list[int] = []

    def add(self, rows: list[Row]) -> None:
        kept = [row for row in rows if row[1]]
        if self._pending_header:
            first = next((index for index, row in enumerate(kept) if any(cell.strip() for cell in row[1])), None)
            if first is None:
                return
            kept = kept[first + 1 :]
            self._pending_header = False
        if not kept:
            return
        width, joiner = self._layout.width, self._layout.separator
        extra = [""] * len(kept)
        for index, (line, cells) in enumerate(kept):
            if len(cells) < width:
                self._short.append(line)
                cells.extend([""] * (width - len(cells)))
            elif len(cells) > width:
                rest = cells[width:]
                del cells[width:]
                if any(cell.strip() for cell in rest):
                    extra[index] = joiner.join(rest)
                    self._long.append(line)
        columns = zip(*(cells for _, cells in kept), strict=True)
        self._chunks.append([pa.array(column, pa.large_string()) for column in columns])
        self._extra.append(pa.array(extra, pa.large_string()))
        self._lines.append(np.fromiter((line for line, _ in kept), np.int64, len(kept)))

    def finish(self, notes: list[str]) -> tuple[list[str], pd.DataFrame, npt.NDArray[np.int64]]:
        if not self._chunks:
            raise InputError(f"{self._name} has a header but no rows.", "", "Choose a file with one molecule a row.")
        names = list(self._layout.names)
        columns = [self._column(place) for place in range(len(self._chunks[0]))]
        if self._long:
            names.append(EXTRA_COLUMN)
            columns.append(pa.concat_arrays(self._extra))
            notes.append(
                f"{_count(self._long)} more cells than the header{_where(self._long)}; "
                f"the rest is kept in the column '{EXTRA_COLUMN}'."
            )
        if self._short:
            notes.append(f"{_count(self._short)} fewer cells than the header{_where(self._short)}.")
        frame = pa.table(columns, names=[str(index) for index in range(len(columns))]).to_pandas()
        frame.columns = pd.RangeIndex(len(columns))
        # What the chunks took, which Arrow would keep for later.
        pa.default_memory_pool().release_unused()
        return names, frame, np.concatenate(self._lines)

    def _column(self, place: int) -> pa.Array:
        """Return a whole column in one block; its chunks are given up, so that no more than one lies there twice."""
        parts = [chunk[place] for chunk in self._chunks]
        for chunk in self._chunks:
            chunk[place] = None
        return pa.concat_arrays(parts)


def _count(lines: Sequence[int]) -> str:
    return counted(len(lines), "row has", "rows have")


def _where(lines: Sequence[int]) -> str:
    shown = ", ".join(str(line) for line in lines[:3]) + (", ..." if len(lines) > 3 else "")
    return f" (line {shown})" if len(lines) == 1 else f" (lines {shown})"
