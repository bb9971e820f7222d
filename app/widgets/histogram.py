"""How the values of a column are spread; a bar that is clicked, or several that are dragged over, can be told of."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from app.text import counted
from app.theme import text_font, theme

_BAR_GAP = 2.0
_LABEL_HEIGHT = 20
_NONE = (-1, -1)
_BACK = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)


class Histogram(QWidget):
    """Bars with up to three words below: left, middle, right; or one word a bar.

    Signals
    -------
    bars_chosen(int, int)
        First and last bar that were clicked, dragged over, or chosen with the keys.
    """

    bars_chosen = Signal(int, int)

    def __init__(self, parent: QWidget | None = None, *, height: int = 104) -> None:
        super().__init__(parent)
        self._counts: tuple[int, ...] = ()
        self._part: tuple[int, ...] = ()
        self._ends: tuple[str, str, str] = ("", "", "")
        self._labels: tuple[str, ...] = ()
        self._tips: tuple[str, ...] = ()
        self._shade = "train"
        self._by_mouse = False
        self._drag = _NONE
        self._cursor = -1
        self._height = height
        self.setMinimumHeight(height)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A card's width."""
        return QSize(278, self._height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Bars can be very slim."""
        return QSize(40, self._height)

    def be_chosen_from(self) -> None:
        """Let bars be chosen, by mouse and keys."""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_counts(
        self,
        counts: Sequence[int],
        ends: tuple[str, str, str] = ("", "", ""),
        labels: Sequence[str] = (),
        *,
        part: Sequence[int] = (),
        tips: Sequence[str] = (),
        shade: str = "train",
        name: str = "Distribution of the target",
    ) -> None:
        """Show bars.

        Parameters
        ----------
        counts
            Height of each bar.
        ends, labels
            Words below the ends and the middle of the axis, or below each bar.
        part
            For each bar, how much of it is strong; the rest is pale. Empty: all of it.
        tips
            What each bar stands for; by default its count.
        shade
            Colour of the palette.
        name
            What a screen reader says.
        """
        self._counts, self._ends, self._labels = tuple(counts), ends, tuple(labels)
        self._part, self._tips, self._shade = tuple(part), tuple(tips), shade
        # Who has chosen a bar with the keys goes on from there.
        self._drag, self._cursor = _NONE, min(self._cursor, len(self._counts) - 1)
        self.setAccessibleName(name)
        self._describe()
        self.update()

    def bar_rect(self, bar: int) -> QRectF:
        """Return the room of a bar, from the top to the axis."""
        step = self.width() / max(1, len(self._counts))
        return QRectF(bar * step, 2, step, self.height() - self._label_height() - 2)

    def event(self, event: QEvent) -> bool:
        """Tell the count of the bar below the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._counts:
            QToolTip.showText(event.globalPos(), self._bar_words(self._bar_at(event.pos().x())), self)
            return True
        return super().event(event)

    def _bar_words(self, bar: int) -> str:
        said = self._tips or self._labels
        return said[bar] if bar < len(said) else counted(self._counts[bar], "molecule")

    def _describe(self) -> None:
        """Tell a screen reader the bar that the keys are at, else how far the bars reach."""
        reach = self._labels or filter(None, (f"from {self._ends[0]} to {self._ends[2]}", self._ends[1]))
        self.setAccessibleDescription(self._bar_words(self._cursor) if self._cursor >= 0 else ", ".join(reach))

    # Choosing --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin to choose."""
        if self._can_choose() and event.button() is Qt.MouseButton.LeftButton:
            bar = self._bar_at(event.position().x())
            self._drag = (bar, bar)
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Choose all bars between the first and the one below the pointer."""
        if self._drag != _NONE:
            self._drag = (self._drag[0], self._bar_at(event.position().x()))
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell which bars were chosen."""
        if self._drag != _NONE:
            first, last = sorted(self._drag)
            self._drag = _NONE
            self.update()
            self.bars_chosen.emit(first, last)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Arrows go from bar to bar; Return and Space choose."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if self._can_choose() and event.key() in steps:
            self._go_to_bar(min(max(0, self._cursor + steps[Qt.Key(event.key())]), len(self._counts) - 1))
        elif self._can_choose() and self._cursor >= 0 and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            self.bars_chosen.emit(self._cursor, self._cursor)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Mark the first bar for who comes in any way but with the mouse, also when the window comes back."""
        super().focusInEvent(event)
        if event.reason() not in _BACK:
            self._by_mouse = event.reason() is Qt.FocusReason.MouseFocusReason
        if not self._by_mouse and self._cursor < 0 and self._can_choose():
            self._go_to_bar(0)

    def _go_to_bar(self, bar: int) -> None:
        """Mark a bar, and say what it stands for as the pointer would be told."""
        self._cursor = bar
        self._describe()
        corner = self.bar_rect(bar).bottomLeft().toPoint()
        QToolTip.showText(self.mapToGlobal(corner), self._bar_words(bar), self)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Take the mark of the keys away."""
        super().focusOutEvent(event)
        QToolTip.hideText()
        if event.reason() not in _BACK:
            self._cursor = -1
            self._describe()
        self.update()

    def _can_choose(self) -> bool:
        return bool(self._counts) and self.focusPolicy() is not Qt.FocusPolicy.NoFocus

    def _bar_at(self, x: float) -> int:
        return min(max(0, int(x / max(1.0, self.width() / len(self._counts)))), len(self._counts) - 1)

    # Painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint bars and words."""
        tokens = theme.palette()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_choice(painter)
        if self._counts and max(self._counts) > 0:
            self._paint_bars(painter, self._counts, 0.3 if self._part else 0.85)
            if self._part:
                self._paint_bars(painter, self._part, 0.85)
        painter.setFont(text_font(11))
        painter.setPen(QColor(tokens.muted))
        below = QRectF(0, self.height() - _LABEL_HEIGHT + 3, self.width(), _LABEL_HEIGHT - 3)
        if self._labels:
            self._paint_labels(painter, below)
        else:
            sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight)
            for side, words in zip(sides, self._ends, strict=True):
                painter.drawText(below, side | Qt.AlignmentFlag.AlignVCenter, words)
        painter.end()

    def _label_height(self) -> int:
        return _LABEL_HEIGHT if self._labels or any(self._ends) else 0

    def _paint_choice(self, painter: QPainter) -> None:
        tokens = theme.palette()
        if self._drag != _NONE:
            first, last = sorted(self._drag)
            painter.fillRect(self.bar_rect(first).united(self.bar_rect(last)), QColor(tokens.accent_soft))
        if self._cursor >= 0:
            painter.setPen(QPen(QColor(tokens.accent), 1.5))
            painter.drawRect(self.bar_rect(self._cursor).adjusted(0.5, 0, -0.5, 0))

    def _paint_bars(self, painter: QPainter, counts: Sequence[int], alpha: float) -> None:
        color = QColor(str(getattr(theme.palette(), self._shade)))
        color.setAlphaF(alpha)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        highest = max(self._counts)
        for index, number in enumerate(counts):
            area = self.bar_rect(index)
            # Two bars alone would be slabs; they keep a slim shape in the middle of their place.
            width = min(max(1.0, area.width() - (_BAR_GAP if area.width() > 6 else 1.0)), 64.0)
            if number:
                height = max(1.0, area.height() * number / highest)
                left = area.left() + (area.width() - width) / 2
                round_by = min(2.0, height / 2)
                painter.drawRoundedRect(QRectF(left, area.bottom() - height, width, height), round_by, round_by)

    def _paint_labels(self, painter: QPainter, area: QRectF) -> None:
        step = area.width() / len(self._labels)
        if step < 24:
            # No word fits below so slim a bar: the first and the last say what is there, tool tips the rest.
            painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._labels[0])
            return
        for index, words in enumerate(self._labels):
            place = QRectF(area.left() + index * step, area.top(), step, area.height())
            cut = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, round(step) - 4)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, cut)
