"""Tab follows the eye, also among what is made late, and the keyboard stays near what was taken away."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.pages.runs import _VERDICT
from app.services.filters import StateFilter, TextFilter
from app.widgets.queue_panel import QueueEntry, QueuePanel


@pytest.fixture
def keys(qtbot, window):
    """Return a function that presses a key where the keyboard is, and returns the name of what has it then."""
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)

    def press(key=Qt.Key.Key_Tab):
        QTest.keyClick(QApplication.focusWidget(), key)
        return QApplication.focusWidget().objectName()

    return press


@pytest.fixture
def filtered(qtbot, window, open_file, molecules_csv, quiet):
    """Filter the rows of a file twice; return what shows them."""
    open_file(molecules_csv)
    window.go_to("data")
    rows = window.page("data").rows
    for one in (TextFilter("c1"), StateFilter("train", "Training part")):
        rows.add_filter(one)
        quiet()
    qtbot.waitUntil(lambda: len(rows.chips._chips) == 2)
    return rows


def test_tab_comes_to_the_filters_between_the_search_and_the_table(filtered, find, keys):
    find("columnsButton").setFocus()
    order = [keys() for _ in range(4)]
    assert order == ["filterChip0", "filterChip1", "clearFiltersButton", "moleculeTable"]
    assert keys(Qt.Key.Key_Backtab) == "clearFiltersButton"


def test_who_takes_filters_away_with_the_keys_stays_where_they_stood(qtbot, filtered, find, keys):
    find("filterChip0").setFocus()
    keys(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(filtered.chips._chips) == 1)
    assert QApplication.focusWidget() is filtered.chips._chips[0]
    keys(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not filtered.chips._chips)
    assert QApplication.focusWidget() is filtered.table


def test_who_clears_all_filters_with_the_keys_comes_to_the_rows(qtbot, filtered, find, keys):
    find("clearFiltersButton").setFocus()
    keys(Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not filtered.chips._chips)
    assert QApplication.focusWidget() is filtered.table


@pytest.fixture
def settings(qtbot, window, open_file, molecules_csv):
    """Return the form of all settings, shown and whole."""
    open_file(molecules_csv)
    window.go_to("train")
    setup = window.page("train").setup
    setup.card.all.click()
    qtbot.waitUntil(setup.form.isVisible)
    setup.form._ensure_rows()
    setup.form.set_value("seed", 7)
    return setup.form


def test_tab_leads_from_the_search_of_settings_through_the_settings(settings, find, keys):
    find("settingsSearch").setFocus()
    order = [keys() for _ in range(6)]
    assert order[:3] == ["advancedFormRareSwitch", "settingsChangedButton", "settingsResetButton"]
    assert order[3:] == ["setting.name", "setting.seed", "reset.seed"]


def test_a_setting_put_back_with_the_keys_has_the_keyboard_then(settings, find, keys):
    find("reset.seed").setFocus()
    assert find("reset.seed").accessibleName() == "Reset Seed"
    assert keys(Qt.Key.Key_Space) == "setting.seed"
    assert not settings.changed_paths()


@pytest.mark.parametrize(("page", "button"), [("runs", "runsTrainButton"), ("models", "modelsTrainButton")])
def test_a_page_with_nothing_gives_the_keyboard_to_what_leads_on(window, keys, quiet, page, button):
    window.page(page)
    quiet()
    window.go_to(page)
    holder = QApplication.focusWidget()
    assert holder.objectName() == button
    assert holder.isVisible()


def test_a_verdict_without_test_molecules_gives_the_keyboard_to_the_way_back(window, keys, runs_page):
    runs_page.verdict._worst_card.hide()
    runs_page._go(_VERDICT)
    assert QApplication.focusWidget().objectName() == "allRunsButton"


def held_by(panel):
    """Return which training's button has the keyboard, and what that button does."""
    holder = panel.focusWidget()
    return holder.isVisible(), holder.property("entry"), holder.property("act")


def test_the_keyboard_stays_with_the_training_that_is_moved_in_the_queue(qtbot, shown):
    names, panel = ["a", "b", "c"], QueuePanel()

    def renew():
        panel.show_queue([QueueEntry(name, name, "") for name in names], held=False)

    def move(name, places):
        place = names.index(name) + places
        names.remove(name)
        names.insert(place, name)
        renew()

    def drop(name):
        names.remove(name)
        renew()

    panel.move_asked.connect(move)
    panel.drop_asked.connect(drop)
    renew()
    shown(panel)
    panel.findChild(QPushButton, "queueUp.2").setFocus()
    QTest.keyClick(panel.focusWidget(), Qt.Key.Key_Space)
    assert names == ["a", "c", "b"]
    assert held_by(panel) == (True, "c", "up")
    QTest.keyClick(panel.focusWidget(), Qt.Key.Key_Space)
    assert held_by(panel) == (True, "c", "down"), "it is the first one now"
    panel.findChild(QPushButton, "queueDrop.1").setFocus()
    QTest.keyClick(panel.focusWidget(), Qt.Key.Key_Space)
    assert held_by(panel) == (True, "b", "drop"), "which stands where the other stood"
    # News of the run under way draws the lines anew, too.
    renew()
    assert held_by(panel) == (True, "b", "drop")
