"""What restricts the rows, each a chip that a click takes away."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

from app.text import progress_words
from app.theme import SPACE
from app.widgets.basic import label, link_button, pill_button
from app.widgets.tab_order import tab_through

_LETTERS = 48


class FilterChips(QWidget):
    """A line of chips, or several where one has no room; hidden without any.

    Signals
    -------
    removed(int)
        Number of the filter that is no longer wanted.
    cleared
        None is wanted any more.
    """

    removed = Signal(int)
    cleared = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filterChips")
        self._flow = _Flow(self)
        self._found = label("", "muted")
        self._found.setObjectName("foundLabel")
        self._found.setFixedHeight(22)
        self._clear = link_button("Clear all", "clearFiltersButton", "Show all rows again")
        self._clear.clicked.connect(self.cleared)
        self._clear.hide()
        self._chips: list[QWidget] = []
        self._flow.addWidget(self._found)
        self._flow.addWidget(self._clear)
        self.hide()

    def show_filters(self, words: Sequence[str], found: str) -> None:
        """Show a chip for each filter, and how many rows they leave; the keyboard stays among the chips."""
        former, self._chips = self._chips, []
        place = next((place for place, chip in enumerate(former) if chip.hasFocus()), -1)
        for number, text in enumerate(words):
            self._chips.append(self._chip(number, text))
        # The count and "Clear all" stand after the chips.
        for last in (self._found, self._clear):
            self._flow.removeWidget(last)
            self._flow.addWidget(last)
        # "Clear all" knows where in the window this line is.
        tab_through(self._clear, *self._chips, self._clear)
        self._found.setText(found)
        self._clear.setVisible(len(words) > 1)
        if place >= 0 and self._chips:
            near = self._chips[min(place, len(self._chips) - 1)]
            # Else the layout shows it a moment later, and what is hidden cannot have the focus.
            near.show()
            near.setFocus()
        for chip in former:
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.setVisible(bool(words) or bool(found))
        self.updateGeometry()

    def _chip(self, place: int, text: str) -> QWidget:
        cut = text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"
        chip = pill_button(f"{cut}  ✕", f"filterChip{place}", f"{text}\nClick to take this filter away", checkable=True)
        chip.setChecked(True)
        chip.setAccessibleName(f"Take away the filter: {text}")
        chip.clicked.connect(lambda: self.removed.emit(place))
        self._flow.addWidget(chip)
        return chip

    @Slot(str, int, int)
    def show_search(self, stage: str, done: int, total: int) -> None:
        """Say, where the number of rows stands, how far the search for them is."""
        self._found.setText(f"{stage} {progress_words(stage, done, total)}".rstrip() + " …")
        self.show()
        self.updateGeometry()

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Chips wrap."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height of all lines."""
        return self._flow.heightForWidth(width)


class _Flow(QLayout):
    """Lays widgets side by side, and below where there is no room."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(SPACE[1])

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802 - Qt's name
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt allows none
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt allows none
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802 - Qt's name
        super().setGeometry(rect)
        self._place(rect, move=True)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return self.minimumSize()

    def minimumSize(self) -> QSize:  # noqa: N802 - Qt's name
        sizes = [item.sizeHint() for item in self._items if not item.isEmpty()]
        return QSize(
            max((size.width() for size in sizes), default=0), max((size.height() for size in sizes), default=0)
        )

    def _place(self, rect: QRect, *, move: bool) -> int:
        left, top, height = rect.left(), rect.top(), 0
        for item in self._items:
            if item.isEmpty():
                continue
            size = item.sizeHint()
            if left > rect.left() and left + size.width() > rect.right() + 1:
                left, top, height = rect.left(), top + height + self.spacing(), 0
            if move:
                item.setGeometry(QRect(QPoint(left, top), size))
                item.setAlignment(Qt.AlignmentFlag.AlignVCenter)
            left, height = left + size.width() + self.spacing(), max(height, size.height())
        return top + height - rect.top()
