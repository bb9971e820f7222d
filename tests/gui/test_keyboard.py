"""Where the keyboard goes can be seen."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import style_sheet, theme
from app.widgets.cell_table import Cell, CellTable, Column
from app.widgets.event_log import EventLog
from app.widgets.plotting import new_plot
from mole_engine.contracts.events import Notice


def log_of_a_run():
    log = EventLog()
    log.add(Notice(message="the batch was halved"))
    return log


def bare_table():
    table = CellTable("worstTable", "Test molecules, worst first", bare=True)
    table.show_rows((Column("a", "molecule"),), 2, lambda row, key: Cell(f"row {row}"))
    table.selectRow(0)
    return table


def pictures(qtbot, widget, other):
    """Return how a widget looks with the focus, and without it."""
    made = []
    for holder in (widget, other):
        holder.setFocus(Qt.FocusReason.TabFocusReason)
        qtbot.waitUntil(holder.hasFocus)
        made.append(widget.grab().toImage())
    return made


@pytest.mark.parametrize("make", [log_of_a_run, bare_table])
def test_what_tab_leads_to_is_marked(qtbot, shown, make):
    holder, widget, other = QWidget(), make(), QWidget()
    other.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    layout = QVBoxLayout(holder)
    layout.addWidget(widget)
    layout.addWidget(other)
    holder.setStyleSheet(style_sheet(theme.palette()))
    shown(holder)
    holder.activateWindow()
    with_focus, without = pictures(qtbot, widget, other)
    assert with_focus != without


def test_a_plot_which_has_no_keys_is_passed_by(qtbot):
    plot = new_plot("lossPlot", "Loss over epochs")
    qtbot.addWidget(plot)
    assert not plot.focusPolicy() & Qt.FocusPolicy.TabFocus
