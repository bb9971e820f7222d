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
from mole_engine.data.progress import Progress, report
from mole_engine.data.text_format import (
    DELIMITER_NAMES,
    delimiter_of,
    find_decimal,
    find_delimiter,
    find_encoding,
    has_header,
)

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
    notes
        What was guessed or mended, in words.
    problems
        Reason by row for structures that the reader itself could not read.
    """

    names: list[str]
    frame: pd.DataFrame
    lines: npt.NDArray[np.int64]
    delimiter: str = ""
    encoding: str = ""
    decimal: str = "."
    notes: list[str] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)


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
    head = list(islice(_lines(raw[:_SAMPLE_BYTES], found_encoding, errors="replace"), _SAMPLE_LINES))
    skipped, declared = _preamble(head)
    if not any(line.strip() for line in head[skipped:]) and len(raw) <= _SAMPLE_BYTES:
        raise InputError(f"{name} is empty.", "It has no rows.", "Choose a file with one molecule a row.")
    separator = delimiter_of(delimiter) if delimiter else declared or find_delimiter(head[skipped:], suffix)
    sample = _sample_rows(head[skipped:], separator)
    mark = decimal or find_decimal([cell for row in sample for cell in row[:200]], separator)
    header = has_header(sample, mark)
    builder = _Builder(name, sample, header, separator)
    total = len(raw)
    for stage_rows, at in _rows(raw, found_encoding, separator, skipped, notes):
        builder.add(stage_rows)
        report(on_progress, "read", min(at, total), total)
    names, frame, lines = builder.finish(notes)
    return Cells(names, frame, lines, DELIMITER_NAMES.get(separator, separator), found_encoding, mark, notes)


def _lines(raw: bytes, encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, errors=errors, newline="")


def _preamble(head: Sequence[str]) -> tuple[int, str]:
    """Return how many first lines are no data, and the separator that Excel's "sep=;" line declares."""
    if head and head[0].strip().casefold().startswith("sep=") and len(head[0].strip("\r\n")) == 5:
        return 1, head[0][4]
    return 0, ""


def _sample_rows(head: Sequence[str], separator: str) -> list[list[str]]:
    if separator == " ":
        width = _blank_width(head)
        rows = [_split_blanks(line, width) for line in head]
    else:
        rows = list(csv.reader(head, delimiter=separator))
    return [row for row in rows if any(cell.strip() for cell in row)]


def _blank_width(head: Sequence[str]) -> int:
    """Columns of a blank-separated file: those of every line if they agree, else structure and title."""
    widths = {len(line.split()) for line in head if line.strip()}
    return widths.pop() if len(widths) == 1 else 2


def _split_blanks(line: str, width: int) -> list[str]:
    parts = line.split(None, width - 1)
    if parts:
        parts[-1] = parts[-1].strip()
    return parts


Row = tuple[int, list[str]]


def _rows(raw: bytes, encoding: str, separator: str, skipped: int, notes: list[str]) -> Iterator[tuple[list[Row], int]]:
    """Yield chunks of (line, cells) with the byte position reached."""
    source: Iterator[Row]
    if separator == " ":
        head = list(islice(_lines(raw[:_SAMPLE_BYTES], encoding, errors="replace"), _SAMPLE_LINES))
        width = _blank_width(head)
        source = ((number, _split_blanks(line, width)) for number, line in enumerate(_lines(raw, encoding), 1))
    elif _quotes_close(raw, encoding, separator):
        source = _quoted_rows(raw, encoding, separator)
    else:
        notes.append("A quotation mark is never closed; each line was read as one row.")
        source = _single_line_rows(raw, encoding, separator)
    source = islice(source, skipped, None)
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

    def __init__(self, name: str, sample: list[list[str]], header: bool, separator: str) -> None:
        self._name = name
        self._header = sample[0] if header else None
        widths = [len(row) for row in sample[1 if header and len(sample) > 1 else 0 :]]
        usual = max(set(widths), key=widths.count) if widths else 1
        self._row_names = header and len(sample[0]) == usual - 1 and widths.count(usual) == len(widths)
        self.width = len(sample[0]) + self._row_names if header else max(widths)
        self._pending_header = header
        self._chunks: list[list[pa.Array]] = []
        self._extra: list[pa.Array] = []
        self._lines: list[npt.NDArray[np.int64]] = []
        self._joiner = " " if separator == " " else separator
        self._short: list[int] = []
        self._long: list[int] = []
        self._trailing_blank = 0

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
        width, joiner = self.width, self._joiner
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
        self._chunks.append([pa.array(column, pa.string()) for column in columns])
        self._extra.append(pa.array(extra, pa.string()))
        self._lines.append(np.fromiter((line for line, _ in kept), np.int64, len(kept)))

    def finish(self, notes: list[str]) -> tuple[list[str], pd.DataFrame, npt.NDArray[np.int64]]:
        if not self._chunks:
            raise InputError(f"{self._name} has a header but no rows.", "", "Choose a file with one molecule a row.")
        names = self._names(notes)
        columns = [pa.chunked_array(list(parts)) for parts in zip(*self._chunks, strict=True)]
        if self._long:
            names.append(EXTRA_COLUMN)
            columns.append(pa.chunked_array(self._extra))
            notes.append(
                f"{_count(self._long, 'row has', 'rows have')} more cells than the header; "
                f"the rest is kept in the column '{EXTRA_COLUMN}'."
            )
        if self._short:
            notes.append(f"{_count(self._short, 'row has', 'rows have')} fewer cells than the header; they are empty.")
        frame = pa.table(columns, names=[str(index) for index in range(len(columns))]).to_pandas()
        frame.columns = pd.RangeIndex(len(columns))
        return names, frame, np.concatenate(self._lines)

    def _names(self, notes: list[str]) -> list[str]:
        if self._header is None:
            notes.append("The file has no header; the columns were numbered.")
            return [f"column {index + 1}" for index in range(self.width)]
        if self._row_names:
            notes.append("The header has one cell less than the rows; the first column was taken as row names.")
            return ["row name", *self._header]
        return list(self._header)


def _count(lines: Sequence[int], one: str, several: str) -> str:
    shown = ", ".join(str(line) for line in lines[:3]) + (", ..." if len(lines) > 3 else "")
    where = f"line {shown}" if len(lines) == 1 else f"lines {shown}"
    return f"{len(lines)} {one if len(lines) == 1 else several} ({where})"
