"""The rows of an open file as Qt's model: order, filter, and what each cell says. No drawing here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from app.text import DASH, OWN, count, number, own_title, plain_minus, without_noise
from mole_engine.contracts.dataset import ROUTINE, ColumnRoles, IssueKind, RowIssue, TableSource


class Learned(Protocol):
    """A value that is learned in place of several (see `app.services.merged_values.MergedValue`)."""

    @property
    def value(self) -> str:
        """As people read it."""
        ...

    @property
    def way(self) -> str:
        """How it was made: "mean"."""
        ...

    @property
    def words(self) -> str:
        """All of it, with the values that it was made of."""
        ...


Index = QModelIndex | QPersistentModelIndex

ROW, STRUCTURE, SMILES, WEIGHT, PART = "row", "structure", "smiles", "MW", "set"
"""Keys of the fixed columns; targets and columns asked for stand between SMILES and WEIGHT."""

_FIXED = frozenset({ROW, STRUCTURE, SMILES, WEIGHT, PART})

SHOWN_TARGETS = 3

_PART_WORDS = {"train": "train", "val": "val", "test": "test"}
_UNSEEN = frozenset({IssueKind.UNREADABLE, IssueKind.EMPTY})


@dataclass(frozen=True)
class TableContent:
    """All that the table shows, as plain data (see `app.services.open_dataset.OpenDataset`).

    Attributes
    ----------
    own
        Values of columns of our own by key (it begins with `app.text.OWN`), in file order.
    extra
        Further columns of the file that are shown.
    hidden
        Keys of columns that are not.
    learned
        By row and target, what is learned in place of several values that differ.
    """

    source: TableSource
    roles: ColumnRoles
    parts: Sequence[str]
    merged: frozenset[int]
    smiles: Mapping[int, str]
    issues: Mapping[int, tuple[RowIssue, ...]]
    numbers: Mapping[str, Sequence[float]] = field(default_factory=dict)
    own: Mapping[str, Sequence[float]] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()
    learned: Mapping[int, Mapping[str, Learned]] = field(default_factory=dict)

    def columns(self) -> list[str]:
        """Return the keys of the columns shown, left to right."""
        targets = [task.name for task in self.roles.tasks[:SHOWN_TARGETS]]
        extra = [name for name in self.extra if name not in targets and name != self.roles.smiles]
        middle = [key for key in (*targets, *extra, *self.own) if key not in self.hidden]
        # The weight that comes with each drawing gives way to the column that can be sorted.
        weight = [] if OWN + WEIGHT in self.own else [WEIGHT]
        return [ROW, STRUCTURE, SMILES, *middle, *weight, PART]

    def unit(self, key: str) -> str:
        """Return the unit of a target, where its name does not say it."""
        task = next((task for task in self.roles.tasks if task.name == key), None)
        return task.unit if task is not None and task.unit and task.unit not in key else ""

    def bound(self, row: int, key: str) -> str:
        """Return what is to be said of a target's cell that holds a bound instead of a value, or ""."""
        issues = self.issues.get(row, ())
        return next((i.reason for i in issues if i.kind is IssueKind.CENSORED and i.column == key), "")

    def learned_value(self, row: int, key: str) -> Learned | None:
        """Return what is learned in place of a target's cell, None where that is the cell's own value."""
        return self.learned.get(row, {}).get(key)

    def needs_a_look(self, row: int) -> bool:
        """Whether there is more to say of a row than that clean-up did as it always does."""
        return any(issue.kind not in ROUTINE for issue in self.issues.get(row, ()))

    def disagrees(self, row: int) -> bool:
        """Whether other rows of the same structure have values too far from this row's."""
        return any(issue.kind is IssueKind.DISAGREE for issue in self.issues.get(row, ()))

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return self.source.info.rows

    def is_left_out(self, row: int) -> bool:
        """Whether no part has the row, and no other row stands for it."""
        return row not in self.merged and any(issue.dropped for issue in self.issues.get(row, ()))

    def unseen_reason(self, row: int) -> str:
        """Return why there is no structure to draw, or ""."""
        for issue in self.issues.get(row, ()):
            if issue.kind is IssueKind.EMPTY:
                return "no structure in this row"
            if issue.kind in _UNSEEN:
                return f"cannot read: {issue.reason}"
        return ""

    def remarks(self, row: int) -> str:
        """Return what else there is to say about a row, in words."""
        return "; ".join(issue.reason for issue in self.issues.get(row, ()) if issue.kind not in _UNSEEN)


