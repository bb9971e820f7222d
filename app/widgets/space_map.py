"""The map of chemical space: one dot a molecule, its structure under the pointer, a lasso that selects.

The widget paints itself into a picture that is kept until something changes: 100,000 dots cost some milliseconds once,
and moving the pointer over them costs nothing (docs/adr/0025).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from app.text import counted, keys
from app.theme import text_font, theme
from app.widgets.hover_card import HoverCard
from app.widgets.map_colors import Coloring, plain
from app.widgets.map_geometry import View, inside, nearest, shares
from app.widgets.map_painting import paint_points
from app.widgets.molecule_table import Depictions

_REACH = 12.0
_CLICK = 4.0
_LASSO_STEP = 3.0
_WHEEL = 1.0015
_KEY_STEP = 60.0

Lines = Callable[[int], Sequence[tuple[str, str]]]


class SpaceMap(QWidget):
    """Dots, hover, lasso, zoom.

    Signals
    -------
    chosen(list[int], bool)
        Rows of the file that a lasso or a click holds (none: the selection is lifted), and whether they are added to
        those selected before.
    row_opened(int)
        Row of the file that was double-clicked.
    """

    chosen = Signal(object, bool)
    row_opened = Signal(int)

    def __init__(self, depictions: Depictions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("spaceMap")
        self.setAccessibleName("Map of the molecules")
        self.setAccessibleDescription(
            keys("Arrows move it, plus and minus zoom, 0 shows all, Ctrl+A selects what is shown")
        )
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(220, 100)
        self._rows: list[int] = []
        self._smiles: Sequence[str] = ()
        self._points: Any = None
        self._pixels: Any = None
        self._visible: Any = None
        self._selected: Any = None
        self._coloring: Coloring | None = None
        self._lines: Lines | None = None
        self._view = View(1.0, 1.0)
        self._picture: QImage | None = None
        self._hovered = -1
        self._pressed: QPointF | None = None
        self._dragged: QPointF | None = None
        self._lasso: list[tuple[float, float]] = []
        self._words = ""
        self._card = HoverCard(depictions, self)
        theme.changed.connect(self._renew)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for a good look."""
        return QSize(640, 360)

    # What is shown ---------------------------------------------------------------------------------------------

    def show_points(self, rows: Sequence[int], smiles: Sequence[str], coordinates: Any, lines: Lines) -> None:
        """Show other molecules.

        Parameters
        ----------
        rows, smiles
            (n) row of the file and structure of each dot.
        coordinates
            (n, 2) numbers, in any unit.
        lines
            Returns the words of the card for the row of a dot: (text, tone) pairs.
        """
        import numpy as np

        self._rows, self._smiles, self._lines = list(rows), smiles, lines
        self._points = shares(coordinates)
        self._visible = np.ones(len(self._rows), bool)
        self._selected = np.zeros(len(self._rows), bool)
        self._coloring = None
        self._words = ""
        self._view = View(self.width(), self.height())
        self._leave()
        self.setAccessibleDescription(counted(len(self._rows), "molecule"))
        self._renew()

    def show_words(self, words: str) -> None:
        """Show words in place of dots: why there are none, or what is being done."""
        self._words, self._points, self._pixels, self._rows = words, None, None, []
        self._leave()
        self._renew()

    def show_coloring(self, coloring: Coloring) -> None:
        """Colour the dots; the shades are in the order of the dots."""
        self._coloring = coloring
        self._renew()

    def show_visible(self, rows: Iterable[int] | None) -> None:
        """Fade the molecules that a filter leaves out; None fades none."""
        if self._points is not None:
            self._visible = self._mask(rows, everything=True)
            self._renew()

    def show_selected(self, rows: Iterable[int]) -> None:
        """Mark the molecules that are selected."""
        if self._points is not None:
            self._selected = self._mask(rows)
            self._renew()

    @property
    def rows(self) -> list[int]:
        """The rows of the file that have a dot."""
        return list(self._rows)

    @property
    def selected_rows(self) -> list[int]:
        """The rows whose dots are marked."""
        return [] if self._points is None else [self._rows[place] for place in self._selected.nonzero()[0].tolist()]

    def place_of(self, row: int) -> QPointF:
        """Return the pixel at which the dot of a row stands. Raises ValueError where it has none."""
        x, y = self._places()[self._rows.index(row)].tolist()
        return QPointF(x, y)

    def show_all(self) -> None:
        """Zoom out to the whole map."""
        self._look(View(self.width(), self.height()))

    def _mask(self, rows: Iterable[int] | None, *, everything: bool = False) -> Any:
        import numpy as np

        if rows is None:
            return np.full(len(self._rows), everything)
        return np.isin(np.asarray(self._rows, np.int64), np.fromiter(rows, np.int64))

    def _places(self) -> Any:
        if self._pixels is None:
            self._pixels = self._view.place(self._points)
        return self._pixels

    def _look(self, view: View) -> None:
        self._view, self._pixels = view, None
        self._leave()
        self._renew()

    def _renew(self) -> None:
        self._picture = None
        self.update()

    # Painting --------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Spread the dots over the new size."""
        super().resizeEvent(event)
        old = self._view
        self._look(View(self.width(), self.height(), old.zoom, old.left, old.top))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the dots (from the picture kept), the dot under the pointer, and the lasso."""
        painter = QPainter(self)
        tokens = theme.palette()
        if self.hasFocus():
            painter.setPen(QPen(QColor(tokens.accent), 1))
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        if self._points is None or not len(self._points):
            painter.setPen(QColor(tokens.muted))
            painter.setFont(text_font(13))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(40, 20, -40, -20), int(flags), self._words)
            painter.end()
            return
        if self._picture is None:
            coloring = self._coloring or plain(len(self._rows))
            ratio = self.devicePixelRatioF()
            self._picture = paint_points(self.size(), ratio, self._places(), coloring, self._visible, self._selected)
        painter.drawImage(0, 0, self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._hovered >= 0:
            x, y = self._places()[self._hovered].tolist()
            painter.setPen(QPen(QColor(tokens.ink), 2))
            painter.drawEllipse(QRectF(x - 7, y - 7, 14, 14))
        if len(self._lasso) > 1:
            soft = QColor(tokens.accent)
            soft.setAlphaF(0.12)
            painter.setPen(QPen(QColor(tokens.accent), 1.5, Qt.PenStyle.DashLine))
            painter.setBrush(soft)
            painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in self._lasso]))
        painter.end()

    # Mouse and keys --------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin a lasso (left button), or drag the map (any other)."""
        if self._points is None:
            return
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed = event.position()
            self._lasso = [(event.position().x(), event.position().y())]
        else:
            self._dragged = event.position()
        self._leave()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the lasso on, drag the map, or show the molecule under the pointer."""
        place = event.position()
        if self._dragged is not None:
            step, self._dragged = place - self._dragged, place
            self._look(self._view.moved(step.x(), step.y()))
        elif self._pressed is not None:
            x, y = self._lasso[-1]
            if abs(place.x() - x) + abs(place.y() - y) >= _LASSO_STEP:
                self._lasso.append((place.x(), place.y()))
                self.update()
        elif self._points is not None:
            self._hover(place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell what the lasso holds, or which dot was clicked."""
        self._dragged = None
        pressed, self._pressed = self._pressed, None
        lasso, self._lasso = self._lasso, []
        if pressed is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        adds = bool(event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier))
        xs, ys = [x for x, _ in lasso], [y for _, y in lasso]
        if max(max(xs) - min(xs), max(ys) - min(ys)) < _CLICK:
            dot = nearest(self._places(), pressed.x(), pressed.y(), _REACH, self._visible)
            held = [] if dot < 0 else [self._rows[dot]]
        else:
            marks = inside(self._places(), lasso) & self._visible
            held = [self._rows[place] for place in marks.nonzero()[0].tolist()]
        self.chosen.emit(held, adds)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Open the molecule under the pointer; elsewhere show the whole map."""
        if self._points is None:
            return
        dot = nearest(self._places(), event.position().x(), event.position().y(), _REACH, self._visible)
        if dot >= 0:
            self.row_opened.emit(self._rows[dot])
        else:
            self.show_all()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zoom about the pointer."""
        place = event.position()
        if self._points is not None:
            self._look(self._view.zoomed(_WHEEL ** event.angleDelta().y(), place.x(), place.y()))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Take the card away."""
        self._leave()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Plus, minus and 0 zoom; the arrows move; Ctrl+A selects all that is shown."""
        key, middle = event.key(), QPoint(self.width() // 2, self.height() // 2)
        moves = {Qt.Key.Key_Left: (1, 0), Qt.Key.Key_Right: (-1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}
        zooms = {Qt.Key.Key_Plus: 1.25, Qt.Key.Key_Equal: 1.25, Qt.Key.Key_Minus: 0.8}
        if self._points is None:
            super().keyPressEvent(event)
        elif key in moves:
            across, down = moves[Qt.Key(key)]
            self._look(self._view.moved(across * _KEY_STEP, down * _KEY_STEP))
        elif key in zooms:
            self._look(self._view.zoomed(zooms[Qt.Key(key)], middle.x(), middle.y()))
        elif key == Qt.Key.Key_0:
            self.show_all()
        elif key == Qt.Key.Key_A and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.chosen.emit([self._rows[place] for place in self._visible.nonzero()[0].tolist()], False)
        else:
            super().keyPressEvent(event)

    def _hover(self, place: QPointF) -> None:
        dot = nearest(self._places(), place.x(), place.y(), _REACH, self._visible)
        if dot == self._hovered:
            return
        self._hovered = dot
        if dot < 0 or self._lines is None:
            self._card.hide()
        else:
            x, y = self._places()[dot].tolist()
            self._card.show_molecule(self._smiles[dot], self._lines(self._rows[dot]), QPoint(round(x), round(y)))
        self.update()

    def _leave(self) -> None:
        self._hovered = -1
        self._card.hide()
        self.update()
