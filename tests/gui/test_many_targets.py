"""Tables with more columns of numbers than can be read off: what is learned is told, found and chosen."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QListWidget, QPushButton

from tests.gui.conftest import PATIENCE, write_csv

NAMES = [f"Inhibition of the human kinase number {n} by mass spectrometry in the assay {n}" for n in range(40)]


@pytest.fixture
def targets(window, open_file, tmp_path):
    """Return the list of a table with 40 columns of numbers, in the form that corrects what was read."""
    rows = [("smiles", *NAMES), *(("C" * n, *(f"{(n + k) % 7}.5" for k in range(1, 41))) for n in range(1, 13))]
    window.resize(1280, 800)
    open_file(write_csv(tmp_path / "wide.csv", rows))
    window.findChild(QPushButton, "changeRolesButton").click()
    return window.findChild(QListWidget, "targetColumnsList")


def learned(window) -> list[str]:
    return [task.name for task in window.session.dataset.roles.tasks]


def press(qtbot, window, name: str) -> None:
    with qtbot.waitSignal(window.session.dataset_changed, timeout=PATIENCE):
        qtbot.mouseClick(window.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def test_other_columns_that_look_like_targets_are_told_and_learned_at_a_click(qtbot, window, targets):
    assert learned(window) == NAMES[-1:]
    offer = window.findChild(QPushButton, "learnAllButton")
    assert offer.text() == "39 more columns look like targets: learn all"
    press(qtbot, window, "learnAllButton")
    assert learned(window) == NAMES
    assert offer.isHidden()


def test_the_ticked_column_is_in_view_and_names_are_cut_not_scrolled(qtbot, targets):
    item = targets.item(len(NAMES) - 1)
    assert item.checkState() is Qt.CheckState.Checked
    qtbot.waitUntil(lambda: targets.viewport().rect().contains(targets.visualItemRect(item).center()))
    assert targets.visualItemRect(item).width() <= targets.viewport().width()
    assert not targets.horizontalScrollBar().isVisible()
    assert item.toolTip().startswith(NAMES[-1])


def test_a_column_is_found_and_all_or_none_are_ticked(qtbot, window, targets):
    search = window.findChild(QLineEdit, "targetSearchEdit")
    search.setText("number 7 assay")
    shown = [targets.item(i) for i in range(targets.count()) if not targets.item(i).isHidden()]
    assert NAMES[7] in [item.text() for item in shown]
    assert targets.item(8).isHidden()
    window.findChild(QPushButton, "noTargetsButton").click()
    assert learned(window) == NAMES[-1:]
    with qtbot.waitSignal(window.session.dataset_changed, timeout=PATIENCE):
        targets.item(7).setCheckState(Qt.CheckState.Checked)
    assert learned(window) == [NAMES[7]]
    assert search.text() == "number 7 assay"
    assert window.findChild(QPushButton, "allTargetsButton").text() == "All numbers (40)"
    press(qtbot, window, "allTargetsButton")
    assert learned(window) == NAMES
