"""Files of any length, block by block: SMILES and labels with bounded memory."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import from_home
from mole_engine.data.byte_stream import open_content
from mole_engine.data.names import checked_names
from mole_engine.data.number_marks import find_marks
from mole_engine.data.recognise import NO_STRUCTURE_NAME, structure_name_rank, structure_share
from mole_engine.data.text_format import DELIMITER_NAMES, find_delimiter, find_encoding
from mole_engine.data.text_layout import find_layout
from mole_engine.data.values import is_number, parse_number, plain_numbers

Floats = npt.NDArray[np.float32]

_HEAD_BYTES = 1 << 18
_HEAD_ROWS = 400
_READ_ROWS = 8192
_LIKELY_STRUCTURES = 0.5


@dataclass(frozen=True)
class Block:
    """Some consecutive rows of a file.

    Attributes
    ----------
    start
        Data row of the first one, from 0.
    smiles
        (n) texts.
    targets
        (n, T) float32, NaN where there is no label.
    """

    start: int
    smiles: list[str]
    targets: Floats

    def __len__(self) -> int:
        return len(self.smiles)


class SmilesStream:
    """Reads a table of molecules in blocks, again and again, without ever holding it whole.

    Parameters
    ----------
    path
        CSV, TSV, SMI or text (also .gz), or Parquet.
    smiles_column
        Column with the structures; empty: found by content.
    targets
        Columns with numbers.

    Attributes
    ----------
    smiles_column
        The column that was named or found.

    Raises
    ------
    InputError
        When the file cannot be read, or a column is not there.
    """

    def __init__(self, path: str | Path, smiles_column: str = "", targets: Sequence[str] = ()) -> None:
        self.path = from_home(path)
        self.targets = tuple(targets)
        self._source: _Text | _Parquet = _open(self.path)
        names, head = self._source.names, self._source.head
        missing = [name for name in (smiles_column, *targets) if name and name not in names]
        if missing:
            raise InputError(
                f"{self.path.name} has no column '{missing[0]}'.", "", f"Its columns are: {', '.join(names[:20])}."
            )
        self.smiles_column = smiles_column or _find_structures(head, self.path.name)

    def rows(self) -> int:
        """Count the rows by going through the file once."""
        return self._source.count()

    def blocks(self, size: int, first_row: int = 0) -> Iterator[Block]:
        """Yield blocks of `size` rows (the last one may be shorter) from `first_row` to the end of the file.

        Raises
        ------
        InputError
            When a target cell is no number that can be learnt, or the rest of the file is damaged.
        """
        columns = list(dict.fromkeys((self.smiles_column, *self.targets)))
        start = first_row
        pending: list[pd.DataFrame] = []
        held = 0
        for frame in self._source.frames(columns, first_row):
            pending.append(frame)
            held += len(frame)
            while held >= size:
                whole = pd.concat(pending, ignore_index=True)
                yield self._block(whole.iloc[:size], start)
                start += size
                pending, held = [whole.iloc[size:]], held - size
        if held:
            yield self._block(pd.concat(pending, ignore_index=True), start)

    def _block(self, frame: pd.DataFrame, start: int) -> Block:
        smiles = frame[self.smiles_column].fillna("").astype(str).tolist()
        targets = np.full((len(frame), len(self.targets)), np.nan, dtype=np.float32)
        for place, name in enumerate(self.targets):
            values = self._numbers(frame[name], name, start)
            self._check_size(values, name, start)
            targets[:, place] = values
        return Block(start, smiles, targets)

    def _numbers(self, cells: pd.Series[Any], name: str, start: int) -> npt.NDArray[np.float64]:
        if pd.api.types.is_numeric_dtype(cells):
            return cells.to_numpy(dtype=np.float64, na_value=np.nan)
        texts = cells.fillna("").astype(str)
        values = plain_numbers(texts.astype("str"), self._source.decimals.get(name, "."))
        for row in np.flatnonzero(np.isnan(values) & (texts.str.strip() != "").to_numpy()):
            values[row] = self._number(texts.iloc[row], name, start + int(row))
        return values

    def _check_size(self, values: npt.NDArray[np.float64], name: str, start: int) -> None:
        beyond = np.abs(values) > np.finfo(np.float32).max
        if beyond.any():
            place = int(beyond.argmax())
            raise InputError(
                f"{self.path.name}, row {start + place + 1}, column '{name}':",
                f"{values[place]:g} is infinite or too large to learn.",
                "Correct or empty it.",
            )

    def _number(self, text: str, name: str, row: int) -> float:
        number = parse_number(text, self._source.decimals.get(name, "."))
        if is_number(number):
            return float(number.value)
        if text.strip().casefold() in {"nan", "na", "n/a", "none", "null", "-", "?"}:
            return float("nan")
        raise InputError(
            f"{self.path.name}, row {row + 1}, column '{name}':", f"'{text}' is not a number.", "Correct or empty it."
        )


class _Parquet:
    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self._name = path.name
        self._file = parquet.ParquetFile(path)
        self.names: list[str] = list(self._file.schema_arrow.names)
        checked_names(self.names, path.name)
        first = next(self._file.iter_batches(batch_size=_HEAD_ROWS), None)
        self.head: pd.DataFrame = first.to_pandas() if first is not None else pd.DataFrame(columns=self.names)
        self.decimals: dict[str, str] = {}

    def count(self) -> int:
        return int(self._file.metadata.num_rows)

    def frames(self, columns: list[str], first_row: int) -> Iterator[pd.DataFrame]:
        from pyarrow import ArrowException

        try:
            yield from self._batches(columns, first_row)
        except (ArrowException, OSError) as error:
            raise _damaged(self._name, error) from error

    def _batches(self, columns: list[str], first_row: int) -> Iterator[pd.DataFrame]:
        skip = first_row
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            if skip >= rows:
                skip -= rows
                continue
            for batch in self._file.iter_batches(_READ_ROWS, row_groups=[group], columns=columns):
                if skip >= batch.num_rows:
                    skip -= batch.num_rows
                    continue
                yield batch.slice(skip).to_pandas()
                skip = 0


class _Text:
    def __init__(self, path: Path) -> None:
        self._path = path
        suffix = [part.lower() for part in path.suffixes if part.lower() not in {".gz", ".gzip"}]
        self._suffix = suffix[-1] if suffix else ""
        with open_content(path) as stream:
            raw = stream.read(_HEAD_BYTES)
        if not raw.strip():
            raise InputError(f"{path.name} is empty.", "", "Choose a file with molecules.")
        # The sample may end in the middle of a character or of a line.
        whole = raw[: raw.rfind(b"\n") + 1] or raw
        self._encoding, _ = find_encoding(whole)
        lines = whole.decode(self._encoding, "replace").splitlines(keepends=True)[:_HEAD_ROWS]
        separator = find_delimiter([line.rstrip("\r\n") for line in lines], self._suffix)
        self._layout = find_layout(lines, separator, "", self._suffix)
        self.names = checked_names(self._layout.names, path.name)
        self.head: pd.DataFrame = next(self._frames(list(self.names), 0, _HEAD_ROWS), pd.DataFrame(columns=self.names))
        shown = DELIMITER_NAMES.get(separator, separator)
        marks = find_marks(self.head.fillna("").astype("str"), self.names, self._layout.decimal, shown, fixed=False)
        self.decimals = dict(zip(self.names, marks.columns, strict=True))

    def count(self) -> int:
        return sum(len(frame) for frame in self._frames(self.names[:1], 0, 1 << 16))

    def frames(self, columns: list[str], first_row: int) -> Iterator[pd.DataFrame]:
        return self._frames(columns, first_row, _READ_ROWS)

    def _frames(self, columns: list[str], first_row: int, rows: int) -> Iterator[pd.DataFrame]:
        before = self._layout.skip + int(self._layout.header)
        blank = self._layout.separator == " "
        with open_content(self._path) as stream:
            text = io.TextIOWrapper(stream, encoding=self._encoding, errors="replace", newline="")
            for _ in range(before):
                text.readline()
            frames = _blank_frames(text, self.names, rows) if blank else self._delimited(text, rows)
            for frame in frames:
                if first_row >= len(frame):
                    first_row -= len(frame)
                    continue
                yield frame[columns].iloc[first_row:]
                first_row = 0

    def _delimited(self, text: IO[str], rows: int) -> Iterator[pd.DataFrame]:
        try:
            yield from pd.read_csv(
                text,
                sep=self._layout.separator,
                header=None,
                names=self.names,
                usecols=range(len(self.names)),
                dtype=str,
                keep_default_na=False,
                chunksize=rows,
                on_bad_lines="skip",
                skip_blank_lines=True,
                index_col=False,
            )
        except pd.errors.EmptyDataError:
            return
        except pd.errors.ParserError as error:
            raise InputError(f"{self._path.name} cannot be read:", f"{error}.", "Correct the file.") from error


def _blank_frames(text: IO[str], names: list[str], rows: int) -> Iterator[pd.DataFrame]:
    """Split lines at their first blanks, as SMI files are written."""
    pending: list[list[str]] = []
    for line in text:
        if not line.strip():
            continue
        cells = line.strip().split(None, max(0, len(names) - 1))
        pending.append(cells + [""] * (len(names) - len(cells)))
        if len(pending) == rows:
            yield pd.DataFrame(pending, columns=names)
            pending = []
    if pending:
        yield pd.DataFrame(pending, columns=names)


def _open(path: Path) -> _Text | _Parquet:
    from pyarrow import ArrowException

    try:
        with path.open("rb") as stream:
            is_parquet = stream.read(4) == b"PAR1"
        return _Parquet(path) if is_parquet else _Text(path)
    except OSError as error:
        if error.errno is None:
            # Not the system's, but Arrow's word on the content.
            raise _damaged(path.name, error) from error
        raise InputError(f"Cannot read {path}:", f"{error.strerror or error}.", "Check the path.") from error
    except (ArrowException, EOFError) as error:
        raise _damaged(path.name, error) from error


def _damaged(name: str, error: Exception) -> InputError:
    return InputError(f"{name} is damaged:", f"{str(error).rstrip('.')}.", "Choose another file.")


def _find_structures(head: pd.DataFrame, name: str) -> str:
    """Return the column whose cells are structures; by name where several could be meant."""
    shares = {
        column: structure_share(head[column].dropna().astype(str).tolist())
        for column in head.columns
        if not pd.api.types.is_numeric_dtype(head[column])
    }
    likely = [column for column, share in shares.items() if share > _LIKELY_STRUCTURES]
    if not likely:
        raise InputError(
            f"{name} has no column with structures.", "", "Name it with --smiles-column, or choose another file."
        )
    return min(likely, key=lambda column: (min(structure_name_rank(column), NO_STRUCTURE_NAME), -shares[column]))
