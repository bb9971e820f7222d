"""How good a model is on a labelled file that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.wording import counted, counted_of
from mole_engine.data.molar import with_present_molar_columns
from mole_engine.data.readers import read_table
from mole_engine.data.table import RawTable
from mole_engine.data.targets import Labels, read_labels
from mole_engine.data.unit_cells import wanted_columns, with_unit_columns
from mole_engine.data.values import parse_number, shown
from mole_engine.inference.predictor import LoadedModel
from mole_engine.inference.tables import find_smiles_column
from mole_engine.training.metrics import compute_metrics

IDENTICAL = 0.9995
"""Similarity from which on two molecules count as the same to a fingerprint."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of `evaluate_file`.

    Attributes
    ----------
    metrics
        In the user's units, named as in a run's record.
    rows
        Rows of the file.
    labelled
        Rows with a label and a prediction, by task.
    unreadable
        Rows whose structure cannot be read.
    missing_tasks
        Targets of the model that the file does not hold.
    unusable
        Rows whose value is no label of the model, by task; empty cells do not count.
    notes
        What was guessed while the file was read, in words.
    """

    metrics: dict[str, float]
    rows: int
    labelled: dict[str, int]
    unreadable: int
    missing_tasks: tuple[str, ...]
    unusable: dict[str, int]
    notes: tuple[str, ...] = ()


def evaluate_file(
    model: LoadedModel, path: str | Path, on_progress: ProgressHandler | None = None, *, smiles_column: str = ""
) -> Evaluation:
    """Predict a labelled file and compare.

    Raises
    ------
    InputError
        When the file cannot be read, holds none of the model's targets or no row to compare, or the model has no
        prediction head.
    """
    model.check_predicts()
    # A model of pIC50 can be judged by a file that has only the IC50 (nM) it was made from.
    data = model.card.train_config().data
    wanted, units = wanted_columns(model.tasks, data)
    table = with_unit_columns(read_table(path, on_progress=on_progress), wanted, of_another_file=True, units=units)
    table = with_present_molar_columns(table, data)
    column = find_smiles_column(table, model, smiles_column)
    present, missing = _targets(table, model.tasks)
    # Before the prediction, which may take minutes.
    labels, told = _read_targets(table, present, left_out=data.curation.bounds == "drop")
    predicted = model.predict(list(table.column_values(column)), on_progress=on_progress)
    result = compare(table, [task for task, _ in present], labels, missing, predicted)
    return replace(result, notes=(*told, *result.notes))


def compare(
    table: RawTable,
    tasks: Sequence[TaskSpec],
    labels: Sequence[Labels],
    missing: Sequence[str],
    predicted: pd.DataFrame,
) -> Evaluation:
    """Compare predictions with the labels of a table. Raises InputError when no row has both."""
    targets = np.stack([column.values for column in labels], axis=1)
    outputs = outputs_from(predicted, tasks)
    has_prediction = (predicted["error"] == "").to_numpy()
    mask = np.isfinite(targets) & has_prediction[:, None]
    if not mask.any():
        raise InputError(
            f"{table.info.name} has nothing to compare with:",
            "no row with a measured value has a structure that can be read.",
            "Correct the structures.",
        )
    metrics = compute_metrics(outputs, targets, mask, tasks)
    return Evaluation(
        metrics=metrics,
        rows=len(table),
        labelled={task.name: int(mask[:, place].sum()) for place, task in enumerate(tasks)},
        unreadable=int((~has_prediction).sum()),
        missing_tasks=tuple(missing),
        unusable={task.name: len(column.bad) for task, column in zip(tasks, labels, strict=True) if column.bad},
        notes=(*table.info.notes, *_known_already(predicted, np.asarray(mask.any(axis=1)))),
    )


def _known_already(predicted: pd.DataFrame, compared: npt.NDArray[np.bool_]) -> list[str]:
    """Warn of molecules that the model has learnt from: what it says of them flatters it."""
    if "nearest_similarity" not in predicted:
        # A model without a domain does not know what it has learnt from.
        return []
    same = int((predicted["nearest_similarity"].to_numpy(dtype=np.float64)[compared] >= IDENTICAL).sum())
    if not same:
        return []
    few = counted_of(same, int(compared.sum()), "compared molecule", "is", "are")
    return [f"{few} the same, to a fingerprint, as one that the model learnt from: figures on these flatter it."]


def outputs_from(predicted: pd.DataFrame, tasks: Sequence[TaskSpec]) -> npt.NDArray[np.float64]:
    """Return (n, outputs) values and probabilities out of a prediction table."""
    columns: list[str] = []
    for task in tasks:
        if task.kind is TaskKind.MULTICLASS:
            columns.extend(f"{task.name}_prob_{label}" for label in task.classes)
        else:
            columns.append(f"{task.name}_pred")
    return predicted[columns].to_numpy(dtype=np.float64)


def _read_targets(
    table: RawTable, present: Sequence[tuple[TaskSpec, str]], *, left_out: bool
) -> tuple[list[Labels], list[str]]:
    """Read the measured values, and say what became of bounds, which are left out where the model learnt without them.

    Raises
    ------
    InputError
        When none of the values can be compared with a prediction.
    """
    labels, told, causes = [], [], []
    for task, name in present:
        cells, decimal = table.column_values(name), table.info.column(name).decimal
        column = read_labels(cells, task, decimal)
        bounds = [
            row for row in column.censored if not left_out or parse_number(cells[row], decimal).bound in {"<", ">"}
        ]
        if left_out:
            column.values[bounds] = np.nan
        labels.append(column)
        if bounds:
            what = counted(len(bounds), "value is no exact one", "values are no exact ones")
            outcome = "left out, as in the model's training" if left_out else "compared as if measured"
            told.append(f"{task.name}: {what} ({shown([cells[row].strip() for row in bounds], 1)}): {outcome}.")
        causes.append(_why_none(task, list(dict.fromkeys(cells[row].strip() for row in [*column.bad, *bounds]))))
    if not any(np.isfinite(column.values).any() for column in labels):
        raise InputError(
            f"{table.info.name} has no measured values to compare with:",
            "; ".join(causes) + ".",
            "Write them as the model knows them.",
        )
    return labels, told


def _why_none(task: TaskSpec, found: Sequence[str]) -> str:
    """Say what a column without a usable value holds."""
    known = f"the model knows {shown(task.classes, 6)}" if task.classes else "the model needs numbers"
    return f"'{task.name}' holds {shown(found)}, and {known}" if found else f"'{task.name}' is empty"


def _targets(table: RawTable, tasks: Sequence[TaskSpec]) -> tuple[list[tuple[TaskSpec, str]], list[str]]:
    present: list[tuple[TaskSpec, str]] = []
    missing = []
    exact = {task.name for task in tasks}
    for task in tasks:
        try:
            column = table.resolve(task.name, "target column")
        except InputError:
            missing.append(task.name)
            continue
        if column != task.name and column in exact:
            # "logD" is not what is missing of a model that predicts "logD" and "LogD".
            missing.append(task.name)
        else:
            present.append((task, column))
    if not present:
        wanted = ", ".join(f"'{task.name}'" for task in tasks)
        raise InputError(
            f"{table.info.name} has no measured values to compare with:",
            f"the model predicts {wanted}.",
            "Name its column so.",
        )
    return present, missing
