"""The menus and the list of commands: what is offered, what is checked, what is told."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QLabel, QListWidget, QMenu, QToolTip, QWidget

from app.pages.welcome import SHOWN_RECENT
from app.services.filters import RangeFilter
from tests.gui.conftest import PATIENCE


def submenu(window, *titles):
    """Return a menu inside the one behind the rail's button, filled as when it opens."""
    menu = window.findChild(QMenu, "wholeMenu")
    for title in titles:
        menu = next(action.menu() for action in menu.actions() if action.text().replace("&", "") == title)
        menu.aboutToShow.emit()
    return menu


def commands(qtbot, window):
    """Open the list of commands; return what it offers."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    palette = window.findChild(QWidget, "commandPalette")
    listed = palette.findChild(QListWidget)
    words = [listed.item(row).text() for row in range(listed.count())]
    palette.close()
    qtbot.waitUntil(lambda: window.findChild(QWidget, "commandPalette") is None)
    return words


def checked(window):
    return [action.text() for action in submenu(window, "View").actions() if action.isChecked()]


def test_commands_that_cannot_be_done_now_are_not_offered(qtbot, window, open_file, molecules_csv):
    assert not [words for words in commands(qtbot, window) if words.startswith(("Undo", "Do again"))]
    open_file(molecules_csv)
    page = window.data_page
    page.rows.add_filter(RangeFilter("logS (log(mol/L))", 0.0, 9.0))
    qtbot.waitUntil(lambda: page.table.molecules.rowCount() < 14, timeout=PATIENCE)
    offered = commands(qtbot, window)
    assert [words for words in offered if words.startswith("Undo: filter")]
    assert not [words for words in offered if words.startswith("Do again")]


def test_the_view_menu_checks_the_colours_in_force(qtbot, window, find):
    assert checked(window) == ["Light and dark as the system"]
    window.go_to("preferences")
    find("darkModeButton").click()
    assert checked(window) == ["Dark"]
    next(action for action in submenu(window, "View").actions() if action.text() == "Light").trigger()
    assert checked(window) == ["Light"]
    assert find("lightModeButton").isChecked(), "the settings page follows"
    # The colours stay, as the system's are light; what was chosen is another thing.
    find("systemModeButton").click()
    assert checked(window) == ["Light and dark as the system"]
    next(action for action in submenu(window, "View").actions() if action.text() == "Light").trigger()
    assert find("lightModeButton").isChecked()


def test_recent_files_of_one_name_are_told_apart_by_their_tips(qtbot, window, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "assay.csv").write_text("smiles,y\nCCO,1\n")
        window.session.settings.remember_file(str(tmp_path / folder / "assay.csv"))
    menu = submenu(window, "File", "Open recent")
    menu.popup(QPoint(10, 10))
    tips = []
    for action in menu.actions()[:2]:
        place = menu.actionGeometry(action).center()
        QApplication.sendEvent(menu, QHelpEvent(QEvent.Type.ToolTip, place, menu.mapToGlobal(place)))
        tips.append(QToolTip.text())
    menu.close()
    QToolTip.hideText()
    assert tips == [str(tmp_path / folder / "assay.csv") for folder in ("b", "a")]


@pytest.mark.parametrize("many", [1, SHOWN_RECENT, SHOWN_RECENT + 3])
def test_as_many_recent_files_as_are_told_can_be_opened(window, find, tmp_path, many):
    for number in range(many):
        (tmp_path / f"assay{number}.csv").write_text("smiles,y\nCCO,1\n")
        window.session.settings.remember_file(str(tmp_path / f"assay{number}.csv"))
    told = window.page("preferences").findChild(QLabel, "recentWords").text()
    assert told.startswith(f"{many} file{'s' if many > 1 else ''} can be opened again with Open recent")
    assert [action.text() for action in submenu(window, "File", "Open recent").actions()][:many] == [
        f"assay{number}.csv" for number in reversed(range(many))
    ]
    rows = window.data_page.welcome._recent_rows.count()
    assert rows == min(many, SHOWN_RECENT)
    assert (f"the last {rows} " in told) == (rows < many)


def order_by(qtbot, window, title):
    """Order the table that is shown by a column, with the keys alone; return whether it did so already."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    menu = window.findChild(QMenu, "sortMenu")
    qtbot.waitUntil(menu.isVisible)
    for _ in menu.actions():
        qtbot.keyClick(menu, Qt.Key.Key_Down)
        if menu.activeAction().text().startswith(title):
            break
    checked = menu.activeAction().isChecked()
    qtbot.keyClick(menu, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.findChild(QMenu, "sortMenu") is None)
    return checked


def test_a_table_is_sorted_with_the_keys_both_ways_and_back(qtbot, window, open_file, molecules_csv):
    open_file(molecules_csv)
    rows = window.data_page.table.molecules.file_rows
    given, target = list(rows()), "logS"
    assert not order_by(qtbot, window, target)
    assert rows()[0] == 2, "the least value"
    assert window.focusWidget() is window.data_page.table
    assert order_by(qtbot, window, target), "the column that orders is checked"
    assert rows()[0] == 13, "the greatest value"
    order_by(qtbot, window, "As they")
    assert list(rows()) == given
