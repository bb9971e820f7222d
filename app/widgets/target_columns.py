"""Which columns are learned: a list to tick, with a field that finds a column among many."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.text import count
from app.theme import SPACE
from app.widgets.basic import label, link_button, named, row
from mole_engine.contracts.dataset import ColumnInfo

_FEW = 12
"""Columns up to which the list is read rather than searched."""

_ITEM_HEIGHT, _AROUND = 26, 8


class TargetColumns(QWidget):
    """The list, and above it what finds, ticks and clears many.

    Signals
    -------
    chosen(list[str])
        Other columns are ticked; never none.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        self._numbers: frozenset[str] = frozenset()
        self._all = link_button("", "allTargetsButton", "Learn every column of numbers")
        self._all.clicked.connect(self._tick_all)
        self._none = link_button("None", "noTargetsButton", "Take all ticks away; then tick what is to be learned")
        self._none.clicked.connect(self._tick_none)
        self._search = named(QLineEdit(), "targetSearchEdit", "Find a target column by its name")
        self._search.setPlaceholderText("Find a target")
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._find)
        self._list = named(QListWidget(), "targetColumnsList", "Target columns")
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.itemChanged.connect(self._tell)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[0])
        self._caption = label("Targets", "muted")
        layout.addLayout(row(self._caption, None, self._all, self._none))
        layout.addWidget(self._search)
        layout.addWidget(self._list)

    def show_columns(self, columns: Sequence[ColumnInfo], ticked: Collection[str]) -> None:
        """List the columns and tick some; nothing is announced."""
        names = [column.name for column in columns]
        same, place = names == self._names, self._list.verticalScrollBar().value()
        self._names = names
        self._numbers = frozenset(column.name for column in columns if column.kind == "number")
        many = self.is_long
        # The field says what it is, and the links need the room.
        self._caption.setVisible(not many)
        self._list.setFixedHeight((4 if many else 5) * _ITEM_HEIGHT + _AROUND)
        for part in (self._search, self._all, self._none):
            part.setVisible(many)
        self._all.setVisible(many and bool(self._numbers))
        self._all.setText(f"All numbers ({count(len(self._numbers))})")
        blocker = QSignalBlocker(self._list)
        self._list.clear()
        for column in columns:
            item = QListWidgetItem(column.name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable)
            item.setCheckState(Qt.CheckState.Checked if column.name in ticked else Qt.CheckState.Unchecked)
            item.setToolTip("\n".join(text for text in (column.name, ", ".join(column.examples[:3])) if text))
            # As wide as the list however long the name is: it is cut in the middle.
            item.setSizeHint(QSize(1, _ITEM_HEIGHT))
            self._list.addItem(item)
        blocker.unblock()
        if not same:
            self._search.clear()
        self._find(self._search.text())
        if same:
            self._list.verticalScrollBar().setValue(place)
        else:
            self.show_ticked()

    @property
    def is_long(self) -> bool:
        """Whether the list has to be searched."""
        return len(self._names) > _FEW

    def show_ticked(self) -> None:
        """Bring the first column that is ticked into view."""
        first = next((item for item in self._items() if item.checkState() is Qt.CheckState.Checked), None)
        if first is not None:
            self._list.scrollToItem(first)

    def tick_also(self, names: Collection[str]) -> None:
        """Tick further columns, as by hand."""
        self._tick({*self.ticked(), *names})
        self._tell()

    def ticked(self) -> list[str]:
        """Return the columns that are ticked, in file order."""
        return [item.text() for item in self._items() if item.checkState() is Qt.CheckState.Checked]

    def _items(self) -> list[QListWidgetItem]:
        return [self._list.item(index) for index in range(self._list.count())]

    @Slot()
    def _tell(self) -> None:
        # Without any the engine would look for one itself and tick it again, against the user's wish.
        if ticked := self.ticked():
            self.chosen.emit(ticked)

    @Slot()
    def _tick_all(self) -> None:
        self._tick(self._numbers)
        self._tell()

    @Slot()
    def _tick_none(self) -> None:
        self._tick(())

    def _tick(self, names: Collection[str]) -> None:
        blocker = QSignalBlocker(self._list)
        for item in self._items():
            item.setCheckState(Qt.CheckState.Checked if item.text() in names else Qt.CheckState.Unchecked)
        blocker.unblock()
        self._list.viewport().update()

    @Slot(str)
    def _find(self, typed: str) -> None:
        words = typed.casefold().split()
        for item in self._items():
            item.setHidden(not all(word in item.text().casefold() for word in words))
