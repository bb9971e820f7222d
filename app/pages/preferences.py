"""Settings: how the window looks, and where things are kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QButtonGroup, QComboBox, QRadioButton, QVBoxLayout, QWidget

from app.file_manager import show_folder
from app.pages.base import Page
from app.pages.welcome import SHOWN_RECENT
from app.services.settings import SIZES
from app.text import counted
from app.theme import SPACE, ThemeMode, theme
from app.widgets.basic import Card, label, named, row, secondary_button

if TYPE_CHECKING:
    from app.services.session import Session

_WIDTH = 620
_OPEN_RECENT = "Open recent in the File menu"
_MODES: tuple[tuple[ThemeMode, str], ...] = (
    ("system", "As the system"),
    ("light", "Light"),
    ("dark", "Dark"),
)


class PreferencesPage(Page):
    """Every change holds at once, but for the size."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, "Settings", parent)
        self._modes = QButtonGroup(self)
        column = QVBoxLayout()
        column.setSpacing(SPACE[2])
        for card in (self._look(), self._magnification(), self._folder(), self._files()):
            card.setFixedWidth(_WIDTH)
            column.addWidget(card)
        column.addStretch(1)
        self.body.addLayout(row(None))
        self.body.addLayout(column)
        self.body.setAlignment(column, Qt.AlignmentFlag.AlignLeft)
        theme.mode_changed.connect(self._show_mode)
        session.settings.recent_changed.connect(self._show_recent)
        self._show_mode()
        self._show_recent()

    def _look(self) -> Card:
        card = Card("Light and dark")
        for index, (mode, words) in enumerate(_MODES):
            button = QRadioButton(words)
            button.setObjectName(f"{mode}ModeButton")
            button.clicked.connect(lambda _checked=False, mode=mode: self._set_mode(mode))
            self._modes.addButton(button, index)
            card.add(button)
        return card

    def _magnification(self) -> Card:
        card = Card("Size")
        self._size = named(QComboBox(), "sizeCombo", "Size of text and pictures")
        for percent in SIZES:
            self._size.addItem(f"{percent} %", percent)
        self._size.setCurrentIndex(self._size.findData(self.session.settings.size))
        self._size.currentIndexChanged.connect(self._set_size)
        self._size_words = label("", "muted", wrap=True)
        card.add(label("Text and pictures, of their natural size:", "muted"))
        card.body.addLayout(row(self._size, None))
        card.add(self._size_words)
        self._size_words.hide()
        return card

    def _folder(self) -> Card:
        card = Card("Workspace")
        card.add(label("Runs, models, settings and the log are kept in this folder:", "muted", wrap=True))
        path = label(str(self.session.workspace), wrap=True)
        path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        card.add(path)
        button = secondary_button("Open the folder", "openWorkspaceButton")
        button.clicked.connect(self._open_folder)
        card.body.addLayout(row(button, None))
        return card

    def _files(self) -> Card:
        card = Card("Recent files")
        self._recent = label("", "muted", wrap=True)
        self._recent.setObjectName("recentWords")
        self._forget = secondary_button("Forget them", "forgetFilesButton", "The files themselves stay where they are")
        self._forget.clicked.connect(self.session.settings.forget_files)
        card.add(self._recent)
        card.body.addLayout(row(self._forget, None))
        return card

    def _set_mode(self, mode: ThemeMode) -> None:
        self.session.settings.theme_mode = mode
        theme.set_mode(mode)

    @Slot()
    def _set_size(self) -> None:
        percent = int(self._size.currentData())
        self.session.settings.size = percent
        words = "Holds when MolE Studio is started again."
        if not self._fits(percent):
            words += " The window will not fit on this screen then; choose a smaller size."
        self._size_words.setText(words)
        self._size_words.show()

    def _fits(self, percent: int) -> bool:
        """Whether the window at its smallest has room on the screen it is on."""
        now = float(os.environ.get("QT_SCALE_FACTOR") or 1.0)
        room, least = self.screen().availableSize(), self.window().minimumSizeHint()
        larger = percent / 100 / now
        return least.width() * larger <= room.width() and least.height() * larger <= room.height()

    @Slot()
    def _show_mode(self) -> None:
        names = [mode for mode, _ in _MODES]
        self._modes.button(names.index(theme.mode)).setChecked(True)

    @Slot()
    def _show_recent(self) -> None:
        known = len(self.session.settings.recent)
        words = f"{counted(known, 'file')} can be opened again with {_OPEN_RECENT}"
        if known > SHOWN_RECENT:
            words += f"; the Data page offers the last {SHOWN_RECENT} while no file is open"
        elif known:
            words += ", or on the Data page while no file is open"
        self._recent.setText(f"{words}." if known else "None yet.")
        self._forget.setEnabled(known > 0)

    @Slot()
    def _open_folder(self) -> None:
        show_folder(self.session.workspace)
