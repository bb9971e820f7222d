"""Where the keyboard goes can be seen."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from app.theme import style_sheet, theme
from app.widgets.basic import secondary_button
from app.widgets.cell_table import Cell, CellTable, Column
from app.widgets.confusion import ConfusionView
from app.widgets.event_log import EventLog
from app.widgets.histogram import Histogram
from app.widgets.molecule_view import MoleculeDialog
from app.widgets.plotting import new_plot
from app.widgets.space_map import SpaceMap
from mole_engine.contracts.events import Notice


class Depictor(QObject):
    """Draws nothing."""

    drawn = Signal(str)

    def get(self, *_arguments, **_options):
        return None


def log_of_a_run():
    log = EventLog()
    log.add(Notice(message="the batch was halved"))
    return log


def bare_table():
    table = CellTable("worstTable", "Test molecules, worst first", bare=True)
    table.show_rows((Column("a", "molecule"),), 2, lambda row, key: Cell(f"row {row}"))
    table.selectRow(0)
    return table


def pictures(qtbot, widget, other):
    """Return how a widget looks with the focus, and without it."""
    made = []
    for holder in (widget, other):
        holder.setFocus(Qt.FocusReason.TabFocusReason)
        qtbot.waitUntil(holder.hasFocus)
        made.append(widget.grab().toImage())
    return made


def chosen_from():
    bars = Histogram()
    bars.be_chosen_from()
    bars.show_counts((3, 0, 5), ("1", "2", "3"), tips=("1 to 2: 3 rows", "2 to 3: 0 rows", "3 to 4: 5 rows"))
    return bars


def slider():
    view = ConfusionView()
    view.slider.setParent(None)
    return view.slider


def show_styled(shown, *widgets):
    """Return a window with widgets one below the other, as the theme paints them."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    for widget in widgets:
        layout.addWidget(widget)
    holder.setStyleSheet(style_sheet(theme.palette()))
    return shown(holder)


@pytest.mark.parametrize("make", [log_of_a_run, bare_table, chosen_from, lambda: SpaceMap(Depictor()), slider])
def test_what_tab_leads_to_is_marked(qtbot, shown, make):
    widget, other = make(), QWidget()
    other.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    holder = show_styled(shown, widget, other)
    holder.activateWindow()
    with_focus, without = pictures(qtbot, widget, other)
    assert with_focus != without


def test_a_button_with_the_keyboard_has_a_border_and_no_box_over_its_words(qtbot, shown):
    button, other = secondary_button("Open the folder"), secondary_button("Forget them")
    holder = show_styled(shown, other, button)
    holder.activateWindow()
    other.setFocus()
    qtbot.waitUntil(other.hasFocus)
    without = button.grab().toImage()
    QTest.keyClick(other, Qt.Key.Key_Tab)
    assert button.hasFocus()
    with_focus = button.grab().toImage()
    assert with_focus != without
    inside = button.rect().adjusted(4, 4, -4, -4)
    assert with_focus.copy(inside) == without.copy(inside)


def test_the_bar_that_the_keys_are_at_is_said_and_stays_marked_when_the_bars_change(qtbot, shown):
    bars = shown(chosen_from())
    bars.activateWindow()
    bars.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(bars.hasFocus)
    assert bars.accessibleDescription() == "1 to 2: 3 rows"
    QTest.keyClick(bars, Qt.Key.Key_Right)
    QTest.keyClick(bars, Qt.Key.Key_Right)
    assert bars.accessibleDescription() == "3 to 4: 5 rows"
    # As a filter does that was chosen with Return.
    bars.show_counts((3, 0, 5), ("1", "2", "3"), part=(0, 0, 5), tips=("", "", "3 to 4: 5 rows, 5 shown"))
    assert bars.accessibleDescription() == "3 to 4: 5 rows, 5 shown"
    bars.clearFocus()
    assert bars.accessibleDescription() == "from 1 to 3, 2"


def test_a_window_that_comes_back_marks_no_bar_for_who_works_with_the_mouse(qtbot, shown):
    bars, reasons = shown(chosen_from()), Qt.FocusReason
    bars.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is bars)
    bars.clearFocus()
    bars.setFocus(reasons.MouseFocusReason)
    for reason in (reasons.ActiveWindowFocusReason, reasons.PopupFocusReason):
        QApplication.sendEvent(bars, QFocusEvent(QEvent.Type.FocusOut, reason))
        QApplication.sendEvent(bars, QFocusEvent(QEvent.Type.FocusIn, reason))
        assert bars.accessibleDescription() == "from 1 to 3, 2"
    QTest.keyClick(bars, Qt.Key.Key_Right)
    assert bars.accessibleDescription() == "1 to 2: 3 rows"


