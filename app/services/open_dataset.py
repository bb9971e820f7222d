"""What the window holds of an open file: plain facts, ready to be drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from app.services.kept_rows import RowIssues
from app.services.merged_values import MergedValue
from app.summaries import PartsSummary
from app.text import count, counted
from mole_engine.contracts.config import DataConfig, SplitConfig
from mole_engine.contracts.dataset import (
    ROUTINE,
    ColumnRoles,
    CurationReport,
    IssueKind,
    Split,
    TableInfo,
    TableSource,
    TaskSpec,
)


@dataclass(frozen=True, slots=True)
class FreshTable:
    """A file that was read but not yet cleaned up: enough to show its rows.

    Attributes
    ----------
    info, table, roles
        As in `OpenDataset`.
    """

    info: TableInfo
    table: TableSource
    roles: ColumnRoles


@dataclass(frozen=True)
class OpenDataset:
    """An open file with everything that was made of it.

    Attributes
    ----------
    data_config, split_config
        What the training job gets; structure and target columns are filled in.
    info, table
        The file, and its cells as texts.
    roles, report, split
        Which column means what, what clean-up did, and which molecules train.
    parts
        For each file row "train", "val", "test" or "" (left out, or merged with another row).
    merged
        Rows for which an earlier row with the same structure stands.
    learned
        By row and target, the values that are learned in place of several that differ.
    smiles
        For each kept file row, the cleaned structure that the model will see.
    structures
        The values of `smiles` alone, in the same order.
    summaries
        One for each target.
    typical
        Rows of a low and a high molecule, to be watched while a model learns.
    numbers
        For each column of numbers, its values in file order, NaN where there is none.
    offers
        Columns of concentrations that could be learned on the logarithmic scale, each with its unit and the name of
        the column that would be made of it.
    leaked
        Structures that stand in both the training and the test part.
    apart
        Validation molecules of a file of their own, from which an ensemble does not learn either.
    no_target
        Where no column was found to learn: why not, in words.
    further
        Columns that look as much like a target as the first one that is learned, but are not.
    """

    data_config: DataConfig
    split_config: SplitConfig
    info: TableInfo
    table: TableSource
    roles: ColumnRoles
    report: CurationReport
    split: Split
    parts: Sequence[str]
    merged: frozenset[int] = frozenset()
    learned: Mapping[int, Mapping[str, MergedValue]] = field(default_factory=dict)
    smiles: Mapping[int, str] = field(default_factory=dict)
    structures: Sequence[str] = ()
    summaries: tuple[PartsSummary, ...] = ()
    typical: tuple[int, ...] = ()
    numbers: Mapping[str, Sequence[float]] = field(default_factory=dict)
    offers: tuple[tuple[str, str, str], ...] = ()
    leaked: int = 0
    apart: int = 0
    no_target: str = ""
    further: tuple[str, ...] = ()

    @cached_property
    def issues(self) -> RowIssues:
        """The issues of each row that has any."""
        return RowIssues(self.report.issues)

    @cached_property
    def issue_counts(self) -> Counter[IssueKind]:
        """How many issues there are of each kind."""
        return Counter(issue.kind for issue in self.report.issues)

    @cached_property
    def rows_to_look_at(self) -> int:
        """How many rows have an issue that a person should know of."""
        return len({issue.row for issue in self.report.issues if issue.kind not in ROUTINE})

    @cached_property
    def left_out(self) -> list[int]:
        """The rows that no part has, and for which no other row stands."""
        return [row for row, part in enumerate(self.parts) if not part and row not in self.merged]

    @property
    def tasks(self) -> tuple[TaskSpec, ...]:
        """The targets."""
        return self.roles.tasks

    @property
    def molecules(self) -> int:
        """How many molecules the model will see, all parts together."""
        return len(self.split.train) + len(self.split.validation) + len(self.split.test)

    @property
    def title(self) -> str:
        """The first target's name and how many more there are, or the file's name."""
        if not self.roles.tasks:
            return self.info.name
        more = f" and {count(len(self.roles.tasks) - 1)} more" if len(self.roles.tasks) > 1 else ""
        return f"{self.roles.tasks[0].name}{more}"

    @property
    def leak_words(self) -> str:
        """How many test structures the training part has too, in a few words; "" for none."""
        return f"{counted(self.leaked, 'test structure')} also in train" if self.leaked else ""
