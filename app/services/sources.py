"""What else can be opened besides one file: several of them, pasted text, a benchmark set. All blocking."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mole_engine.contracts.config import DataConfig
from mole_engine.contracts.events import ProgressHandler

_WORDS = {
    "path": re.compile(r"(?<![a-z])(train|training|fit)(?![a-z])"),
    "validation_path": re.compile(r"(?<![a-z])(val|valid|validation|dev)(?![a-z])"),
    "test_path": re.compile(r"(?<![a-z])(test|holdout|hold_out|external)(?![a-z])"),
}


@dataclass(frozen=True, slots=True)
class BenchmarkEntry:
    """A benchmark set as a menu shows it."""

    name: str
    title: str
    collection: str


def benchmark_sets() -> list[BenchmarkEntry]:
    """Return the sets that can be had by name, in the order of their collections."""
    from mole_engine.data.benchmarks import list_benchmarks

    return [BenchmarkEntry(entry.name, entry.title, entry.collection) for entry in list_benchmarks()]


def fetch(name: str, on_progress: ProgressHandler) -> DataConfig:
    """Download a set unless it is here. Raises KnownError where it cannot be had, Cancelled from the handler."""
    from mole_engine.data.benchmarks import fetch_benchmark

    return fetch_benchmark(name, on_progress=on_progress)


def data_of_files(paths: Sequence[str]) -> DataConfig:
    """Return the settings that read several files.

    Where exactly one of them is called a training file and each other a validation or test file, they are that; else
    their rows follow one another.
    """
    if len(paths) == 1:
        return DataConfig(path=paths[0])
    parts: dict[str, str] = {}
    for path in paths:
        found = [part for part, words in _WORDS.items() if words.search(Path(path).name.casefold())]
        if len(found) == 1 and found[0] not in parts:
            parts[found[0]] = path
    if len(parts) == len(paths) and "path" in parts:
        return DataConfig.model_validate(parts)
    return DataConfig(path=paths[0], extra_paths=list(paths[1:]))


def keep_pasted(text: str, workspace: Path, on_progress: ProgressHandler | None = None) -> Path:
    """Write pasted text as a file into the workspace, so that a training can read it again; return its path.

    Raises
    ------
    InputError
        Where the text holds no table.
    KnownError
        Where the file cannot be written.
    """
    from mole_engine.data.sources import parse_pasted
    from mole_engine.store.files import atomic_path, storage_problem

    table = parse_pasted(text)
    if on_progress is not None:
        on_progress("Keeping the pasted rows", 0, 0)
    names = [column.name for column in table.info.columns]
    # What parts the columns tells how numbers are meant ("1,250" between tabs, between semicolons), and what is unclear
    # must still be told, and corrected, when the file is read.
    delimiter = "," if len(names) == 1 else {",": ",", ";": ";"}.get(table.info.delimiter, "\t")
    folder = workspace / "pasted"
    stem, suffix = time.strftime("pasted-%Y-%m-%d-%H%M%S"), ".tsv" if delimiter == "\t" else ".csv"
    path = next(
        place
        for place in (folder / f"{stem}{ending}{suffix}" for ending in ("", *(f"-{more}" for more in range(2, 1000))))
        if not place.exists()
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_problem(error, path) from error
    with atomic_path(path) as place, place.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(names)
        writer.writerows(zip(*(table.column_values(name) for name in names), strict=True))
    return path
