"""The rows of the open file, to be looked at: search, filters, table and map, all of them one selection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.pages.data_columns import ColumnsMenu
from app.pages.data_map import MapControl
from app.pages.data_search import SearchBar
from app.services.filters import (
    FoundRows,
    PatternFilter,
    RowFilter,
    RowsFilter,
    SimilarFilter,
    StateFilter,
    TextFilter,
    is_pattern,
    nothing_words,
    replaces,
)
from app.services.open_dataset import FreshTable, OpenDataset
from app.services.row_columns import SIMILARITY_KEY, column_keys
from app.text import count, counted
from app.theme import SPACE
from app.widgets.basic import link_button, row, secondary_button
from app.widgets.filter_chips import FilterChips
from app.widgets.molecule_model import TableContent
from app.widgets.molecule_table import MoleculeTable
from app.widgets.no_rows import NoRows

if TYPE_CHECKING:
    from app.services.session import Session


STATES = (
    ("Needs a look", "look"),
    ("Left out", "left out"),
    ("Training part", "train"),
    ("Validation part", "val"),
    ("Test part", "test"),
)
"""Words of the filter menu, state of `StateFilter`."""

_STEP_LETTERS = 40
"""Of a filter's words in "Undo: …"."""


class RowsPanel(QWidget):
    """Search field, chips, table and map.

    Signals
    -------
    shown_changed
        Other rows are shown than before (see `shown`).
    row_opened(int)
        A row of the file is to be looked at.
    column_wanted(str)
        A column is to be looked at; "" for whichever is chosen.
    export_wanted
        The selected rows are to be written to a file.
    """

    shown_changed = Signal()
    row_opened = Signal(int)
    column_wanted = Signal(str)
    export_wanted = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._filters: list[RowFilter] = []
        self._task: asyncio.Task[Any] | None = None
        self.shown: list[int] | None = None
        self.table = MoleculeTable(session.depictions)
        self.map = MapControl(session)
        self.chips = FilterChips()
        self._build()
        self._connect()

    # Building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._search = SearchBar(self._session)
        self.filter_button = secondary_button("Filter", "filterButton", "Show only some of the rows")
        self.filter_button.setMenu(self._filter_menu())
        self.columns = ColumnsMenu(self._session)
        columns = secondary_button("Columns", "columnsButton", "Show properties and other columns of the file")
        columns.setMenu(self.columns)
        self._selection = link_button("", "selectionButton", "What to do with the selected rows")
        self._selection.setMenu(self._selection_menu())
        self._selection.hide()
        self._tools = (self._search, self.filter_button, columns)
        tools = row(self._search, self._selection, self.filter_button, columns)
        tools.setStretchFactor(self._search, 1)
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(SPACE[2])
        self._splitter.addWidget(self.map.panel)
        self._nothing = NoRows()
        self._found = QStackedWidget()
        self._found.addWidget(self.table)
        self._found.addWidget(self._nothing)
        self._splitter.addWidget(self._found)
        self._splitter.setStretchFactor(0, 3)
        self._splitter.setStretchFactor(1, 2)
        self.map.panel.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addLayout(tools)
        layout.addWidget(self.chips)
        layout.addWidget(self._splitter, 1)

    def _filter_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("All rows").triggered.connect(self.clear_filters)
        for words, state in STATES:
            menu.addAction(words).triggered.connect(partial(self._choose_state, words, state))
        menu.addSeparator()
        menu.addAction("By a column…").triggered.connect(lambda: self.column_wanted.emit(""))
        menu.addAction("Only the selected rows").triggered.connect(self.show_only_selected)
        return menu

    def _selection_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Show only these").triggered.connect(self.show_only_selected)
        menu.addAction("Export these…").triggered.connect(self.export_wanted)
        menu.addAction("Lift the selection").triggered.connect(lambda: self._select([]))
        return menu

    def _connect(self) -> None:
        self._search.changed.connect(self.renew)
        self._search.kept.connect(self.add_filter)
        self._session.filters.busy.connect(self.chips.show_search)
        self.chips.removed.connect(self._remove_filter)
        self.chips.cleared.connect(self.clear_filters)
        self._nothing.search_unwanted.connect(self._search.clear)
        self._nothing.filters_unwanted.connect(self.clear_filters)
        self.table.rows_chosen.connect(self._show_selection)
        self.table.row_opened.connect(self.row_opened)
        self.table.column_menu_wanted.connect(self._show_column_menu)
        self.map.panel.map.chosen.connect(self._take_from_map)
        self.map.panel.map.row_opened.connect(self.row_opened)
        self._session.columns.own_changed.connect(self._show_own)
        self._session.history.filters_wanted.connect(self._set_filters)
        self.columns.changed.connect(self._show_columns)

    # What is shown ---------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Forget filters and columns: another file is open."""
        self._filters = []
        self.columns.forget()
        self._search.clear()
        self._session.columns.forget()

    def show_dataset(self, dataset: OpenDataset) -> None:
        """Show the rows of a data set."""
        self._filters = self._known(dataset, self._filters)
        self.columns.keep({key for key, _ in column_keys(dataset, list(self._session.columns.own))})
        self._show_table(dataset)
        self.map.show_dataset(dataset)
        self.renew()
        self._session.start_task(self._session.columns.renew(dataset))

    def show_preview(self, fresh: FreshTable) -> None:
        """Show the rows of a file whose clean-up takes its time."""
        self._found.setCurrentWidget(self.table)
        content = TableContent(fresh.table, fresh.roles, [""] * fresh.info.rows, frozenset(), {}, {})
        self.table.show_content(content, passing=True)

    def set_previewing(self, previewing: bool) -> None:
        """Lock what needs cleaned molecules."""
        for part in self._tools:
            part.setEnabled(not previewing)
        self.chips.setEnabled(not previewing)

    def show_map(self, on: bool) -> None:
        """Show the map above the table, or only the table."""
        self.map.panel.setVisible(on)
        if on:
            self._splitter.setSizes([3 * self.height() // 5, 2 * self.height() // 5])
            self.map.draw()

    def selected_rows(self) -> list[int]:
        """Return the rows of the file that are selected."""
        return self.table.selected_rows()

    def rows_to_export(self) -> list[int]:
        """Return the selected rows where there are several, else all that are shown, in the order of the table."""
        chosen = self.selected_rows()
        return chosen if len(chosen) > 1 else list(self.table.molecules.file_rows())

    def cancel(self) -> bool:
        """Clear the search, else lift the selection; return whether there was any."""
        if self._search.typed() is not None:
            self._search.clear()
            return True
        if len(self.selected_rows()) > 1:
            self._select([])
            return True
        return False

    def _show_table(self, dataset: OpenDataset) -> None:
        self.table.show_content(
            TableContent(
                dataset.table,
                dataset.roles,
                dataset.parts,
                dataset.merged,
                dataset.smiles,
                dataset.issues,
                dataset.numbers,
                self._session.columns.shown(),
                self.columns.extra,
                learned=dataset.learned,
            )
        )

    @Slot()
    def _show_columns(self) -> None:
        if self._session.dataset is not None:
            self._show_table(self._session.dataset)

    @Slot()
    def _show_own(self) -> None:
        dataset = self._session.dataset
        if dataset is not None:
            if (known := self._known(dataset, self._filters)) != self._filters:
                # The column that a filter is about is no longer there.
                self._filters = known
                self.renew()
            self._show_table(dataset)
            self.map.show_columns()
            columns = self.table.molecules.columns()
            if SIMILARITY_KEY in columns:
                header = self.table.horizontalHeader()
                header.setSortIndicator(columns.index(SIMILARITY_KEY), Qt.SortOrder.DescendingOrder)

    # Filters ---------------------------------------------------------------------------------------------------

    def add_filter(self, one: RowFilter) -> None:
        """Restrict the rows further; a range of the same column, or a state, replaces the one before."""
        self._ask([*(old for old in self._filters if not replaces(one, old)), one], f"filter {one.words}")

    @property
    def filters(self) -> list[RowFilter]:
        """What restricts the rows, without what is being typed."""
        return list(self._filters)

    @Slot()
    def clear_filters(self) -> None:
        """Show all rows."""
        self._search.clear()
        self._ask([], "all filters")

    @Slot(int)
    def show_row(self, row: int) -> None:
        """Select a row of the file and bring it into view, whatever the filters say."""
        if self.table.molecules.line_of(row) < 0:
            self.clear_filters()
        self._select([row])
        self.table.setFocus()

    @Slot()
    def show_only_selected(self) -> None:
        """Show the selected rows alone."""
        if rows := self.selected_rows():
            self.add_filter(RowsFilter(frozenset(rows), "selected"))

    def find_similar(self, smiles: str) -> None:
        """Search for molecules like this one."""
        self._search.look_for("similar", smiles)

    def _choose_state(self, words: str, state: str, _checked: bool = False) -> None:
        self.add_filter(StateFilter(state, words))

    @Slot(int)
    def _remove_filter(self, place: int) -> None:
        if place < len(self._filters):
            kept = [one for other, one in enumerate(self._filters) if other != place]
            self._ask(kept, f"filter {self._filters[place].words}")

    def _ask(self, filters: Sequence[RowFilter], words: str) -> None:
        """Ask for other filters in a way that can be undone."""
        if list(filters) == self._filters:
            self.renew()
        else:
            short = words if len(words) <= _STEP_LETTERS else f"{words[: _STEP_LETTERS - 1]}…"
            self._session.history.filter(short, tuple(self._filters), tuple(filters))

    @Slot(object)
    def _set_filters(self, filters: Sequence[RowFilter]) -> None:
        dataset = self._session.dataset
        # A step back may name a column that is no longer there.
        self._filters = list(filters) if dataset is None else self._known(dataset, filters)
        self.renew()

    def _known(self, dataset: OpenDataset, filters: Sequence[RowFilter]) -> list[RowFilter]:
        known = {"", *(key for key, _ in column_keys(dataset, list(self._session.columns.own)))}
        return [one for one in filters if getattr(one, "key", "") in known]

    @Slot()
    def renew(self) -> None:
        """Ask again which rows pass."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        dataset = self._session.dataset
        if dataset is None:
            return
        typed = self._search.typed()
        filters = [*self._filters, typed] if typed is not None else list(self._filters)
        self._mark(filters)
        if filters:
            self._task = self._session.start_task(self._find(dataset, filters))
        else:
            self._show_found(dataset, FoundRows(None))

    async def _find(self, dataset: OpenDataset, filters: Sequence[RowFilter]) -> None:
        found = await self._session.filters.rows(dataset, filters)
        typed, pattern = self._search.typed(), True
        if found.rows == [] and isinstance(typed, TextFilter) and typed.structures:
            pattern = await self._session.run_blocking(is_pattern, typed.text)
        similar = _similar_to(filters, found.faults)
        if similar:
            await self._session.columns.show_similarity(dataset, similar)
        if dataset is self._session.dataset:
            # Half-typed patterns are no problem worth a dialog.
            self._show_found(dataset, found)
            if found.rows == []:
                typed = None if self._search.typed() in found.faults else self._search.typed()
                self._nothing.tell(nothing_words(typed), typed is not None, bool(self._filters), pattern)
                self._found.setCurrentWidget(self._nothing)

    def _show_found(self, dataset: OpenDataset, found: FoundRows) -> None:
        self.shown = rows = found.rows
        self._found.setCurrentWidget(self.table)
        self.table.molecules.pick(rows)
        self.map.show_visible(rows)
        many = [] if rows is None else [f"{count(len(rows))} of {counted(dataset.info.rows, 'row')}"]
        self.chips.show_filters([one.words for one in self._filters], " · ".join([*many, *found.faults.values()]))
        self.shown_changed.emit()
        asked = [*self._filters, self._search.typed()]
        if SIMILARITY_KEY in self._session.columns.own and not _similar_to(asked, found.faults):
            self._session.start_task(self._session.columns.show_similarity(dataset, ""))

    def _mark(self, filters: Sequence[RowFilter]) -> None:
        """Mark in the drawings what the last pattern matches."""
        patterns = [
            one.smarts if isinstance(one, PatternFilter) else one.text
            for one in filters
            if isinstance(one, PatternFilter) or (isinstance(one, TextFilter) and one.structures)
        ]
        self.table.mark_pattern(patterns[-1] if patterns else "")

    # Selection -------------------------------------------------------------------------------------------------

    @Slot(object)
    def _show_selection(self, rows: list[int]) -> None:
        self.map.show_selected(rows if len(rows) < self.table.molecules.rowCount() else [])
        self._selection.setText(f"{count(len(rows))} selected")
        self._selection.setVisible(len(rows) > 1)

    @Slot(object, bool)
    def _take_from_map(self, rows: list[int], adds: bool) -> None:
        self._select(sorted({*rows, *self.selected_rows()}) if adds else rows)

    def _select(self, rows: list[int]) -> None:
        if self.table.select_rows(rows):
            self._show_selection(rows)
            return
        # Thousands of rows scattered over the table: they are shown alone, and selected as one piece.
        self.add_filter(RowsFilter(frozenset(rows), "chosen on the map"))
        self.map.show_selected([])

    @Slot(str, QPoint)
    def _show_column_menu(self, key: str, place: QPoint) -> None:
        dataset = self._session.dataset
        if dataset is None or key not in {name for name, _ in column_keys(dataset, list(self._session.columns.own))}:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Statistics and filter").triggered.connect(lambda: self.column_wanted.emit(key))
        menu.addAction("Colour the map by it").triggered.connect(lambda: self.map.panel.choose_color(key))
        if self.columns.can_hide(key):
            menu.addAction("Hide").triggered.connect(lambda: self.columns.hide_column(key))
        menu.popup(place)


def _similar_to(filters: Sequence[RowFilter | None], faults: Mapping[RowFilter | None, str]) -> str:
    """Return the molecule to which the rows are to be similar, "" where there is none or it cannot be read."""
    return next((one.smiles for one in filters if isinstance(one, SimilarFilter) and one not in faults), "")
