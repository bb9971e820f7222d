"""Labels for pretraining: many tasks, most of them missing for most molecules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import from_home

Floats = npt.NDArray[np.float32]

_COLUMNS = ("row", "task_id", "value")


@dataclass(frozen=True, slots=True)
class PretrainingTask:
    """One task of pretraining.

    Attributes
    ----------
    name
        Column, or identifier in the table of labels.
    is_binary
        Whether all labels are 0 or 1; others are standardised.
    mean, std
        Of the labels; 0 and 1 for a binary task.
    """

    name: str
    is_binary: bool
    mean: float = 0.0
    std: float = 1.0

    @classmethod
    def of_values(cls, name: str, values: npt.NDArray[np.floating[Any]]) -> Self:
        """Describe a task by its labels (NaN: none)."""
        known = values[np.isfinite(values)].astype(np.float64)
        if len(known) and np.isin(known, (0.0, 1.0)).all():
            return cls(name, True)
        deviation = float(known.std()) if len(known) else 1.0
        return cls(name, False, float(known.mean()) if len(known) else 0.0, deviation if deviation > 1e-12 else 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able dictionary."""
        return asdict(self)


def scaled(targets: Floats, tasks: Sequence[PretrainingTask]) -> Floats:
    """Standardise (n, T) labels task by task; NaN stays NaN."""
    means = np.array([task.mean for task in tasks], dtype=np.float32)
    deviations = np.array([task.std for task in tasks], dtype=np.float32)
    return (targets - means) / deviations


class LabelTable:
    """Labels as (row, task, value) triples, kept sorted by row.

    Attributes
    ----------
    tasks
        All tasks, in the order of the columns of `dense`.
    """

    def __init__(self, rows: npt.NDArray[np.int64], tasks: npt.NDArray[Any], values: npt.NDArray[np.float64]) -> None:
        names, places = np.unique(tasks.astype(str), return_inverse=True)
        order = np.argsort(rows, kind="stable")
        self._rows = rows[order]
        self._places = places[order].astype(np.int32)
        self._values = values[order].astype(np.float32)
        groups = pd.Series(values).groupby(places)
        self.tasks = tuple(
            PretrainingTask.of_values(str(name), groups.get_group(place).to_numpy()) for place, name in enumerate(names)
        )

    @classmethod
    def read(cls, path: str | Path) -> LabelTable:
        """Read a CSV or Parquet table with the columns row (of the molecules' file, from 0), task_id and value.

        Raises
        ------
        InputError
            When it cannot be read or a column is missing or not numeric.
        """
        path = from_home(path)
        try:
            frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
            rows, values = frame["row"].to_numpy(np.int64), frame["value"].to_numpy(np.float64)
            if len(rows) and rows.min() < 0:
                raise ValueError("a row is negative")
            known = np.isfinite(values)
            return cls(rows[known], frame["task_id"].to_numpy()[known], values[known])
        except OSError as error:
            raise InputError(f"Cannot read {path}:", f"{error.strerror or error}.", "Check the path.") from error
        except KeyError as error:
            raise InputError(
                f"{path.name} has no column {error}.", "", f"It needs the columns {', '.join(_COLUMNS)}."
            ) from error
        except (ValueError, TypeError) as error:
            raise InputError(f"{path.name} is not a table of labels:", f"{error}.", "Correct it.") from error

    def dense(self, start: int, count: int) -> Floats:
        """Return the labels of `count` rows from `start`, (count, T) with NaN for missing ones."""
        table = np.full((count, len(self.tasks)), np.nan, dtype=np.float32)
        first, last = np.searchsorted(self._rows, (start, start + count))
        table[self._rows[first:last] - start, self._places[first:last]] = self._values[first:last]
        return table
