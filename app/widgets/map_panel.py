"""The map of chemical space with its choices, its legend and its progress."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QFrame, QVBoxLayout, QWidget

from app.text import count
from app.theme import SPACE, text_font, theme
from app.widgets.basic import label, link_button, named, row, set_role
from app.widgets.combo import Combo
from app.widgets.map_colors import Coloring
from app.widgets.molecule_table import Depictions
from app.widgets.progress import ProgressStrip
from app.widgets.space_map import SpaceMap

_MOST_CHOICES = 3000
_RAMP_WIDTH = 150
_RAMP_ROOM, _LEAST_LEGEND = 260, 380
"""Pixels of the ramp with its ends, and of the whole legend with a title that can be read."""


class MapPanel(QFrame):
    """A card with a map.

    Signals
    -------
    method_wanted(str), color_wanted(str)
        Another kind of map; another column to colour by ("" for none).
    cancelled
        The map under way is no longer wanted.
    """

    method_wanted = Signal(str)
    color_wanted = Signal(str)
    cancelled = Signal()

    def __init__(self, depictions: Depictions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("mapPanel")
        set_role(self, role="card")
        self.map = SpaceMap(depictions)
        self._method = named(Combo(), "mapMethodCombo", "Kind of map")
        self._color = named(Combo(), "mapColorCombo", "Column to colour the map by")
        for box, letters in ((self._method, 24), (self._color, 16)):
            box.setMinimumContentsLength(letters)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._whole = link_button(
            "Show all", "mapShowAllButton", "Zoom out (0); the wheel zooms, the right button drags"
        )
        self._legend = MapLegend()
        self._strip = ProgressStrip(compact=True)
        self._strip.cancelled.connect(self.cancelled)
        self._strip.hide()
        self._method.currentIndexChanged.connect(lambda _index: self.method_wanted.emit(self.method))
        self._color.currentIndexChanged.connect(lambda _index: self.color_wanted.emit(self.color))
        self._whole.clicked.connect(self.map.show_all)
        head = row(
            label("Colour", "muted"), self._color, SPACE[1], label("Map", "muted"), self._method, None, self._whole
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[2], SPACE[2], SPACE[2], SPACE[1])
        layout.setSpacing(SPACE[1])
        layout.addLayout(head)
        layout.addWidget(self._strip)
        layout.addWidget(self.map, 1)
        layout.addWidget(self._legend)

    @property
    def method(self) -> str:
        """Kind of map that is chosen."""
        return str(self._method.currentData() or "")

    @property
    def color(self) -> str:
        """Key of the column that colours the map, "" for none."""
        return str(self._color.currentData() or "")

    def show_methods(self, methods: Sequence[tuple[str, str]]) -> None:
        """Offer these kinds of map (key, title); nothing is announced."""
        _fill(self._method, methods, self.method)

    def show_columns(self, columns: Sequence[tuple[str, str]], chosen: str) -> None:
        """Offer these columns (key, title) to colour by; nothing is announced."""
        _fill(self._color, [("", "One colour"), *columns[:_MOST_CHOICES]], chosen)

    def choose_color(self, key: str) -> None:
        """Colour by another column, as by hand."""
        self._color.setCurrentIndex(max(0, self._color.findData(key)))

    def show_coloring(self, coloring: Coloring) -> None:
        """Colour the map, and say what the colours mean."""
        self.map.show_coloring(coloring)
        self._legend.show_coloring(coloring)

    def show_progress(self, stage: str, done: int, total: int) -> None:
        """Show how far the map has come."""
        words = {"fingerprints": "Fingerprints", "map": "Drawing the map"}.get(stage, stage)
        self._strip.show_progress(words, done, total)
        self._strip.show()

    def end_progress(self) -> None:
        """The map is there, or nobody wants it."""
        self._strip.hide()


class MapLegend(QWidget):
    """A ramp with its ends, or a dot for each class."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._coloring: Coloring | None = None
        self.setFixedHeight(24)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """One line."""
        return QSize(400, 24)

    def show_coloring(self, coloring: Coloring) -> None:
        """Explain another colouring."""
        self._coloring = coloring
        words = ", ".join(coloring.labels) or " to ".join(coloring.ends())
        self.setAccessibleName(f"Colours: {coloring.title}, {words}" if coloring.title else "All alike")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint title and shades, and at the right what a drag does."""
        coloring = self._coloring
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(text_font(11))
        hint = "Drag around molecules to select them"
        right = painter.fontMetrics().horizontalAdvance(hint)
        explained = coloring is not None and coloring.title
        room = self.width() - right - SPACE[3]
        if explained and room < _LEAST_LEGEND:
            # What the colours mean comes first.
            room, hint = self.width(), ""
        painter.setPen(QColor(theme.palette().muted))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, hint)
        if coloring is not None and explained:
            title = min(220, room - _RAMP_ROOM)
            left = self._write(painter, 0, coloring.title, bold=True, room=title)
            if coloring.is_ramp:
                left = self._paint_ramp(painter, left + SPACE[1], coloring)
            else:
                left = self._paint_classes(painter, left + SPACE[1], coloring, room)
            unknown = int((coloring.shades < 0).sum())
            if unknown and left < room - 110:
                self._dot(painter, left + SPACE[1], theme.palette().baseline)
                self._write(painter, left + SPACE[1] + 13, f"{count(unknown)} without", room=110)
        painter.end()

    def _write(self, painter: QPainter, left: float, words: str, *, bold: bool = False, room: float = 1000) -> float:
        painter.setFont(text_font(11, bold=bold))
        painter.setPen(QColor(theme.palette().ink if bold else theme.palette().muted))
        cut = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, round(room))
        width = painter.fontMetrics().horizontalAdvance(cut) + 2
        painter.drawText(QRectF(left, 0, width, self.height()), Qt.AlignmentFlag.AlignVCenter, cut)
        return left + width

    def _dot(self, painter: QPainter, left: float, color: str) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(color))
        painter.drawEllipse(QRectF(left, self.height() / 2 - 4.5, 9, 9))

    def _paint_ramp(self, painter: QPainter, left: float, coloring: Coloring) -> float:
        low, high = coloring.ends()
        left = self._write(painter, left, low) + 6
        colors = coloring.colors()
        shade = QLinearGradient(left, 0, left + _RAMP_WIDTH, 0)
        for place, color in enumerate(colors):
            shade.setColorAt(place / (len(colors) - 1), QColor(color))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        painter.drawRoundedRect(QRectF(left, self.height() / 2 - 4, _RAMP_WIDTH, 8), 4, 4)
        left = self._write(painter, left + _RAMP_WIDTH + 6, high)
        return self._write(painter, left + 6, "logarithmic") if coloring.logarithmic else left

    def _paint_classes(self, painter: QPainter, left: float, coloring: Coloring, room: float) -> float:
        for words, color in coloring.legend():
            if left > room - 60:
                return self._write(painter, left, "…")
            self._dot(painter, left, color)
            left = self._write(painter, left + 13, words, room=min(140, room - left)) + SPACE[2]
        return left


def _fill(box: QComboBox, entries: Sequence[tuple[str, str]], chosen: str) -> None:
    blocker = QSignalBlocker(box)
    box.clear()
    for key, title in entries:
        box.addItem(title, key)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    blocker.unblock()
