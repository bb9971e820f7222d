"""Prediction tables on disk: CSV, TSV, XLSX, Parquet or SDF, by the file's ending, written piece by piece."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
import pandas as pd

from mole_engine.contracts.cells import guarded
from mole_engine.contracts.errors import InputError
from mole_engine.data.cell_types import typed
from mole_engine.store.files import atomic_path

SUFFIXES = (".csv", ".tsv", ".xlsx", ".parquet")
STRUCTURES_SUFFIX = ".sdf"
_XLSX_ROWS = 1_048_576
_XLSX_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_XLSX_CELL = 32_767


@dataclass(frozen=True, slots=True)
class MoleculeColumns:
    """Where a table has its molecules.

    Attributes
    ----------
    structures
        Column with the SMILES.
    names
        Column by which the molecules are known, "" where there is none.
    """

    structures: str
    names: str = ""


class TableWriter(Protocol):
    """Takes a table in pieces."""

    def write(self, frame: pd.DataFrame) -> None:
        """Write the next rows; the first piece decides the columns."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


class TextWriter:
    """CSV or TSV. Text of our own that a spreadsheet would run as a formula is guarded; the user's is not touched.

    Parameters
    ----------
    stream
        Where to.
    separator
        "," or a tab.
    own
        Columns that we wrote.
    """

    def __init__(self, stream: TextIO, separator: str, own: frozenset[str]) -> None:
        self._stream, self._separator, self._own = stream, separator, own
        self._is_first = True

    def write(self, frame: pd.DataFrame) -> None:
        """Write the next rows."""
        safe = frame.copy(deep=False)
        for name in self._own & set(frame.columns):
            if not pd.api.types.is_numeric_dtype(frame[name].dtype):
                safe[name] = [guarded(text) if isinstance(text, str) else text for text in frame[name]]
        safe.columns = pd.Index([guarded(str(name)) if name in self._own else name for name in frame.columns])
        safe.to_csv(
            self._stream,
            sep=self._separator,
            header=self._is_first,
            index=False,
            # The network computes in 32 bits: more digits would be noise.
            float_format="%.7g",
            lineterminator="\n",
        )
        self._is_first = False

    def close(self) -> None:
        """Nothing to finish."""


class ParquetWriter:
    """Parquet: input columns as their file had them, ours typed, units in the metadata of the fields."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(self, frame: pd.DataFrame) -> None:
        """Write the next rows as a row group."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        frame = typed(frame)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, _schema(pa, frame))
        table = pa.Table.from_pandas(frame, schema=self._writer.schema, preserve_index=False)
        self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()

    def let_go(self) -> None:
        """Close the file of a table that is given up: Windows removes none that is open."""
        with contextlib.suppress(OSError, ValueError):
            self.close()


def _schema(pa: Any, frame: pd.DataFrame) -> Any:
    units = frame.attrs.get("units") or {}
    fields = []
    for name in frame.columns:
        kind = frame[name].dtype
        if pd.api.types.is_bool_dtype(kind):
            type_ = pa.bool_()
        elif isinstance(kind, pd.Int64Dtype):
            type_ = pa.int64()
        elif pd.api.types.is_numeric_dtype(kind):
            type_ = pa.float64()
        elif pd.api.types.is_datetime64_dtype(kind):
            type_ = pa.timestamp("us")
        else:
            type_ = pa.string()
        fields.append(pa.field(str(name), type_, metadata={"unit": units[name]} if name in units else None))
    return pa.schema(fields)


