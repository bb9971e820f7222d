"""SDF files: one record a row, streamed; a broken record costs only itself."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from rdkit import Chem

from mole_engine.chem.molecules import canonical_smiles
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted
from mole_engine.data.progress import Progress, report
from mole_engine.data.text_format import find_decimal, find_encoding
from mole_engine.data.text_reader import Cells

MAX_RECORD_LINES = 200_000
"""A record without end is cut here, so that a file without "$$$$" does not fill the memory."""

_FIELD = re.compile(r"^>.*?<([^>]*)>")
_REPORT_EVERY = 200
_BROKEN = "the record holds no readable structure"
_CHUNK_ROWS = 10_000
_SAMPLE_BYTES = 1 << 20
_ODD_BYTES = "mole_odd_bytes"


def _odd_bytes(error: UnicodeError) -> tuple[str, int]:
    """Read bytes that are no UTF-8 as the common Western encoding: one odd degree sign must not spoil a record."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_ODD_BYTES, _odd_bytes)


@dataclass
class _Record:
    line: int
    block: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


def read_sdf(
    content: io.BufferedReader[Any], name: str, on_progress: Progress | None, done: Callable[[], tuple[int, int]]
) -> Cells:
    """Read an SDF (V2000 or V3000) or a single MOL file, record by record.

    The structure becomes a canonical SMILES in the column "smiles", the title line "name", each data field a column.

    Parameters
    ----------
    content
        The file's bytes, unpacked; only what the columns need is kept of them.
    name
        File name for messages.
    on_progress
        Called with ("read", bytes done, bytes in all); may raise `Cancelled`.
    done
        Returns those two numbers.

    Raises
    ------
    InputError
        When there is no record.
    """
    encoding, note = _encoding(content)
    rows = _Rows()
    for row, record in enumerate(_records(content, encoding)):
        rows.add(record, _smiles_of(record))
        if row % _REPORT_EVERY == 0:
            report(on_progress, "read", *done())
    if not rows.lines:
        raise InputError(f"{name} has no records.", "", "Choose an SDF file with at least one molecule.")
    return rows.finish(encoding, [note] if note else [])


def _encoding(content: io.BufferedReader[Any]) -> tuple[str, str]:
    sample = content.peek(_SAMPLE_BYTES)[:_SAMPLE_BYTES]
    # The sample may end in the middle of a character.
    return find_encoding(sample[: sample.rfind(b"\n") + 1] or sample)


class _Rows:
    """Collects records chunk by chunk as Arrow columns; a field that comes late is empty in all rows before."""

    def __init__(self) -> None:
        self.lines: list[int] = []
        self._problems: dict[int, str] = {}
        self._structures: list[str] = []
        self._titles: list[str] = []
        self._fields: dict[str, list[str]] = {}
        self._chunks: list[tuple[int, pa.Array, pa.Array, dict[str, pa.Array]]] = []

    def add(self, record: _Record, smiles: str) -> None:
        if not smiles:
            self._problems[len(self.lines)] = _BROKEN
        filled = len(self._structures)
        self.lines.append(record.line)
        self._structures.append(smiles)
        self._titles.append(record.block[0].strip() if record.block else "")
        for key, value in record.fields.items():
            column = self._fields.setdefault(key, [])
            column.extend([""] * (filled - len(column)))
            column.append(value)
        if filled + 1 == _CHUNK_ROWS:
            self._pack()

    def _pack(self) -> None:
        rows = len(self._structures)
        fields = {
            key: pa.array(values + [""] * (rows - len(values)), pa.string()) for key, values in self._fields.items()
        }
        structures, titles = (pa.array(texts, pa.string()) for texts in (self._structures, self._titles))
        self._chunks.append((rows, structures, titles, fields))
        self._structures, self._titles = [], []
        self._fields = {key: [] for key in self._fields}

    def finish(self, encoding: str, notes: list[str]) -> Cells:
        if self._structures:
            self._pack()
        keys = list(self._fields)
        names = [_free_name("smiles", keys)]
        columns = [pa.chunked_array([structures for _, structures, _, _ in self._chunks])]
        titles = pa.chunked_array([part for _, _, part, _ in self._chunks])
        if any(title.as_py() for part in titles.chunks for title in part):
            names.append(_free_name("name", keys))
            columns.append(titles)
        for key in keys:
            parts = [fields.get(key, pa.array([""] * rows, pa.string())) for rows, _, _, fields in self._chunks]
            names.append(key)
            columns.append(pa.chunked_array(parts))
        if self._problems:
            notes.append(self._told())
        mark = find_decimal([text for column in columns[1:] for text in column.slice(0, 200).to_pylist()], ";")
        frame: pd.DataFrame = pa.table(columns, names=[str(place) for place in range(len(columns))]).to_pandas()
        frame.columns = pd.RangeIndex(len(columns))
        return Cells(names, frame, np.array(self.lines, np.int64), "", encoding, mark, notes, self._problems)

    def _told(self) -> str:
        rows = list(self._problems)
        first = ", ".join(str(self.lines[row]) for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
        what = counted(len(rows), "record holds", "records hold")
        return f"{what} no readable structure (from line {first})."


def _free_name(name: str, keys: list[str]) -> str:
    """Return a name for our own column that no data field bears."""
    taken = {key.strip().casefold() for key in keys}
    return name if name not in taken else f"{name} (structure)" if name == "smiles" else f"{name} (title)"


def _smiles_of(record: _Record) -> str:
    try:
        mol = Chem.MolFromMolBlock("\n".join(record.block))
    except (RuntimeError, ValueError):
        return ""
    return canonical_smiles(mol) if mol is not None and mol.GetNumAtoms() else ""


def _records(content: io.BufferedReader[Any], encoding: str) -> Iterator[_Record]:
    record = _Record(1)
    key: str | None = None
    in_block, filled = True, False
    errors = _ODD_BYTES if encoding.startswith("utf-8") else "replace"
    for number, ended in enumerate(io.TextIOWrapper(content, encoding=encoding, errors=errors), 1):
        line = ended.rstrip("\n")
        if line.startswith("$$$$") or number - record.line > MAX_RECORD_LINES:
            if filled:
                yield record
            record, key, in_block, filled = _Record(number + 1), None, True, False
            continue
        filled = filled or bool(line.strip())
        match = _FIELD.match(line) if line.startswith(">") else None
        if match:
            in_block, key = False, match.group(1)
            record.fields[key] = ""
        elif in_block:
            record.block.append(line)
            in_block = not line.startswith("M  END")
        elif key is not None and line:
            record.fields[key] += ("\n" if record.fields[key] else "") + line
        elif not line:
            key = None
    if filled:
        yield record
