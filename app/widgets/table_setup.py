"""What all our tables have in common: whole rows, smooth scrolling, a header that sorts and cuts its words."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from app.theme import theme

_HEADER_HEIGHT = 36


def set_up_table(table: QTableView, least_width: int) -> None:
    """Give a table its common ways; no column becomes narrower than `least_width` pixels."""
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.setCornerButtonEnabled(False)
    # Qt paints the one cell anew that becomes current; the line is around its row.
    table.selectionModel().currentRowChanged.connect(lambda _now, _before: table.viewport().update())
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    header = table.horizontalHeader()
    header.setFixedHeight(_HEADER_HEIGHT)
    header.setHighlightSections(False)
    header.setTextElideMode(Qt.TextElideMode.ElideRight)
    header.setMinimumSectionSize(least_width)
    header.setSectionsClickable(True)
    header.setSortIndicatorClearable(True)
    header.setSortIndicatorShown(True)
    header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)


def paint_lines(painter: QPainter, rect: QRect, table: QTableView, index: QModelIndex | QPersistentModelIndex) -> None:
    """Paint the line below a cell, and lines around the row that the keys are at: it need not be a selected one."""
    at_keys = table.hasFocus() and table.currentIndex().row() == index.row()
    painter.setPen(QColor(theme.palette().accent if at_keys else theme.palette().line))
    painter.drawLine(rect.bottomLeft(), rect.bottomRight())
    if at_keys:
        painter.drawLine(rect.topLeft(), rect.topRight())
