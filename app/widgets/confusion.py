"""Measured against predicted classes, with a threshold that can be moved where there are two."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSlider, QVBoxLayout, QWidget

from app.text import count, fixed
from app.theme import SPACE, text_font, theme
from app.widgets.basic import label, muted_label, named, row

Table = list[list[int]]
_LEFT, _TOP = 92.0, 44.0


class ConfusionGrid(QWidget):
    """The table itself; the darker a cell, the larger its share of the measured class."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[str, ...] = ()
        self._table: Table = []
        self.setObjectName("confusionGrid")
        self.setMinimumSize(240, 180)
        theme.changed.connect(self.update)

    def show_table(self, classes: Sequence[str], table: Table) -> None:
        """Show counts: rows are the measured classes, columns the predicted ones."""
        self._classes, self._table = tuple(classes), table
        words = [
            f"{count(number)} of {name} said to be {said}"
            for name, numbers in zip(classes, table, strict=True)
            for said, number in zip(classes, numbers, strict=True)
        ]
        self.setAccessibleName("Confusion matrix: " + ", ".join(words))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint cells, counts and the names of the classes."""
        if not self._classes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        number = len(self._classes)
        wide = min((self.width() - _LEFT - 8) / number, 190.0)
        high = min((self.height() - _TOP - 8) / number, 180.0)
        self._paint_names(painter, wide, high)
        for line, numbers in enumerate(self._table):
            total = sum(numbers) or 1
            for place, value in enumerate(numbers):
                rect = QRectF(_LEFT + place * wide, _TOP + line * high, wide, high).adjusted(2, 2, -2, -2)
                self._paint_cell(painter, rect, value, value / total, right=line == place)
        painter.end()

    def _paint_names(self, painter: QPainter, wide: float, high: float) -> None:
        tokens = theme.palette()
        painter.setFont(text_font(11))
        painter.setPen(QColor(tokens.muted))
        across = QRectF(_LEFT, 0, wide * len(self._classes), _TOP / 2)
        painter.drawText(across, Qt.AlignmentFlag.AlignCenter, "predicted")
        painter.drawText(QRectF(0, _TOP / 2, _LEFT - 10, _TOP / 2), _RIGHT, "measured")
        painter.setFont(text_font(12, bold=True))
        painter.setPen(QColor(tokens.ink))
        for place, name in enumerate(self._classes):
            top = QRectF(_LEFT + place * wide, _TOP / 2, wide, _TOP / 2)
            side = QRectF(0, _TOP + place * high, _LEFT - 10, high)
            elide = painter.fontMetrics().elidedText
            words = elide(name, Qt.TextElideMode.ElideRight, int(_LEFT) - 12)
            painter.drawText(top, Qt.AlignmentFlag.AlignCenter, elide(name, Qt.TextElideMode.ElideRight, int(wide - 6)))
            painter.drawText(side, _RIGHT, words)

    @staticmethod
    def _paint_cell(painter: QPainter, rect: QRectF, value: int, share: float, *, right: bool) -> None:
        tokens = theme.palette()
        shade = QColor(tokens.train if right else tokens.validation)
        shade.setAlphaF(0.08 + 0.42 * share)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        painter.drawRoundedRect(rect, 6, 6)
        painter.setPen(QColor(tokens.ink))
        tall = rect.height() > 44
        middle = rect.center().y()
        painter.setFont(text_font(18 if tall else 12, bold=True, tabular=True))
        upper = QRectF(rect.left(), middle - 22, rect.width(), 26) if tall else rect
        painter.drawText(upper, Qt.AlignmentFlag.AlignCenter, count(value))
        if tall:
            painter.setFont(text_font(11, tabular=True))
            lower = QRectF(rect.left(), middle + 6, rect.width(), 16)
            painter.drawText(lower, Qt.AlignmentFlag.AlignCenter, f"{100 * share:.0f}%")


_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ConfusionView(QWidget):
    """The table, a threshold for two classes, and what the threshold costs."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.grid = ConfusionGrid()
        self.slider = named(QSlider(Qt.Orientation.Horizontal), "thresholdSlider", "Probability from which it counts")
        self.slider.setRange(1, 99)
        self.slider.setValue(50)
        self.slider.setToolTip("Move it left to miss fewer positives, right to raise fewer false alarms")
        self._words, self._scores = label("", "heading"), muted_label()
        self._classes: tuple[str, ...] = ()
        self._count: Callable[[float], Table] = lambda threshold: []
        self._bar = QWidget()
        bar = row(self._words, self.slider, spacing=SPACE[2])
        self._bar.setLayout(bar)
        bar.setStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(self.grid, 1)
        layout.addWidget(self._bar)
        layout.addWidget(self._scores)
        self.slider.valueChanged.connect(self._renew)

    def show_classes(self, classes: Sequence[str], counter: Callable[[float], Table], *, movable: bool) -> None:
        """Show a task; `counter` gives the table for a threshold."""
        self._classes, self._count = tuple(classes), counter
        self._bar.setVisible(movable)
        self.slider.blockSignals(True)
        self.slider.setValue(50)
        self.slider.blockSignals(False)
        self._renew()

    @property
    def threshold(self) -> float:
        """From which probability on a molecule counts as positive."""
        return self.slider.value() / 100

    @Slot()
    def _renew(self) -> None:
        table = self._count(self.threshold)
        self.grid.show_table(self._classes, table)
        if len(self._classes) == 2 and not self._bar.isHidden():
            self._words.setText(f"{self._classes[1]} from a probability of {fixed(self.threshold)}")
            self._scores.setText(two_class_scores(table))
        else:
            right, total = sum(table[place][place] for place in range(len(table))), sum(map(sum, table))
            self._scores.setText(f"{count(right)} of {count(total)} right ({100 * right / max(total, 1):.0f}%)")


def two_class_scores(table: Table) -> str:
    """Return what a threshold finds and what it costs, in one line."""
    (kept, false), (missed, found) = table
    parts = [
        ("Found (recall)", found, found + missed),
        ("Right when it says so (precision)", found, found + false),
        ("Left alone (specificity)", kept, kept + false),
    ]
    return " · ".join(f"{name} {100 * part / whole:.0f}%" if whole else f"{name} –" for name, part, whole in parts)
