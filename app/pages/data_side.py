"""Beside the rows: clean-up, the column looked at, the split; and the button that leads on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QScrollArea, QVBoxLayout, QWidget

from app.services.filters import ChoiceFilter, RangeFilter, TextFilter
from app.services.open_dataset import OpenDataset
from app.services.row_columns import PART_KEY, column_keys
from app.theme import SPACE
from app.widgets.basic import primary_button
from app.widgets.column_card import ColumnCard
from app.widgets.curation_card import CurationCard
from app.widgets.drop_zone import FILE_FILTER
from app.widgets.split_card import SplitCard
from mole_engine.contracts.errors import Cancelled
from mole_engine.contracts.paths import native

if TYPE_CHECKING:
    from app.pages.data_rows import RowsPanel
    from app.services.session import Session

_WIDTH = 326
_COUNTED_AT_ONCE = 50_000
"""Rows up to which the effects of clean-up steps are counted unasked."""


class SidePanel(QWidget):
    """The cards.

    Signals
    -------
    revised(dict, dict)
        Settings of `DataConfig` and of `SplitConfig` that the user has changed.
    report_wanted
        Every row that clean-up has touched is to be shown.
    """

    revised = Signal(dict, dict)
    report_wanted = Signal()

    def __init__(self, session: Session, rows: RowsPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._rows = session, rows
        self._looking: asyncio.Task[Any] | None = None
        self._unasked = ("", "")
        self._path = ""
        self.curation = CurationCard()
        self.curation.follow(session.history.stack)
        session.history.data_steps.connect(self.curation.show_steps)
        self.column = ColumnCard()
        self.split = SplitCard()
        self.next = primary_button("Choose a model →", "chooseModelButton", "Go on to training (Ctrl+Return)")
        self._lay_out()
        self.curation.changed.connect(self._change_step)
        self.curation.report_wanted.connect(self.report_wanted)
        self.curation.effects_wanted.connect(self._count_effects)
        self.column.column_chosen.connect(self._look)
        self.column.range_wanted.connect(self._filter_range)
        self.column.labels_wanted.connect(self._filter_labels)
        self.column.text_wanted.connect(self._filter_text)
        self.split.changed.connect(self.revised)
        self.split.file_wanted.connect(self._choose_file)
        rows.shown_changed.connect(self._look)
        rows.column_wanted.connect(self.show_column)
        session.columns.own_changed.connect(self._show_columns)

    def show_dataset(self, dataset: OpenDataset) -> None:
        """Show what was done to a data set and how it is divided."""
        self.column.show()
        self.split.show()
        if dataset.data_config.path != self._path:
            self._path = dataset.data_config.path
            self.curation.forget_numbers()
        self.curation.show_report(dataset.report, dataset.issue_counts, dataset.data_config.curation)
        split = dataset.split
        counts = (len(split.train), len(split.validation), len(split.test))
        self.split.show_choices(dataset.info, dataset.roles, dataset.data_config, dataset.split_config)
        first = dataset.summaries[0] if dataset.summaries else None
        self.split.show_split(_method_words(split.method), counts, split.overlap, split.nearness, first)
        self.next.setEnabled(bool(dataset.roles.tasks))
        self._show_columns()
        if dataset.info.rows <= _COUNTED_AT_ONCE:
            self._count_effects()
        else:
            self.curation.offer_effects()

    def show_split(self) -> None:
        """Bring the split into view."""
        self._scroll.ensureWidgetVisible(self.split, 0, 0)

    def show_waiting(self) -> None:
        """Show that a file is still being cleaned up."""
        self.curation.show_waiting()
        self.column.hide()
        self.split.hide()

    @Slot(str)
    def show_column(self, key: str) -> None:
        """Look at a column, as by hand; "" puts the keys on the choice."""
        if key:
            self.column.choose(key)
        self.column.keyboard_focus()

    def _lay_out(self) -> None:
        cards = QWidget()
        # Narrower than its content rather than wider than the view: words shorten, nothing is cut off at the edge.
        cards.setMinimumWidth(1)
        column = QVBoxLayout(cards)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[2])
        for card in (self.curation, self.column, self.split):
            column.addWidget(card)
        column.addStretch(1)
        self._scroll = scroll = QScrollArea()
        scroll.setWidget(cards)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFixedWidth(_WIDTH)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(scroll, 1)
        layout.addWidget(self.next)

    # Clean-up and split ----------------------------------------------------------------------------------------

    @Slot(str, object)
    def _change_step(self, name: str, value: object) -> None:
        self.revised.emit({"curation": {name: value}}, {})

    @Slot()
    def _count_effects(self) -> None:
        self._session.start_task(self._fetch_effects())

    async def _fetch_effects(self) -> None:
        effects = await self._session.datasets.effects()
        self.curation.show_effects(effects)

    @Slot(str)
    def _choose_file(self, field: str) -> None:
        dialog = QFileDialog(self, "Choose a file", "", FILE_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: self.revised.emit({field: native(path)}, {}))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    # The column ------------------------------------------------------------------------------------------------

    @Slot()
    def _show_columns(self) -> None:
        dataset = self._session.dataset
        if dataset is None:
            return
        columns = column_keys(dataset, list(self._session.columns.own))
        known = {key for key, _ in columns}
        first = dataset.roles.tasks[0].name if dataset.roles.tasks else PART_KEY
        # A column that was chosen by hand stays, as long as the file is the same.
        by_hand = self._unasked != (dataset.info.path, self.column.chosen) and self._unasked[0] == dataset.info.path
        self._unasked = (dataset.info.path, first)
        self.column.show_columns(columns, self.column.chosen if by_hand and self.column.chosen in known else first)
        self._look()

    @Slot()
    def _look(self) -> None:
        """Count the column that is chosen, and the part of it that the filters leave."""
        dataset = self._session.dataset
        if dataset is None or not self.column.chosen:
            return
        if self._looking is not None:
            self._looking.cancel()
        self._looking = self._session.start_task(self._fetch(dataset, self.column.chosen))

    async def _fetch(self, dataset: OpenDataset, key: str) -> None:
        rows = self._rows.shown
        try:
            whole = await self._session.columns.summary(dataset, key)
            part = await self._session.columns.summary(dataset, key, rows) if rows is not None else None
        except KeyError:
            # A column of our own that went away meanwhile.
            raise Cancelled from None
        if dataset is self._session.dataset:
            self.column.show_summary(whole, part)

    @Slot(str, float, float)
    def _filter_range(self, key: str, low: float, high: float) -> None:
        self._rows.add_filter(RangeFilter(key, low, high))

    @Slot(str, object)
    def _filter_labels(self, key: str, labels: list[str]) -> None:
        self._rows.add_filter(ChoiceFilter(key, tuple(labels)))

    @Slot(str, str)
    def _filter_text(self, key: str, text: str) -> None:
        self._rows.add_filter(TextFilter(text, key))


def _method_words(method: str) -> str:
    """Return "by scaffold" for the splits that are named by what they divide by."""
    return f"by {method}" if method in {"scaffold", "column"} or method.startswith("column ") else method
