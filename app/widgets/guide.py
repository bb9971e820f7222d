"""The short guide behind F1, and what the program says about itself. Both work without a network."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QTextCursor, QTextTable
from PySide6.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from app.text import keys
from app.theme import SPACE, theme
from app.widgets.basic import label, primary_button, row
from mole_engine import __version__


class GuideDialog(QDialog):
    """The first five minutes, and the keys."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("guideDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Guide")
        self.resize(640, 620)
        text = QTextBrowser()
        text.setAccessibleName("Guide")
        text.setOpenExternalLinks(True)
        text.setMarkdown(keys((files("resources") / "guide.md").read_text(encoding="utf-8")))
        _air(text)
        close = primary_button("Close")
        close.setMinimumWidth(110)
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        layout.setSpacing(SPACE[2])
        layout.addWidget(text, 1)
        layout.addLayout(row(None, close))


def _air(text: QTextBrowser) -> None:
    """Give headings room and tables quiet lines, which Markdown alone does not."""
    document, line = text.document(), QColor(theme.palette().line)
    document.setDocumentMargin(SPACE[2])
    cursor, block = QTextCursor(document), document.begin()
    while block.isValid():
        form = block.blockFormat()
        if block.textList() is not None or form.headingLevel():
            form.setTopMargin(SPACE[3] if form.headingLevel() and block.position() else SPACE[0])
            cursor.setPosition(block.position())
            cursor.setBlockFormat(form)
        block = block.next()
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            grid = frame.format()
            grid.setBorderBrush(line)
            grid.setCellPadding(SPACE[0])
            frame.setFormat(grid)


class AboutDialog(QDialog):
    """Version, licence, method, and where things are kept."""

    def __init__(self, workspace: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("aboutDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("About MolE Studio")
        self.setFixedWidth(460)
        where = label(f"Runs, settings and the log are kept in {workspace}", "muted", wrap=True)
        where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = primary_button("Close")
        close.setMinimumWidth(110)
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        layout.setSpacing(SPACE[1])
        layout.addWidget(label("MolE Studio", "title"))
        layout.addWidget(label(f"Version {__version__}, Apache License 2.0", "muted"))
        layout.addSpacing(SPACE[1])
        what = "Trains MolE, a transformer over molecular graphs, on your own molecules and your own machine."
        layout.addWidget(label(what, wrap=True))
        layout.addWidget(where)
        layout.addSpacing(SPACE[2])
        layout.addLayout(row(None, close))
