"""Everything a training job needs from its files: curated molecules and their split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mole_engine.contracts.config import DataConfig, SplitConfig, TrainConfig
from mole_engine.contracts.dataset import ColumnRoles, Split, TaskKind
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted
from mole_engine.data.benchmarks import with_benchmark
from mole_engine.data.columns import detect_roles, find_smiles_column, why_no_target
from mole_engine.data.curation import curate
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.leakage import with_leakage
from mole_engine.data.molar import with_present_molar_columns
from mole_engine.data.progress import Progress, report
from mole_engine.data.separate_files import Separate, join
from mole_engine.data.sources import open_table, read_tables
from mole_engine.data.splits import MIN_MOLECULES, make_split
from mole_engine.data.table import RawTable
from mole_engine.data.unit_cells import unit_name, wanted_columns, with_unit_columns


def load_training_data(config: TrainConfig, on_progress: Progress | None = None) -> tuple[CuratedDataset, Split]:
    """Read, understand, curate and divide the data of a job.

    Separate validation and test files are read with the same roles and the same class order; their molecules follow
    those of the main file in the data set, and never train, not in folds either. Where the main file has validation or
    test molecules too, repeats within the part are merged.

    Parameters
    ----------
    config
        The job; a data path "benchmark:NAME" stands for a benchmark set, which is fetched.
    on_progress
        Called with (stage, done, total), stages "open", "read", "curate", "split"; may raise `Cancelled`.

    Raises
    ------
    InputError
        When the files cannot be used for training.
    """
    if not config.data.path:
        raise InputError("No data file is named.", "", "Name the file with the molecules.")
    data = with_benchmark(config.data, on_progress)
    table = open_table(data, on_progress)
    if len(table) < MIN_MOLECULES:
        raise InputError(
            f"{table.info.name} has too few molecules to train on.",
            f"It has {counted(len(table), 'row')}; at least {MIN_MOLECULES} are needed.",
            "Choose a file with more molecules.",
        )
    roles = detect_roles(table, data, config.split)
    if not roles.tasks:
        raise InputError(
            f"{table.info.name} has no target column.",
            why_no_target(table, roles),
            "Name the target column, or choose another file.",
        )
    dataset = curate(table, roles, data.curation, on_progress)
    report(on_progress, "split", 0, 1)
    dataset, split = divide(dataset, data, config.split, config.seed, on_progress)
    _check_training_labels(dataset, split)
    report(on_progress, "split", 1, 1)
    return dataset, split


def divide(
    dataset: CuratedDataset, data: DataConfig, config: SplitConfig, seed: int, on_progress: Progress | None = None
) -> tuple[CuratedDataset, Split]:
    """Divide curated molecules as a job does, and append those of separate validation and test files.

    Parameters
    ----------
    dataset
        The molecules of the main file; they come first in what is returned.
    data, config, seed
        As in the job.
    on_progress
        As in `load_training_data`.

    Raises
    ------
    InputError
        When the molecules cannot be divided so, or a separate file cannot be used.
    """
    split = _divide(dataset, data, config, seed, on_progress)
    if not (data.validation_path or data.test_path):
        return dataset, split
    roles, told = dataset.roles, []
    if data.validation_path:
        table, more = _read_extra(data.validation_path, roles, data, on_progress)
        dataset, split, words = join(dataset, split, Separate("validation", table, more), data.curation)
        told.append(words)
    if data.test_path:
        table, more = _read_extra(data.test_path, roles, data, on_progress)
        dataset, split, words = join(dataset, split, Separate("test", table, more), data.curation)
        told.append(words)
    split = with_leakage(dataset, split, on_progress)
    return dataset, replace(split, overlap=(*filter(None, told), *split.overlap))


def _divide(
    dataset: CuratedDataset, data: DataConfig, config: SplitConfig, seed: int, on_progress: Progress | None
) -> Split:
    changes: dict[str, float] = {}
    if data.validation_path:
        changes["validation_fraction"] = 0.0
    if data.test_path:
        changes["test_fraction"] = 0.0
    if len(changes) == 2 and dataset.given_split is None:
        return Split(tuple(range(len(dataset))), (), (), "given files")
    return make_split(dataset, _with(config, changes), seed, on_progress)


def _with(split: SplitConfig, changes: dict[str, float]) -> SplitConfig:
    return split.model_copy(update=changes)


def _read_extra(
    path: str, roles: ColumnRoles, data: DataConfig, on_progress: Progress | None
) -> tuple[RawTable, CuratedDataset]:
    table = read_tables(
        [path], delimiter=data.delimiter, encoding=data.encoding, decimal=data.decimal, on_progress=on_progress
    )
    # The targets say in which units the columns of this file are needed.
    wanted, units = wanted_columns(roles.tasks, data)
    table = with_present_molar_columns(with_unit_columns(table, wanted, of_another_file=True, units=units), data)
    names = {column.name for column in table.info.columns}
    for task in roles.tasks:
        _check_unit(table, table.resolve(task.name, "target column"), task.kind)
    own = ColumnRoles(
        smiles=roles.smiles if roles.smiles in names else find_smiles_column(table),
        tasks=tuple(replace(task, name=table.resolve(task.name)) for task in roles.tasks),
        identifier=roles.identifier if roles.identifier in names else None,
        weight=roles.weight if roles.weight in names else None,
    )
    return table, curate(table, own, data.curation, on_progress)


def _check_unit(table: RawTable, name: str, kind: TaskKind) -> None:
    """Refuse a column that is called as the target is, with cells in a unit that cannot be converted into its own."""
    if kind is not TaskKind.REGRESSION or np.isfinite(table.numbers(name)).any():
        return
    for column in table.info.columns:
        if column.unit and column.name == unit_name(name, column.unit):
            raise InputError(
                f"{table.info.name} has '{name}' in another unit:",
                f"its cells are in {column.unit}, which cannot be converted.",
                "Write the values in the unit of the training file.",
            )


def _check_training_labels(dataset: CuratedDataset, split: Split) -> None:
    """Refuse a training part from which nothing can be learned."""
    train = dataset.targets[list(split.train)]
    for index, task in enumerate(dataset.tasks):
        labels = train[:, index]
        distinct = np.unique(labels[np.isfinite(labels)])
        if len(distinct) < 2 and len(dataset.tasks) == 1:
            what = "class" if task.kind is not TaskKind.REGRESSION else "value"
            raise InputError(
                f"The training part has only one {what} of '{task.name}'.",
                f"{counted(len(split.train), 'molecule trains', 'molecules train')}; divided: {split.method}.",
                "Divide the data another way, for example stratified, or add molecules.",
            )
