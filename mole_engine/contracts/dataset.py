"""What is known about a table of molecules: columns, roles, row issues, splits. Plain data, no pandas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from mole_engine.contracts.wording import counted


class TaskKind(StrEnum):
    """What a target column asks for."""

    REGRESSION = "regression"
    CLASSIFICATION = "classification"
    MULTICLASS = "multiclass"


class IssueKind(StrEnum):
    """Why a row needs a look."""

    UNREADABLE = "unreadable"
    EMPTY = "empty"
    MISSING_LABEL = "missing_label"
    BAD_LABEL = "bad_label"
    SALT = "salt"
    CHARGED = "charged"
    STEREO = "stereo"
    DUPLICATE = "duplicate"
    DISAGREE = "disagree"
    TOO_LARGE = "too_large"
    INORGANIC = "inorganic"
    CENSORED = "censored"
    TAUTOMER = "tautomer"
    OUTLIER = "outlier"


ROUTINE = frozenset({IssueKind.SALT, IssueKind.CHARGED, IssueKind.DUPLICATE})
"""Kinds that clean-up settles by itself; all others need a look."""


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column of a table, by content.

    Attributes
    ----------
    name
        As in the file, untouched.
    kind
        "smiles", "number", "binary", "class", "text", "empty" or "split" (values train/val/test).
    filled, distinct
        Counts of non-empty cells and of distinct values among the rows looked at.
    unit
        Taken from the header ("IC50 (nM)"), or empty.
    examples
        The first distinct values.
    decimal
        How its numbers are written: "." or ",", or ",." where dots part thousands, even a lone one.
    """

    name: str
    kind: str
    filled: int = 0
    distinct: int = 0
    unit: str = ""
    examples: tuple[str, ...] = ()
    decimal: str = "."


@dataclass(frozen=True, slots=True)
class TableInfo:
    """All that the window sees of a file that was read.

    Attributes
    ----------
    path, name
        Where it lies, and its file name.
    called
        What messages call it, where that is more than its name: with the sheet, where none of several has structures.
    rows
        Data rows, without the header.
    columns
        In file order.
    format, delimiter, encoding, decimal
        What was sniffed: "csv"; ",", ";", "tab" ...; "utf-8" ...; "." or ",", the mark of most columns.
    sha256
        Of the file's bytes.
    notes
        What was guessed or mended while reading, in words.
    """

    path: str
    name: str
    rows: int
    columns: tuple[ColumnInfo, ...]
    format: str = "csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    sha256: str = ""
    notes: tuple[str, ...] = ()
    called: str = ""

    def column(self, name: str) -> ColumnInfo:
        """Return the column called `name`; raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One target: what is predicted, and in which unit.

    Attributes
    ----------
    name
        The column's name.
    kind
        Regression, two classes or several classes.
    unit
        Shown beside every number; may be empty.
    classes
        For classification, the class labels in the order of the model's outputs; for two classes the second is the
        positive one. Empty for regression.
    """

    name: str
    kind: TaskKind
    unit: str = ""
    classes: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """How many outputs of the network belong to this task."""
        return len(self.classes) if self.kind is TaskKind.MULTICLASS else 1

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able dictionary."""
        return {"name": self.name, "kind": self.kind.value, "unit": self.unit, "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> TaskSpec:
        """Rebuild a task that `to_dict` wrote."""
        return cls(
            name=str(fields["name"]),
            kind=TaskKind(fields["kind"]),
            unit=str(fields.get("unit", "")),
            classes=tuple(str(label) for label in fields.get("classes", ())),
        )


@dataclass(frozen=True, slots=True)
class ColumnRoles:
    """Which column means what.

    Attributes
    ----------
    smiles
        Column with the structures.
    tasks
        Target columns with their kinds; empty for a table that is only predicted.
    identifier, weight, split
        Optional columns: names, sample weights, given parts (train/val/test or fold numbers).
    order
        Optional column by which a time split sorts: dates or numbers.
    """

    smiles: str
    tasks: tuple[TaskSpec, ...] = ()
    identifier: str | None = None
    weight: str | None = None
    split: str | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class RowIssue:
    """A row that was dropped or changed, or that needs a look; never a silence.

    Attributes
    ----------
    row
        Index of the data row, from 0.
    line
        Line in the file, from 1 (the header is line 1), as an editor shows it.
    kind
        What is the matter.
    reason
        In words: "ring 1 is never closed".
    dropped
        Whether the row is left out of training.
    smiles
        The text of the structure cell.
    column
        Which of several columns is meant; empty for the whole row.
    file
        Which of several files the line is in; empty where there is only one.
    """

    row: int
    line: int
    kind: IssueKind
    reason: str
    dropped: bool
    smiles: str = ""
    column: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class CurationReport:
    """What curation did.

    Attributes
    ----------
    total, kept
        Rows in the file and rows (molecules) that remain.
    issues
        In row order; a row may have several.
    steps
        Rows touched by each step: {"largest_fragment": 7, ...}.
    disagreeing
        Structures that stand in several rows whose labels disagree.
    bounds
        Rows of molecules that have a bound (such as > 50) in place of a value, which counts as measured.
    """

    total: int
    kept: int
    issues: tuple[RowIssue, ...] = ()
    steps: dict[str, int] = field(default_factory=dict)
    disagreeing: int = 0
    bounds: int = 0

    def count(self, kind: IssueKind) -> int:
        """How many issues are of this kind."""
        return sum(issue.kind is kind for issue in self.issues)

    def counts(self) -> dict[str, int]:
        """Number of issues by kind, most frequent first."""
        return dict(Counter(issue.kind.value for issue in self.issues).most_common())

    @property
    def dropped_rows(self) -> frozenset[int]:
        """Rows that are left out."""
        return frozenset(issue.row for issue in self.issues if issue.dropped)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a JSON-able dictionary."""
        return {
            "total": self.total,
            "kept": self.kept,
            "steps": dict(self.steps),
            "counts": self.counts(),
            "issues": [{**asdict(issue), "kind": issue.kind.value} for issue in self.issues],
        }


