"""Presets of the user in the window: their names, the keyboard, and files that cannot be read."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.widgets.pinned_molecules import PinDialog
from app.widgets.save_preset import SavePresetDialog


@pytest.fixture
def dialog(shown):
    made = SavePresetDialog(own=["My own"], shipped=["Small"])
    # It goes with the test.
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    return shown(made)


def test_return_saves_what_was_typed(dialog):
    heard = []
    dialog.saved.connect(lambda *words: heard.append(words))
    QTest.keyClick(dialog.name, Qt.Key.Key_Return)
    assert dialog.isVisible()
    QTest.keyClicks(dialog.name, "Night run")
    QTest.keyClick(dialog.name, Qt.Key.Key_Return)
    assert heard == [("Night run", "")]


@pytest.mark.parametrize(
    ("typed", "usable", "words"),
    [
        ("Night run", True, ""),
        ("a/b\\c: [", True, ""),
        ("", False, ""),
        ("-/-", False, "needs letters"),
        (" my  OWN ", True, "replaces your preset"),
        ("small", False, "comes with the program"),
    ],
)
def test_what_becomes_of_a_name_is_told_before_it_is_saved(dialog, typed, usable, words):
    dialog.name.setText(typed)
    assert dialog.take.isEnabled() is usable
    assert words in dialog._remark.text()
    assert bool(words) is bool(dialog._remark.text())


def test_the_button_that_return_presses_is_the_one_that_leads_on(shown):
    dialog = shown(PinDialog(["CCO"]))
    buttons = {button.objectName(): button.isDefault() for button in dialog.findChildren(QPushButton)}
    assert buttons == {"pinTakeButton": True, "pinAutomaticButton": False}


def test_presets_that_cannot_be_read_are_told_once(qtbot, window, workspace):
    folder = workspace / "presets"
    folder.mkdir(parents=True)
    (folder / "my-old.yaml").write_text("title: Old\nsettings: {nonsense: 3}\n", encoding="utf-8")
    (folder / "my-torn.yaml").write_bytes(b"\xff\xfe")
    with qtbot.waitSignal(window.session.problem_raised) as raised:
        page = window.page("train")
    said = raised.args[0].one_line()
    assert said.startswith("2 presets of yours cannot be read.")
    assert "my-old.yaml is not a preset. nonsense is not a setting." in said
    window._problem_dialog.close()
    with qtbot.assertNotEmitted(window.session.problem_raised):
        page.setup._shelf._renew()
