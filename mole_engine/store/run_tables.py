"""What a run folder says about its data: `dataset.json` and `split.csv`."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from mole_engine.contracts.dataset import Split
from mole_engine.data.dataset import CuratedDataset
from mole_engine.store.files import write_text
from mole_engine.store.run_folder import RunFolder


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
        "split": {"method": split.method, "overlap": list(split.overlap), "counts": part_counts(split)},
    }
    write_text(folder.dataset, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_split(folder: RunFolder, dataset: CuratedDataset, split: Split) -> None:
    """Write `split.csv`: row of the file (from 0), SMILES, part. Raises InputError, KnownError."""
    write_text(folder.split, split_text(dataset, split))


def split_text(dataset: CuratedDataset, split: Split) -> str:
    """Return the content of `split.csv`; `file` is 0 for the main file, 1 and 2 for separate ones."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("row", "smiles", "part", "file"))
    parts = split.part_of(len(dataset))
    writer.writerows(zip(dataset.source_rows.tolist(), dataset.smiles, parts, dataset.file_of.tolist(), strict=True))
    return stream.getvalue()


def part_counts(split: Split) -> dict[str, int]:
    """Return how many molecules train, choose and judge."""
    return {"train": len(split.train), "val": len(split.validation), "test": len(split.test)}