@dataclass(frozen=True, slots=True)
class Nearness:
    """How close the molecules of a part that judges come to the molecules that train.

    Attributes
    ----------
    part
        "validation" or "test".
    molecules, compared
        Molecules of the part, and how many of them were compared (a sample of large parts).
    training, references
        Molecules that train, and how many of them were compared with (a sample of many).
    median, low, high
        Of each molecule's highest Tanimoto similarity (ECFP4) to a training molecule: the median and the quartiles.
    close
        How many of the compared molecules have a training molecule of similarity 0.9 or more.
    histogram
        Counts of the highest similarities in ten bins from 0 to 1.
    """

    part: str
    molecules: int
    compared: int
    training: int
    references: int
    median: float
    low: float
    high: float
    close: int
    histogram: tuple[int, ...] = ()

    def words(self) -> str:
        """Say it in a sentence."""
        text = (
            f"Half of the {self.part} molecules have a training molecule of similarity {self.median:.2f} or more; "
            f"{self.close:,} of {self.compared:,} {'has' if self.close == 1 else 'have'} one of 0.9 or more."
        )
        if self.references < self.training:
            text += (
                f" Compared with {self.references:,} of {counted(self.training, 'training molecule')}: it may be more."
            )
        return text


@dataclass(frozen=True, slots=True)
class Split:
    """Which molecules train, which choose, which judge: positions into the curated data set.

    Attributes
    ----------
    train, validation, test
        Disjoint positions, each ascending; validation and test may be empty.
    method
        In words, for the record: "scaffold", "column 'split'".
    overlap
        Leakage in words, empty when nothing was found ("3 scaffolds stand in both train and test"); before it, where
        molecules of the main file were added to those of a separate one.
    nearness
        Nearest-neighbour similarity across the cut, one entry for each part that judges and has molecules.
    by_chance
        Whether another seed would have divided in another way.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    method: str
    overlap: tuple[str, ...] = ()
    nearness: tuple[Nearness, ...] = ()
    by_chance: bool = False

    def part_of(self, size: int) -> list[str]:
        """Return "train", "val", "test" or "" for each of `size` positions."""
        parts = [""] * size
        for name, members in (("train", self.train), ("val", self.validation), ("test", self.test)):
            for position in members:
                parts[position] = name
        return parts


def split_content(split: Split) -> dict[str, Any]:
    """Return how a data set was divided, as a JSON-able dictionary without the molecules' positions."""
    return {
        "method": split.method,
        "counts": {"train": len(split.train), "val": len(split.validation), "test": len(split.test)},
        "overlap": list(split.overlap),
        "nearness": [{**asdict(part), "histogram": list(part.histogram)} for part in split.nearness],
    }


class TableSource(Protocol):
    """Rows of a table as the window draws them; implemented by the engine's tables."""

    info: TableInfo

    def cell(self, row: int, column: str) -> str:
        """Text of one cell, as in the file."""
        ...

    def column_values(self, column: str) -> Sequence[str]:
        """All texts of one column, in row order."""
        ...

    def line(self, row: int) -> int:
        """Line of the file on which data row `row` starts, from 1."""
        ...
