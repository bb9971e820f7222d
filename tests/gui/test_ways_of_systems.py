"""What differs between systems and languages, and must not in the window."""

from __future__ import annotations

import re
import sys

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QDoubleSpinBox, QTextBrowser, QWidget

from app.pages.data_search import SearchBar
from app.pages.saving import suggested_name
from app.widgets.guide import GuideDialog


@pytest.fixture
def german():
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.German, QLocale.Country.Germany))
    yield
    QLocale.setDefault(before)


def test_quit_has_its_key_on_windows_too(window):
    """Qt takes this platform's keys for those of Windows, which has none for it."""
    action = next(action for action in window.actions() if action.text() == "Quit")
    assert action.shortcut().toString() == "Ctrl+Q"


def test_a_similarity_is_typed_with_a_dot_in_every_language(german, window, qtbot):
    line = SearchBar(window.session)
    qtbot.addWidget(line)
    spin = line.findChild(QDoubleSpinBox, "similaritySpin")
    assert spin.text() == "0.40"
    spin.selectAll()
    QTest.keyClicks(spin.lineEdit(), "0.7")
    spin.interpretText()
    assert spin.value() == 0.7


@pytest.mark.parametrize("title", ["con", "Aux", "COM1", "nul.logS"])
def test_no_name_of_a_device_is_suggested_for_a_file(title):
    assert suggested_name(title, "csv").partition(".")[0].lower() not in {"con", "aux", "com1", "nul"}


@pytest.mark.parametrize("title", ["console", "logS", "com10"])
def test_other_names_stay_as_they_are(title):
    assert suggested_name(title, "csv") == f"{title}.csv"


def test_a_step_is_done_again_by_the_key_of_windows_too(window):
    action = next(action for action in window.actions() if action.text() == "Do again")
    assert [keys.toString() for keys in action.shortcuts()] == ["Ctrl+Shift+Z", "Ctrl+Y"]


@pytest.fixture
def mac(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")


def test_a_mac_is_told_of_the_keys_that_it_has(mac, window, qtbot):
    """Qt's Ctrl is Cmd there, where it shows keys itself; in words it cannot know."""
    guide = GuideDialog(window)
    qtbot.addWidget(guide)
    words = guide.findChild(QTextBrowser).toPlainText()
    assert "Cmd+Shift+Z" in words
    assert "Cmd for Cmd" not in words
    told = [button.toolTip() for button in window.findChildren(QAbstractButton)]
    told += [widget.accessibleDescription() for widget in window.findChildren(QWidget)]
    assert any("(Cmd+O)" in tip for tip in told)
    assert not re.findall(r"Ctrl\S*", " ".join([words, *told]))
