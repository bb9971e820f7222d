"""Making a run again from its folder alone: `config.yaml` says how, `split.csv` which molecules, values and parts.

The file that the run was trained on may have changed or be gone. `split.csv` holds every molecule as it was used, with
its values, so the folder is enough: it is turned into a small data file that needs no clean-up and has its split.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.store.files import write_text
from mole_engine.store.run_folder import RunFolder
from mole_engine.store.run_tables import SPLIT_COLUMNS, WEIGHT_COLUMN, value_column

DATA_NAME, VALIDATION_NAME = "reproduce.csv", "reproduce-validation.csv"
_RAW_STEPS: dict[str, Any] = {
    "largest_fragment": False,
    "neutralise": False,
    "merge_duplicates": False,
    "drop_disagreeing": False,
    "flatten_stereo": False,
    "leave_out_inorganic": False,
    "max_heavy_atoms": 1000,
    "tautomers": False,
    "outliers": "keep",
}
"""The molecules of `split.csv` have been through the clean-up; a second one could only change them."""


def reproduction(run_dir: str | Path, target: str | Path, changes: dict[str, Any] | None = None) -> TrainConfig:
    """Return the job that makes a run again, and write the data that it needs into the folder `target`.

    Parameters
    ----------
    run_dir
        Folder of the run; of it, `config.yaml`, `split.csv` and the roles in `dataset.json` are used.
    target
        Folder for the data file; made when missing.
    changes
        Nested changes on top, such as another name.

    Raises
    ------
    InputError
        When the folder is not a run, or one of before values were kept in `split.csv`.
    KnownError
        When the data cannot be written.
    """
    folder = RunFolder(run_dir)
    config = folder.read_config()
    tasks = _tasks(folder)
    rows = _rows(folder, tasks)
    names = _free_names(("smiles", "split", "weight"), [task.name for task in tasks])
    changed: dict[str, Any] = {
        "data": _known(config.data, _data_settings(config, rows, tasks, names, Path(target))),
        "split": {"method": "column", "column": names["split"]},
        "out": "",
        "workspace": "",
    }
    if config.ensemble.kind == "folds" or config.ensemble.trees:
        # A column of parts does not say how these were made, which the folds have to know.
        changed["ensemble"] = {"fold_by": config.ensemble.folds_by(_method(folder))}
    return config.updated(changed).updated(changes or {})


def _data_settings(
    config: TrainConfig, rows: Sequence[dict[str, str]], tasks: Sequence[TaskSpec], names: dict[str, str], folder: Path
) -> dict[str, Any]:
    """Write the data files of the job, and return how they are to be read."""
    path, weighted = folder / DATA_NAME, WEIGHT_COLUMN in rows[0]
    apart = [row for row in rows if _is_apart(row)]
    together = [row for row in rows if not _is_apart(row)]
    write_text_in(path, _data_text(together, tasks, names, weighted=weighted))
    if apart:
        # In a file of its own again: folds learn from the other validation molecules, and from these never.
        write_text_in(path.with_name(VALIDATION_NAME), _data_text(apart, tasks, names, weighted=weighted))
    kinds = {task.kind for task in tasks}
    return {
        "path": str(path.absolute()),
        "validation_path": str(path.with_name(VALIDATION_NAME).absolute()) if apart else "",
        "test_path": "",
        "extra_paths": [],
        "molar_log": [],
        "smiles_column": names["smiles"],
        "targets": [task.name for task in tasks],
        "identifier_column": "",
        "weight_column": names["weight"] if weighted else "",
        "task": next(iter(kinds)).value if len(kinds) == 1 else "auto",
        "units": {task.name: task.unit for task in tasks if task.unit},
        "positive_class": {
            task.name: task.classes[1] for task in tasks if task.kind is TaskKind.CLASSIFICATION and task.classes
        },
        "delimiter": ",",
        "encoding": "utf-8",
        "decimal": ".",
        "curation": {name: value for name, value in _RAW_STEPS.items() if hasattr(config.data.curation, name)},
    }


def _is_apart(row: dict[str, str]) -> bool:
    """Whether a molecule came from a separate validation file."""
    return row["part"] == "val" and row.get("file", "0") not in ("", "0")


def write_text_in(path: Path, text: str) -> None:
    """Write a file into a folder that is made when missing. Raises InputError, KnownError."""
    from mole_engine.store.files import storage_problem

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_problem(error, path.parent) from error
    write_text(path, text)


def _known(section: Any, changes: dict[str, Any]) -> dict[str, Any]:
    """Leave out what this version's settings do not have; settings that hang on the old file return to default."""
    fields = type(section).model_fields
    loose = ("extra_paths", "molar_log")
    defaults = {name: fields[name].get_default(call_default_factory=True) for name in loose if name in fields}
    return {**defaults, **{name: value for name, value in changes.items() if name in fields}}


def _tasks(folder: RunFolder) -> list[TaskSpec]:
    try:
        content = json.loads(folder.dataset.read_text(encoding="utf-8"))
        return [TaskSpec.from_dict(item) for item in content["roles"]["tasks"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder.path} cannot be made again:", "its dataset.json is missing or damaged.", "Train from the file."
        ) from error


def _method(folder: RunFolder) -> str:
    """Return how the molecules were divided; "" where the folder does not say."""
    try:
        return str(json.loads(folder.dataset.read_text(encoding="utf-8"))["split"]["method"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _rows(folder: RunFolder, tasks: Sequence[TaskSpec]) -> list[dict[str, str]]:
    try:
        with folder.split.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{folder.path} cannot be made again:", "its split.csv is missing or damaged.") from error
    wanted = {*SPLIT_COLUMNS[:3], *(value_column(task.name) for task in tasks)}
    if not rows or not wanted <= set(rows[0]):
        raise InputError(
            f"{folder.path} cannot be made again from its folder alone:",
            "it comes from a version that did not keep the values in split.csv.",
            "Train again from the data file with its config.yaml.",
        )
    return rows


def _data_text(
    rows: Sequence[dict[str, str]], tasks: Sequence[TaskSpec], names: dict[str, str], *, weighted: bool
) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    weight = [names["weight"]] if weighted else []
    writer.writerow([names["smiles"], *(task.name for task in tasks), names["split"], *weight])
    for row in rows:
        if row["part"]:
            values = [row[value_column(task.name)] for task in tasks]
            writer.writerow([row["smiles"], *values, row["part"], *([row[WEIGHT_COLUMN]] if weighted else [])])
    return stream.getvalue()


def _free_names(wanted: Sequence[str], taken: Sequence[str]) -> dict[str, str]:
    """Return names for our own columns that no target has."""
    names = {}
    for name in wanted:
        free = name
        while free in taken:
            free += "_"
        names[name] = free
    return names
