"""Open a file of molecules: the one door, whatever the format."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine.contracts.dataset import TableInfo
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import from_home
from mole_engine.contracts.wording import counted
from mole_engine.data.byte_stream import GZIP, WatchedStream, beginning, unpacked
from mole_engine.data.names import checked_names
from mole_engine.data.number_marks import find_marks
from mole_engine.data.profile import profile_columns
from mole_engine.data.progress import Progress, report
from mole_engine.data.table import RawTable
from mole_engine.data.text_reader import Cells, read_text

MAX_UNPACKED_BYTES = 2 << 30
"""A packed file that grows beyond this is refused: it may be made to fill the memory."""

_BLOCK = 1 << 20
_BLANK_BLOCK = 500
_HEAD_BYTES = 1 << 17
_BLANK = b" \t\r\n\x00\xef\xbb\xbf\xfe\xff"
_OTHER_KINDS = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "a database"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x93NUMPY", "a NumPy array"),
    # What a server answers in place of a file that is gone.
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<HTML", "a web page"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_table(
    path: str | Path,
    *,
    delimiter: str = "",
    encoding: str = "",
    decimal: str = "",
    on_progress: Progress | None = None,
) -> RawTable:
    """Read CSV, TSV, SMI, TXT, XLSX, Parquet or SDF, each also gzipped; the content decides, not the name.

    Parameters
    ----------
    path
        The file.
    delimiter, encoding, decimal
        Fixed by the user; empty: found by content.
    on_progress
        Called with ("read", bytes done, bytes in all); may raise `Cancelled`.

    Returns
    -------
    RawTable
        Every cell as text, untouched.

    Raises
    ------
    InputError
        When the file cannot be opened or holds no table.
    """
    path = from_home(path)
    with _opened(path) as file:
        stream, size = WatchedStream(file), path.stat().st_size
        head = file.read(_HEAD_BYTES)
        file.seek(0)
        content = unpacked(stream, head.startswith(GZIP), path.name, MAX_UNPACKED_BYTES)
        if _is_plain_sdf(beginning(head), _suffix(path)):
            cells = _read_sdf(content, path.name, on_progress, lambda: (min(stream.done, size), size))
            kind, length = "sdf", size
        else:
            raw = _read_all(content, on_progress, lambda: (min(stream.done, size), size))
            kind, cells = _read_whole(raw, path, delimiter, encoding, decimal, on_progress)
            length = len(raw)
        digest = stream.sha256()
    table = make_table(path, kind, cells, digest)
    report(on_progress, "read", length, length)
    return table


def _read_sdf(
    content: io.BufferedReader[Any], name: str, on_progress: Progress | None, done: Callable[[], tuple[int, int]]
) -> Cells:
    from mole_engine.data.sdf_reader import read_sdf

    return read_sdf(content, name, on_progress, done)


def _read_whole(
    raw: bytes, path: Path, delimiter: str, encoding: str, decimal: str, on_progress: Progress | None
) -> tuple[str, Cells]:
    suffix = _suffix(path)
    # The beginning first: to strip all of a large file would copy it.
    if not raw[:_HEAD_BYTES].strip(_BLANK) and not raw.strip(_BLANK):
        raise InputError(f"{path.name} is empty.", "", "Choose a file with one molecule a row.")
    kind = _kind_of(raw, suffix, path.name)
    if kind != "text":
        return kind, _read_other(kind, raw, path.name, on_progress)
    cells = read_text(
        raw, path.name, suffix, delimiter=delimiter, encoding=encoding, decimal=decimal, on_progress=on_progress
    )
    return {".tsv": "tsv", ".smi": "smi", ".txt": "txt"}.get(suffix, "csv"), cells


def _read_other(kind: str, raw: bytes, name: str, on_progress: Progress | None) -> Cells:
    from mole_engine.data.other_readers import read_parquet, read_xlsx

    return {"xlsx": read_xlsx, "parquet": read_parquet}[kind](raw, name, on_progress)


def _suffix(path: Path) -> str:
    suffixes = [part.lower() for part in path.suffixes]
    if suffixes and suffixes[-1] in {".gz", ".gzip"}:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a plain file; whatever the disk refuses becomes a message."""
    try:
        with _plain_file(path) as stream:
            yield stream
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", "", "Check its name, or whether it was moved.") from error
    except PermissionError as error:
        raise InputError(
            f"{path.name} may not be read.", f"You lack the permission for {path}.", "Ask its owner, or copy it."
        ) from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read.", f"{error}.", "Check the disk or the network drive.") from error


