"""From a table to molecules that can be learned from; every row that is left out or changed is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.dataset import ColumnRoles, CurationReport, IssueKind, RowIssue
from mole_engine.contracts.errors import InputError
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.duplicates import Group, group_rows, merge, tolerances
from mole_engine.data.many_molecules import standardise_texts
from mole_engine.data.profile import part_of_word
from mole_engine.data.progress import Progress
from mole_engine.data.standardise import Finding, Standardised
from mole_engine.data.table import RawTable
from mole_engine.data.targets import read_labels


def curate(
    table: RawTable, roles: ColumnRoles, config: CurationConfig, on_progress: Progress | None = None
) -> CuratedDataset:
    """Standardise structures, read labels, merge duplicates.

    Parameters
    ----------
    table, roles
        The file and what its columns mean.
    config
        Which steps are applied.
    on_progress
        Called with ("curate", rows done, rows); may raise `Cancelled`.

    Raises
    ------
    InputError
        When no row remains.
    """
    work = _Work(table, roles)
    steps = config.model_dump(exclude={"merge_duplicates", "drop_disagreeing"})
    work.take_structures(
        table.remembered(
            (roles.smiles, steps), lambda: standardise_texts(table.column_values(roles.smiles), config, on_progress)
        )
    )
    work.take_labels()
    groups = work.group(config)
    return work.finish(groups)


@dataclass
class _Work:
    table: RawTable
    roles: ColumnRoles
    issues: list[RowIssue] = field(default_factory=list)
    steps: Counter[str] = field(default_factory=Counter)
    dropped: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.cells = self.table.column_values(self.roles.smiles)
        self.smiles: list[str] = [""] * len(self.table)
        self.targets = np.full((len(self.table), len(self.roles.tasks)), np.nan)
        self.parts = list(self.table.column_values(self.roles.split)) if self.roles.split else None

    def note(self, row: int, kind: IssueKind, reason: str, *, dropped: bool = False, column: str = "") -> None:
        if dropped:
            self.dropped.add(row)
        line = self.table.line(row)
        self.issues.append(RowIssue(row, line, kind, reason, dropped, self.cells[row], column))

    def take_structures(self, structures: Sequence[Standardised]) -> None:
        for row, structure in enumerate(structures):
            self.smiles[row] = structure.smiles
            findings = structure.findings
            if row in self.table.problems:
                findings = (Finding(IssueKind.UNREADABLE, self.table.problems[row], dropped=True),)
            for finding in findings:
                self.note(row, finding.kind, finding.reason, dropped=finding.dropped, column=self.roles.smiles)
                if finding.step:
                    self.steps[finding.step] += 1
        if len(self.dropped) == len(self.table):
            raise self._nothing_readable()

    def take_labels(self) -> None:
        bad: list[tuple[int, str, str]] = []
        for index, task in enumerate(self.roles.tasks):
            labels = read_labels(self.table.column_values(task.name), task, self.table.info.decimal)
            self.targets[:, index] = labels.values
            bad += [(row, reason, task.name) for row, reason in labels.bad.items()]
            for row, reason in labels.censored.items():
                self.note(row, IssueKind.CENSORED, reason, column=task.name)
        if not self.roles.tasks:
            return
        unlabelled = set(np.flatnonzero(~np.isfinite(self.targets).any(axis=1)).tolist()) - self.dropped
        for row, reason, column in bad:
            self.note(row, IssueKind.BAD_LABEL, reason, dropped=row in unlabelled, column=column)
        column = self.roles.tasks[0].name if len(self.roles.tasks) == 1 else ""
        for row in sorted(unlabelled - {row for row, _, _ in bad}):
            self.note(row, IssueKind.MISSING_LABEL, "the label is missing", dropped=True, column=column)
        if len(self.dropped) == len(self.table):
            raise self._nothing_labelled()

    def group(self, config: CurationConfig) -> list[Group]:
        rows = [row for row in range(len(self.table)) if row not in self.dropped]
        if not config.merge_duplicates:
            return [Group([row], self.targets[row]) for row in rows]
        parts = None if self.parts is None else [part_of_word(text) or text.strip() for text in self.parts]
        allowed = tolerances(self.targets[rows], self.roles.tasks)
        groups = []
        for members in group_rows(rows, self.smiles, parts):
            if len(members) == 1:
                groups.append(Group(members, self.targets[members[0]]))
                continue
            group = merge(members, self.targets, self.roles.tasks, allowed)
            self.steps["merge_duplicates"] += len(members) - 1
            if self._tell(group, config):
                groups.append(group)
        return groups

    def _tell(self, group: Group, config: CurationConfig) -> bool:
        """Record what merging did to a group; returns whether it stays."""
        first, *others = group.rows
        line = self.table.line(first)
        if not group.disagreements:
            for row in others:
                self.note(row, IssueKind.DUPLICATE, f"same structure as line {line}; merged with it", dropped=True)
            return True
        what = "; ".join(f"{name}: {words}" for name, words in group.disagreements.items())
        unlabelled = bool(self.roles.tasks) and not np.isfinite(group.labels).any()
        leaves = config.drop_disagreeing or unlabelled
        if leaves:
            self.steps["drop_disagreeing"] += len(group.rows)
        outcome = "left out" if leaves else "merged"
        lines = ", ".join(str(self.table.line(row)) for row in group.rows[:6]) + (
            ", ..." if len(group.rows) > 6 else ""
        )
        for row in group.rows:
            reason = f"lines {lines} have the same structure but different labels ({what}); {outcome}"
            self.note(row, IssueKind.DISAGREE, reason, dropped=leaves or row != first)
        return not leaves

    def finish(self, groups: list[Group]) -> CuratedDataset:
        if not groups:
            raise self._nothing_labelled()
        total = len(self.table)
        row_molecules = np.full(total, -1, np.int64)
        for position, group in enumerate(groups):
            row_molecules[group.rows] = position
        first = [group.rows[0] for group in groups]
        report = CurationReport(
            total=total,
            kept=len(groups),
            issues=tuple(sorted(self.issues, key=lambda issue: issue.row)),
            steps=dict(self.steps),
        )
        names = self.table.column_values(self.roles.identifier) if self.roles.identifier else None
        return CuratedDataset(
            info=self.table.info,
            roles=self.roles,
            report=report,
            smiles=[self.smiles[row] for row in first],
            source_rows=np.array(first, np.int64),
            targets=np.stack([group.labels for group in groups]),
            weights=self._weights(groups),
            identifiers=[names[row] for row in first] if names is not None else [""] * len(groups),
            given_split=[self.parts[row] for row in first] if self.parts is not None else None,
            row_molecules=row_molecules,
        )

    def _weights(self, groups: list[Group]) -> npt.NDArray[np.float64]:
        if self.roles.weight is None:
            return np.ones(len(groups))
        values = self.table.numbers(self.roles.weight)
        wrong = next((row for group in groups for row in group.rows if not values[row] >= 0), None)
        if wrong is not None:
            raise InputError(
                f"The sample weights in '{self.roles.weight}' cannot be used.",
                f"Line {self.table.line(wrong)} has '{self.table.cell(wrong, self.roles.weight)}'.",
                "Give every row a weight of 0 or more, or choose no weight column.",
            )
        return np.array([values[group.rows].mean() for group in groups])

    def _nothing_readable(self) -> InputError:
        name, first = self.table.info.name, next(issue for issue in self.issues if issue.dropped)
        return InputError(
            f"No row of {name} has a usable structure.",
            f"The column '{self.roles.smiles}' was read; line {first.line} has '{first.smiles[:60]}': {first.reason}.",
            "Choose the column with the SMILES, or correct the structures.",
        )

    def _nothing_labelled(self) -> InputError:
        names = ", ".join(f"'{task.name}'" for task in self.roles.tasks[:4])
        return InputError(
            f"No row of {self.table.info.name} has both a usable structure and a label.",
            f"The targets are {names}.",
            "Choose other targets, or correct the rows that are listed.",
        )
