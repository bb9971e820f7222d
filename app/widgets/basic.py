"""The small parts that every page is made of: cards, chips, buttons, labels, switches, empty states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.text import keys
from app.theme import SPACE, pixmap, theme
from app.widgets.file_drags import let_files_through

W = TypeVar("W", bound=QWidget)
Spin = TypeVar("Spin", bound=QAbstractSpinBox)


def set_role(widget: QWidget, **properties: object) -> None:
    """Set properties that the style sheet looks at, and dress the widget anew if one has changed."""
    changed = False
    for name, value in properties.items():
        if widget.property(name) != value:
            widget.setProperty(name, value)
            changed = True
    # A widget that was never shown is dressed when it first is.
    if changed and widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def label(text: str = "", role: str = "", *, tone: str = "", wrap: bool = False) -> QLabel:
    """Return a label dressed by the style sheet: roles are title, heading, number, muted, small."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    set_role(made, role=role, tone=tone)
    return made


def title_label(text: str = "") -> QLabel:
    """Return a label for the title of a page."""
    return label(text, "title")


def heading_label(text: str = "") -> QLabel:
    """Return a label for the heading of a card."""
    return label(text, "heading")


def muted_label(text: str = "", *, wrap: bool = True) -> QLabel:
    """Return a label for words of lesser weight."""
    return label(text, "muted", wrap=wrap)


def number_label() -> QLabel:
    """Return a label for the one big number of a screen."""
    return label("", "number")


def _button(text: str, role: str, name: str, tip: str) -> QPushButton:
    made = QPushButton(text)
    made.setObjectName(name)
    made.setToolTip(keys(tip))
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    # Return presses the button that the keyboard is at, on pages too: by itself Qt does so in dialogs only.
    made.setAutoDefault(True)
    set_role(made, role=role)
    return made


def primary_button(text: str, name: str = "", tip: str = "") -> QPushButton:
    """Return the button that leads on; a screen has one."""
    return _button(text, "primary", name, tip)


def secondary_button(text: str, name: str = "", tip: str = "") -> QPushButton:
    """Return a button for anything else."""
    return _button(text, "secondary", name, tip)


def danger_button(text: str, name: str = "", tip: str = "") -> QPushButton:
    """Return a button that drops something."""
    return _button(text, "danger", name, tip)


def link_button(text: str, name: str = "", tip: str = "") -> QPushButton:
    """Return a button that looks like a link."""
    made = _button(text, "link", name, tip)
    made.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    return made


def pill_button(text: str, name: str = "", tip: str = "", *, checkable: bool = True) -> QPushButton:
    """Return a small round button, such as "log" above a chart."""
    made = _button(text, "pill", name, tip)
    made.setCheckable(checkable)
    made.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    return made


def named(widget: W, name: str, spoken: str) -> W:
    """Give a widget its object name, and the name that a screen reader says; return it.

    Files that are dragged over a text field go past it: the window knows what to do with them.
    """
    widget.setObjectName(name)
    widget.setAccessibleName(spoken)
    if isinstance(widget, (QLineEdit, QPlainTextEdit)):
        let_files_through(widget)
    return widget


def padded(spin: Spin) -> Spin:
    """Keep the number of a spin box off its left border, where the style sheet's padding is not heeded; return it."""
    spin.lineEdit().setTextMargins(SPACE[1], 0, 0, 0)
    return spin


def hline() -> QFrame:
    """Return a line of one pixel."""
    line = QFrame()
    set_role(line, role="line")
    return line


def row(*items: QWidget | int | None, spacing: int = SPACE[1]) -> QHBoxLayout:
    """Lay widgets side by side; None is a stretch and a number a gap in pixels."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for item in items:
        if item is None:
            layout.addStretch(1)
        elif isinstance(item, int):
            layout.addSpacing(item)
        else:
            layout.addWidget(item)
    return layout


class Chip(QLabel):
    """A small rounded fact, such as "1,128 rows". Tones: neutral, good, warning, danger, accent."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFixedHeight(22)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setProperty("role", "chip")
        self.show_fact("")

    def show_fact(self, text: str, tone: str = "neutral") -> None:
        """Show `text` in `tone`; no text hides the chip."""
        self.setText(text)
        self.setVisible(bool(text) and self.parent() is not None)
        set_role(self, tone=tone)


class Card(QFrame):
    """A white card with a line around it.

    Attributes
    ----------
    header
        Layout of the title's row; further widgets may be added at its right. Absent titles leave it hidden.
    body
        Vertical layout for the content.
    """

    def __init__(self, title: str = "", note: str = "", *, tone: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="card", tone=tone)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(SPACE[3], 14, SPACE[3], 14)
        outer.setSpacing(SPACE[2])
        self._title = GivingLabel("", "heading", least=90)
        self._note = GivingLabel("", "muted")
        self._head = QWidget()
        self.header = row(self._title, self._note, None, spacing=6)
        self._head.setLayout(self.header)
        outer.addWidget(self._head)
        self.body = QVBoxLayout()
        self.body.setSpacing(SPACE[1])
        outer.addLayout(self.body, 1)
        self.set_title(title, note)

    def set_title(self, title: str, note: str = "") -> None:
        """Show a bold title and a muted note after it; no title hides the row."""
        self._title.setText(title)
        self._note.setText(note)
        self._note.setVisible(bool(note))
        self._head.setVisible(bool(title))

    def add(self, widget: QWidget, stretch: int = 0) -> None:
        """Append a widget to the body."""
        self.body.addWidget(widget, stretch)


