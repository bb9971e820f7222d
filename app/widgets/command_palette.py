"""Everything the menus hold, found by typing a few letters of it (Ctrl+K)."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.theme import SPACE
from app.widgets.basic import named

_SIZE = (460, 360)
_MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class CommandPalette(QDialog):
    """A field and the commands that fit it, of those that can be done now; Return does the one that is marked."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("commandPalette")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*_SIZE)
        self._field = named(QLineEdit(), "commandField", "Command")
        self._field.setPlaceholderText("What do you want to do?")
        self._list = named(QListWidget(), "commandList", "Commands")
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for action in (one for one in actions if one.isEnabled()):
            item = QListWidgetItem(_words(action))
            item.setData(Qt.ItemDataRole.UserRole, action)
            self._list.addItem(item)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[2], SPACE[2], SPACE[2], SPACE[2])
        layout.setSpacing(SPACE[1])
        layout.addWidget(self._field)
        layout.addWidget(self._list, 1)
        self._field.textChanged.connect(self._show_fitting)
        self._field.returnPressed.connect(self._do_marked)
        self._field.installEventFilter(self)
        self._list.itemClicked.connect(self._do_marked)
        self._show_fitting("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Let the arrow keys move in the list while letters go into the field."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in _MOVES:
            self._list.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    @Slot(str)
    def _show_fitting(self, text: str) -> None:
        words = text.casefold().split()
        first = -1
        for row in range(self._list.count()):
            item = self._list.item(row)
            fits = all(word in item.text().casefold() for word in words)
            item.setHidden(not fits)
            first = row if fits and first < 0 else first
        self._list.setCurrentRow(first)

    @Slot()
    def _do_marked(self) -> None:
        item = self._list.currentItem()
        if item is not None and not item.isHidden():
            action = item.data(Qt.ItemDataRole.UserRole)
            self.close()
            action.trigger()


def _words(action: QAction) -> str:
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    text = str(action.property("command") or action.text().replace("&", ""))
    return text + (f"   {keys}" if keys else "")
