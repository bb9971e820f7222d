"""`baselines.json` and `baselines.csv` of a run: what the simple models beside the network reached and said."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence

import numpy.typing as npt

from mole_engine.contracts.dataset import TaskSpec
from mole_engine.inference.results import output_columns
from mole_engine.store.files import write_text
from mole_engine.store.run_folder import RunFolder
from mole_engine.training.baselines import BaselineResult


def write_baselines(
    folder: RunFolder, tasks: Sequence[TaskSpec], rows: npt.ArrayLike, results: Sequence[BaselineResult]
) -> None:
    """Write the metrics of all baselines, and what they say of every test molecule.

    Parameters
    ----------
    folder
        Of the run.
    tasks
        In the order of the outputs.
    rows
        (n,) row in the file of each test molecule, in the order of `predictions.csv`.
    results
        The baselines; their `test_outputs` are (n, outputs) in that order.

    Raises
    ------
    InputError, KnownError
        When the folder cannot be written.
    """
    described = [
        {
            "name": item.name,
            "title": item.title,
            "validation_metrics": _plain(item.validation_metrics),
            "test_metrics": _plain(item.test_metrics),
            "note": item.note,
            "seconds": item.seconds if math.isfinite(item.seconds) else None,
        }
        for item in results
    ]
    write_text(folder.baselines, json.dumps({"baselines": described}, indent=1, ensure_ascii=False) + "\n")
    names = [name for task in tasks for name in output_columns(task)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["row", *(f"{item.name}:{name}" for item in results for name in names)])
    for place, row in enumerate(_list(rows)):
        values = [float(value) for item in results for value in item.test_outputs[place]]
        writer.writerow([row, *(repr(value) for value in values)])
    write_text(folder.baselines_table, stream.getvalue())


def _plain(metrics: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def _list(rows: npt.ArrayLike) -> list[int]:
    return [int(row) for row in list(rows)]  # type: ignore[arg-type]  # an array or a list, both can be gone through