class ElidedLabel(QLabel):
    """A label that ends in an ellipsis where it lacks room, and tells the whole text as a tool tip."""

    def __init__(self, text: str = "", role: str = "", *, middle: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        set_role(self, role=role)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Show `text`, cut to the width there is."""
        self._whole = text
        self.setToolTip(text)
        self._cut()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Cut the text anew."""
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        cut = self.fontMetrics().elidedText(self._whole, self._mode, max(0, self.width()))
        if cut != self.text():
            self.setText(cut)


_CRUMBS = 5
"""Letters, the ellipsis among them, that say nothing alone."""


class GivingLabel(QLabel):
    """A label as wide as its words where there is room; in a narrow place it gives way and ends in an ellipsis.

    Parameters
    ----------
    least
        Pixels that it keeps even then, if its words are that wide.
    middle
        Whether the ellipsis stands in the middle: the end of the words says something, too.
    """

    def __init__(
        self, text: str = "", role: str = "", *, least: int = 0, middle: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(text, parent)
        self._least = least
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        self.setTextFormat(Qt.TextFormat.PlainText)
        set_role(self, role=role)

    def shown(self) -> str:
        """Return the words as they are painted at the width there is: nothing where only crumbs would be left."""
        cut = self.fontMetrics().elidedText(self.text(), self._mode, self.contentsRect().width())
        return cut if cut == self.text() or len(cut) > _CRUMBS else ""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A part of the words, or nothing."""
        return QSize(min(self._least, self.sizeHint().width()), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the words, cut where they must be; what can be read whole needs no tool tip."""
        cut = self.shown()
        self.setToolTip(self.text() if cut != self.text() else "")
        if cut == self.text():
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.contentsRect(), int(self.alignment()), cut)
        painter.end()


class Switch(QCheckBox):
    """A check box painted as a sliding switch, with its words at the right."""

    _TRACK = QSize(30, 17)

    def __init__(self, text: str = "", name: str = "", tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for track and words."""
        words = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(self._TRACK.width() + 10 + words, max(22, self.fontMetrics().height() + 4))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The track and a few letters; longer words end in an ellipsis."""
        return QSize(self._TRACK.width() + 60, self.sizeHint().height())

    def hitButton(self, position: object) -> bool:  # noqa: N802 - Qt's name
        """The whole widget is the switch."""
        return True

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint track, knob, words and, with the focus, a ring."""
        tokens = theme.palette()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height = self._TRACK.width(), self._TRACK.height()
        top = (self.height() - height) / 2
        track = QRectF(1, top, width, height)
        on = self.isChecked()
        painter.setPen(QPen(QColor(tokens.ink), 1.5) if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.accent if on else tokens.line))
        painter.setOpacity(1.0 if self.isEnabled() else 0.5)
        painter.drawRoundedRect(track, height / 2, height / 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#FFFFFF"))
        left = track.right() - height + 2 if on else track.left() + 2
        painter.drawEllipse(QRectF(left, top + 2, height - 4, height - 4))
        painter.setPen(QColor(tokens.ink))
        words = self.rect().adjusted(width + 10, 0, 0, 0)
        cut = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, words.width())
        if self.toolTip() in ("", self.text()):
            self.setToolTip(self.text() if cut != self.text() else "")
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, cut)
        painter.end()


class IconLabel(QLabel):
    """An icon in one of the palette's colours; it changes with the theme."""

    def __init__(self, name: str, shade: str = "muted", size: int = 20, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._shade, self._size = name, shade, size
        self.setFixedSize(size, size)
        theme.changed.connect(self.renew)
        self.renew()

    def renew(self) -> None:
        """Draw the icon in the colour of the palette in force."""
        color = str(getattr(theme.palette(), self._shade))
        self.setPixmap(pixmap(self._name, color, self._size, self.devicePixelRatioF()))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Draw again when the screen's pixel ratio changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self.renew()


class EmptyState(QWidget):
    """What a page shows while it has nothing: an icon, what this page is for, what to do, buttons."""

    def __init__(
        self,
        icon: str,
        title: str,
        text: str,
        buttons: Sequence[QPushButton] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._words, self._buttons = title, tuple(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[4])
        layout.setSpacing(SPACE[1])
        layout.addStretch(2)
        layout.addWidget(IconLabel(icon, "muted", 40), 0, Qt.AlignmentFlag.AlignHCenter)
        self.title = title_label(title)
        self.title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.title.setWordWrap(True)
        layout.addSpacing(SPACE[1])
        layout.addWidget(self.title)
        self.text = label(text, "", wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.text.setFixedWidth(460)
        # In a row of its own: with an alignment, a wrapped label would be given the height of one line.
        layout.addLayout(row(None, self.text, None))
        layout.addSpacing(SPACE[2])
        if buttons:
            layout.addLayout(row(None, *buttons, None, spacing=SPACE[1]))
        layout.addStretch(3)

    def look_for(self, what: str) -> None:
        """Say that `what` is looked for yet; "" says that there is none."""
        self.title.setText(f"Looking for {what}" if what else self._words)
        for part in (self.text, *self._buttons):
            part.setVisible(not what)
