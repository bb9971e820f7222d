"""SDF files: one record a row, streamed; a broken record costs only itself."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from rdkit import Chem

from mole_engine.chem.molecules import canonical_smiles
from mole_engine.contracts.errors import InputError
from mole_engine.data.other_readers import frame_of_texts
from mole_engine.data.progress import Progress, report
from mole_engine.data.text_format import find_decimal, find_encoding
from mole_engine.data.text_reader import Cells

MAX_RECORD_LINES = 200_000
"""A record without end is cut here, so that a file without "$$$$" does not fill the memory twice."""

_FIELD = re.compile(r"^>.*?<([^>]*)>")
_REPORT_EVERY = 200
_BROKEN = "the record holds no readable structure"


@dataclass
class _Record:
    line: int
    block: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


def read_sdf(raw: bytes, name: str, on_progress: Progress | None) -> Cells:
    """Read an SDF (V2000 or V3000) or a single MOL file.

    The structure becomes a canonical SMILES in the column "smiles", the title line "name", each data field a column.

    Raises
    ------
    InputError
        When there is no record.
    """
    encoding, note = find_encoding(raw)
    smiles: list[str] = []
    titles: list[str] = []
    lines: list[int] = []
    problems: dict[int, str] = {}
    columns: dict[str, dict[int, str]] = {}
    size = 0
    for row, record in enumerate(_records(raw, encoding)):
        text = _smiles_of(record)
        if not text:
            problems[row] = _BROKEN
        smiles.append(text)
        titles.append(record.block[0].strip() if record.block else "")
        lines.append(record.line)
        size += sum(map(len, record.block))
        for key, value in record.fields.items():
            columns.setdefault(key, {})[row] = value
        if row % _REPORT_EVERY == 0:
            report(on_progress, "read", min(size, len(raw)), len(raw))
    if not smiles:
        raise InputError(f"{name} has no records.", "", "Choose an SDF file with at least one molecule.")
    return _cells(smiles, titles, lines, columns, problems, encoding, [note] if note else [])


def _cells(
    smiles: list[str],
    titles: list[str],
    lines: list[int],
    columns: dict[str, dict[int, str]],
    problems: dict[int, str],
    encoding: str,
    notes: list[str],
) -> Cells:
    names = [_free_name("smiles", columns)]
    texts = [smiles]
    if any(titles):
        names.append(_free_name("name", columns))
        texts.append(titles)
    for key, values in columns.items():
        names.append(key)
        texts.append([values.get(row, "") for row in range(len(smiles))])
    if problems:
        first = ", ".join(str(lines[row]) for row in list(problems)[:3]) + (", ..." if len(problems) > 3 else "")
        what = "1 record holds" if len(problems) == 1 else f"{len(problems)} records hold"
        notes.append(f"{what} no readable structure (from line {first}).")
    mark = find_decimal([text for column in texts[1:] for text in column[:200]], ";")
    return Cells(names, frame_of_texts(texts), np.array(lines, np.int64), "", encoding, mark, notes, problems)


def _free_name(name: str, columns: dict[str, dict[int, str]]) -> str:
    """Return a name for our own column that no data field bears."""
    taken = {key.strip().casefold() for key in columns}
    return name if name not in taken else f"{name} (structure)" if name == "smiles" else f"{name} (title)"


def _smiles_of(record: _Record) -> str:
    try:
        mol = Chem.MolFromMolBlock("\n".join(record.block))
    except (RuntimeError, ValueError):
        return ""
    return canonical_smiles(mol) if mol is not None and mol.GetNumAtoms() else ""


def _records(raw: bytes, encoding: str) -> Iterator[_Record]:
    record = _Record(1)
    key: str | None = None
    in_block, filled = True, False
    for number, ended in enumerate(io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, errors="replace"), 1):
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
