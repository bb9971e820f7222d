"""Whole files of molecules: every input column first and untouched, the predictions behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pandas as pd

from mole_engine.awake import kept_awake
from mole_engine.contracts.errors import StructureColumnError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.cell_types import ATTRIBUTE
from mole_engine.data.columns import bears_names
from mole_engine.data.progress import report
from mole_engine.data.readers import read_table
from mole_engine.data.recognise import structure_name_rank
from mole_engine.data.table import RawTable
from mole_engine.inference.predictor import LoadedModel
from mole_engine.inference.table_writers import (
    STRUCTURES_SUFFIX,
    MoleculeColumns,
    TextWriter,
    check_suffix,
    open_writer,
)
from mole_engine.store.files import check_not_same, check_writable

RENAMED_SUFFIX = "_mole"
_DRAWN_AT_ONCE = 200
_PROBLEMS = "problems"
"""Key of a frame's `attrs`: reasons by row for structures that the reader could not read (broken SDF records)."""


@dataclass(frozen=True, slots=True)
class FilePredictions:
    """What came of a file.

    Attributes
    ----------
    rows, failed
        Rows in all, and rows without a prediction.
    smiles_column
        Where the structures were found.
    renamed
        Our columns that had to step aside for a column of the file: old name, new name.
    first_error
        "row 3: ring 1 is never closed", or empty.
    """

    rows: int
    failed: int
    smiles_column: str
    renamed: dict[str, str]
    first_error: str = ""


def find_smiles_column(table: RawTable, model: LoadedModel, wanted: str = "") -> str:
    """Return the column with the structures: the one named, the model's own, or the one that content shows.

    The model's own counts whatever its case, and also where nothing in it can be read, unless another column with
    structures bears the better name: a broken SMILES is to be told, not replaced by what stands beside it.

    Raises
    ------
    InputError
        When there is none, or when several could be meant.
    """
    if wanted:
        return table.resolve(wanted, "column")
    names = [column.name for column in table.info.columns]
    own = _alike(str(model.card.data.get("smiles_column", "")), names)
    found = [column.name for column in table.info.columns if column.kind == "smiles"]
    if own in names and (own in found or not found or _is_meant(table, own, found)):
        return own
    if len(found) == 1:
        return found[0]
    if not found:
        raise StructureColumnError(
            f"{table.info.name} has no column with structures.",
            f"Looked at {', '.join(repr(name) for name in names[:5])}.",
            f"Call the column with SMILES '{own or 'smiles'}'.",
            columns=names,
        )
    listed = ", ".join(f"'{name}'" for name in found[:5])
    raise StructureColumnError(
        f"{table.info.name} has several columns with structures:",
        f"{listed}.",
        f"Call the one that counts '{own or 'smiles'}'.",
        columns=found,
    )


def _alike(name: str, names: Sequence[str]) -> str:
    """Return the one of the names that is `name` but for case and blanks around it; `name` where there is none."""
    same = [other for other in names if other.strip().casefold() == name.strip().casefold()]
    return same[0] if len(same) == 1 and name not in names else name


def _is_meant(table: RawTable, own: str, found: Sequence[str]) -> bool:
    """Whether a filled column without a readable structure is meant, rather than those in which one was found."""
    if table.info.column(own).kind == "empty":
        return False
    return structure_name_rank(own) < min(map(structure_name_rank, found))


def read_input(
    path: str | Path, model: LoadedModel, on_progress: ProgressHandler | None = None, smiles_column: str = ""
) -> tuple[pd.DataFrame, str]:
    """Read a file to predict: its cells as texts, and the column with the structures. Raises InputError."""
    table = read_table(path, on_progress=on_progress)
    frame = table.frame.copy(deep=False)
    # A workbook's numbers are to come out as numbers.
    frame.attrs[ATTRIBUTE] = dict(table.types)
    frame.attrs[_PROBLEMS] = dict(table.problems)
    return frame, find_smiles_column(table, model, smiles_column)


def find_name_column(table: pd.DataFrame, structures: str) -> str:
    """Return the column by which a reader knows the molecules, or "" where there is none.

    Parameters
    ----------
    structures
        Column with the structures.
    """
    for name in map(str, table.columns):
        if name != structures and bears_names(name):
            filled = table[name][table[name].astype(str).str.strip() != ""].dropna()
            if len(filled) and filled.nunique() > 0.5 * len(filled):
                return name
    return ""


@kept_awake()
def predict_table(
    model: LoadedModel, table: pd.DataFrame, column: str, on_progress: ProgressHandler | None = None
) -> pd.DataFrame:
    """Return the table with the prediction columns behind its own. Raises InputError."""
    frames = list(_chunks(model, table, column, on_progress, renamed_columns(model, table)))
    whole = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    whole.attrs = frames[0].attrs
    return whole


