"""What a table is made from: one file, several files, or text from the clipboard."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mole_engine.contracts.config import DataConfig
from mole_engine.contracts.dataset import TableInfo
from mole_engine.contracts.errors import InputError
from mole_engine.data.molar import with_molar_columns
from mole_engine.data.number_marks import holds_numbers
from mole_engine.data.profile import profile_columns
from mole_engine.data.progress import Progress
from mole_engine.data.readers import make_table, read_table
from mole_engine.data.recognise import NO_STRUCTURE_NAME, structure_name_rank
from mole_engine.data.table import RawTable, free_name
from mole_engine.data.text_format import PASTED
from mole_engine.data.text_reader import read_text
from mole_engine.data.unit_cells import with_unit_columns
from mole_engine.data.values import with_point

FILE_COLUMN = "source_file"
"""Column that says from which of several files a row comes."""

MAX_PASTED = 50_000_000
_PASTED_NAME = "pasted.csv"


def open_table(data: DataConfig, on_progress: Progress | None = None) -> RawTable:
    """Read what a configuration names: its file, the extra ones behind it, and the columns made from others.

    Raises
    ------
    InputError
        When a file or a column cannot be used.
    """
    table = read_tables(
        [data.path, *data.extra_paths],
        delimiter=data.delimiter,
        encoding=data.encoding,
        decimal=data.decimal,
        on_progress=on_progress,
    )
    return with_molar_columns(with_unit_columns(table, data.targets), data)


def read_tables(
    paths: Sequence[str | Path],
    *,
    delimiter: str = "",
    encoding: str = "",
    decimal: str = "",
    on_progress: Progress | None = None,
) -> RawTable:
    """Read one or more files as one table: rows one file after the other, columns by their names.

    The structure columns of several files are one column, whatever each file calls it (where each has just one that is
    named so). A column that a file lacks is empty in its rows; a column "source_file" tells the files apart.

    Parameters
    ----------
    paths
        At least one file.
    delimiter, encoding, decimal
        Fixed by the user for all files; empty: found by content, for each of them.
    on_progress
        As in `read_table`.

    Raises
    ------
    InputError
        When a file cannot be read.
    """
    if not paths:
        raise InputError("No file is named.", "", "Name the file with the molecules.")
    tables = [
        read_table(path, delimiter=delimiter, encoding=encoding, decimal=decimal, on_progress=on_progress)
        for path in paths
    ]
    return tables[0] if len(tables) == 1 else _joined(tables)


def parse_pasted(text: str) -> RawTable:
    """Read text from the clipboard: a copied table, one molecule a line, or a MOL block.

    Parameters
    ----------
    text
        As pasted. The table is called `pasted.csv`; there is no file behind it until someone saves the text.

    Raises
    ------
    InputError
        When there is no text, or too much of it.
    """
    if not text.strip():
        raise InputError("There is no text to read.", "The clipboard is empty.", "Copy the rows once more.")
    if len(text) > MAX_PASTED:
        raise InputError("That is too much text to paste.", "", "Save it as a file and open the file.")
    raw = text.encode("utf-8", "replace")
    if "M  END" in text:
        from mole_engine.data.sdf_reader import read_sdf

        content = io.BufferedReader(io.BytesIO(raw))
        cells = read_sdf(content, _PASTED_NAME, None, lambda: (len(raw), len(raw)))
        return make_table(Path(_PASTED_NAME), "sdf", cells, hashlib.sha256(raw).hexdigest())
    cells = read_text(raw, _PASTED_NAME, PASTED, encoding="utf-8")
    return make_table(Path(_PASTED_NAME), "csv", cells, hashlib.sha256(raw).hexdigest())


def _joined(tables: Sequence[RawTable]) -> RawTable:
    first = tables[0].info
    frames = [_renamed(table, tables[0]) for table in tables]
    decimals = _one_mark_each(tables, frames)
    column = free_name(FILE_COLUMN, {str(name) for frame in frames for name in frame.columns})
    labels = _labels(tables)
    for label, frame in zip(labels, frames, strict=True):
        frame[column] = pd.array([label] * len(frame), dtype="str")
    frame = pd.concat(frames, ignore_index=True).fillna("").astype("str")
    lines = np.concatenate([[table.line(row) for row in range(len(table))] for table in tables]).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum([len(table) for table in tables])])
    problems = {
        row + int(start): reason
        for table, start in zip(tables, starts, strict=False)
        for row, reason in table.problems.items()
    }
    names = [str(name) for name in frame.columns]
    shown = frame.copy(deep=False)
    shown.columns = pd.RangeIndex(len(names))
    info = TableInfo(
        path=first.path,
        name=f"{first.name} and {len(tables) - 1} more",
        rows=len(frame),
        columns=profile_columns(shown, names, [decimals.get(name, ".") for name in names]),
        format=first.format,
        delimiter=first.delimiter,
        encoding=first.encoding,
        decimal=first.decimal if len({table.info.decimal for table in tables}) == 1 else ".",
        sha256=hashlib.sha256("".join(table.info.sha256 for table in tables).encode()).hexdigest(),
        notes=(
            f"{len(tables)} files were put one after the other: {', '.join(table.info.name for table in tables)}.",
            *(f"{table.info.name}: {note}" for table in tables for note in table.info.notes),
        ),
    )
    return RawTable(info, frame, lines, problems, list(zip(starts.tolist(), labels, strict=False)))


def _labels(tables: Sequence[RawTable]) -> list[str]:
    """Name each file: by its path where another one has the same name."""
    names = Counter(table.info.name for table in tables)
    return [table.info.name if names[table.info.name] == 1 else table.info.path for table in tables]


def _renamed(table: RawTable, first: RawTable) -> pd.DataFrame:
    """Call the structure column as the first file calls it, and columns that differ only in case alike."""
    frame = table.frame.copy(deep=False)
    if table is first:
        return frame
    known = {str(name).strip().casefold(): str(name) for name in first.frame.columns}
    changes = {name: known[name.strip().casefold()] for name in map(str, frame.columns) if _is_new(name, known)}
    mine, theirs = _structures(table), _structures(first)
    if len(mine) == len(theirs) == 1:
        changes[mine[0]] = theirs[0]
    renamed = [changes.get(str(name), str(name)) for name in frame.columns]
    if len(set(renamed)) == len(renamed):
        frame.columns = pd.Index(renamed, dtype="str")
    return frame


def _is_new(name: str, known: dict[str, str]) -> bool:
    return name.strip().casefold() in known and known[name.strip().casefold()] != name


def _structures(table: RawTable) -> list[str]:
    found = [column.name for column in table.info.columns if column.kind == "smiles"]
    named = [name for name in found if structure_name_rank(name) < NO_STRUCTURE_NAME]
    return named or found


def _one_mark_each(tables: Sequence[RawTable], frames: Sequence[pd.DataFrame]) -> dict[str, str]:
    """Return the decimal mark of each column; numbers of one that the files write differently get decimal points."""
    marks: dict[str, set[str]] = {}
    for table, frame in zip(tables, frames, strict=True):
        for name, column in zip(map(str, frame.columns), table.info.columns, strict=True):
            marks.setdefault(name, set()).add(column.decimal)
    for table, frame in zip(tables, frames, strict=True):
        for name, column in zip(map(str, frame.columns), table.info.columns, strict=True):
            if len(marks[name]) > 1 and column.kind != "smiles" and holds_numbers(frame[name]):
                texts = [with_point(text, column.decimal) for text in frame[name].tolist()]
                frame[name] = pd.array(texts, dtype="str")
    return {name: found.pop() if len(found) == 1 else "." for name, found in marks.items()}
