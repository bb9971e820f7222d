"""The columns of a table as a menu that orders its rows: what a click on a header does, for the keys."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu, QTableView, QWidget

_UNORDERED = "structure"
_UP, _DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


def table_of(page: QWidget) -> QTableView | None:
    """Return the table of a page that the keyboard is in, else the first that is shown and can be ordered."""
    tables = [table for table in page.findChildren(QTableView) if table.isVisible() and _can_be_ordered(table)]
    return next((table for table in tables if table.hasFocus()), tables[0] if tables else None)


def _can_be_ordered(table: QTableView) -> bool:
    return table.horizontalHeader().isSortIndicatorShown() and table.model().rowCount() > 1


def show_sort_menu(table: QTableView) -> QMenu:
    """Show below the header of `table` by what its rows can be ordered, the column that does so checked."""
    header, model, menu = table.horizontalHeader(), table.model(), QMenu(table)
    menu.setObjectName("sortMenu")
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    now = header.sortIndicatorSection()
    for place in range(header.count()):
        column = header.logicalIndex(place)
        title = str(model.headerData(column, Qt.Orientation.Horizontal) or "")
        if header.isSectionHidden(column) or not title or title == _UNORDERED:
            continue
        action = menu.addAction(title.replace("&", "&&"))
        action.setCheckable(True)
        action.setChecked(column == now)
        down = column == now and header.sortIndicatorOrder() is _UP
        action.triggered.connect(partial(header.setSortIndicator, column, _DOWN if down else _UP))
    menu.addSeparator()
    menu.addAction("As they were given").triggered.connect(partial(header.setSortIndicator, -1, _UP))
    table.setFocus()
    menu.popup(table.mapToGlobal(QPoint(0, header.height())))
    return menu
