"""Captions beside their fields, one below the other or side by side."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QGridLayout, QWidget

from app.theme import SPACE
from app.widgets.basic import label


def field_pairs(least: int, *rows: tuple[str, QWidget]) -> QGridLayout:
    """Lay captions beside fields; in a narrow place the fields give way (to `least` pixels), never the captions."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(SPACE[2])
    grid.setVerticalSpacing(SPACE[1])
    grid.setColumnStretch(1, 1)
    for place, (words, field) in enumerate(rows):
        caption = label(words, "muted")
        caption.setBuddy(field)
        if isinstance(field, QComboBox):
            # As wide as the layout allows, however long its entries are.
            field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        field.setMinimumWidth(least)
        grid.addWidget(caption, place, 0)
        grid.addWidget(field, place, 1)
    grid.setRowStretch(len(rows), 1)
    return grid


def turn_pairs(grid: QGridLayout, *, lying: bool) -> None:
    """Put the pairs of a form side by side, or one below the other."""
    widgets = [item.widget() for item in [grid.itemAt(place) for place in range(grid.count())] if item is not None]
    for place, widget in enumerate(widgets):
        pair, side = divmod(place, 2)
        if widget is not None:
            grid.removeWidget(widget)
            grid.addWidget(widget, *((0, place) if lying else (pair, side)))
        grid.setRowStretch(pair, 0)
        grid.setColumnStretch(place, side if lying or place < 2 else 0)
    grid.setRowStretch(len(widgets) // 2, 0 if lying else 1)
