"""Every row that was dropped or changed, with its line and reason."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QDialog, QFileDialog, QHeaderView, QTableView, QVBoxLayout, QWidget

from app.text import count, counted
from app.theme import SPACE
from app.widgets.basic import label, primary_button, row, secondary_button, set_role
from mole_engine.contracts.dataset import CurationReport, IssueKind

_HEADERS = ("line", "what", "reason", "structure", "left out")
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
    def __init__(self, report: CurationReport, parent: QWidget) -> None:
        super().__init__(parent)
        self._issues = report.issues

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
            side = Qt.AlignmentFlag.AlignRight if section == 0 else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return _HEADERS[section] if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        issue = self._issues[index.row()]
        if role == Qt.ItemDataRole.UserRole:
            return issue.line if index.column() == 0 else self.data(index)
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == 0:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            left_out = "left out" if issue.dropped else "kept"
            cells = (count(issue.line), _WORDS[issue.kind], issue.reason, issue.smiles, left_out)
            return cells[index.column()]
        return None


class IssuesDialog(QDialog):
    """The table, and a button that saves it.

    Signals
    -------
    save_wanted(str)
        Path of the file to write; its ending (.html, .json, .csv) decides the form.
    """

    save_wanted = Signal(str)

    def __init__(self, file_name: str, report: CurationReport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("issuesDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Clean-up of {file_name}")
        self.resize(1040, 560)
        self._stem = file_name.partition(".")[0]
        rows = len({issue.row for issue in report.issues})
        note = f"{counted(rows, 'row')} of {count(report.total)} were changed, left out, or need a look."
        order = QSortFilterProxyModel(self)
        order.setSortRole(Qt.ItemDataRole.UserRole)
        order.setSourceModel(_IssueModel(report, self))
        table = QTableView()
        table.setObjectName("issuesTable")
        table.setModel(order)
        _set_up(table)
        save = secondary_button("Save the report\u2026", "saveIssuesButton", "As a web page, JSON, or a table")
        save.clicked.connect(self._choose_place)
        close = primary_button("Close")
        close.setMinimumWidth(110)
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        layout.setSpacing(SPACE[2])
        layout.addWidget(label("Clean-up report", "title"))
        layout.addWidget(label(note, "muted"))
        layout.addWidget(table, 1)
        layout.addLayout(row(None, save, close))

    def _choose_place(self) -> None:
        kinds = {"Web page (*.html)": "html", "JSON (*.json)": "json", "Table (*.csv)": "csv"}
        dialog = QFileDialog(self, "Save the report", f"{self._stem}-cleanup.html", ";;".join(kinds))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("html")
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(kinds.get(chosen, "html")))
        dialog.fileSelected.connect(self.save_wanted)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


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
    for column, width in enumerate((64, 130, 260, 240, 90)):
        table.setColumnWidth(column, width)
    header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
    set_role(table, role="list")
