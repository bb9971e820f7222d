"""The Data page: what was read, what is wrong with it, how it is divided."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from app.pages.base import Page
from app.pages.welcome import WelcomePanel
from app.services.open_dataset import FreshTable, OpenDataset
from app.text import count, counted
from app.theme import SPACE
from app.widgets.basic import label, named, primary_button, secondary_button
from app.widgets.dataset_cards import CurationCard, SplitCard, TargetCard
from app.widgets.issues_dialog import IssuesDialog
from app.widgets.molecule_model import TableContent
from app.widgets.molecule_table import MoleculeTable
from app.widgets.molecule_view import MoleculeDialog
from app.widgets.progress import LoadingPanel
from app.widgets.read_banner import ReadBanner

if TYPE_CHECKING:
    from app.services.session import Session

_SIDE_WIDTH = 312
_TYPING_PAUSE_MS = 250
_PREVIEW_PAUSE_MS = 400

FILTERS: tuple[tuple[str, Callable[[OpenDataset, int], bool] | None], ...] = (
    ("All rows", None),
    ("Needs a look", lambda dataset, row: row in dataset.issues),
    ("Left out", lambda dataset, row: not dataset.parts[row] and row not in dataset.merged),
    ("Training part", lambda dataset, row: dataset.parts[row] == "train"),
    ("Validation part", lambda dataset, row: dataset.parts[row] == "val"),
    ("Test part", lambda dataset, row: dataset.parts[row] == "test"),
)


class DataPage(Page):
    """Welcome, loading, or the open file.

    Signals
    -------
    open_requested
        The user wants to choose a file.
    path_requested(str)
        The user has chosen one.
    """

    open_requested = Signal()
    path_requested = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, "Data", parent)
        self._filter = 0
        self._fresh: FreshTable | None = None
        self._search_task: asyncio.Task[Any] | None = None
        self._open_button = secondary_button("Open", "openAnotherButton", "Open another file (Ctrl+O)")
        self._open_button.clicked.connect(self.open_requested)
        self.header.add_action(self._open_button)
        self.welcome = WelcomePanel(session)
        self.loading = LoadingPanel()
        self.banner = ReadBanner()
        self.table = MoleculeTable(session.depictions)
        self.curation = CurationCard()
        self.target = TargetCard()
        self.split = SplitCard()
        self._next = primary_button("Choose a model →", "chooseModelButton", "Go on to training (Ctrl+Return)")
        self._stack = QStackedLayout()
        self._opened = self._content()
        for state in (self.welcome, self.loading, self._opened):
            self._stack.addWidget(state)
        self.body.addLayout(self._stack)
        self._connect(session)
        self._show_state(self.welcome)

    # States ----------------------------------------------------------------------------------------------------

    def begin_loading(self, name: str) -> None:
        """Say that a file is being read; a data set that is open stays in sight."""
        if self.session.dataset is None:
            self.loading.begin(name)
            self._show_state(self.loading)

    def cancel(self) -> bool:
        """Cancel reading, or clear the search."""
        if self.session.datasets.cancel():
            return True
        if self._search.text():
            self._search.clear()
            return True
        return False

    def _show_state(self, state: QWidget) -> None:
        self._stack.setCurrentWidget(state)
        opened = state is self._opened
        self._open_button.setVisible(opened)
        self.primary = self._next if opened else self.welcome.sample_button

    # Building --------------------------------------------------------------------------------------------------

    def _content(self) -> QWidget:
        self._search = named(QLineEdit(), "searchEdit", "Search the rows")
        self._search.setPlaceholderText("Search text, SMARTS or a structure …")
        self._search.setClearButtonEnabled(True)
        self._found = label("", "muted")
        self._found.hide()
        self._filter_button = secondary_button("Filter", "filterButton", "Show only some of the rows")
        self._filter_button.setMenu(self._filter_menu())
        tools = QHBoxLayout()
        tools.setSpacing(SPACE[1])
        tools.addWidget(self._search, 1)
        tools.addWidget(self._found)
        tools.addWidget(self._filter_button)
        left = QVBoxLayout()
        left.setSpacing(SPACE[2])
        left.addWidget(self.banner)
        left.addLayout(tools)
        left.addWidget(self.table, 1)
        holder = QWidget()
        whole = QHBoxLayout(holder)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE[3])
        whole.addLayout(left, 1)
        whole.addWidget(self._side())
        return holder

    def _side(self) -> QWidget:
        cards = QWidget()
        # Narrower than its content rather than wider than the view: words shorten, nothing is cut off at the edge.
        cards.setMinimumWidth(1)
        column = QVBoxLayout(cards)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[2])
        for card in (self.curation, self.target, self.split):
            column.addWidget(card)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(cards)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        side = QWidget()
        side.setFixedWidth(_SIDE_WIDTH)
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(scroll, 1)
        layout.addWidget(self._next)
        return side

    def _filter_menu(self) -> QMenu:
        menu = QMenu(self)
        group = QActionGroup(menu)
        for index, (words, _) in enumerate(FILTERS):
            action = QAction(words, menu)
            action.setCheckable(True)
            action.setChecked(index == 0)
            action.triggered.connect(lambda _checked=False, index=index: self._set_filter(index))
            group.addAction(action)
            menu.addAction(action)
        return menu

    def _connect(self, session: Session) -> None:
        self.welcome.open_requested.connect(self.open_requested)
        self.welcome.path_requested.connect(self.path_requested)
        self.loading.cancelled.connect(session.datasets.cancel)
        self.banner.cancelled.connect(session.datasets.cancel)
        self.banner.changed.connect(self._revise)
        self.curation.toggled.connect(self._toggle_step)
        self.curation.report_wanted.connect(self._show_report)
        self.table.row_opened.connect(self._show_molecule)
        self._next.clicked.connect(lambda: self.navigate.emit("train"))
        session.dataset_opened.connect(self._show_opened)
        session.dataset_changed.connect(self._show_dataset)
        session.datasets.previewed.connect(self._hear_preview)
        session.datasets.busy.connect(self._show_progress)
        session.datasets.idle.connect(self._end_progress)
        self._preview_pause = QTimer(self)
        self._preview_pause.setSingleShot(True)
        self._preview_pause.setInterval(_PREVIEW_PAUSE_MS)
        self._preview_pause.timeout.connect(self._show_preview)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_TYPING_PAUSE_MS)
        self._pause.timeout.connect(self._start_search)
        self._search.textChanged.connect(self._typed)
        self._search.returnPressed.connect(self._start_search)

    # What happens ----------------------------------------------------------------------------------------------

    @Slot(object)
    def _show_opened(self, dataset: OpenDataset) -> None:
        self._search.clear()
        self._filter_button.menu().actions()[0].trigger()
        self._show_dataset(dataset)
        self._show_state(self._opened)

    @Slot(object)
    def _show_dataset(self, dataset: OpenDataset) -> None:
        report, split, look = dataset.report, dataset.split, dataset.rows_to_look_at
        self._preview_pause.stop()
        self._set_previewing(False)
        self.header.set_title(dataset.info.name)
        self.header.set_chips(
            [
                (counted(report.total, "row"), "neutral"),
                (f"{count(report.kept)} kept", "good"),
                (f"{count(look)} need a look" if look > 1 else "1 needs a look" if look else "", "warning"),
            ]
        )
        self.banner.show_roles(dataset.info, dataset.roles, dataset.data_config.task, dataset.split_config)
        self.table.show_content(
            TableContent(
                dataset.table,
                dataset.roles,
                dataset.parts,
                dataset.merged,
                dataset.smiles,
                dataset.issues,
                dataset.numbers,
            )
        )
        self.curation.show_report(report, dataset.issue_counts, dataset.data_config.curation)
        self.target.show_targets([asdict(summary) for summary in dataset.summaries])
        counts = (len(split.train), len(split.validation), len(split.test))
        self.split.show_split(_method_words(split.method), counts, split.overlap)
        self._next.setEnabled(bool(dataset.roles.tasks))
        self._start_search()

    @Slot(object)
    def _hear_preview(self, fresh: FreshTable) -> None:
        # Small files are clean before anybody could look at this.
        self._fresh = fresh
        self._preview_pause.start()

    @Slot()
    def _show_preview(self) -> None:
        """Show the rows of a file whose clean-up takes its time."""
        fresh = self._fresh
        if fresh is None or not self.session.datasets.is_busy:
            return
        self.header.set_title(fresh.info.name)
        self.header.set_chips([(counted(fresh.info.rows, "row"), "neutral")])
        self.table.show_content(TableContent(fresh.table, fresh.roles, [""] * fresh.info.rows, frozenset(), {}, {}))
        self._set_previewing(True)
        self._show_state(self._opened)

    def _set_previewing(self, previewing: bool) -> None:
        self._fresh = self._fresh if previewing else None
        for part in (self._search, self._filter_button, self._next):
            part.setEnabled(not previewing)
        if previewing:
            self.curation.show_waiting()
            self.target.hide()
        self.split.setVisible(not previewing)

    @Slot(str, int, int)
    def _show_progress(self, stage: str, done: int, total: int) -> None:
        self.loading.show_progress(stage, done, total)
        self.banner.show_progress(stage, done, total)

    @Slot()
    def _end_progress(self) -> None:
        self.banner.end_progress()
        self._preview_pause.stop()
        if self.session.dataset is None:
            self.header.set_title("Data")
            self.header.set_chips([])
            self._show_state(self.welcome)

    @Slot(dict, dict)
    def _revise(self, data: dict[str, Any], split: dict[str, Any]) -> None:
        self.session.start_task(self.session.datasets.revise(data, split))

    @Slot(str, bool)
    def _toggle_step(self, name: str, on: bool) -> None:
        self._revise({"curation": {name: on}}, {})

    @Slot()
    def _show_report(self) -> None:
        dataset = self.session.dataset
        if dataset is not None:
            dialog = IssuesDialog(dataset.info.name, dataset.report, self)
            dialog.save_wanted.connect(self._save_report)
            dialog.show()

    @Slot(str)
    def _save_report(self, path: str) -> None:
        self.session.start_task(self.session.datasets.export_issues(path))

    @Slot(int)
    def _show_molecule(self, row: int) -> None:
        content = self.table.molecules.content
        if content is None:
            return
        facts = [(column.name, content.source.cell(row, column.name)) for column in content.source.info.columns]
        said = "; ".join(words for words in (content.unseen_reason(row), content.remarks(row)) if words)
        smiles, drawn = content.source.cell(row, content.roles.smiles), self.table.molecules.drawn_smiles(row)
        title = f"Row {count(row + 1)}"
        MoleculeDialog(self.session.depictions, title, drawn, smiles, facts, said, self).show()

    # Search and filter -----------------------------------------------------------------------------------------

    def _set_filter(self, index: int) -> None:
        self._filter = index
        self._filter_button.setText(FILTERS[index][0] if index else "Filter")
        self._start_search()

    @Slot(str)
    def _typed(self, text: str) -> None:
        self._pause.start()

    @Slot()
    def _start_search(self) -> None:
        self._pause.stop()
        if self._search_task is not None:
            self._search_task.cancel()
            self._search_task = None
        dataset = self.session.dataset
        if dataset is None:
            return
        if self._search.text().strip():
            self._search_task = self.session.start_task(self._find(dataset, self._search.text()))
        else:
            self._show_found(dataset, None)

    async def _find(self, dataset: OpenDataset, text: str) -> None:
        rows = await self.session.search.find(dataset, text)
        if dataset is self.session.dataset:
            self._show_found(dataset, rows)

    def _show_found(self, dataset: OpenDataset, rows: list[int] | None) -> None:
        test = FILTERS[self._filter][1]
        if test is not None:
            candidates = range(dataset.info.rows) if rows is None else rows
            rows = [row for row in candidates if test(dataset, row)]
        self.table.molecules.pick(rows)
        self._found.setText("" if rows is None else f"{count(len(rows))} of {counted(dataset.info.rows, 'row')}")
        self._found.setVisible(rows is not None)


def _method_words(method: str) -> str:
    """Return "by scaffold" for the splits that are named by what they divide by."""
    return f"by {method}" if method in {"scaffold", "column"} or method.startswith("column ") else method
