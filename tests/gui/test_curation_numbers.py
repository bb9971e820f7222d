"""Numbers of the clean-up: only what was changed is told, and sizes of any order are kept as they are."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QSpinBox

from app.widgets.curation_card import CurationCard
from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.dataset import CurationReport


@pytest.fixture
def card(shown):
    made = shown(CurationCard(), 420, 700)
    made._show_more()
    made.told = []
    made.changed.connect(lambda name, value: made.told.append((name, value)))
    return made


def show(card, **settings) -> tuple[QDoubleSpinBox, QSpinBox]:
    card.show_report(CurationReport(total=3, kept=3), {}, CurationConfig(**settings))
    return card.findChild(QDoubleSpinBox, "agreeWithinSpin"), card.findChild(QSpinBox, "maxHeavyAtomsSpin")


def after_the_pause(qtbot, card) -> list[tuple[str, object]]:
    qtbot.waitUntil(lambda: not card._pause.isActive())
    told, card.told = card.told, []
    return told


def type_into(qtbot, spin, words: str) -> None:
    spin.setFocus()
    spin.selectAll()
    qtbot.keyClicks(spin, words)
    qtbot.keyClick(spin, Qt.Key.Key_Tab)


@pytest.mark.parametrize("within", [0.0004, 0.0, 1e-13, 3.5e9, 0.1 + 0.2])
def test_another_number_changes_nothing_about_how_near_values_have_to_be(qtbot, card, within):
    spin, size = show(card, agree_within=within)
    assert spin.value() == within
    type_into(qtbot, size, "80")
    # Who only passes through changes nothing either.
    spin.setFocus()
    qtbot.keyClick(spin, Qt.Key.Key_Tab)
    assert spin.value() == within
    assert after_the_pause(qtbot, card) == [("max_heavy_atoms", 80)]


@pytest.mark.parametrize(
    ("typed", "kept", "text"),
    [
        ("0.0004", 0.0004, "0.0004"),
        ("1e-13", 1e-13, "1e-13"),
        ("3.50", 3.5, "3.5"),
        ("2", 2.0, "2"),
        ("1e9", 1e9, "1000000000"),
    ],
)
def test_a_number_of_any_size_can_be_typed(qtbot, card, typed, kept, text):
    spin, _ = show(card)
    assert spin.text() == "Automatic"
    type_into(qtbot, spin, typed)
    assert after_the_pause(qtbot, card) == [("agree_within", kept)]
    assert spin.text() == text


def test_what_is_no_number_is_not_taken(qtbot, card):
    spin, _ = show(card, agree_within=0.5)
    for typed, text in (("1,000", "1000"), ("-2", "2"), ("abc", "0.5"), ("1e", "1")):
        spin.setValue(0.5)
        type_into(qtbot, spin, typed)
        assert spin.text() == text
    type_into(qtbot, spin, "0")
    assert spin.text() == "Automatic"


def test_a_step_is_as_large_as_the_number(card):
    spin, _ = show(card)
    seen = []
    for start, steps in ((0.0, 1), (0.0, 3), (0.1, 2), (0.0004, 1), (0.0001, -1), (1e-13, 1), (1500.0, -1), (0.1, -1)):
        spin.setValue(start)
        for _ in range(abs(steps)):
            spin.stepBy(steps // abs(steps))
        seen.append(spin.text())
    assert seen == ["0.1", "0.3", "0.3", "0.0005", "Automatic", "2e-13", "1400", "Automatic"]


def test_a_number_being_typed_outlives_a_report(qtbot, card):
    spin, size = show(card, max_heavy_atoms=80)
    size.setFocus()
    size.selectAll()
    qtbot.keyClicks(size, "60")
    # The answer to a switch that was touched before arrives while the user is at the box.
    show(card, max_heavy_atoms=80, agree_within=0.5)
    assert (size.value(), spin.value()) == (60, 0.5)
    assert after_the_pause(qtbot, card) == [("max_heavy_atoms", 60)]
