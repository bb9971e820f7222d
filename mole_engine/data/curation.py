"""From a table to molecules that can be learned from; every row that is left out or changed is told."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.dataset import ColumnRoles, CurationReport, IssueKind, RowIssue, TaskKind
from mole_engine.contracts.errors import InputError, StructureColumnError
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.duplicates import Group, Molecules, agreements, group_rows, merge
from mole_engine.data.many_molecules import standardise_lightly, steps_of
from mole_engine.data.outliers import find_outliers
from mole_engine.data.profile import part_of_word
from mole_engine.data.progress import Progress
from mole_engine.data.standardise import STEPS, Finding
from mole_engine.data.table import RawTable
from mole_engine.data.targets import read_labels
from mole_engine.data.timeline import order_of
from mole_engine.data.values import parse_number

MAX_TAUTOMER_TRIALS = 1_000
"""Structures up to which `preview` tries out tautomers."""


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
    work = _Work(table, roles, config)
    work.take_structures(_structures(table, roles, config, on_progress))
    work.take_labels()
    return work.finish(work.group())


def preview(
    table: RawTable, roles: ColumnRoles, config: CurationConfig, on_progress: Progress | None = None
) -> dict[str, int]:
    """Count what each step does, or would do if it alone were switched on besides the steps that are.

    Parameters
    ----------
    table, roles, config
        As for `curate`.
    on_progress
        Called with ("preview", cells done, cells), then as `curate` does; may raise `Cancelled`.

    Returns
    -------
    dict
        Rows by step, named as the settings: "largest_fragment", "neutralise", "tautomers", "flatten_stereo",
        "leave_out_inorganic", "max_heavy_atoms", "bounds" (rows with a bound in place of a value), "outliers",
        "merge_duplicates" (rows that go into another one), "drop_disagreeing" (rows of structures whose labels
        disagree); "unreadable" for rows without a structure, "unlabelled" for rows left out for want of a value.
        "tautomers" is missing where it is switched off and there are more than 1,000 different structures: trying
        would take as long as doing it.
    """
    cells = table.column_values(roles.smiles)
    counted = [step for step in STEPS if step != "tautomers" or config.tautomers or _few(cells)]
    others = [(step, config.model_copy(update={step: True})) for step in counted if getattr(config, step) is False]
    touched = table.remembered(
        ("preview", roles.smiles, tuple(counted), _structure_steps(config)),
        lambda: steps_of(cells, config, others, on_progress),
    )
    counts = Counter(touched)
    effects = {
        step: sum(count for bits, count in counts.items() if bits is not None and bits >> STEPS.index(step) & 1)
        for step in counted
    }
    return {**effects, **_table_effects(table, roles, config, on_progress)}


def _table_effects(
    table: RawTable, roles: ColumnRoles, config: CurationConfig, on_progress: Progress | None
) -> dict[str, int]:
    """Effects of what goes beyond the structures: bounds, missing values, outliers and duplicates."""
    merging = config.model_copy(
        update={"merge_duplicates": True, "outliers": _listed(config), "drop_disagreeing": False}
    )
    work = _Work(table, roles, merging)
    # Where no row is left there is nothing to compare.
    with contextlib.suppress(InputError):
        work.take_structures(_structures(table, roles, config, on_progress))
        work.take_labels()
        work.group()

    def rows(*kinds: IssueKind, dropped: bool = False) -> int:
        return len({issue.row for issue in work.issues if issue.kind in kinds and (issue.dropped or not dropped)})

    return {
        "unreadable": rows(IssueKind.UNREADABLE, IssueKind.EMPTY),
        "unlabelled": rows(IssueKind.MISSING_LABEL, IssueKind.BAD_LABEL, dropped=True),
        "bounds": len(work.bounded),
        "outliers": rows(IssueKind.OUTLIER),
        "merge_duplicates": work.steps["merge_duplicates"],
        "drop_disagreeing": sum(work.disagreeing),
    }


def _listed(config: CurationConfig) -> str:
    return "flag" if config.outliers == "keep" else config.outliers


def _few(cells: Sequence[str]) -> bool:
    return len(set(cells)) <= MAX_TAUTOMER_TRIALS


def _structure_steps(config: CurationConfig) -> str:
    """Return what the standard structures depend on, as a key."""
    names = (*STEPS, "same_structure")
    return repr([(name, getattr(config, name)) for name in names])


@dataclass
class _Structures:
    """Standard structures of all rows, without an object for each.

    Attributes
    ----------
    smiles, keys
        (rows) as in `Standardised`; the keys are the SMILES where the settings name no others.
    findings
        By row, for rows that have any.
    """

    smiles: list[str]
    keys: list[str]
    findings: dict[int, tuple[Finding, ...]]


def _structures(
    table: RawTable, roles: ColumnRoles, config: CurationConfig, on_progress: Progress | None
) -> _Structures:
    def make() -> _Structures:
        made = standardise_lightly(table.column_values(roles.smiles), config, on_progress)
        smiles = [item if isinstance(item, str) else item.smiles for item in made]
        keyed = config.same_structure == "inchikey"
        keys = [item if isinstance(item, str) else item.key or item.smiles for item in made] if keyed else smiles
        told = ((row, item.findings) for row, item in enumerate(made) if not isinstance(item, str))
        return _Structures(smiles, keys, {row: findings for row, findings in told if findings})

    return table.remembered(("structures", roles.smiles, _structure_steps(config)), make)


@dataclass
class _Work:
    table: RawTable
    roles: ColumnRoles
    config: CurationConfig
    issues: list[RowIssue] = field(default_factory=list)
    steps: Counter[str] = field(default_factory=Counter)
    dropped: set[int] = field(default_factory=set)
    disagreeing: list[int] = field(default_factory=list)
    """Rows of each structure whose labels disagree."""
    bounded: set[int] = field(default_factory=set)
    """Rows with a structure that have a bound in place of a value."""

    def __post_init__(self) -> None:
        self.cells = self.table.column_values(self.roles.smiles)
        self.smiles: list[str] = [""] * len(self.table)
        self.keys: list[str] = self.smiles
        self.targets = np.full((len(self.table), len(self.roles.tasks)), np.nan)
        self.parts = list(self.table.column_values(self.roles.split)) if self.roles.split else None

    def note(self, row: int, kind: IssueKind, reason: str, *, dropped: bool = False, column: str = "") -> None:
        if dropped:
            self.dropped.add(row)
        line, file = self.table.line(row), self.table.file(row)
        self.issues.append(RowIssue(row, line, kind, reason, dropped, self.cells[row], column, file))

    def take_structures(self, structures: _Structures) -> None:
        self.smiles, self.keys = structures.smiles, structures.keys
        problems = self.table.problems
        for row in sorted({*structures.findings, *problems}):
            findings = structures.findings.get(row, ())
            if row in problems:
                findings = (Finding(IssueKind.UNREADABLE, problems[row], dropped=True),)
            for finding in findings:
                self.note(row, finding.kind, finding.reason, dropped=finding.dropped, column=self.roles.smiles)
                if finding.step:
                    self.steps[finding.step] += 1
        if len(self.dropped) == len(self.table):
            raise self._nothing_readable()

    def take_labels(self) -> None:
        odd: list[tuple[int, IssueKind, str, str]] = []
        for index, task in enumerate(self.roles.tasks):
            decimal = self.table.info.column(task.name).decimal
            labels = read_labels(self.table.column_values(task.name), task, decimal)
            self.targets[:, index] = labels.values
            odd += [(row, IssueKind.BAD_LABEL, reason, task.name) for row, reason in labels.bad.items()]
            odd += self._take_bounds(index, labels.censored)
            if task.kind is TaskKind.REGRESSION and self.config.outliers != "keep":
                odd += [(row, IssueKind.OUTLIER, reason, task.name) for row, reason in self._take_outliers(index)]
        if self.config.bounds == "drop":
            self.steps["bounds"] = len(self.bounded)
        if not self.roles.tasks:
            return
        unlabelled = set(np.flatnonzero(~np.isfinite(self.targets).any(axis=1)).tolist()) - self.dropped
        for row, kind, reason, column in odd:
            self.note(row, kind, reason, dropped=row in unlabelled, column=column)
        column = self.roles.tasks[0].name if len(self.roles.tasks) == 1 else ""
        for row in sorted(unlabelled - {row for row, *_ in odd}):
            self.note(row, IssueKind.MISSING_LABEL, "the label is missing", dropped=True, column=column)
        if len(self.dropped) == len(self.table):
            raise self._nothing_labelled()

    def _take_bounds(self, index: int, told: dict[int, str]) -> list[tuple[int, IssueKind, str, str]]:
        """Tell bounds and approximate values; takes the bounds away where the settings say so."""
        task, taken = self.roles.tasks[index], []
        cells, decimal = self.table.column_values(task.name), self.table.info.column(task.name).decimal
        for row, reason in told.items():
            is_bound = parse_number(cells[row], decimal).bound in {"<", ">"}
            if is_bound and row not in self.dropped:
                self.bounded.add(row)
            if self.config.bounds == "keep" or not is_bound:
                self.note(row, IssueKind.CENSORED, reason, column=task.name)
                continue
            self.targets[row, index] = np.nan
            taken.append(
                (row, IssueKind.CENSORED, f"'{cells[row].strip()}' is a bound, not a value; left out", task.name)
            )
        return taken

    def _take_outliers(self, index: int) -> list[tuple[int, str]]:
        """Find the values of a target that lie far off; takes them away where the settings say so."""
        values = self.targets[:, index].copy()
        values[list(self.dropped)] = np.nan
        found = find_outliers(values, self.config.outlier_distance)
        self.steps["outliers"] += len(found)
        if self.config.outliers != "drop":
            return list(found.items())
        self.targets[list(found), index] = np.nan
        return [(row, f"{reason}; left out") for row, reason in found.items()]

    def group(self) -> Molecules:
        rows = [row for row in range(len(self.table)) if row not in self.dropped]
        if not self.config.merge_duplicates:
            return Molecules(np.array(rows, np.int64), self.targets[rows])
        parts = None if self.parts is None else [part_of_word(text) or text.strip() for text in self.parts]
        agreement = agreements(self.targets[rows], self.roles.tasks)
        first, several = group_rows(rows, self.keys, parts)
        labels, stays = self.targets[first], np.ones(len(first), bool)
        how, within, values = self.config.duplicates, self.config.agree_within, {}
        for place, members in several.items():
            group = merge(members, self.targets, self.roles.tasks, agreement, how, within)
            self.steps["merge_duplicates"] += len(members) - 1
            labels[place], stays[place] = group.labels, self._tell(group)
            if group.values:
                values[place] = group.values
        position = np.cumsum(stays) - 1
        kept = {int(position[place]): members for place, members in several.items() if stays[place]}
        differing = {int(position[place]): found for place, found in values.items() if stays[place]}
        return Molecules(np.array(first, np.int64)[stays], labels[stays], kept, differing)

    def _tell(self, group: Group) -> bool:
        """Record what merging did to a group; returns whether it stays."""
        first, *others = group.rows
        same = "InChIKey" if self.config.same_structure == "inchikey" else "structure"
        if not group.disagreements:
            for row in others:
                self.note(row, IssueKind.DUPLICATE, f"merged with {self.table.place(first)}: same {same}", dropped=True)
            return True
        self.disagreeing.append(len(group.rows))
        what = "; ".join(f"{name}: {words}" for name, words in group.disagreements.items())
        unlabelled = bool(self.roles.tasks) and not np.isfinite(group.labels).any()
        leaves = self.config.drop_disagreeing or unlabelled
        if leaves:
            self.steps["drop_disagreeing"] += len(group.rows)
        outcome = "left out" if leaves else f"merged into {self._merged_words(group)}"
        for row in group.rows:
            # What became of them first: the window's table cuts off what follows.
            reason = f"{outcome}: {self._places(group.rows)} have the same {same} but different labels ({what})"
            self.note(row, IssueKind.DISAGREE, reason, dropped=leaves or row != first)
        return not leaves

    def _places(self, rows: Sequence[int]) -> str:
        """Name the lines of a group, and their files where there are several: "lines 2, 5 of a.csv and 3 of b.csv"."""
        lines: dict[str, list[str]] = {}
        for row in rows[:6]:
            lines.setdefault(self.table.file(row), []).append(str(self.table.line(row)))
        if len(rows) > 6:
            lines[self.table.file(rows[5])].append("...")
        parts = [", ".join(found) + (f" of {name}" if name else "") for name, found in lines.items()]
        return f"lines {' and '.join(parts)}"

    def _merged_words(self, group: Group) -> str:
        """Name what disagreeing labels became: "15", or "y 15, toxic none" where several targets disagree."""
        told = [
            (task.name, "none" if np.isnan(label) else task.classes[int(label)] if task.classes else f"{label:.6g}")
            for task, label in zip(self.roles.tasks, group.labels.tolist(), strict=True)
            if task.name in group.disagreements
        ]
        return told[0][1] if len(told) == 1 else ", ".join(f"{name} {value}" for name, value in told)

    def finish(self, molecules: Molecules) -> CuratedDataset:
        if not len(molecules):
            raise self._nothing_labelled()
        total, first = len(self.table), molecules.first.tolist()
        of_rows = molecules.of_rows(total)
        report = CurationReport(
            total=total,
            kept=len(molecules),
            issues=tuple(sorted(self.issues, key=lambda issue: issue.row)),
            steps={name: count for name, count in self.steps.items() if count},
            disagreeing=len(self.disagreeing),
            bounds=int((of_rows[list(self.bounded)] >= 0).sum()) if self.config.bounds == "keep" else 0,
        )
        names = self.table.column_values(self.roles.identifier) if self.roles.identifier else None
        return CuratedDataset(
            info=self.table.info,
            roles=self.roles,
            report=report,
            smiles=[self.smiles[row] for row in first],
            source_rows=molecules.first,
            targets=molecules.labels,
            weights=self._weights(molecules),
            identifiers=[names[row] for row in first] if names is not None else [""] * len(molecules),
            given_split=[self.parts[row] for row in first] if self.parts is not None else None,
            row_molecules=of_rows,
            order=self._order(molecules),
            merged_values=molecules.values,
        )

    def _order(self, molecules: Molecules) -> npt.NDArray[np.float64] | None:
        if self.roles.order is None:
            return None
        decimal = self.table.info.column(self.roles.order).decimal
        values, _ = order_of(self.table.column_values(self.roles.order), decimal)
        found = np.asarray(values, np.float64)[molecules.first]
        for position, rows in molecules.several.items():
            # A molecule is known from its first measurement on. fmin passes over NaN.
            found[position] = np.fmin.reduce(values[rows])
        return found

    def _weights(self, molecules: Molecules) -> npt.NDArray[np.float64]:
        if self.roles.weight is None:
            return np.ones(len(molecules))
        values = self.table.numbers(self.roles.weight)
        wrong = np.flatnonzero((molecules.of_rows(len(self.table)) >= 0) & ~(values >= 0))
        if len(wrong):
            row = int(wrong[0])
            place = self.table.place(row)
            raise InputError(
                f"The sample weights in '{self.roles.weight}' cannot be used.",
                f"{place[:1].upper()}{place[1:]} has '{self.table.cell(row, self.roles.weight)}'.",
                "Give every row a weight of 0 or more, or choose no weight column.",
            )
        found = values[molecules.first]
        for position, rows in molecules.several.items():
            found[position] = values[rows].mean()
        return found

    def _nothing_readable(self) -> InputError:
        name, first = self.table.info.name, next(issue for issue in self.issues if issue.dropped)
        return StructureColumnError(
            f"No row of {name} has a usable structure.",
            f"The column '{self.roles.smiles}' was read; {self.table.place(first.row)} has '{first.smiles[:60]}': "
            f"{first.reason}.",
            "Choose the column with the SMILES, or correct the structures.",
            columns=[column.name for column in self.table.info.columns],
        )

    def _nothing_labelled(self) -> InputError:
        names = ", ".join(f"'{task.name}'" for task in self.roles.tasks[:4])
        return InputError(
            f"No row of {self.table.info.name} has both a usable structure and a label.",
            f"The targets are {names}.",
            "Choose other targets, or correct the rows that are listed.",
        )
