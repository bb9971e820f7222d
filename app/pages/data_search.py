"""The search field of the Data page, and what it takes: text, a pattern, a molecule to be like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, QTimer, Signal, Slot
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLineEdit, QWidget

from app.services.filters import PatternFilter, RowFilter, SimilarFilter, TextFilter, fault_of
from app.theme import SPACE
from app.widgets.basic import named, padded

if TYPE_CHECKING:
    from app.services.session import Session

_TYPING_PAUSE_MS = 250

MODES = (
    ("Text or SMARTS", "any", "Search text, SMARTS or a structure …"),
    ("Text", "text", "Text in any column …"),
    ("SMARTS", "smarts", "A pattern, such as c1ccccc1[OH] …"),
    ("Similar to", "similar", "SMILES of a molecule …"),
)
"""What the search field takes: words, name, what the empty field says."""


class SearchBar(QWidget):
    """Kind of search, field, and the least similarity where that is asked for.

    Signals
    -------
    changed
        Something else is searched for (see `typed`); told when typing pauses.
    kept(RowFilter)
        What was typed is to stay as a filter; told only of what can be read.
    """

    changed = Signal()
    kept = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._field = named(QLineEdit(), "searchEdit", "Search the rows")
        self._field.setClearButtonEnabled(True)
        self._field.setToolTip("Return keeps what was searched for as a filter")
        self._mode = named(QComboBox(), "searchModeCombo", "What is searched for")
        for words, name, _ in MODES:
            self._mode.addItem(words, name)
        self._least = named(padded(QDoubleSpinBox()), "similaritySpin", "Least similarity")
        # As all numbers here are written. In German, say, a dot would go unheard: 0.4 became 4.
        self._least.setLocale(QLocale.c())
        self._least.setRange(0.05, 1.0)
        self._least.setSingleStep(0.05)
        self._least.setValue(0.4)
        self._least.setToolTip("Least Tanimoto similarity (ECFP4)")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(self._mode)
        layout.addWidget(self._field, 1)
        layout.addWidget(self._least)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_TYPING_PAUSE_MS)
        self._pause.timeout.connect(self.changed)
        self._field.textChanged.connect(self._wait_for_more)
        self._field.returnPressed.connect(self._keep)
        self._mode.currentIndexChanged.connect(self._choose_mode)
        self._least.valueChanged.connect(self._wait_for_more)
        self._choose_mode()

    def typed(self) -> RowFilter | None:
        """Return what is searched for, None for nothing."""
        text = self._field.text().strip()
        if not text:
            return None
        made: dict[str, RowFilter] = {
            "any": TextFilter(text, structures=True),
            "text": TextFilter(text),
            "smarts": PatternFilter(text),
            "similar": SimilarFilter(text, round(self._least.value(), 2)),
        }
        return made[str(self._mode.currentData())]

    def look_for(self, mode: str, text: str) -> None:
        """Search for a text in one of `MODES`."""
        self._mode.setCurrentIndex(max(0, self._mode.findData(mode)))
        self._field.setText(text)

    def clear(self) -> None:
        """Search for nothing."""
        self._field.clear()

    @Slot()
    def _wait_for_more(self) -> None:
        self._pause.start()

    @Slot()
    def _choose_mode(self) -> None:
        _, name, hint = MODES[max(0, self._mode.currentIndex())]
        self._field.setPlaceholderText(hint)
        self._least.setVisible(name == "similar")
        if self._field.text().strip():
            self.changed.emit()

    @Slot()
    def _keep(self) -> None:
        typed = self.typed()
        if isinstance(typed, TextFilter):
            self._settle(typed)
        elif typed is not None:
            self._session.start_task(self._keep_readable(typed))

    async def _keep_readable(self, typed: RowFilter) -> None:
        """Keep a pattern or a structure; what cannot be read stays in the field, and the search says why."""
        fault = await self._session.run_blocking(fault_of, typed)
        if self.typed() != typed:
            return
        if fault:
            self._pause.stop()
            self.changed.emit()
        else:
            self._settle(typed)

    def _settle(self, typed: RowFilter) -> None:
        self._field.clear()
        self._pause.stop()
        self.kept.emit(typed)