class MoleculeModel(QAbstractTableModel):
    """Rows in the order and selection that the user asked for."""

    def __init__(self, weight_of: Callable[[str], float], parent: Any = None) -> None:
        super().__init__(parent)
        self._weight_of = weight_of
        self.content: TableContent | None = None
        self._columns: list[str] = []
        self._rows: Sequence[int] = []
        self._lines: dict[int, int] | None = None
        self._picked: Sequence[int] | None = None
        self._sorting: tuple[str, bool] | None = None

    # What is shown ---------------------------------------------------------------------------------------------

    @property
    def sorting(self) -> tuple[str, bool] | None:
        """Column that the rows are ordered by, and whether descending; None: as in the file."""
        return self._sorting

    def show_content(self, content: TableContent, sorting: tuple[str, bool] | None = None) -> None:
        """Show another file in this order, or the same one cleaned in another way; the filter is kept where it fits."""
        self.beginResetModel()
        another = self.content is None or content.source is not self.content.source
        self.content = content
        self._columns = content.columns()
        if another:
            self._picked = None
        self._sorting = sorting if sorting and sorting[0] in self._columns else None
        self._arrange()
        self.endResetModel()

    def pick(self, rows: Sequence[int] | None) -> None:
        """Show only these rows of the file; None shows all."""
        self.beginResetModel()
        self._picked = None if rows is None else sorted(rows)
        self._arrange()
        self.endResetModel()

    def columns(self) -> list[str]:
        """Return the keys of the columns."""
        return list(self._columns)

    def file_row(self, row: int) -> int:
        """Return the row of the file that stands in line `row` of the view."""
        return self._rows[row]

    def line_of(self, row: int) -> int:
        """Return the line of the view in which a row of the file stands, or -1."""
        if isinstance(self._rows, range):
            return row if row in self._rows else -1
        if self._lines is None:
            self._lines = {row: line for line, row in enumerate(self._rows)}
        return self._lines.get(row, -1)

    def file_rows(self) -> Sequence[int]:
        """Return the rows of the file that are shown, in the order of the view."""
        return self._rows

    # Qt's questions --------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and default
        """Rows shown."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and default
        """Columns shown."""
        return 0 if parent.isValid() else len(self._columns)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Names of the columns, with an arrow at the one that orders the rows."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self._columns):
            return None
        key = self._columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            arrow = "" if self._sorting is None or self._sorting[0] != key else " ▾" if self._sorting[1] else " ▴"
            return self._title(key) + arrow
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._title(key)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if self.is_number(section) else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text of a cell, and a tool tip with everything there is to say about its row."""
        content = self.content
        if content is None or not index.isValid():
            return None
        row, key = self._rows[index.row()], self._columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(content, row, key)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            learned = content.learned_value(row, key)
            return self._text(content, row, key) + (f", learned as {learned.words}" if learned is not None else "")
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(content, row, key)
        if role == Qt.ItemDataRole.TextAlignmentRole and self.is_number(index.column()):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; a negative column means the order of the file."""
        if column >= len(self._columns):
            return
        key = self._columns[column] if column >= 0 else ""
        if key in (STRUCTURE, WEIGHT):
            # Known only for the rows drawn so far.
            return
        self.beginResetModel()
        self._sorting = (key, order is Qt.SortOrder.DescendingOrder) if key and key != ROW else None
        if key == ROW and order is Qt.SortOrder.DescendingOrder:
            self._sorting = (ROW, True)
        self._arrange()
        self.endResetModel()

    def is_number(self, column: int) -> bool:
        """Whether a column stands at the right."""
        key = self._columns[column]
        numbers = self.content.numbers if self.content is not None else {}
        return key in (ROW, WEIGHT) or key.startswith(OWN) or (column > 2 and key in numbers)

    # ------------------------------------------------------------------------------------------------------------

    def _title(self, key: str) -> str:
        unit = "" if self.content is None else self.content.unit(key)
        return own_title(key) + (f" ({unit})" if unit else "")

    def _text(self, content: TableContent, row: int, key: str) -> str:
        fixed: dict[str, Callable[[], str]] = {
            ROW: lambda: count(row + 1),
            STRUCTURE: lambda: content.unseen_reason(row),
            SMILES: lambda: content.source.cell(row, content.roles.smiles),
            PART: lambda: self._part(content, row),
            WEIGHT: lambda: _shown(self._weight_of(self.drawn_smiles(row)), ".0f"),
        }
        if key in fixed:
            return fixed[key]()
        if key.startswith(OWN):
            return number(content.own[key][row], 4).replace(DASH, "")
        return plain_minus(without_noise(content.source.cell(row, key).strip()))

    def drawn_smiles(self, row: int) -> str:
        """Return the structure to draw: cleaned where the model sees it, else as in the file."""
        content = self.content
        if content is None or content.unseen_reason(row):
            return ""
        return content.smiles.get(row) or content.source.cell(row, content.roles.smiles)

    @staticmethod
    def _part(content: TableContent, row: int) -> str:
        part = _PART_WORDS.get(content.parts[row], "")
        if part:
            return part
        return "merged" if row in content.merged else "left out" if content.is_left_out(row) else ""

    @staticmethod
    def _tip(content: TableContent, row: int, key: str) -> str:
        line = f"line {count(content.source.line(row))} of the file"
        if bound := content.bound(row, key):
            return f"{line}: {bound}"
        if (learned := content.learned_value(row, key)) is not None:
            return f"{line}: learned as {learned.words}"
        own = "" if key in _FIXED or key.startswith(OWN) else content.source.cell(row, key).strip()
        told = f"the file says {own}" if without_noise(own) != own else ""
        said = [told, content.unseen_reason(row), content.remarks(row)]
        words = "; ".join(text for text in said if text)
        if key == SMILES:
            return f"{content.source.cell(row, content.roles.smiles)[:400]}\n{line}" + (f": {words}" if words else "")
        return f"{line}: {words}" if words else line

    def _arrange(self) -> None:
        content = self.content
        if content is None:
            return
        # Without a filter no list of a million numbers is made.
        rows: Sequence[int] = range(content.rows) if self._picked is None else self._picked
        if self._sorting is not None:
            key, descending = self._sorting
            numbers = self._sort_numbers(content, key)
            if numbers is not None:
                rows = _by_number(rows, numbers, descending)
            else:
                rank, known = self._ranking(content, key)
                have = [row for row in rows if known(row)]
                rest = [row for row in rows if not known(row)]
                # Rows without a value stay at the end, whichever way the rest is ordered.
                rows = sorted(have, key=rank, reverse=descending) + rest
        self._rows, self._lines = rows, None

    @staticmethod
    def _sort_numbers(content: TableContent, key: str) -> Sequence[float] | None:
        if key.startswith(OWN):
            return content.own.get(key)
        return content.numbers[key] if key in content.numbers and key not in (SMILES, ROW) else None

    @staticmethod
    def _ranking(content: TableContent, key: str) -> tuple[Callable[[int], Any], Callable[[int], bool]]:
        if key == ROW:
            return (lambda row: row), (lambda row: True)
        if key == PART:
            return (lambda row: content.parts[row]), (lambda row: bool(content.parts[row]))
        # A list, since sorting looks at each text several times.
        texts = list(content.source.column_values(content.roles.smiles if key == SMILES else key))
        return (lambda row: texts[row].casefold()), (lambda row: bool(texts[row].strip()))


def _by_number(rows: Sequence[int], values: Sequence[float], descending: bool) -> list[int]:
    """Order rows by their numbers, equal ones as in the file; rows without one stay at the end."""
    import numpy as np

    whole = isinstance(rows, range)
    chosen = np.arange(len(rows)) if whole else np.fromiter(rows, np.int64, len(rows))
    numbers = np.asarray(values, np.float64)[chosen]
    known = np.isfinite(numbers)
    order = np.argsort(-numbers[known] if descending else numbers[known], kind="stable")
    ordered: list[int] = np.concatenate([chosen[known][order], chosen[~known]]).tolist()
    return ordered


def _shown(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else ""
