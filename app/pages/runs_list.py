"""All runs as a table that can be searched, filtered, sorted and annotated; the curves of the chosen one below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from app.pages.run_names import record_differences
from app.pages.words import preset_title
from app.text import count, duration
from app.theme import SPACE
from app.widgets.basic import Card, muted_label, named, pill_button, row
from app.widgets.cell_table import Cell, CellTable, Column
from app.widgets.event_log import STATE_TONES
from app.widgets.figures import RESULT_TIP, day_and_time, main_metric, metric_words, part_words
from app.widgets.live_chart import RunCharts
from mole_engine.contracts.records import RunRecord, shown_metrics
from mole_engine.contracts.run_state import RunState

COLUMNS = (
    Column("star", "★", width=34, tip="Starred; a click sets or takes the star"),
    Column("name", "run", needs=170),
    Column("status", "status", "chip", 108),
    Column("data", "data", width=132),
    Column("preset", "preset", width=86, spare=1),
    Column("metric", "result", "number", 126, RESULT_TIP),
    Column("molecules", "molecules", "number", 84, spare=3),
    Column("seconds", "time", "number", 88),
    Column("created", "started", "number", 146),
    Column("tags", "tags", width=116, spare=2),
)
TRASH = "trash"
_Test = Callable[[RunRecord], bool]
_FILTERS: tuple[tuple[str, str, _Test], ...] = (
    ("all", "All runs", lambda record: True),
    ("starred", "Starred", lambda record: record.starred),
    ("completed", "Completed", lambda record: record.status is RunState.COMPLETED),
    ("open", "Can go on", lambda record: record.status in (RunState.INTERRUPTED, RunState.FAILED)),
    ("lost", "Failed or cancelled", lambda record: record.status in (RunState.FAILED, RunState.CANCELLED)),
    (TRASH, "Trash", lambda record: True),
)
_WRITE_MS = 600
"""How long after the last keystroke notes are written down."""


class RunList(QWidget):
    """Shows records; knows no services.

    Signals
    -------
    chosen(RunRecord), activated(RunRecord)
        A run was selected, or double-clicked.
    selection_changed()
        Other runs are selected.
    annotated(str, str, list, bool)
        Identifier, notes, tags and star of a run as the user wants them now.
    trash_asked(bool)
        The trash is to be shown, or the runs again.
    menu_asked(QPoint)
        A menu for the selected runs, at this place of the screen.
    """

    chosen = Signal(object)
    activated = Signal(object)
    selection_changed = Signal()
    annotated = Signal(str, str, list, bool)
    trash_asked = Signal(bool)
    menu_asked = Signal(QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all: list[RunRecord] = []
        self._given: tuple[list[RunRecord], bool] | None = None
        self._shown: list[RunRecord] = []
        self._apart: dict[str, str] = {}
        self._edited: RunRecord | None = None
        self._in_trash = False
        self.table = CellTable("runsTable", "Runs")
        self.table.setSelectionMode(CellTable.SelectionMode.ExtendedSelection)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.charts = RunCharts("replay")
        self.search = named(QLineEdit(), "runSearchEdit", "Search runs")
        self.search.setPlaceholderText("Search names, data, presets, notes and tags")
        self.search.setClearButtonEnabled(True)
        self.filter = named(QComboBox(), "runFilter", "Which runs to show")
        for key, title, _ in _FILTERS:
            self.filter.addItem(title, key)
        self.notes = named(QPlainTextEdit(), "runNotesEdit", "Notes on this run")
        self.notes.setPlaceholderText("What was tried, what came out")
        self.notes.setTabChangesFocus(True)
        self.tags = named(QLineEdit(), "runTagsEdit", "Tags of this run")
        self.tags.setPlaceholderText("Tags, with commas between them")
        self.star = pill_button("☆ Star", "runStarButton", "Mark this run as worth keeping")
        self._nothing = muted_label("No run fits the search.")
        self._write = QTimer(self)
        self._write.setSingleShot(True)
        self._write.setInterval(_WRITE_MS)
        self._build()
        self._connect()

    # What others call ------------------------------------------------------------------------------------------

    def show_records(self, records: Sequence[RunRecord], *, in_trash: bool = False) -> None:
        """Show other runs (newest first); those that stay selected keep their selection, and the table its place."""
        given = (list(records), in_trash)
        if given == self._given:
            # Whoever comes back to the window finds it as it was left.
            return
        self._given = given
        self._all, self._in_trash = list(records), in_trash
        self._apart = dict(zip((one.run_id for one in records), record_differences(records), strict=True))
        with self.table.staying():
            self._show()

    def difference(self, run_id: str) -> str:
        """Return what tells a run from others of its name, in a few words; "" if it is the only one."""
        return self._apart.get(run_id, "")

    def records(self) -> list[RunRecord]:
        """Return the runs that are shown, in the order given (not as sorted)."""
        return list(self._shown)

    def selected(self) -> list[RunRecord]:
        """Return the selected runs, from top to bottom."""
        places = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        rows = (self.table.cells.row_at(place) for place in places)
        return [self._shown[line] for line in rows if 0 <= line < len(self._shown)]

    def current(self) -> RunRecord | None:
        """Return the run that the keyboard is at, which is drawn below; None where there is none."""
        line = self.table.chosen()
        return self._shown[line] if 0 <= line < len(self._shown) else None

    def select(self, run_ids: Sequence[str]) -> None:
        """Select runs; the first becomes the current one."""
        names = [record.run_id for record in self._shown]
        model = self.table.selectionModel()
        flags = QItemSelectionModel.SelectionFlag
        found = [names.index(run_id) for run_id in run_ids if run_id in names]
        model.clearSelection()
        for line in found:
            index = self.table.cells.index(self.table.cells.place_of(line), 0)
            model.select(index, flags.Select | flags.Rows)
        if found:
            index = self.table.cells.index(self.table.cells.place_of(found[0]), 0)
            model.setCurrentIndex(index, flags.Select | flags.Rows)

    def reach(self, run_id: str) -> None:
        """Select a run, where it is shown and not among the selected ones."""
        if run_id in {record.run_id for record in self._shown} - {record.run_id for record in self.selected()}:
            self.select([run_id])

    def flush(self) -> None:
        """Write down what was typed and still waits."""
        if self._write.isActive():
            self._write.stop()
            self._tell()

    # Building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        bar = row(self.search, self.filter, spacing=SPACE[1])
        bar.setStretch(0, 1)
        layout.addLayout(bar)
        layout.addWidget(self.table, 5)
        layout.addWidget(self._nothing)
        lower = row(self.charts, self._about(), spacing=SPACE[2])
        lower.setStretch(0, 1)
        layout.addLayout(lower, 4)

    def _about(self) -> QWidget:
        card = Card("About this run")
        card.setFixedWidth(270)
        card.header.addWidget(self.star)
        card.add(self.notes, 1)
        card.add(self.tags)
        return card

    def _connect(self) -> None:
        self.search.textChanged.connect(self._show)
        self.filter.currentIndexChanged.connect(self._filter)
        self.table.row_chosen.connect(self._choose)
        self.table.row_activated.connect(self._activate)
        self.table.clicked.connect(self._click)
        self.table.customContextMenuRequested.connect(self._ask_for_menu)
        self.table.selectionModel().selectionChanged.connect(self.selection_changed)
        self.notes.textChanged.connect(self._write.start)
        self.tags.textEdited.connect(self._write.start)
        self.star.clicked.connect(self._tell)
        self.star.toggled.connect(self._name_star)
        self._write.timeout.connect(self._tell)

    # What happens ----------------------------------------------------------------------------------------------

    @Slot()
    def _filter(self) -> None:
        wanted = self.filter.currentData() == TRASH
        if wanted != self._in_trash:
            self.trash_asked.emit(wanted)
        else:
            self._show()

    @Slot()
    def _show(self) -> None:
        keep = [record.run_id for record in self.selected()]
        if (current := self.current()) is not None:
            # The first that is selected again becomes the current one.
            keep.sort(key=current.run_id.__ne__)
        key = self.filter.currentData()
        test = next(test for name, _, test in _FILTERS if name == key)
        words = self.search.text().casefold().split()
        self._shown = [record for record in self._all if test(record) and _fits(record, words)]
        model = self.table.selectionModel()
        model.blockSignals(True)
        self.table.show_rows(COLUMNS, len(self._shown), self._cell, again=True)
        model.blockSignals(False)
        self._nothing.setVisible(not self._shown)
        self._nothing.setText("The trash is empty." if self._in_trash else "No run fits the search.")
        if self._shown:
            names = {record.run_id for record in self._shown}
            self.select([run_id for run_id in keep if run_id in names] or [self._shown[0].run_id])
        self._show_notes()
        self.selection_changed.emit()

    @Slot(int)
    def _choose(self, line: int) -> None:
        if 0 <= line < len(self._shown):
            self.flush()
            self._show_notes()
            self.chosen.emit(self._shown[line])

    @Slot(int)
    def _activate(self, line: int) -> None:
        if 0 <= line < len(self._shown):
            self.activated.emit(self._shown[line])

    @Slot(QModelIndex)
    def _click(self, index: QModelIndex) -> None:
        line = self.table.cells.row_at(index.row())
        if COLUMNS[index.column()].key == "star" and not self._in_trash and 0 <= line < len(self._shown):
            record = self._shown[line]
            self.annotated.emit(record.run_id, record.notes, list(record.tags), not record.starred)

    @Slot(QPoint)
    def _ask_for_menu(self, at: QPoint) -> None:
        if self.selected():
            self.menu_asked.emit(self.table.viewport().mapToGlobal(at))

    @Slot(bool)
    def _name_star(self, starred: bool) -> None:
        self.star.setText("★ Starred" if starred else "☆ Star")

    @Slot()
    def _tell(self) -> None:
        record = self._edited
        if record is not None:
            tags = [tag.strip() for tag in self.tags.text().split(",") if tag.strip()]
            # If it cannot be written, the same runs come back and must not stay shown with it.
            self._given = None
            self.annotated.emit(record.run_id, self.notes.toPlainText().strip(), tags, self.star.isChecked())

    def _show_notes(self) -> None:
        """Show what is known of the current run, unless the user is just typing about it."""
        record = self.current()
        same = record is not None and self._edited is not None and record.run_id == self._edited.run_id
        typing = same and (self._write.isActive() or self.notes.hasFocus() or self.tags.hasFocus())
        self._edited = record
        for widget in (self.notes, self.tags, self.star):
            widget.setEnabled(record is not None and not self._in_trash)
        if record is not None:
            self.star.setChecked(record.starred)
        if typing:
            return
        self.notes.blockSignals(True)
        self.notes.setPlainText(record.notes if record is not None else "")
        self.notes.blockSignals(False)
        self.tags.setText(", ".join(record.tags) if record is not None else "")

    def _cell(self, line: int, key: str) -> Cell:
        record = self._shown[line]
        molecules = sum(record.counts.values())
        cells: dict[str, Callable[[], Cell]] = {
            "star": lambda: Cell("★" if record.starred else "☆", "warning" if record.starred else "muted"),
            "name": lambda: _name_cell(record, self.difference(record.run_id)),
            "status": lambda: Cell(record.status.value, STATE_TONES.get(record.status, "")),
            "data": lambda: Cell(record.data_name),
            "preset": lambda: Cell(preset_title(record.preset)),
            "metric": lambda: _metric_cell(record),
            "molecules": lambda: Cell(count(molecules) if molecules else "", order=molecules),
            "seconds": lambda: Cell(duration(record.seconds) if record.seconds else "", order=record.seconds),
            "created": lambda: Cell(day_and_time(record.created), order=record.created),
            "tags": lambda: Cell(", ".join(record.tags)),
        }
        return cells[key]()


def _name_cell(record: RunRecord, difference: str) -> Cell:
    remark = record.error or record.notes.replace("\n", " ")
    below = " · ".join(filter(None, (difference, remark)))
    return Cell(record.name, bold=True, tip=remark or record.run_id, second=below, order=record.name.casefold())


def _metric_cell(record: RunRecord) -> Cell:
    metrics, part = shown_metrics(record.metrics, record.validation_metrics, record.counts)
    main = main_metric(metrics)
    return Cell(metric_words(metrics, main), order=metrics.get(main, float("nan")), second=part_words(part))


def _fits(record: RunRecord, words: Sequence[str]) -> bool:
    """Whether every word stands somewhere in what is said of a run."""
    facts = (record.name, record.data_name, record.preset, preset_title(record.preset), record.status.value)
    text = " ".join((*facts, record.notes, *record.tags, record.run_id, record.error)).casefold()
    return all(word in text for word in words)
