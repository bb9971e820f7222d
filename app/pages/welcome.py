"""What the Data page shows before a file is open: where to drop one, a sample one click away, recent files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.pages.resuming import ResumeControl
from app.services.datasets import samples
from app.theme import SPACE
from app.widgets.basic import Card, label, link_button, primary_button, row, secondary_button
from app.widgets.drop_zone import DropZone

if TYPE_CHECKING:
    from app.services.session import Session

SHOWN_RECENT = 4
"""Of the recent files, the last ones."""


class WelcomePanel(QWidget):
    """Empty state of the Data page.

    Signals
    -------
    open_requested
        The user wants to choose a file.
    path_requested(str)
        The user has chosen one: dropped, a sample, or a recent one.
    paths_requested(list[str])
        The user has dropped several.
    resumed()
        The user goes on with a training that was cut off.
    """

    open_requested = Signal()
    path_requested = Signal(str)
    paths_requested = Signal(object)
    resumed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = session.settings
        self._zone = DropZone(
            "Drop a file with molecules here",
            "CSV, TSV, SMILES, SDF, Excel or Parquet with a column of structures and a column of measured values",
            icon="molecule",
            icon_size=60,
            several=True,
        )
        self._zone.setFixedSize(600, 290)
        self._zone.dropped.connect(self.path_requested)
        self._zone.several_dropped.connect(self.paths_requested)
        self._zone.activated.connect(self.open_requested)
        self.sample_button = primary_button("Try a sample", "openSampleButton", "600 molecules with their logP")
        self.open_button = secondary_button("Open a file\u2026", "openDatasetButton", "Choose a file (Ctrl+O)")
        self._add_buttons()
        self._recent = Card("Recent files")
        self._recent.setFixedWidth(600)
        self._recent_rows = QVBoxLayout()
        self._recent_rows.setSpacing(SPACE[0])
        self._recent.body.addLayout(self._recent_rows)
        outer = QVBoxLayout(self)
        outer.setSpacing(SPACE[3])
        outer.addStretch(2)
        self._resume = ResumeControl(session, self)
        self._resume.offer.setFixedWidth(600)
        self._resume.resumed.connect(self.resumed)
        # In a row of its own: with an alignment, its wrapped words would be given the height of one line.
        outer.addLayout(row(None, self._resume.offer, None))
        outer.addWidget(self._zone, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addWidget(self._recent, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addStretch(3)
        session.settings.recent_changed.connect(self._show_recent)
        self._show_recent()

    def _add_buttons(self) -> None:
        found = samples()
        if found:
            self.sample_button.clicked.connect(lambda: self.path_requested.emit(found[0].path))
        self.sample_button.setEnabled(bool(found))
        self.open_button.clicked.connect(self.open_requested)
        self.open_button.setFixedHeight(41)
        others = link_button("Other samples", "otherSamplesButton")
        menu = QMenu(others)
        for sample in found[1:]:
            action = menu.addAction(sample.title)
            action.triggered.connect(lambda _checked=False, path=sample.path: self.path_requested.emit(path))
        others.setMenu(menu)
        others.setVisible(len(found) > 1)
        place = self._zone.body.count() - 1
        self._zone.body.insertSpacing(place, SPACE[2])
        self._zone.body.insertLayout(place + 1, row(None, self.sample_button, self.open_button, None))
        self._zone.body.insertWidget(place + 2, others, 0, Qt.AlignmentFlag.AlignHCenter)

    @Slot()
    def _show_recent(self) -> None:
        while (item := self._recent_rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        paths = self._settings.recent[:SHOWN_RECENT]
        for path in paths:
            self._recent_rows.addWidget(self._recent_row(path))
        self._recent.setVisible(bool(paths))

    def _recent_row(self, path: str) -> QWidget:
        holder = QWidget()
        line = QHBoxLayout(holder)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(SPACE[2])
        button = link_button(Path(path).name, tip=path)
        button.clicked.connect(lambda: self.path_requested.emit(path))
        folder = label(str(Path(path).parent), "muted")
        folder.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        line.addWidget(button)
        line.addWidget(folder, 1)
        return holder
