"""Which columns the table shows besides structure, targets and part: properties on demand, others of the file."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.services.columns import PROPERTY_TITLES
from app.services.row_columns import SIMILARITY_KEY
from app.text import OWN, count

if TYPE_CHECKING:
    from app.services.session import Session

_MOST = 40


class ColumnsMenu(QMenu):
    """A menu of what can be shown.

    Attributes
    ----------
    extra
        Columns of the file that are shown.

    Signals
    -------
    changed
        `extra` has changed.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.extra: tuple[str, ...] = ()
        self.aboutToShow.connect(self.fill)

    def forget(self) -> None:
        """Show none: another file is open."""
        self.extra = ()
        self._session.columns.forget()

    def keep(self, known: Collection[str]) -> None:
        """Drop the columns that are gone."""
        self.extra = tuple(name for name in self.extra if name in known)

    def can_hide(self, key: str) -> bool:
        """Whether a column was asked for."""
        return key in self.extra or (key.startswith(OWN) and key != SIMILARITY_KEY)

    def hide_column(self, key: str) -> None:
        """Show a column no more."""
        if key.startswith(OWN):
            self.toggle_property(key.removeprefix(OWN), False)
        else:
            self.toggle_column(key, False)

    @Slot()
    def fill(self) -> None:
        """List what there is."""
        self.clear()
        dataset = self._session.dataset
        if dataset is None:
            return
        shown = self._session.columns.properties
        for name, title in PROPERTY_TITLES.items():
            self._add(title, name in shown, partial(self.toggle_property, name))
        self.addAction("All of these").triggered.connect(lambda: self._show_properties(tuple(PROPERTY_TITLES)))
        targets = {task.name for task in dataset.roles.tasks} | {dataset.roles.smiles}
        names = [column.name for column in dataset.info.columns if column.name not in targets]
        if names:
            self.addSeparator()
        for name in names[:_MOST]:
            self._add(name, name in self.extra, partial(self.toggle_column, name))
        if len(names) > _MOST:
            self.addAction(f"{count(len(names) - _MOST)} more in the column card").setEnabled(False)

    def toggle_property(self, name: str, on: bool) -> None:
        """Show a property, or not."""
        shown = tuple(one for one in self._session.columns.properties if one != name)
        self._show_properties((*shown, name) if on else shown)

    def toggle_column(self, name: str, on: bool) -> None:
        """Show a column of the file, or not."""
        self.extra = tuple(one for one in self.extra if one != name) + ((name,) if on else ())
        self.changed.emit()

    def _add(self, words: str, on: bool, toggled: Callable[[bool], None]) -> None:
        # "&" would underline the next letter.
        action = QAction(words.replace("&", "&&"), self)
        action.setCheckable(True)
        action.setChecked(on)
        action.toggled.connect(toggled)
        self.addAction(action)

    def _show_properties(self, names: tuple[str, ...]) -> None:
        dataset = self._session.dataset
        if dataset is not None:
            self._session.start_task(self._session.columns.show_properties(dataset, names))
