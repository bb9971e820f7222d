"""What the table shows in place of rows where a search finds none."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from app.widgets.basic import EmptyState, secondary_button

_LETTERS = 60


class NoRows(EmptyState):
    """Says what was searched for in vain, and how to see rows again.

    Signals
    -------
    search_unwanted, filters_unwanted
        What is typed, or else the filters, are to be taken away.
    """

    search_unwanted = Signal()
    filters_unwanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._clear = secondary_button("Clear", "clearSearchButton")
        super().__init__("search", "", "", (self._clear,), parent)
        self.setObjectName("noRows")
        self._typed = False
        self._clear.clicked.connect(self._tell_unwanted)

    def tell(self, title: str, typed: bool, filtered: bool, pattern: bool) -> None:
        """Say what was searched for.

        Parameters
        ----------
        title
            That it was not found.
        typed, filtered
            Whether a search, and whether filters leave rows out.
        pattern
            Whether what was typed could be read in every way that was asked for.
        """
        self._typed = typed
        self.title.setText(title if len(title) <= _LETTERS else f"{title[: _LETTERS - 1]}…")
        said = [] if pattern else ["It is not a SMARTS pattern either: only texts were searched."]
        if typed and filtered:
            said.append("Filters leave out some rows, too.")
        self.text.setText(" ".join(said))
        self._clear.setText("Clear the search" if typed else "Show all rows")

    @Slot()
    def _tell_unwanted(self) -> None:
        (self.search_unwanted if self._typed else self.filters_unwanted).emit()
