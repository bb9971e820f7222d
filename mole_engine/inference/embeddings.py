"""Vectors of whole files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mole_engine.awake import kept_awake
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.inference.predictor import LoadedModel
from mole_engine.inference.table_writers import open_writer
from mole_engine.inference.tables import RENAMED_SUFFIX, read_input
from mole_engine.store.files import atomic_path, check_not_same, check_writable

SUFFIXES = (".npy", ".parquet", ".csv")


@dataclass(frozen=True, slots=True)
class FileVectors:
    """What came of a file: rows in all, rows without a vector, numbers in a vector, and the columns that hold them.

    There are no columns in a `.npy` file.
    """

    rows: int
    failed: int
    width: int
    columns: tuple[str, ...] = ()


@kept_awake()
def encode_file(
    model: LoadedModel,
    path: str | Path,
    out: Path,
    on_progress: ProgressHandler | None = None,
    smiles_column: str = "",
) -> FileVectors:
    """Encode the molecules of a file.

    `.npy` holds the (n, d) float32 array alone; `.parquet` and `.csv` hold the input columns, then `e0`, `e1` ...
    Where the file has one of these already, ours are called `e0_mole`, `e1_mole` ...

    Raises
    ------
    InputError, KnownError
        When the ending is not known, the file cannot be read, no structure can be read, or the result cannot be
        written.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"Cannot write {out.name}:", f"its ending must be one of {', '.join(SUFFIXES)}.", "Rename it.")
    check_writable(out)
    check_not_same(path, out)
    table, column = read_input(path, model, on_progress, smiles_column)
    vectors = model.encode(table[column].tolist(), on_progress=on_progress)
    failed = int(np.isnan(vectors).any(axis=1).sum())
    if failed == len(vectors):
        raise InputError(f"{path} has no readable structure in column '{column}'.", "", "Name the right column.")
    names: list[str] = []
    if out.suffix.lower() == ".npy":
        with atomic_path(out) as temporary, temporary.open("wb") as stream:
            np.save(stream, vectors, allow_pickle=False)
    else:
        names = _free_names(vectors.shape[1], {str(name) for name in table.columns})
        whole = pd.concat([table.reset_index(drop=True), pd.DataFrame(vectors, columns=names)], axis=1)
        whole.attrs = table.attrs
        with open_writer(out, frozenset(names)) as writer:
            writer.write(whole)
    return FileVectors(len(vectors), failed, vectors.shape[1], tuple(names))


def _free_names(width: int, taken: set[str]) -> list[str]:
    """Name the columns of a vector, all alike, so that none of them is a column of the file."""
    names = [f"e{index}" for index in range(width)]
    while not taken.isdisjoint(names):
        names = [name + RENAMED_SUFFIX for name in names]
    return names