def _plain_file(path: Path) -> BinaryIO:
    try:
        mode = path.stat().st_mode
    except ValueError as error:  # a name that no system allows
        raise InputError(f"{path.name!r} cannot be read.", f"{error}.", "Check the file's name.") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{path.name or path} is a folder.", "", "Choose a file with molecules.")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path.name} is not a plain file.", "", "Choose a file with molecules.")
    return path.open("rb")


def _read_all(
    content: io.BufferedReader[Any], on_progress: Progress | None, done: Callable[[], tuple[int, int]]
) -> bytes:
    whole = io.BytesIO()  # hands its bytes over without a second copy of them
    while block := content.read(_BLOCK):
        whole.write(block)
        report(on_progress, "open", *done())
    return whole.getvalue()


def _kind_of(raw: bytes, suffix: str, name: str) -> str:
    if raw.startswith(b"PAR1"):
        return "parquet"
    if raw.startswith(b"PK\x03\x04"):
        if b"xl/" in raw[:_BLOCK] or b"xl/workbook" in raw[-_BLOCK:]:
            return "xlsx"
        raise _not_a_table(name, "a zip archive")
    if raw.startswith(_OLE):
        raise InputError(
            f"{name} is an old or protected Excel file.",
            "Only .xlsx workbooks without a password can be read.",
            "Open it in Excel or LibreOffice and save it as .xlsx or .csv.",
        )
    for magic, words in _OTHER_KINDS:
        if raw.startswith(magic):
            raise _not_a_table(name, words)
    head = raw[: 1 << 16]
    if _is_sdf(head, suffix):
        return "sdf"
    if _is_binary(head):
        raise _not_a_table(name, "a binary file")
    return "text"


def _is_plain_sdf(head: bytes, suffix: str) -> bool:
    """Whether a file is an SDF by its beginning alone, so that it can be read as it passes by."""
    magic = (b"PAR1", b"PK\x03\x04", _OLE, *(start for start, _ in _OTHER_KINDS))
    return bool(head.strip(_BLANK)) and not head.startswith(magic) and _is_sdf(head, suffix)


def _is_sdf(head: bytes, suffix: str) -> bool:
    if suffix in {".sdf", ".sd", ".mol", ".mdl"}:
        return True
    return b"M  END" in head and (b"V2000" in head or b"V3000" in head)


def _is_binary(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    halves = (head[::2].count(0), head[1::2].count(0))
    if min(halves) == 0 and max(halves) > len(head) // 5:
        return False  # UTF-16 without a mark
    control = sum(head.count(code) for code in range(32) if code not in b"\t\n\r\x0c")
    return control > 0.02 * len(head)


def _not_a_table(name: str, words: str) -> InputError:
    return InputError(
        f"{name} is {words}, not a table of molecules.",
        "",
        "Choose a CSV, TSV, SMI, XLSX, Parquet or SDF file.",
    )


def make_table(path: Path, kind: str, cells: Cells, digest: str) -> RawTable:
    """Make a table of the cells that a reader has found.

    Raises
    ------
    InputError
        When there are no rows, or two columns of the same name.
    """
    names = checked_names(cells.names, path.name)
    frame, lines, dropped = _without_blank_tail(cells.frame, cells.lines)
    if dropped:
        cells.notes.append(f"{counted(dropped, 'blank row was', 'blank rows were')} left out at the end.")
    if not len(frame):
        raise InputError(f"{path.name} has a header but no rows.", "", "Choose a file with one molecule a row.")
    marks = find_marks(frame, names, cells.decimal, cells.delimiter, fixed=cells.is_decimal_fixed)
    info = TableInfo(
        path=str(path),
        name=path.name,
        called=cells.called,
        rows=len(frame),
        columns=profile_columns(frame, names, marks.columns),
        format=kind,
        delimiter=cells.delimiter,
        encoding=cells.encoding,
        decimal=marks.table,
        sha256=digest,
        notes=(*cells.notes, *marks.notes),
    )
    frame.columns = pd.Index(names, dtype="str")
    types = {names[index]: kind for index, kind in cells.types.items()}
    return RawTable(info, frame, lines, cells.problems, types=types)


def _is_blank(rows: pd.DataFrame) -> bool:
    return not any((rows[name].str.strip() != "").any() for name in rows.columns)


def _without_blank_tail(
    frame: pd.DataFrame, lines: npt.NDArray[np.int64]
) -> tuple[pd.DataFrame, npt.NDArray[np.int64], int]:
    end = len(frame)
    while end and _is_blank(frame.iloc[end - 1 : end]):
        # Blocks of the frame first: looking at thousands of single rows takes seconds.
        end -= _BLANK_BLOCK if end >= _BLANK_BLOCK and _is_blank(frame.iloc[end - _BLANK_BLOCK : end]) else 1
    dropped = len(frame) - end
    return (frame, lines, 0) if not dropped else (frame.iloc[:end].copy(), lines[:end], dropped)
