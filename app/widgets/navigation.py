"""The rail at the left: one button a page, the menu and the settings at its foot."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QButtonGroup, QFrame, QMenu, QToolButton, QVBoxLayout, QWidget

from app.theme import SPACE, pixmap, theme
from app.widgets.basic import set_role


class NavigationRail(QFrame):
    """Buttons for the pages.

    Signals
    -------
    chosen(str)
        Name of the page that the user wants.
    """

    chosen = Signal(str)

    def __init__(self, entries: Sequence[tuple[str, str, str]], menu: QMenu, parent: QWidget | None = None) -> None:
        """Lay out `entries` (name, title, icon); the last one stands at the foot, below the menu."""
        super().__init__(parent)
        self.setObjectName("navigation")
        self.setAccessibleName("Pages")
        self.setFixedWidth(76)
        self._buttons: dict[str, QToolButton] = {}
        self._icons: dict[QToolButton, str] = {}
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[1], 14, SPACE[1], 14)
        layout.setSpacing(SPACE[0])
        for name, title, icon in entries[:-1]:
            layout.addWidget(self._page_button(name, title, icon))
        layout.addStretch(1)
        more = self._button("Menu", "menu", "navMenu")
        more.setMenu(menu)
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        layout.addWidget(more)
        layout.addWidget(self._page_button(*entries[-1]))
        theme.changed.connect(self._renew_icons)
        self._renew_icons()

    def show_current(self, name: str) -> None:
        """Mark the button of the page that is shown."""
        button = self._buttons.get(name)
        if button is not None:
            button.setChecked(True)
            # As Qt does it once a button has had the focus: Tab leads to the checked one, arrows to the others.
            for other in self._buttons.values():
                other.setFocusPolicy(Qt.FocusPolicy.TabFocus if other is button else Qt.FocusPolicy.NoFocus)

    def _page_button(self, name: str, title: str, icon: str) -> QToolButton:
        button = self._button(title, icon, f"nav{name.capitalize()}")
        button.setCheckable(True)
        button.clicked.connect(lambda: self.chosen.emit(name))
        self._group.addButton(button)
        self._buttons[name] = button
        return button

    def _button(self, title: str, icon: str, object_name: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(object_name)
        button.setText(title)
        button.setAccessibleName(title)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setIconSize(QSize(20, 20))
        button.setFixedSize(60, 57)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        set_role(button, role="rail")
        self._icons[button] = icon
        return button

    def _renew_icons(self) -> None:
        tokens = theme.palette()
        for button, name in self._icons.items():
            icon = QIcon()
            for state, color in ((QIcon.State.Off, tokens.muted), (QIcon.State.On, tokens.accent)):
                for ratio in (1.0, 2.0):
                    icon.addPixmap(pixmap(name, color, 20, ratio), QIcon.Mode.Normal, state)
            button.setIcon(icon)