def renamed_columns(model: LoadedModel, table: pd.DataFrame) -> dict[str, str]:
    """Return new names for those of our columns whose names the table has already."""
    taken = {str(name) for name in table.columns}
    renamed = {}
    for name in model.columns.names():
        other = name
        while other in taken:
            other += RENAMED_SUFFIX
        if other != name:
            renamed[name] = other
        taken.add(other)
    return renamed


def write_table(
    frame: pd.DataFrame,
    path: str | Path,
    own: Iterable[str] = (),
    structures: str = "",
    on_progress: ProgressHandler | None = None,
) -> None:
    """Write a table by the file's ending (.csv, .tsv, .xlsx, .parquet; with `structures` also .sdf).

    Parameters
    ----------
    own
        Columns that we made: their texts are guarded against being run as formulas.
    structures
        Column with the structures, if there is one.
    on_progress
        Called with ("write", rows done, rows) while an SDF is written, each of whose molecules is drawn; may raise
        `Cancelled`.

    Raises
    ------
    InputError, KnownError
        When the ending is not known or the file cannot be written.
    """
    path = Path(path)
    pieces = _pieces(frame, on_progress) if path.suffix.lower() == STRUCTURES_SUFFIX else [frame]
    with open_writer(path, frozenset(own), _molecules(frame, structures)) as writer:
        for piece in pieces:
            writer.write(piece)


def _pieces(frame: pd.DataFrame, on_progress: ProgressHandler | None) -> Iterator[pd.DataFrame]:
    for start in range(0, len(frame), _DRAWN_AT_ONCE):
        report(on_progress, "write", start, len(frame))
        yield frame.iloc[start : start + _DRAWN_AT_ONCE]


def _molecules(table: pd.DataFrame, structures: str) -> MoleculeColumns | None:
    return MoleculeColumns(structures, find_name_column(table, structures)) if structures else None


@kept_awake()
def predict_file(
    model: LoadedModel,
    path: str | Path,
    out: str | Path | TextIO,
    on_progress: ProgressHandler | None = None,
    *,
    smiles_column: str = "",
) -> FilePredictions:
    """Predict a file and write the result, a bounded number of molecules at a time.

    Parameters
    ----------
    out
        A path, whose ending decides the format, or a text stream that receives CSV.

    Raises
    ------
    InputError, KnownError
        When the file cannot be read, holds no structures, or the result cannot be written.
    """
    if isinstance(out, (str, Path)):
        check_suffix(Path(out), molecules=True)
        check_writable(out)
        check_not_same(path, out)
    table, column = read_input(path, model, on_progress, smiles_column)
    renamed = renamed_columns(model, table)
    own = frozenset(renamed.get(name, name) for name in model.columns.names())
    chunks = _chunks(model, table, column, on_progress, renamed)
    counter = _Counter(renamed.get("error", "error"))
    if isinstance(out, (str, Path)):
        with open_writer(Path(out), own, _molecules(table, column)) as writer:
            for chunk in counter.watch(chunks):
                writer.write(chunk)
    else:
        stream_writer = TextWriter(out, ",", own)
        for chunk in counter.watch(chunks):
            stream_writer.write(chunk)
    return FilePredictions(len(table), counter.failed, column, renamed, counter.first)


def _chunks(
    model: LoadedModel,
    table: pd.DataFrame,
    column: str,
    on_progress: ProgressHandler | None,
    renamed: dict[str, str],
) -> Iterator[pd.DataFrame]:
    start = 0
    problems: dict[int, str] = table.attrs.get(_PROBLEMS) or {}
    for frame in model.predict_chunks(table[column].tolist(), on_progress=on_progress):
        units = {renamed.get(name, name): unit for name, unit in frame.attrs["units"].items()}
        if problems:
            # The cell is empty then, but that is not the reason.
            known = [problems.get(start + place, "") if error else "" for place, error in enumerate(frame["error"])]
            frame["error"] = [own or error for own, error in zip(known, frame["error"], strict=True)]
        own = frame.rename(columns=renamed)
        cells = table.iloc[start : start + len(frame)].reset_index(drop=True)
        start += len(frame)
        chunk = pd.concat([cells, own], axis=1)
        chunk.attrs = {ATTRIBUTE: table.attrs.get(ATTRIBUTE), "units": units}
        yield chunk


class _Counter:
    """Counts the rows without a prediction while they pass."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._rows = 0
        self.failed = 0
        self.first = ""

    def watch(self, chunks: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for chunk in chunks:
            failed = chunk[self._column] != ""
            if not self.first and failed.any():
                place = int(failed.to_numpy().argmax())
                self.first = f"row {self._rows + place + 1}: {chunk[self._column].iloc[place]}"
            self.failed += int(failed.sum())
            self._rows += len(chunk)
            yield chunk
