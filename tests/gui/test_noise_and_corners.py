"""Numbers in the table of molecules without digits of noise; the ring of the focus round at its corners."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt

from app.theme import theme
from app.widgets.cell_table import Cell, CellTable, Column
from tests.gui.conftest import write_csv


def test_numbers_in_cells_are_as_short_as_they_can_be(qtbot, window, open_file, tmp_path):
    rows = [("smiles", "logS"), ("CCO", "-2.8310000000000004"), ("CCCO", "1.10"), ("CCCCO", "0.8999999999999999")]
    open_file(write_csv(tmp_path / "noise.csv", rows))
    model = window.findChild(object, "moleculeTable").molecules
    column = model.columns().index("logS")
    cells = [model.index(row, column) for row in range(3)]
    assert [cell.data() for cell in cells] == ["\u22122.831", "1.10", "0.9"]
    # What stands in the file is told, and it is what is learnt from.
    assert "the file says -2.8310000000000004" in cells[0].data(Qt.ItemDataRole.ToolTipRole)
    assert "the file says" not in cells[1].data(Qt.ItemDataRole.ToolTipRole)
    assert model.content.source.cell(0, "logS") == "-2.8310000000000004"


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("scrolled", ["left", "middle", "right"])
def test_a_table_scrolled_sideways_keeps_its_round_corners(qapp, qtbot, window, shown, mode, scrolled):
    theme.apply(qapp)
    theme.set_mode(mode)
    table = shown(CellTable("aTable", "Numbers"), 300, 200)
    table.show_rows([Column(name, name, width=120) for name in "abcdef"], 3, lambda _row, key: Cell(key))
    bar = table.horizontalScrollBar()
    bar.setValue({"left": 0, "middle": bar.maximum() // 2, "right": bar.maximum()}[scrolled])
    table.setFocus()
    qtbot.waitUntil(table.hasFocus)
    image = table.grab().toImage()
    surface = theme.palette().color("surface")
    right, middle = image.width() - 1, image.width() // 2
    # The ring runs around; in the corner outside of its arc there is none of the table's ground.
    assert image.pixelColor(middle, 0) == theme.palette().color("accent")
    for left in (0, right - 1):
        for place in (QPoint(left, 0), QPoint(left + 1, 0), QPoint(left, 1), QPoint(left + 1, 1)):
            if place in (QPoint(1, 1), QPoint(right - 1, 1)):
                continue
            assert image.pixelColor(place) != surface or surface == image.pixelColor(0, 199), place
    # Half way round the arc stands the ring.
    arc = [image.pixelColor(right - step, step) for step in range(1, 6)]
    assert any(_near(color, theme.palette().color("accent")) for color in arc)
    theme.set_mode("light")


def _near(one, other):
    return abs(one.red() - other.red()) + abs(one.green() - other.green()) + abs(one.blue() - other.blue()) < 150
