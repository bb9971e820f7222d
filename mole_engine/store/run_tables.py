"""What a run folder says about its data: `dataset.json` and `split.csv`."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Literal

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import Split, TaskSpec, split_content
from mole_engine.data.dataset import CuratedDataset
from mole_engine.store.files import write_text
from mole_engine.store.run_folder import RunFolder

SPLIT_COLUMNS = ("row", "smiles", "part", "file")
WEIGHT_COLUMN = "weight"


def write_dataset(folder: RunFolder, dataset: CuratedDataset, split: Split) -> None:
    """Write `dataset.json`: the file, the columns' roles, what curation did, how it was divided.

    Raises
    ------
    InputError, KnownError
        When the folder cannot be written.
    """
    roles = dataset.roles
    content: dict[str, Any] = {
        "info": asdict(dataset.info),
        "roles": {**asdict(roles), "tasks": [task.to_dict() for task in roles.tasks]},
        "report": dataset.report.to_dict(),
        "other_files": {name: report.to_dict() for name, report in dataset.file_reports.items()},
        "split": {**split_content(split), "counts": part_counts(split)},
    }
    write_text(folder.dataset, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def split_text(dataset: CuratedDataset, split: Split) -> str:
    """Return the content of `split.csv`; `file` is 0 for the main file, 1 and 2 for separate ones.

    The values of the targets (class labels by name) and, where molecules differ in it, the weight stand after that, so
    that a run can be made again from its folder alone.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    columns: dict[str, Sequence[Any]] = {
        "row": dataset.source_rows.tolist(),
        "smiles": dataset.smiles,
        "part": split.part_of(len(dataset)),
        "file": dataset.file_of.tolist(),
    }
    for place, task in enumerate(dataset.tasks):
        columns[value_column(task.name)] = [_value_text(value, task) for value in dataset.targets[:, place].tolist()]
    if len(set(dataset.weights.tolist()) - {1.0}):
        columns[WEIGHT_COLUMN] = [repr(value) for value in dataset.weights.tolist()]
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue()


def value_column(task: str) -> str:
    """Return the name of the column of `split.csv` that holds the values of a target."""
    return f"value: {task}"


def same_split(old: str, new: str) -> bool:
    """Whether two contents of `split.csv` say the same; one of an earlier version has fewer columns."""
    if old == new:
        return True
    before, after = (list(csv.reader(io.StringIO(text))) for text in (old, new))
    if not before or not after or len(before) != len(after) or len(before[0]) >= len(after[0]):
        return False
    return all(left == right[: len(before[0])] for left, right in zip(before, after, strict=True))


def part_digests(folder: RunFolder) -> dict[str, tuple[str, str]]:
    """Return checksums of the molecules of each part, and of these with their values, in whatever order.

    The second one is "" in runs of an earlier version, which did not write values down. {} where there is no split.
    """
    apart = {"row", "part", "file", WEIGHT_COLUMN}
    parts: dict[str, list[str]] = {}
    try:
        with folder.split.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream)
            titles = next(rows, [])
            part, smiles = titles.index("part"), titles.index("smiles")
            kept = [smiles, *(place for place, name in enumerate(titles) if name not in {*apart, "smiles"})]
            for row in filter(None, rows):
                parts.setdefault(row[part], []).append("\t".join([row[place] for place in kept]))
    except (OSError, ValueError, IndexError, csv.Error):
        return {}
    values = "\t".join(titles[place] for place in kept[1:])
    return {
        part: (_digest(line.partition("\t")[0] for line in lines), _digest([values, *lines]) if values else "")
        for part, lines in parts.items()
    }


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _value_text(value: float, task: TaskSpec) -> str:
    if math.isnan(value):
        return ""
    return task.classes[int(value)] if task.classes else repr(value)


def missing_parts(split: Split) -> list[str]:
    """Return what the lack of a part means for the result, in words."""
    told = []
    if not split.validation:
        told.append("There are no validation molecules: the last epoch is kept, without intervals.")
    if not split.test:
        told.append("There are no test molecules: nothing says how good the model is on molecules it has not seen.")
    return told


def data_words(
    dataset: CuratedDataset, split: Split, config: TrainConfig
) -> list[tuple[str, Literal["info", "warning"]]]:
    """Return what a user is told of the data of a job."""
    import numpy as np

    from mole_engine.data.columns import found_words
    from mole_engine.data.curation_report import bounds_words, left_out_words
    from mole_engine.data.transform_words import transform_words
    from mole_engine.data.weights import counting

    told: list[tuple[str, Literal["info", "warning"]]] = [(text, "info") for text in dataset.info.notes]
    if not config.data.targets and not config.data.molar_log:
        told.append((found_words(dataset.info, dataset.roles), "info"))
    if dataset.report.dropped_rows:
        told.append((left_out_words(dataset.report), "warning"))
    # With folds, validation molecules of the main file are learnt from as well.
    more = [place for place in split.validation if config.ensemble.kind == "folds" and not dataset.file_of[place]]
    learnt, _ = counting(dataset.weights, np.array([*split.train, *more], dtype=np.int64))
    told += transform_words(dataset.targets[learnt], dataset.tasks, config.data.target_transform)
    bounds = [bounds_words(dataset.report), *(bounds_words(made, name) for name, made in dataset.file_reports.items())]
    told += [(text, "warning") for text in bounds if text]
    return told + [(text, "warning") for text in (*split.overlap, *missing_parts(split))]


def part_counts(split: Split) -> dict[str, int]:
    """Return how many molecules train, choose and judge."""
    return {"train": len(split.train), "val": len(split.validation), "test": len(split.test)}
