"""The Data page: what was read, what is wrong with it, how it is divided."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMimeData, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget
from shiboken6 import isValid

from app.pages.base import Page
from app.pages.data_rows import RowsPanel
from app.pages.data_side import SidePanel
from app.pages.saving import ask_where_to_save, suggested_name
from app.pages.welcome import WelcomePanel
from app.pages.words import LEAK_TIP
from app.services.open_dataset import FreshTable, OpenDataset
from app.services.row_export import ROW_KINDS, export_rows
from app.services.structures import structure_png, structure_text
from app.text import count, counted
from app.theme import SPACE
from app.widgets.basic import row, secondary_button, set_role
from app.widgets.issues_dialog import IssuesDialog
from app.widgets.molecule_model import TableContent
from app.widgets.molecule_view import MoleculeDialog
from app.widgets.progress import LoadingPanel
from app.widgets.read_banner import ReadBanner

if TYPE_CHECKING:
    from app.services.session import Session
    from app.services.tasks import Progress

_PREVIEW_PAUSE_MS = 400


class DataPage(Page):
    """Welcome, loading, or the open file.

    Signals
    -------
    open_requested
        The user wants to choose a file.
    path_requested(str)
        The user has chosen one.
    paths_requested(list[str])
        The user has chosen several, to be opened together.
    """

    open_requested = Signal()
    path_requested = Signal(str)
    paths_requested = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, "Data", parent)
        self._fresh: FreshTable | None = None
        self._writing: Progress | None = None
        self._open_button = secondary_button("Open", "openAnotherButton", "Open another file (Ctrl+O)")
        self._open_button.clicked.connect(self.open_requested)
        self._export_button = secondary_button(
            "Export", "exportRowsButton", "Save the rows that are selected or shown: CSV, SMILES, SDF"
        )
        self._export_button.clicked.connect(self._choose_export)
        self._switch = self._view_switch()
        self.welcome = WelcomePanel(session)
        self.loading = LoadingPanel()
        self.banner = ReadBanner()
        self.rows = RowsPanel(session)
        self.side = SidePanel(session, self.rows)
        for action in (self._export_button, self._open_button, self._switch):
            self.header.add_action(action)
        self.table = self.rows.table
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
        self.side.curation.forget_numbers()
        if self.session.dataset is None:
            self.loading.begin(name)
            self._show_state(self.loading)

    def cancel(self) -> bool:
        """Cancel reading or drawing the map, or clear the search."""
        return self._cancel_work() or self.session.space.cancel() or self.rows.cancel()

    @Slot()
    def _cancel_work(self) -> bool:
        if self._writing is not None:
            self._writing.cancel()
            return True
        return self.session.datasets.cancel() or self.session.columns.cancel()

    @Slot()
    def paste(self) -> None:
        """Open the text on the clipboard: a table, SMILES or a MOL block."""
        self.begin_loading("the pasted text")
        self.session.start_task(self.session.datasets.open_pasted(QGuiApplication.clipboard().text()))

    def _show_state(self, state: QWidget) -> None:
        self._stack.setCurrentWidget(state)
        opened = state is self._opened
        for part in (self._open_button, self._export_button, self._switch):
            part.setVisible(opened)
        self.primary = self.side.next if opened else self.welcome.sample_button

    # Building --------------------------------------------------------------------------------------------------

    def _view_switch(self) -> QWidget:
        """Table or map, as two buttons that stand together."""
        holder = QWidget()
        self._views = QButtonGroup(holder)
        buttons = []
        for words, name, tip in (
            ("Table", "tableViewButton", "Only the table"),
            ("Map", "mapViewButton", "The map of chemical space above the table"),
        ):
            button = secondary_button(words, name, tip)
            button.setCheckable(True)
            set_role(button, role="segment")
            self._views.addButton(button)
            buttons.append(button)
        buttons[0].setChecked(True)
        self._views.buttonToggled.connect(self._switch_view)
        holder.setLayout(row(*buttons, spacing=0))
        return holder

    def _content(self) -> QWidget:
        left = QVBoxLayout()
        left.setSpacing(SPACE[2])
        left.addWidget(self.banner)
        left.addWidget(self.rows, 1)
        holder = QWidget()
        whole = QHBoxLayout(holder)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE[3])
        whole.addLayout(left, 1)
        whole.addWidget(self.side)
        return holder

    def _connect(self, session: Session) -> None:
        self.header.notice_clicked.connect(self.show_split)
        self.welcome.open_requested.connect(self.open_requested)
        self.welcome.path_requested.connect(self.path_requested)
        self.welcome.paths_requested.connect(self.paths_requested)
        self.welcome.resumed.connect(lambda: self.navigate.emit("train"))
        self.loading.cancelled.connect(session.datasets.cancel)
        self.banner.cancelled.connect(self._cancel_work)
        self.banner.changed.connect(self._revise)
        self.side.revised.connect(self._revise)
        self.side.report_wanted.connect(self._show_report)
        self.side.next.clicked.connect(lambda: self.navigate.emit("train"))
        self.rows.row_opened.connect(self._show_molecule)
        self.rows.export_wanted.connect(self._choose_export)
        session.dataset_opened.connect(self._show_opened)
        session.dataset_changed.connect(self._show_dataset)
        session.datasets.previewed.connect(self._hear_preview)
        session.datasets.followed.connect(self._tell_followed)
        for service in (session.datasets, session.columns):
            service.busy.connect(self._show_progress)
            service.idle.connect(self._end_progress)
        self._preview_pause = QTimer(self)
        self._preview_pause.setSingleShot(True)
        self._preview_pause.setInterval(_PREVIEW_PAUSE_MS)
        self._preview_pause.timeout.connect(self._show_preview)

    # What happens ----------------------------------------------------------------------------------------------

    @Slot(object)
    def _show_opened(self, dataset: OpenDataset) -> None:
        self.rows.begin()
        self.banner.close_form()
        self._show_dataset(dataset)
        self._show_state(self._opened)

    @Slot(object)
    def _show_dataset(self, dataset: OpenDataset) -> None:
        self._preview_pause.stop()
        self._set_previewing(False)
        self.header.set_title(dataset.info.name)
        self._show_chips(dataset)
        self.header.show_notice(dataset.leak_words, LEAK_TIP)
        self.banner.show_roles(
            dataset.info, dataset.roles, dataset.data_config, dataset.offers, dataset.no_target, dataset.further
        )
        self.rows.show_dataset(dataset)
        self.side.show_dataset(dataset)

    def _show_chips(self, dataset: OpenDataset, *more: tuple[str, str]) -> None:
        report, look = dataset.report, dataset.rows_to_look_at
        self.header.set_chips(
            [
                (counted(report.total, "row"), "neutral"),
                (f"{count(report.kept)} kept", "good"),
                (f"{count(look)} need a look" if look > 1 else "1 needs a look" if look else "", "warning"),
                *more,
            ]
        )

    @Slot()
    def _tell_followed(self) -> None:
        if self.session.dataset is not None:
            self._show_chips(self.session.dataset, ("has changed, was read again", "accent"))

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
        self.header.show_notice("")
        self.header.set_chips([(counted(fresh.info.rows, "row"), "neutral")])
        self.rows.show_preview(fresh)
        self._set_previewing(True)
        self._show_state(self._opened)

    def _set_previewing(self, previewing: bool) -> None:
        self._fresh = self._fresh if previewing else None
        self.rows.set_previewing(previewing)
        for part in (self.side.next, self._export_button, self._switch):
            part.setEnabled(not previewing)
        if previewing:
            self.side.show_waiting()

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
            self.header.show_notice("")
            self._show_state(self.welcome)

    @Slot(dict, dict)
    def _revise(self, data: dict[str, Any], split: dict[str, Any]) -> None:
        self.session.start_task(self.session.datasets.revise(data, split))

    @Slot()
    def show_split(self) -> None:
        """Bring the split into view."""
        self.side.show_split()

    @Slot()
    def _switch_view(self) -> None:
        chosen = self._views.checkedButton()
        self.rows.show_map(chosen is not None and chosen.objectName() == "mapViewButton")

    # Dialogs ---------------------------------------------------------------------------------------------------

    @Slot()
    def _show_report(self) -> None:
        dataset = self.session.dataset
        if dataset is not None:
            dialog = IssuesDialog(dataset.info.name, dataset.report, self.session.depictions, dataset.merged, self)
            dialog.row_wanted.connect(self.rows.show_row)
            dialog.save_wanted.connect(self._save_report)
            dialog.show()

    @Slot(str)
    def _save_report(self, path: str) -> None:
        self.session.start_task(self.session.datasets.export_report(path))

    @Slot(int)
    def _show_molecule(self, place: int) -> None:
        content = self.table.molecules.content
        if content is None:
            return
        facts = [("line of the file", count(content.source.line(place)))]
        facts += [(column.name, _cell_words(content, place, column.name)) for column in content.source.info.columns]
        said = "; ".join(words for words in (content.unseen_reason(place), content.remarks(place)) if words)
        smiles, drawn = content.source.cell(place, content.roles.smiles), self.table.molecules.drawn_smiles(place)
        title = f"Row {count(place + 1)}"
        dialog = MoleculeDialog(self.session.depictions, title, drawn, smiles, facts, said, self)
        dialog.copy_wanted.connect(lambda form: self.session.start_task(self._copy(dialog, drawn, form)))
        dialog.similar_wanted.connect(self._find_similar)
        dialog.similar_wanted.connect(dialog.accept)
        dialog.show()

    async def _copy(self, dialog: MoleculeDialog, smiles: str, form: str) -> None:
        if form == "png":
            picture = await self.session.run_blocking(structure_png, smiles)
            mime = QMimeData()
            mime.setData("image/png", picture)
            QGuiApplication.clipboard().setMimeData(mime)
        else:
            text = await self.session.run_blocking(structure_text, smiles, form)
            QGuiApplication.clipboard().setText(text)
        if isValid(dialog):
            # Else it was closed while the work waited for its turn.
            dialog.tell_copied()

    @Slot(str)
    def _find_similar(self, smiles: str) -> None:
        self.rows.find_similar(smiles)

    @Slot()
    def _choose_export(self) -> None:
        dataset = self.session.dataset
        if dataset is not None:
            name = suggested_name(f"{Path(dataset.info.name).stem}-rows", "csv")
            rows = counted(len(self.rows.rows_to_export()), "row")
            ask_where_to_save(self, f"Save {rows}", name, ROW_KINDS, self.export_to)

    @Slot(str)
    def export_to(self, path: str) -> None:
        """Write the selected rows, or those shown, to a file; its ending decides the form."""
        dataset = self.session.dataset
        if dataset is not None:
            self.session.start_task(self._export(dataset, Path(path), self.rows.rows_to_export()))

    async def _export(self, dataset: OpenDataset, path: Path, rows: Sequence[int]) -> None:
        progress = self._writing = self.session.new_progress()
        progress.changed.connect(self._show_progress)
        try:
            own = self.session.columns.shown()
            await self.session.run_blocking(export_rows, path, dataset, rows, own, progress)
        finally:
            self.session.tasks.drop_progress(progress)
            self._writing = None
            self._end_progress()


def _cell_words(content: TableContent, place: int, column: str) -> str:
    """Return a cell of the file, and what is learned in its place where several were merged."""
    cell, learned = content.source.cell(place, column), content.learned_value(place, column)
    return cell if learned is None else f"{cell}; learned as {learned.words}"
