"""A structure with coloured atoms, and the bar that says what the colours are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import cos, hypot, radians, sin

from PySide6.QtCore import QByteArray, QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QLinearGradient, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.theme import text_font, theme
from mole_engine.contracts.explanations import FIRST_SHADE, LAST_SHADE

_NEAR = 18.0
"""Pixels of the drawing within which the pointer means an atom."""

_AWAY = 8
"""Pixels between the middle of an atom and its name."""

_BAR = QSize(90, 8)
_GAP = 8


@dataclass(frozen=True, slots=True)
class AtomPicture:
    """A drawing for both schemes.

    Attributes
    ----------
    light, dark
        SVG documents of `width` x `height`, with clear backgrounds.
    atoms
        Middle of each atom, in pixels of the drawing.
    words
        What each atom says under the pointer: "N 4: +0.42".
    named
        Atoms that the words beside the picture speak of, and their names there: "N4".
    """

    light: str
    dark: str
    width: int
    height: int
    atoms: Sequence[tuple[float, float]]
    words: Sequence[str]
    named: Mapping[int, str] = field(default_factory=dict)


class ExplanationPicture(QWidget):
    """Paints a drawing as large as there is room; an atom under the pointer tells its number.

    Signals
    -------
    resized()
        There is more or less room: another drawing may fit better.
    """

    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("explanationPicture")
        self.setAccessibleName("Structure with coloured atoms")
        self._picture: AtomPicture | None = None
        self._instead = ("", "")
        self.setMinimumSize(160, 96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    @property
    def picture(self) -> AtomPicture | None:
        """What is shown."""
        return self._picture

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for a drug."""
        return QSize(300, 130)

    def show_picture(self, picture: AtomPicture) -> None:
        """Show another drawing."""
        self._picture = picture
        self.setAccessibleDescription(", ".join(picture.words))
        self.update()

    def show_words(self, words: str, tone: str = "muted") -> None:
        """Show words where the drawing would be."""
        self._picture, self._instead = None, (words, tone)
        self.setAccessibleDescription(words)
        self.update()

    def place_of(self, atom: int) -> QPoint:
        """Return where an atom is painted."""
        if self._picture is None:
            return QPoint()
        x, y = self._picture.atoms[atom]
        frame, scale = self._frame(self._picture)
        return QPointF(frame.left() + x * scale, frame.top() + y * scale).toPoint()

    def words_at(self, point: QPoint) -> str:
        """Return what the atom at a point says, or ""."""
        picture = self._picture
        if picture is None:
            return ""
        frame, scale = self._frame(picture)
        at = ((point.x() - frame.left()) / scale, (point.y() - frame.top()) / scale)
        gaps = [hypot(x - at[0], y - at[1]) for x, y in picture.atoms]
        nearest = min(range(len(gaps)), key=gaps.__getitem__, default=-1)
        return picture.words[nearest] if nearest >= 0 and gaps[nearest] <= _NEAR else ""

    def event(self, event: QEvent) -> bool:
        """Tell the number of the atom under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            words = self.words_at(event.pos())
            if words:
                QToolTip.showText(event.globalPos(), words, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Tell of it; until there is another drawing, this one is enlarged or made smaller."""
        super().resizeEvent(event)
        self.resized.emit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the drawing of the scheme in force."""
        if self._picture is None:
            self._paint_words()
            return
        from PySide6.QtSvg import QSvgRenderer

        svg = self._picture.dark if theme.palette().dark else self._picture.light
        painter = QPainter(self)
        QSvgRenderer(QByteArray(svg.encode())).render(painter, self._frame(self._picture)[0])
        self._paint_names(painter, self._picture)
        painter.end()

    def _paint_names(self, painter: QPainter, picture: AtomPicture) -> None:
        """Write the names that the words beside the picture use at their atoms, where they can be found."""
        painter.setFont(text_font(11, bold=True))
        metrics, ground = painter.fontMetrics(), QColor(theme.palette().surface)
        ground.setAlphaF(0.8)
        atoms = [self.place_of(atom) for atom in range(len(picture.atoms))]
        taken: list[QRect] = []
        for atom, name in picture.named.items():
            box = self._free_place(atoms, atom, metrics.size(0, name), taken)
            taken.append(box)
            painter.fillRect(box, ground)
            painter.setPen(QColor(theme.palette().ink))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, name)

    def _free_place(self, atoms: Sequence[QPoint], atom: int, size: QSize, taken: Sequence[QRect]) -> QRect:
        """Return where around its atom a name hides least of the others, and none of the names before it."""
        boxes = []
        for angle in range(0, 360, 45):
            box = QRect(QPoint(0, 0), size)
            away = QPointF(cos(radians(angle)) * (_AWAY + size.width() / 2), sin(radians(angle)) * (_AWAY + 7))
            box.moveCenter(atoms[atom] + away.toPoint())
            boxes.append(box)

        def hidden(box: QRect) -> int:
            near = box.adjusted(-5, -5, 5, 5)
            over = sum(box.intersects(other) for other in taken) + (not self.rect().contains(box))
            return len(atoms) * over + sum(near.contains(place) for place in atoms)

        return min(boxes, key=hidden)

    def _paint_words(self) -> None:
        words, tone = self._instead
        painter = QPainter(self)
        painter.setFont(text_font(12))
        painter.setPen(QColor(str(getattr(theme.palette(), tone))))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap), words)
        painter.end()

    def _frame(self, picture: AtomPicture) -> tuple[QRectF, float]:
        """Return where the drawing lies, and by how much it is enlarged."""
        scale = min(self.width() / picture.width, self.height() / picture.height)
        width, height = picture.width * scale, picture.height * scale
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height), scale


class ContributionBar(QWidget):
    """The colours from what raises to what lowers, with words at both ends."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("explanationBar")
        self._ends = ("raises", "lowers")
        self.setFixedHeight(18)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def ends(self) -> tuple[str, str]:
        """Return the words at the ends."""
        return self._ends

    def show_ends(self, raises: str, lowers: str) -> None:
        """Show other words."""
        self._ends = (raises, lowers)
        self.setAccessibleName(f"Blue {raises}, orange {lowers}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the bar and its words in the middle."""
        tokens = theme.palette()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(text_font(12, tabular=True))
        metrics = painter.fontMetrics()
        left, right = (metrics.horizontalAdvance(words) for words in self._ends)
        bar = min(_BAR.width(), max(24, self.width() - left - right - 2 * _GAP))
        start = (self.width() - left - right - bar - 2 * _GAP) / 2
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(tokens.ink))
        painter.drawText(QRectF(start, 0, left + 2, self.height()), middle, self._ends[0])
        track = QRectF(start + left + _GAP, (self.height() - _BAR.height()) / 2, bar, _BAR.height())
        painter.drawText(QRectF(track.right() + _GAP, 0, right + 2, self.height()), middle, self._ends[1])
        colors = QLinearGradient(track.topLeft(), track.topRight())
        for name, end, middle_of in (("train", 0.0, 0.48), ("validation", 1.0, 0.52)):
            colors.setColorAt(end, _shade(name, LAST_SHADE))
            colors.setColorAt(middle_of, _shade(name, LAST_SHADE * FIRST_SHADE))
        colors.setColorAt(0.5, QColor(tokens.surface))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors)
        painter.drawRoundedRect(track, _BAR.height() / 2, _BAR.height() / 2)
        painter.end()


def _shade(name: str, strength: float) -> QColor:
    """Return a colour of the palette laid thinly on a card."""
    tokens = theme.palette()
    full, ground = tokens.color(name), tokens.color("surface")
    pairs = ((full.red(), ground.red()), (full.green(), ground.green()), (full.blue(), ground.blue()))
    return QColor(*(round(below + strength * (above - below)) for above, below in pairs))
