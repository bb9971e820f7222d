"""Predictions as the window holds them: plain columns, one entry an input row, in the order of the input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mole_engine.contracts.dataset import TaskKind, TaskSpec


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says about some molecules.

    Attributes
    ----------
    model_path, model_name
        Which model spoke.
    tasks
        What it predicts.
    source
        Name of the file, or "" for pasted molecules.
    smiles
        Text of the structure, as given.
    columns
        Prediction columns by name (see DESIGN: `<task>_pred`, `<task>_lower` ..., `error`), one value a row.
    frame
        The whole table as it is saved (input columns first); only the engine looks inside.
    own
        Names in `frame` of the columns that we made.
    structures
        Name in `frame` of the column with the structures.
    called, names
        Title and cells of the input column by which the molecules are known; empty where there is none.
    near
        Similarity from which a molecule is near enough to the training set; NaN where not known.
    """

    model_path: str
    model_name: str
    tasks: tuple[TaskSpec, ...]
    source: str
    smiles: Sequence[str]
    columns: dict[str, list[Any]] = field(repr=False)
    frame: Any = field(repr=False, compare=False)
    own: frozenset[str] = frozenset()
    structures: str = ""
    called: str = ""
    names: Sequence[str] = ()
    near: float = math.nan

    def __len__(self) -> int:
        return len(self.smiles)

    def number(self, column: str, row: int) -> float:
        """Return a number; NaN where the column is absent or the cell empty."""
        values = self.columns.get(column)
        if values is None or values[row] is None:
            return math.nan
        try:
            return float(values[row])
        except (TypeError, ValueError):
            return math.nan

    def text(self, column: str, row: int) -> str:
        """Return a text; "" where the column is absent or the cell empty."""
        values = self.columns.get(column)
        value = values[row] if values is not None else None
        return "" if value is None else str(value)

    def error(self, row: int) -> str:
        """Return why the row has no prediction, or ""."""
        return self.text("error", row)

    def in_domain(self, row: int) -> bool | None:
        """Return whether the molecule resembles the training set; None where the model cannot say."""
        word = self.text("in_domain", row).lower()
        return {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}.get(word)

    def strange(self, row: int) -> bool:
        """Return whether the molecule is outside for an element: it is near enough."""
        return self.in_domain(row) is False and self.number("nearest_similarity", row) >= self.near

    @property
    def failed(self) -> int:
        """How many rows have no prediction."""
        return sum(bool(self.error(row)) for row in range(len(self)))


def value_column(task: TaskSpec) -> str:
    """Return the column that holds the one number of a task, or its class where there are several."""
    return f"{task.name}_class" if task.kind is TaskKind.MULTICLASS else f"{task.name}_pred"
