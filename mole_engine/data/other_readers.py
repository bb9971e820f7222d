"""Workbooks and Parquet tables into columns of texts."""

from __future__ import annotations

import datetime
import io
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import compute

from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.data.progress import Progress, report
from mole_engine.data.text_format import find_decimal, has_header
from mole_engine.data.text_reader import Cells

MAX_WORKBOOK_BYTES = 1 << 30
"""A workbook is a zip archive; one that unpacks to more than this is refused."""

_MAX_EMPTY_TAIL = 1_000
_REPORT_EVERY = 5_000


def read_xlsx(raw: bytes, name: str, on_progress: Progress | None) -> Cells:
    """Read the first sheet that has cells; formulas count with the values that the workbook has stored for them.

    Raises
    ------
    InputError
        When the workbook is damaged, too large or empty.
    """
    _check_archive(raw, name)
    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            # openpyxl warns of styles and extensions that no cell text depends on.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
            rows, numbers, sheet = _first_filled_sheet(book, raw, on_progress)
            count = len(book.sheetnames)
            book.close()
    except (InputError, Cancelled, MemoryError):
        raise
    except Exception as error:
        # A damaged workbook makes openpyxl raise nearly anything.
        raise InputError(
            f"{name} is damaged.", "It is not a whole Excel workbook.", "Open it in Excel and save it again."
        ) from error
    if not rows:
        raise InputError(f"{name} is empty.", "No sheet has any cells.", "Choose a file with one molecule a row.")
    if count > 1:
        notes.append(f"The workbook has {count} sheets; '{sheet}' was read.")
    width = max(map(len, rows))
    for row in rows:
        row.extend([""] * (width - len(row)))
    mark = find_decimal([cell for row in rows[:200] for cell in row], ";")
    if has_header(rows[:200], mark):
        names = rows.pop(0)
        numbers = numbers[1:]
    else:
        names = [f"column {index + 1}" for index in range(width)]
        notes.append("The sheet has no header; the columns were numbered.")
    if not rows:
        raise InputError(f"{name} has a header but no rows.", "", "Choose a file with one molecule a row.")
    frame = _frame([pa.array(column, pa.string()) for column in zip(*rows, strict=True)])
    names, frame = _without_empty_columns(names, frame)
    return Cells(names, frame, np.array(numbers, np.int64), decimal=mark, notes=notes)


def read_parquet(raw: bytes, name: str, on_progress: Progress | None) -> Cells:
    """Read all columns of a Parquet file as texts; a row's "line" is its number, from 1.

    Raises
    ------
    InputError
        When the file is damaged or empty.
    """
    try:
        table = pq.read_table(pa.BufferReader(raw))
        columns = []
        for index, column in enumerate(table.columns):
            columns.append(_texts(column))
            _report(on_progress, raw, index + 1, len(table.columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{name} is damaged.", "It is not a whole Parquet file.", "Copy or write it again.") from error
    if not columns or not table.num_rows:
        raise InputError(f"{name} is empty.", "It has no rows.", "Choose a file with one molecule a row.")
    return Cells(
        list(table.column_names), _frame(columns), np.arange(1, table.num_rows + 1, dtype=np.int64), encoding="utf-8"
    )


def _check_archive(raw: bytes, name: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(
            f"{name} is damaged.", "It is not a whole Excel workbook.", "Open it in Excel and save it again."
        ) from error
    if size > MAX_WORKBOOK_BYTES:
        raise InputError(
            f"{name} is too large.", f"Unpacked it exceeds {MAX_WORKBOOK_BYTES >> 20} MB.", "Save it as CSV."
        )


def _first_filled_sheet(book: Any, raw: bytes, on_progress: Progress | None) -> tuple[list[list[str]], list[int], str]:
    for sheet in book.worksheets:
        rows: list[list[str]] = []
        numbers: list[int] = []
        empty = 0
        for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
            cells = [_cell(value) for value in values]
            # A sheet whose last rows were only formatted may claim a million of them.
            empty = 0 if any(cells) else empty + 1
            if empty > _MAX_EMPTY_TAIL:
                break
            if not empty:
                rows.append(cells)
                numbers.append(number)
            if number % _REPORT_EVERY == 0:
                _report(on_progress, raw, number, max(number, sheet.max_row or 0))
        if rows:
            return rows, numbers, str(sheet.title)
    return [], [], ""


def _report(on_progress: Progress | None, raw: bytes, done: int, total: int) -> None:
    """Tell as bytes, which every reader counts in, how many rows or columns of a file are read."""
    report(on_progress, "read", len(raw) * done // total, len(raw))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    return str(value)


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type) or pa.types.is_nested(column.type):
        texts = [_plain(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    if pa.types.is_null(column.type):
        return pa.chunked_array([pa.array([""] * len(column), pa.string())])
    return compute.fill_null(column.cast(pa.string()), "")


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _frame(columns: Sequence[pa.Array | pa.ChunkedArray]) -> pd.DataFrame:
    frame: pd.DataFrame = pa.table(list(columns), names=[str(index) for index in range(len(columns))]).to_pandas()
    frame.columns = pd.RangeIndex(len(columns))
    return frame


def _without_empty_columns(names: list[str], frame: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Leave out columns that have neither a name nor a cell, as formatting leaves them behind."""
    kept = [index for index, name in enumerate(names) if name.strip() or (frame.iloc[:, index] != "").any()]
    if len(kept) == len(names) or not kept:
        return names, frame
    chosen = frame.iloc[:, kept].copy()
    chosen.columns = pd.RangeIndex(len(kept))
    return [names[index] for index in kept], chosen


def frame_of_texts(columns: Iterable[Sequence[str]]) -> pd.DataFrame:
    """Build a frame of texts from whole columns."""
    return _frame([pa.array(column, pa.string()) for column in columns])
