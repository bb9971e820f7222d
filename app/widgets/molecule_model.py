"""The rows of an open file as Qt's model: order, filter, and what each cell says. No drawing here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from app.text import count, plain_minus
from mole_engine.contracts.dataset import ColumnRoles, IssueKind, RowIssue, TableSource

Index = QModelIndex | QPersistentModelIndex

ROW, STRUCTURE, SMILES, WEIGHT, PART = "row", "structure", "smiles", "MW", "set"
"""Keys of the fixed columns; the targets stand between SMILES and WEIGHT."""

SHOWN_TARGETS = 3

_PART_WORDS = {"train": "train", "val": "val", "test": "test"}
_UNSEEN = frozenset({IssueKind.UNREADABLE, IssueKind.EMPTY})


@dataclass(frozen=True)
class TableContent:
    """All that the table shows, as plain data (see `app.services.open_dataset.OpenDataset`)."""

    source: TableSource
    roles: ColumnRoles
    parts: Sequence[str]
    merged: frozenset[int]
    smiles: Mapping[int, str]
    issues: Mapping[int, tuple[RowIssue, ...]]
    numbers: Mapping[str, Sequence[float]] = field(default_factory=dict)

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
        self._rows: list[int] = []
        self._picked: frozenset[int] | None = None
        self._sorting: tuple[str, bool] | None = None

    # What is shown ---------------------------------------------------------------------------------------------

    def show_content(self, content: TableContent) -> None:
        """Show another file, or the same one cleaned in another way; filter and order are kept where they fit."""
        self.beginResetModel()
        another = self.content is None or content.source is not self.content.source
        self.content = content
        targets = [task.name for task in content.roles.tasks[:SHOWN_TARGETS]]
        self._columns = [ROW, STRUCTURE, SMILES, *targets, WEIGHT, PART]
        if another:
            self._picked = None
        if another or (self._sorting and self._sorting[0] not in self._columns):
            self._sorting = None
        self._arrange()
        self.endResetModel()

    def pick(self, rows: Sequence[int] | None) -> None:
        """Show only these rows of the file; None shows all."""
        self.beginResetModel()
        self._picked = None if rows is None else frozenset(rows)
        self._arrange()
        self.endResetModel()

    def columns(self) -> list[str]:
        """Return the keys of the columns."""
        return list(self._columns)

    def file_row(self, row: int) -> int:
        """Return the row of the file that stands in line `row` of the view."""
        return self._rows[row]

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
            return key + arrow
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
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._text(content, row, key)
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
        return key in (ROW, WEIGHT) or (column > 2 and key in numbers)

    # ------------------------------------------------------------------------------------------------------------

    def _text(self, content: TableContent, row: int, key: str) -> str:
        if key == ROW:
            return count(row + 1)
        if key == STRUCTURE:
            return content.unseen_reason(row)
        if key == SMILES:
            return content.source.cell(row, content.roles.smiles)
        if key == PART:
            return self._part(content, row)
        if key == WEIGHT:
            weight = self._weight_of(self.drawn_smiles(row))
            return f"{weight:.0f}" if math.isfinite(weight) else ""
        return plain_minus(content.source.cell(row, key).strip())

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
        said = [content.unseen_reason(row), content.remarks(row)]
        words = "; ".join(text for text in said if text)
        if key == SMILES:
            return f"{content.source.cell(row, content.roles.smiles)[:400]}\n{line}" + (f": {words}" if words else "")
        return f"{line}: {words}" if words else line

    def _arrange(self) -> None:
        content = self.content
        if content is None:
            return
        rows = list(range(content.rows)) if self._picked is None else sorted(self._picked)
        if self._sorting is not None:
            key, descending = self._sorting
            rank, known = self._ranking(content, key)
            have = [row for row in rows if known(row)]
            rest = [row for row in rows if not known(row)]
            # Rows without a value stay at the end, whichever way the rest is ordered.
            rows = sorted(have, key=rank, reverse=descending) + rest
        self._rows = rows

    @staticmethod
    def _ranking(content: TableContent, key: str) -> tuple[Callable[[int], Any], Callable[[int], bool]]:
        if key == ROW:
            return (lambda row: row), (lambda row: True)
        if key == PART:
            return (lambda row: content.parts[row]), (lambda row: bool(content.parts[row]))
        if key in content.numbers and key != SMILES:
            values = content.numbers[key]
            return (lambda row: values[row]), (lambda row: math.isfinite(values[row]))
        texts = content.source.column_values(content.roles.smiles if key == SMILES else key)
        return (lambda row: texts[row].casefold()), (lambda row: bool(texts[row].strip()))
