"""Molecules that are ready to be learned from, with the way back to the rows of the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.config import DataConfig, SplitConfig, TaskName
from mole_engine.contracts.dataset import ColumnRoles, CurationReport, TableInfo, TaskSpec
from mole_engine.data.progress import Progress


@dataclass
class CuratedDataset:
    """The molecules that remain after curation, in file order.

    Attributes
    ----------
    info, roles, report
        The file, what its columns mean, and what curation did.
    smiles
        (n) standardised, canonical SMILES.
    source_rows
        (n,) int64, the file row of each molecule (the first of merged rows).
    targets
        (n, T) float64; NaN where a label is missing; class labels as positions 0..k-1.
    weights
        (n,) float64 sample weights, 1 where the file has none.
    identifiers
        (n) names, empty texts where the file has none.
    given_split
        (n) texts of the split column, or None.
    row_molecules
        (rows,) int64: position of the molecule that a file row went into, -1 where the row was left out. Merged rows
        share a molecule.
    order
        (n,) float64 by which a time split sorts (the earliest of merged rows), or None; NaN where it is unknown.
    file_of
        (n,) int64: 0 for the file itself, 1 and 2 for separate validation and test files (see `assemble`).
    file_reports
        Curation reports of separate validation and test files by name.
    merged_values
        By position, for molecules whose merged rows had other labels than one another: the labels that were merged,
        by target (class labels as positions).
    """

    info: TableInfo
    roles: ColumnRoles
    report: CurationReport
    smiles: list[str]
    source_rows: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    identifiers: list[str]
    given_split: list[str] | None
    row_molecules: npt.NDArray[np.int64]
    order: npt.NDArray[np.float64] | None = None
    file_of: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    file_reports: dict[str, CurationReport] = field(default_factory=dict)
    merged_values: dict[int, dict[str, tuple[float, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.file_of) != len(self.smiles):
            self.file_of = np.zeros(len(self.smiles), np.int64)

    def __len__(self) -> int:
        return len(self.smiles)

    @property
    def tasks(self) -> tuple[TaskSpec, ...]:
        """The targets, in the order of the columns of `targets`."""
        return self.roles.tasks

    @cached_property
    def scaffolds(self) -> list[str]:
        """(n) Bemis-Murcko scaffolds, empty texts for molecules without rings; computed on first use."""
        from mole_engine.data.many_molecules import scaffolds_of

        return scaffolds_of(self.smiles)

    def compute_scaffolds(self, on_progress: Progress | None) -> None:
        """Compute `scaffolds` now, with progress (stage "split"); may raise what the handler raises."""
        from mole_engine.data.many_molecules import scaffolds_of

        if "scaffolds" not in self.__dict__:
            self.__dict__["scaffolds"] = scaffolds_of(self.smiles, on_progress)


def read_dataset(
    path: str | Path,
    config: DataConfig | None = None,
    *,
    smiles_column: str = "",
    targets: tuple[str, ...] | list[str] = (),
    task: TaskName = "auto",
    split: SplitConfig | None = None,
    on_progress: Progress | None = None,
) -> CuratedDataset:
    """Open, understand and curate a file in one call.

    Parameters
    ----------
    path
        CSV, TSV, SMI, TXT, XLSX, Parquet or SDF, possibly gzipped.
    config
        Everything that can be fixed by hand; what is empty is found by content.
    smiles_column, targets, task
        Short cuts for the settings of the same name; they win over `config`.
    split
        Whether a split column is looked for (by default, where there is one).
    on_progress
        Called with (stage, done, total); may raise `Cancelled`.

    Returns
    -------
    CuratedDataset
        The molecules that remain with their labels; its `report` has each row that was left out or changed.

    Raises
    ------
    InputError
        When the file, a column or all its rows cannot be used.
    """
    from mole_engine.data.columns import detect_roles
    from mole_engine.data.curation import curate
    from mole_engine.data.sources import open_table

    config = config or DataConfig()
    changes = {"smiles_column": smiles_column, "targets": list(targets), "task": task if task != "auto" else ""}
    changes["path"] = str(path)
    config = config.model_copy(update={name: value for name, value in changes.items() if value})
    table = open_table(config, on_progress)
    roles = detect_roles(table, config, split or SplitConfig())
    return curate(table, roles, config.curation, on_progress)
