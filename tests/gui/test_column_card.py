"""The card of a column: what the filters leave of it, and what its classes are called."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QWidget

from app.services.filters import ChoiceFilter, PatternFilter
from app.theme import theme
from tests.gui.conftest import PATIENCE, write_csv


def told(window):
    return window.findChild(QLabel, "columnWords").text()


def bar_lightness(bars):
    """Return how light the highest bar is, a little above the axis."""
    bar = bars.bar_rect(bars._counts.index(max(bars._counts)))
    return bars.grab().toImage().pixelColor(round(bar.center().x()), round(bar.bottom()) - 6).lightness()


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [
        ("logS (log(mol/L))", "13 values · 1 missing · mean", "0 of 13 values"),
        ("toxic", "13 values · 1 missing · 2 different · 54% yes", "0 of 13 values"),
    ],
)
def test_a_column_of_which_no_row_is_left_is_pale(qtbot, window, open_file, molecules_csv, column, before, after):
    theme.set_mode("light")
    open_file(molecules_csv)
    box, bars = window.findChild(QComboBox, "columnChoice"), window.findChild(QWidget, "columnHistogram")
    box.setCurrentIndex(box.findData(column))
    qtbot.waitUntil(lambda: told(window).startswith(before), timeout=PATIENCE)
    full = bar_lightness(bars)
    window.data_page.rows.add_filter(PatternFilter("[#92]"))
    qtbot.waitUntil(lambda: told(window) == after, timeout=PATIENCE)
    assert bar_lightness(bars) > full + 50
    assert "median" not in bars.accessibleDescription()
    assert bars._tips[0].endswith(", 0 shown")
    window.data_page.rows.clear_filters()
    qtbot.waitUntil(lambda: told(window).startswith(before), timeout=PATIENCE)
    assert bar_lightness(bars) == full


def test_what_filters_leave_is_counted_of_all_values(qtbot, window, open_file, molecules_csv):
    open_file(molecules_csv)
    window.data_page.rows.add_filter(ChoiceFilter("toxic", ("yes",)))
    qtbot.waitUntil(lambda: told(window).startswith("7 of 13 values · mean"), timeout=PATIENCE)


def test_classes_have_the_names_of_the_banner(qtbot, window, open_file, tmp_path):
    # Whole numbers with a gap among them become decimals where a table is written by pandas.
    cells = ["0.0", "1.0", "", "0", "0.0", "1", "0.0", "NA", "0.0", "0.0"]
    rows = [("smiles", "NR-AR"), *((f"{'C' * (place + 1)}O", cell) for place, cell in enumerate(cells))]
    open_file(write_csv(tmp_path / "tox.csv", rows))
    assert "2 classes (0, 1)" in window.findChild(QLabel, "readSummary").text()
    bars = window.findChild(QWidget, "columnHistogram")
    qtbot.waitUntil(lambda: told(window) == "8 values · 2 missing · 2 different · 75% 0", timeout=PATIENCE)
    assert bars._labels == ("0", "1")
    bars.bars_chosen.emit(1, 1)
    qtbot.waitUntil(lambda: list(window.data_page.table.molecules.file_rows()) == [1, 5], timeout=PATIENCE)
    assert [one.words for one in window.data_page.rows.filters] == ["NR-AR: 1"]


def test_a_bound_that_is_no_number_is_told(qtbot, window, open_file, molecules_csv):
    open_file(molecules_csv)
    low, refused = window.findChild(QLineEdit, "columnLowEdit"), window.findChild(QLabel, "columnRefused")
    qtbot.waitUntil(lambda: told(window).startswith("13 values"), timeout=PATIENCE)
    window.findChild(QPushButton, "columnRangeButton").click()
    low.setText("1 mM")
    QTest.keyClick(low, Qt.Key.Key_Return)
    assert refused.isVisible()
    assert refused.text() == "1 mM: not a number."
    assert window.data_page.rows.filters == []
    low.setText("1")
    assert not refused.isVisible()
    QTest.keyClick(low, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(window.data_page.rows.filters) == 1, timeout=PATIENCE)
    assert not refused.isVisible()


def test_buttons_of_signs_say_what_they_do(window, find):
    assert find("rateButton0").accessibleName() == "Half the learning rate"
    assert find("rateButton1").accessibleName() == "Twice the learning rate"