def test_the_row_that_the_keys_are_at_is_marked_where_it_is_not_selected(qtbot, shown):
    table = bare_table()
    table.setSelectionMode(CellTable.SelectionMode.ExtendedSelection)
    shown(table)
    table.activateWindow()
    table.setFocus()
    qtbot.waitUntil(table.hasFocus)
    before = table.grab().toImage()
    QTest.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert [index.row() for index in table.selectionModel().selectedRows()] == [0]
    assert table.grab().toImage() != before


def test_the_cells_of_a_row_are_marked_and_named_where_the_keys_scroll_them(qtbot):
    dialog = MoleculeDialog(Depictor(), "Row 1", "CCO", "CCO", [("name", "ethanol")])
    qtbot.addWidget(dialog)
    dialog.setStyleSheet(style_sheet(theme.palette()))
    dialog.show()
    dialog.activateWindow()
    facts = dialog.findChild(QWidget, "rowFacts")
    assert facts.accessibleName() == "Cells of the row"
    with_focus, without = pictures(qtbot, facts, dialog.findChild(QWidget, "moleculeCloseButton"))
    assert with_focus != without


def test_a_plot_which_has_no_keys_is_passed_by(qtbot):
    plot = new_plot("lossPlot", "Loss over epochs")
    qtbot.addWidget(plot)
    assert not plot.focusPolicy() & Qt.FocusPolicy.TabFocus


def press(key):
    """Press a key where the keyboard's focus is, and return what has it then."""
    QTest.keyClick(QApplication.focusWidget(), key)
    return QApplication.focusWidget()


def tab_to_rail():
    """Press Tab until the focus comes to the rail; return the name of the button."""
    for _ in range(60):
        holder = press(Qt.Key.Key_Tab)
        if holder.objectName().startswith("nav"):
            return holder.objectName()
    return ""


@pytest.fixture
def active(qtbot, window):
    """Return the window, to which keys go."""
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    return window


@pytest.mark.parametrize("page", ["data", "train", "predict", "preferences"])
def test_tab_leads_to_the_button_of_the_page_that_is_shown(active, page):
    active.go_to("models")
    active.go_to(page)
    active.setFocus()
    assert tab_to_rail() in {f"nav{page.capitalize()}", "navMenu"}
    names = {tab_to_rail() for _ in range(2)}
    assert names == {f"nav{page.capitalize()}", "navMenu"}


def test_arrows_lead_from_page_to_page(active):
    active.go_to("train")
    active.setFocus()
    assert tab_to_rail() == "navTrain"
    assert press(Qt.Key.Key_Down).objectName() == "navRuns"
    assert press(Qt.Key.Key_Down).objectName() == "navPredict"
    assert active.page("predict").isVisible()
    press(Qt.Key.Key_Tab)
    assert {tab_to_rail(), tab_to_rail()} == {"navPredict", "navMenu"}


@pytest.fixture
def ready(active, find, open_file, tmp_path):
    """Set up a training that lasts."""
    path = tmp_path / "chains.csv"
    rows = [f"{'C' * chain}{group},{chain + len(group)}" for chain in range(1, 8) for group in ("O", "N", "F", "Cl")]
    path.write_text("smiles,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    open_file(path)
    active.go_to("train")
    form = active.page("train").setup.form
    active.page("train").setup.presets.select("base")
    for name, value in {"layers": 1, "hidden_size": 16, "heads": 2, "intermediate_size": 32}.items():
        form.set_value(f"model.{name}", value)
    form.set_value("baselines", False)
    find("epochsSpin").setValue(2000)
    return active


def test_the_key_that_starts_a_training_neither_holds_nor_ends_it_when_pressed_again(qtbot, ready, find, click):
    training = ready.session.training
    find("trainButton").setFocus()
    with qtbot.waitSignal(training.run_started):
        holder = press(Qt.Key.Key_Space)
    assert holder is find("adjustButton"), "beside what steers the run"
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
        press(key)
    assert training.is_running
    assert not training.is_paused
    assert training.ending == ""
    order = [press(Qt.Key.Key_Tab).objectName() for _ in range(3)]
    assert order[0] == "pauseButton"
    assert "cancelButton" in order
    with qtbot.waitSignal(training.run_finished):
        click("cancelButton")


def test_a_training_takes_the_keyboard_from_nobody_who_types(qtbot, ready, find, click):
    training = ready.session.training
    field = find("epochsSpin")
    field.setFocus()
    with qtbot.waitSignal(training.run_started):
        QTest.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.focusWidget() is field, "the next training is set up there"
    with qtbot.waitSignal(training.run_finished):
        click("cancelButton")
