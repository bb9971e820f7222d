"""Which columns the table shows besides structure, targets and part: properties on demand, others of the file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit, QMenu, QWidget, QWidgetAction

from app.services.columns import PROPERTY_TITLES
from app.services.row_columns import SIMILARITY_KEY
from app.text import OWN, count
from app.widgets.basic import named
from mole_engine.contracts.dataset import ColumnInfo

if TYPE_CHECKING:
    from app.services.session import Session

_FEW, _MOST_FOUND = 12, 15
_GROUPS = (
    ("Numbers", {"number"}),
    ("Classes and parts", {"binary", "class", "split"}),
    ("Texts", {"text", "smiles"}),
    ("Empty", {"empty"}),
)
"""Submenus of a file's columns, and the kinds of column in each."""


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
        for old in self.findChildren(QMenu):
            old.deleteLater()
        dataset = self._session.dataset
        if dataset is None:
            return
        targets = {task.name for task in dataset.roles.tasks} | {dataset.roles.smiles}
        columns = [column for column in dataset.info.columns if column.name not in targets]
        if columns:
            self._heading("Columns of the file")
            self._list_columns(columns)
            self.addSeparator()
        self._heading("Computed from the structure")
        shown = self._session.columns.properties
        for name, title in PROPERTY_TITLES.items():
            self._add(self, title, name in shown, partial(self.toggle_property, name))
        self.addAction("All of these").triggered.connect(lambda: self._show_properties(tuple(PROPERTY_TITLES)))

    def _list_columns(self, columns: Sequence[ColumnInfo]) -> None:
        """List a few columns one below the other; many by what they hold, with a field that finds them by name."""
        names = [column.name for column in columns]
        if len(names) <= _FEW:
            for name in names:
                self._add(self, name, name in self.extra, partial(self.toggle_column, name))
            return
        search = named(QLineEdit(), "columnSearchEdit", "Find a column by its name")
        search.setPlaceholderText("Find a column")
        search.setClearButtonEnabled(True)
        holder = QWidgetAction(self)
        holder.setDefaultWidget(search)
        self.addAction(holder)
        groups = [self._group(title, [one.name for one in columns if one.kind in kinds]) for title, kinds in _GROUPS]
        found = [self._add(self, name, name in self.extra, partial(self.toggle_column, name)) for name in names]
        more = self._heading("")
        search.textChanged.connect(partial(_show_found, names, found, [one for one in groups if one], more))
        _show_found(names, found, [], more, "")

    def _group(self, title: str, names: Sequence[str]) -> QAction | None:
        if not names:
            return None
        menu = QMenu(f"{title} ({count(len(names))})", self)
        for name in names:
            self._add(menu, name, name in self.extra, partial(self.toggle_column, name))
        return self.addMenu(menu)

    def _heading(self, words: str) -> QAction:
        made = self.addAction(words)
        made.setEnabled(False)
        return made

    def toggle_property(self, name: str, on: bool) -> None:
        """Show a property, or not."""
        shown = tuple(one for one in self._session.columns.properties if one != name)
        self._show_properties((*shown, name) if on else shown)

    def toggle_column(self, name: str, on: bool) -> None:
        """Show a column of the file, or not."""
        self.extra = tuple(one for one in self.extra if one != name) + ((name,) if on else ())
        self.changed.emit()

    @staticmethod
    def _add(menu: QMenu, words: str, on: bool, toggled: Callable[[bool], None]) -> QAction:
        # "&" would underline the next letter.
        action = QAction(words.replace("&", "&&"), menu)
        action.setCheckable(True)
        action.setChecked(on)
        action.toggled.connect(toggled)
        menu.addAction(action)
        return action

    def _show_properties(self, names: tuple[str, ...]) -> None:
        dataset = self._session.dataset
        if dataset is not None:
            self._session.start_task(self._session.columns.show_properties(dataset, names))


def _show_found(
    names: Sequence[str], found: Sequence[QAction], groups: Sequence[QAction], more: QAction, typed: str
) -> None:
    """Show the columns whose name holds what was typed, in place of the groups; without anything typed, the groups."""
    words = typed.casefold().split()
    matching = [bool(words) and all(word in name.casefold() for word in words) for name in names]
    left = _MOST_FOUND
    for action, matches in zip(found, matching, strict=True):
        action.setVisible(matches and left > 0)
        left -= matches
    for group in groups:
        group.setVisible(not words)
    more.setVisible(bool(words) and (left < 0 or not any(matching)))
    more.setText(f"and {count(-left)} more" if left < 0 else "No column is called that")
