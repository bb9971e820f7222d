"""Workbooks and Parquet tables into columns of texts."""

from __future__ import annotations

import datetime
import io
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, Literal

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import compute

from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.data.cell_types import SeenTypes, arrow_types
from mole_engine.data.progress import Progress, report
from mole_engine.data.recognise import NO_STRUCTURE_NAME, structure_name_rank, structure_share
from mole_engine.data.text_format import find_decimal, has_header
from mole_engine.data.text_reader import Cells
from mole_engine.data.values import shown

MAX_WORKBOOK_BYTES = 1 << 30
"""A workbook is a zip archive; one that unpacks to more than this is refused."""

_MAX_EMPTY_TAIL = 1_000
_REPORT_EVERY = 5_000
_PROBED_ROWS, _PROBED_COLUMNS = 200, 200
_FEWEST_MOLECULES = 3
"""By which a sheet is chosen whose column of structures has no name that says so."""


def read_xlsx(raw: bytes, name: str, on_progress: Progress | None) -> Cells:
    """Read the first sheet that has structures, else the first that has cells.

    Formulas count with the values that the workbook has stored for them.

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
            sheets = [str(sheet.title) for sheet in book.worksheets]
            found = _promising_sheet(book) if len(sheets) > 1 else None
            rows, numbers, sheet, types = _first_filled_sheet(found or book.worksheets, raw, on_progress)
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
    others = [title for title in sheets if title != sheet]
    if others:
        why = ", the first with structures" if found and sheet != sheets[0] else ""
        notes.append(f"The workbook has {len(sheets)} sheets; '{sheet}' was read{why}.")
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
    kept = _filled_columns(names, frame)
    names, frame = [names[index] for index in kept], frame.iloc[:, kept].set_axis(pd.RangeIndex(len(kept)), axis=1)
    # Where no sheet has structures, a message about the table should say which one was read.
    called = f"{name} (sheet '{sheet}'; others: {shown(others)})" if others and not found else ""
    types = {place: types[index] for place, index in enumerate(kept) if index in types}
    lines = np.array(numbers, np.int64)
    return Cells(names, frame, lines, decimal=mark, notes=notes, called=called, types=types)


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
    lines = np.arange(1, table.num_rows + 1, dtype=np.int64)
    types = arrow_types(table.schema.types)
    return Cells(list(table.column_names), _frame(columns), lines, encoding="utf-8", types=types)


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


def _promising_sheet(book: Any) -> list[Any] | None:
    """Return the first sheet with a column of structures, else with one that is called so; None where none has it."""
    named = None
    for sheet in book.worksheets:
        cells = sheet.iter_rows(max_row=_PROBED_ROWS, max_col=_PROBED_COLUMNS, values_only=True)
        rows = [[_cell(value) for value in values] for values in cells]
        promise = _promise([row for row in rows if any(row)])
        if promise == "structures":
            return [sheet]
        named = named or ([sheet] if promise else None)
    return named


def _promise(rows: Sequence[Sequence[str]]) -> Literal["structures", "name", ""]:
    """Say what the first rows of a sheet have: structures, a column that is called so, or neither."""
    is_named = False
    for column in zip_longest(*rows, fillvalue=""):
        has_name = structure_name_rank(column[0]) < NO_STRUCTURE_NAME
        share = structure_share(column[1:] or column)
        # A single cell such as "N" or "CO" is no column of molecules.
        filled = sum(map(bool, column[1:]))
        if (share > 0.5 and filled >= _FEWEST_MOLECULES) or (share > 0 and has_name):
            return "structures"
        is_named = is_named or has_name
    return "name" if is_named else ""


def _first_filled_sheet(
    sheets: Iterable[Any], raw: bytes, on_progress: Progress | None
) -> tuple[list[list[str]], list[int], str, dict[int, str]]:
    for sheet in sheets:
        rows: list[list[str]] = []
        seen = SeenTypes()
        numbers: list[int] = []
        empty = 0
        for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
            cells = [_cell(value) for value in values]
            # A sheet whose last rows were only formatted may claim a million of them.
            empty = 0 if any(cells) else empty + 1
            if empty > _MAX_EMPTY_TAIL:
                break
            if not empty:
                if rows:
                    # The first row may be the header.
                    seen.see(values)
                rows.append(cells)
                numbers.append(number)
            if number % _REPORT_EVERY == 0:
                _report(on_progress, raw, number, max(number, sheet.max_row or 0))
        if rows:
            return rows, numbers, str(sheet.title), seen.types()
    return [], [], "", {}


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


def _filled_columns(names: Sequence[str], frame: pd.DataFrame) -> list[int]:
    """Return all columns but those that have neither a name nor a cell, as formatting leaves them behind."""
    kept = [index for index, name in enumerate(names) if name.strip() or (frame.iloc[:, index] != "").any()]
    return kept or list(range(len(names)))
