"""Return presses what the keyboard is at, and nothing else."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.widgets.basic import secondary_button
from app.widgets.drop_zone import DropZone


def zone_with_button(shown):
    zone, button = DropZone("Drop a file", "or press a button"), secondary_button("Try a sample")
    zone.body.addWidget(button)
    told = []
    zone.activated.connect(lambda: told.append("zone"))
    button.clicked.connect(lambda: told.append("button"))
    shown(zone)
    return zone, button, told


def test_return_on_a_button_in_the_drop_zone_presses_that_button(shown):
    _, button, told = zone_with_button(shown)
    button.setFocus()
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        QTest.keyClick(button, key)
    assert told == ["button", "button"]


def test_return_on_a_button_that_cannot_be_pressed_asks_for_no_file(shown):
    _, button, told = zone_with_button(shown)
    button.setAutoDefault(False)
    QTest.keyClick(button, Qt.Key.Key_Return)
    assert told == []


def test_return_and_space_on_the_drop_zone_itself_ask_for_a_file(qtbot, shown):
    zone, _, told = zone_with_button(shown)
    zone.activateWindow()
    zone.setFocus()
    qtbot.waitUntil(zone.hasFocus)
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Space):
        QTest.keyClick(zone, key)
    assert told == ["zone", "zone"]
