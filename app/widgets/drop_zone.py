"""Where a file may be dropped, and what the window does with anything dragged over it."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.theme import SPACE
from app.widgets.basic import IconLabel, label, set_role
from app.widgets.file_drags import dropped_files

READABLE = ("csv", "tsv", "txt", "smi", "smiles", "sdf", "sd", "xlsx", "parquet", "gz")
FILE_FILTER = f"Molecules ({' '.join(f'*.{ending}' for ending in READABLE)});;All files (*)"


class DropZone(QFrame):
    """A dashed field that takes a file, by drop, click, Return or Space; or several, where somebody listens for them.

    Signals
    -------
    dropped(str)
        Path of the file.
    several_dropped(list[str])
        Paths of several files.
    activated
        The user wants to choose a file instead.
    """

    dropped = Signal(str)
    several_dropped = Signal(object)
    activated = Signal()

    def __init__(
        self,
        title: str,
        text: str,
        *,
        name: str = "dropZone",
        icon: str = "open",
        icon_size: int = 36,
        several: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._several = several
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[4])
        self.body.setSpacing(SPACE[1])
        self.body.addStretch(1)
        self.body.addWidget(IconLabel(icon, "accent", icon_size), 0, Qt.AlignmentFlag.AlignHCenter)
        heading = label(title, "title")
        heading.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        words = label(text, "muted", wrap=True)
        words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.body.addSpacing(SPACE[0])
        self.body.addWidget(heading)
        self.body.addWidget(words)
        self.body.addStretch(1)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Light up for what can be taken."""
        if self._taken(event.mimeData()):
            event.acceptProposedAction()
            set_role(self, hot=True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802 - Qt's name
        """Go dark again."""
        set_role(self, hot=False)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Tell which file it was."""
        set_role(self, hot=False)
        paths = self._taken(event.mimeData())
        if paths:
            event.acceptProposedAction()
        if len(paths) == 1:
            self.dropped.emit(paths[0])
        elif paths:
            self.several_dropped.emit(paths)

    def _taken(self, mime: QMimeData) -> list[str]:
        paths = dropped_files(mime)
        return paths if self._several or len(paths) == 1 else []

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """A click asks for a file dialog."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.activated.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """So do Return and Space, where they are not meant for a button inside."""
        if self.hasFocus() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.activated.emit()
        else:
            super().keyPressEvent(event)


class DropOverlay(QFrame):
    """Covers the window while a file is dragged over it, and says what a drop will do."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        set_role(self, role="dropOverlay")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        layout.addWidget(IconLabel("open", "accent", 44), 0, Qt.AlignmentFlag.AlignHCenter)
        self._words = label("", "title", tone="accent")
        self._words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._words)
        layout.addStretch(1)
        self.hide()

    def cover(self, words: str) -> None:
        """Lie over the whole parent, and say what a drop will do."""
        self._words.setText(words)
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect().adjusted(12, 12, -12, -12))
        self.raise_()
        self.show()
