"""The names that scripts and checks find widgets by are all there, each once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from app.main_window import MainWindow

NAMES = """
    mainWindow navigation dropZone openDatasetButton openSampleButton moleculeTable smilesColumnCombo
    targetColumnsList taskCombo splitCombo curationSummary presetList deviceCombo epochsSpin advancedForm trainButton
    pauseButton stopButton cancelButton trainingProgress etaLabel lossPlot metricPlot eventLog runsTable parityPlot
    curvePlot reportButton exportButton predictDropZone predictSmilesEdit predictButton predictionTable
    savePredictionsButton modelsTable problemDialog problemTitle problemDetails
"""

SPOKEN = ("Button", "Combo", "List", "Table", "Edit", "Spin")
"""What is pressed, chosen or filled in."""


@pytest.fixture
def whole_window(window: MainWindow) -> MainWindow:
    """Return the window with every page built."""
    from app.page_shelf import PAGES

    for name, _, _ in PAGES:
        window.page(name)
    return window


def test_every_fixed_name_is_there_once(whole_window: MainWindow) -> None:
    from PySide6.QtWidgets import QWidget

    found = Counter(widget.objectName() for widget in [whole_window, *whole_window.findChildren(QWidget)])
    assert {name: found[name] for name in NAMES.split() if found[name] != 1} == {}


def test_every_fixed_name_is_found_at_once(window: MainWindow) -> None:
    """Whoever builds a window finds its widgets without knowing the pages, or that they are built later."""
    from PySide6.QtWidgets import QWidget

    names = [name for name in NAMES.split() if name != "mainWindow"]
    assert [name for name in names if window.findChild(QWidget, name) is None] == []


def test_what_is_used_says_what_it_is(whole_window: MainWindow) -> None:
    """A button shows its text or has an accessible name; so does every other widget that is used by hand."""
    from PySide6.QtWidgets import QWidget

    silent = []
    for name in NAMES.split():
        widget = whole_window.findChild(QWidget, name)
        if widget is not None and name.endswith(SPOKEN):
            text = widget.text() if hasattr(widget, "text") else ""
            if not (widget.accessibleName() or text):
                silent.append(name)
    assert silent == []
