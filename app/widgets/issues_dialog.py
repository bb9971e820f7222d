"""Every row that was dropped or changed, with its line and reason."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QDialog, QFileDialog, QHeaderView, QTableView, QVBoxLayout, QWidget

from app.text import count
from app.theme import SPACE
from app.widgets.basic import label, primary_button, row, secondary_button, set_role
from app.widgets.hover_card import StructureView
from app.widgets.molecule_table import Depictions
from app.widgets.save_kinds import end_as_chosen
from app.widgets.sort_menu import show_sort_menu
from mole_engine.contracts.dataset import CurationReport, IssueKind
from mole_engine.contracts.wording import counted_of

_ROW, _LINE, _WHAT, _REASON, _STRUCTURE, _OUTCOME, _FILE = range(7)
_HEADERS = ("row", "line", "what", "reason", "structure", "outcome", "file")
_LONG_WORD, _MOST_LETTERS = re.compile(r"\S{24}"), 500
_KINDS = "Web page (*.html);;JSON (*.json);;Table (*.csv)"
_WIDTH, _PICTURE = 1040, QSize(240, 96)
_WORDS = {
    IssueKind.UNREADABLE: "cannot be read",
    IssueKind.EMPTY: "no structure",
    IssueKind.MISSING_LABEL: "no value",
    IssueKind.BAD_LABEL: "odd value",
    IssueKind.SALT: "salt or mixture",
    IssueKind.CHARGED: "charged",
    IssueKind.DUPLICATE: "duplicate",
    IssueKind.DISAGREE: "values disagree",
    IssueKind.TOO_LARGE: "too large",
    IssueKind.INORGANIC: "inorganic",
    IssueKind.CENSORED: "a bound",
    IssueKind.STEREO: "stereo removed",
    IssueKind.TAUTOMER: "other tautomer",
    IssueKind.OUTLIER: "far-off value",
}


class _IssueModel(QAbstractTableModel):
    def __init__(self, report: CurationReport, merged: Collection[int], parent: QWidget) -> None:
        super().__init__(parent)
        self._issues = report.issues
        # Of the whole row: one that is left out for its structure is not kept for anything else.
        self._left_out = report.dropped_rows
        self._merged = merged

    def file_row(self, line: int) -> int:
        """Return the row of the file that a line of this model is about."""
        return self._issues[line].row

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self._issues)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(_HEADERS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section <= _LINE else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return _HEADERS[section] if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        issue = self._issues[index.row()]
        if role == Qt.ItemDataRole.UserRole:
            numbers = {_ROW: issue.row, _LINE: issue.line}
            return numbers[index.column()] if index.column() in numbers else self.data(index)
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() <= _LINE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            place = (count(issue.row + 1), count(issue.line))
            words = (_WORDS[issue.kind], issue.reason, issue.smiles, self._outcome(issue.row), issue.file)
            return (*place, *words)[index.column()]
        return None

    def _outcome(self, row: int) -> str:
        return "merged" if row in self._merged else "left out" if row in self._left_out else "kept"


class IssuesDialog(QDialog):
    """The table, and a button that saves it.

    Below it stands the chosen row: its structure, and the whole reason, which the table may cut.

    Signals
    -------
    save_wanted(str)
        Path of the file to write; its ending (.html, .json, .csv) decides the form.
    row_wanted(int)
        A row of the file is to be shown.
    """

    save_wanted = Signal(str)
    row_wanted = Signal(int)

    def __init__(
        self,
        file_name: str,
        report: CurationReport,
        depictions: Depictions,
        merged: Collection[int] = (),
        parent: QWidget | None = None,
    ) -> None:
        """Show what a report says of a file; `merged` are the rows that went into an earlier one."""
        super().__init__(parent)
        self.setObjectName("issuesDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Clean-up of {file_name}")
        room = parent.window().width() - 2 * SPACE[3] if parent is not None else _WIDTH
        self.resize(min(_WIDTH, room), 620)
        self._stem = file_name.partition(".")[0]
        rows = len({issue.row for issue in report.issues})
        touched = counted_of(rows, report.total, "row", "was", "were")
        need = "needs" if rows == 1 else "need"
        note = f"{touched} changed, left out, or {need} a look. Double-click one to go there."
        self._order = order = QSortFilterProxyModel(self)
        order.setSortRole(Qt.ItemDataRole.UserRole)
        self._model = _IssueModel(report, merged, self)
        order.setSourceModel(self._model)
        table = QTableView()
        table.setObjectName("issuesTable")
        table.setModel(order)
        table.activated.connect(self._go_to_row)
        table.doubleClicked.connect(self._go_to_row)
        _set_up(table)
        table.setColumnHidden(_FILE, not any(issue.file for issue in report.issues))
        self._picture = StructureView(depictions, _PICTURE)
        self._reason = label("", wrap=True)
        table.selectionModel().currentRowChanged.connect(self._show_row)
        table.selectRow(0)
        self._table = table
        # The window's own does not reach in here.
        QShortcut(QKeySequence("Ctrl+Shift+O"), self, self._offer_orders)
        save = secondary_button("Save the report\u2026", "saveIssuesButton", "As a web page, JSON, or a table")
        save.clicked.connect(self._choose_place)
        close = primary_button("Close")
        close.setMinimumWidth(110)
        # Else Return would press the button before it.
        close.setDefault(True)
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        layout.setSpacing(SPACE[2])
        layout.addWidget(label("Clean-up report", "title"))
        layout.addWidget(label(note, "muted"))
        layout.addWidget(table, 1)
        chosen = row(self._picture, self._reason, spacing=SPACE[3])
        chosen.setStretch(1, 1)
        layout.addLayout(chosen)
        layout.addLayout(row(None, save, close))

    @Slot()
    def _offer_orders(self) -> None:
        show_sort_menu(self._table)

    @Slot(QModelIndex)
    def _show_row(self, index: QModelIndex) -> None:
        cells = {column: str(index.siblingAtColumn(column).data() or "") for column in (_LINE, _REASON, _STRUCTURE)}
        self._picture.show_molecule(cells[_STRUCTURE])
        self._reason.setText(f"Line {cells[_LINE]}: {_breakable(cells[_REASON])}" if index.isValid() else "")

    @Slot(QModelIndex)
    def _go_to_row(self, index: QModelIndex) -> None:
        # Some systems call a double click an activation, too; the first of both ends the dialog.
        if self.isVisible():
            self.accept()
            self.row_wanted.emit(self._model.file_row(self._order.mapToSource(index).row()))

    def _choose_place(self) -> None:
        dialog = QFileDialog(self, "Save the report", f"{self._stem}-cleanup.html", _KINDS)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("html")
        end_as_chosen(dialog)
        dialog.fileSelected.connect(self.save_wanted)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


def _breakable(reason: str) -> str:
    """Let long SMILES go on in the next line, where they would widen the dialog; those of peptides are cut."""
    shown = reason if len(reason) <= _MOST_LETTERS else f"{reason[: _MOST_LETTERS - 1]}…"
    return _LONG_WORD.sub("\\g<0>\u200b", shown)


def _set_up(table: QTableView) -> None:
    table.setAccessibleName("Rows that were changed or left out")
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setSortingEnabled(True)
    table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(32)
    header = table.horizontalHeader()
    header.setFixedHeight(36)
    header.setHighlightSections(False)
    header.setSortIndicatorShown(False)
    for column, width in enumerate((64, 64, 130, 260, 200, 90, 130)):
        table.setColumnWidth(column, width)
    header.moveSection(_FILE, _WHAT)
    header.setSectionResizeMode(_REASON, QHeaderView.ResizeMode.Stretch)
    set_role(table, role="list")