class XlsxWriter:
    """Excel: texts stay texts, whatever they begin with; a second sheet explains the columns."""

    def __init__(self, path: Path) -> None:
        from openpyxl import Workbook

        self._path = path
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("predictions")
        self._rows = 0
        self._units: dict[str, str] = {}

    def write(self, frame: pd.DataFrame) -> None:
        """Write the next rows."""
        if not self._rows:
            self._units = dict(frame.attrs.get("units") or {})
            self._append(list(frame.columns))
        if self._rows + len(frame) > _XLSX_ROWS:
            raise InputError("An Excel sheet holds at most 1,048,575 molecules.", "", "Write CSV or Parquet instead.")
        for row in typed(frame).itertuples(index=False, name=None):
            self._append(row)

    def close(self) -> None:
        """Write the workbook."""
        about = self._book.create_sheet("units")
        about.append(["column", "unit"])
        for name, unit in self._units.items():
            about.append([self._cell(about, name), self._cell(about, unit)])
        self._book.save(self._path)

    def _append(self, values: Any) -> None:
        self._sheet.append([self._cell(self._sheet, value) for value in values])
        self._rows += 1

    def _cell(self, sheet: Any, value: Any) -> Any:
        from openpyxl.cell import WriteOnlyCell

        if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, np.bool_):
            # openpyxl would write a number.
            return bool(value)
        if isinstance(value, pd.Timestamp):
            return value.date() if value == value.normalize() else value.to_pydatetime()
        if not isinstance(value, str):
            return value
        cell = WriteOnlyCell(sheet, _XLSX_FORBIDDEN.sub("", value)[:_XLSX_CELL])
        # Otherwise a text that begins with "=" would become a formula.
        cell.data_type = "s"
        return cell


class SdfWriter:
    """SDF: structures with flat coordinates, all columns as fields; a row without a molecule is a record without atoms.

    Parameters
    ----------
    stream
        Where to.
    molecules
        Which columns hold structures and names.
    """

    def __init__(self, stream: TextIO, molecules: MoleculeColumns) -> None:
        self._stream, self._molecules = stream, molecules
        self._rows = 0

    def write(self, frame: pd.DataFrame) -> None:
        """Write the next rows."""
        from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
        from mole_engine.chem.sdf_text import sdf_record

        columns = [str(name) for name in frame.columns]
        for cells in frame.itertuples(index=False, name=None):
            self._rows += 1
            row = dict(zip(columns, map(_field, cells), strict=True))
            try:
                mol = parse_smiles(row[self._molecules.structures])
            except UnreadableMolecule:
                mol = None
            title = row.get(self._molecules.names, "") or f"row {self._rows}"
            self._stream.write(sdf_record(mol, title, row.items()))

    def close(self) -> None:
        """Nothing to finish."""


def _field(value: Any) -> str:
    """Return a cell as the text of a field, with as many digits as in the other tables."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.7g}" if isinstance(value, (float, np.floating)) else str(value)


def check_suffix(path: Path, *, molecules: bool = False) -> str:
    """Return the ending that decides the format; `molecules`: an SDF may be it. Raises InputError for another one."""
    suffix = path.suffix.lower()
    known = (*SUFFIXES, STRUCTURES_SUFFIX) if molecules else SUFFIXES
    if suffix not in known:
        raise InputError(f"Cannot write {path.name}:", f"its ending must be one of {', '.join(known)}.", "Rename it.")
    return suffix


@contextlib.contextmanager
def open_writer(path: Path, own: frozenset[str], molecules: MoleculeColumns | None = None) -> Iterator[TableWriter]:
    """Open a writer by the file's ending; the file appears when all is written.

    Parameters
    ----------
    own
        Columns that we made.
    molecules
        Where the molecules are, without which there is no SDF.

    Raises
    ------
    InputError, KnownError
        When the format is not known, the folder cannot be written, or the disk is full.
    """
    suffix = check_suffix(path, molecules=molecules is not None)
    with atomic_path(path) as temporary, contextlib.ExitStack() as stack:
        writer: TableWriter
        if suffix == ".xlsx":
            writer = XlsxWriter(temporary)
        elif suffix == ".parquet":
            writer = parquet = ParquetWriter(temporary)
            stack.callback(parquet.let_go)
        else:
            stream = stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
            if molecules is not None and suffix == STRUCTURES_SUFFIX:
                writer = SdfWriter(stream, molecules)
            else:
                writer = TextWriter(stream, "\t" if suffix == ".tsv" else ",", own)
        yield writer
        writer.close()
