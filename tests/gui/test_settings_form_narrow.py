"""The form of all settings in windows of every width: whatever can be changed is in sight, and says what it is."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QLabel, QLineEdit, QPushButton, QScrollArea

from app.widgets.basic import Switch

SIZES = [(960, 620), (1024, 700), (1100, 700), (1200, 700), (1280, 800), (1440, 900)]


@pytest.fixture
def form(qtbot, window, open_file, molecules_csv):
    """Return the form, shown, one of its settings changed."""
    open_file(molecules_csv)
    window.go_to("train")
    page = window.page("train")
    next(item for item in window.findChildren(QPushButton) if item.text().startswith("All settings")).click()
    qtbot.waitUntil(page.setup.form.isVisible)
    page.setup.form._ensure_rows()
    page.setup.form.set_value("training.batch_size", 7)
    page.setup.form.set_value("runtime.threads", 1)
    page.setup.form.search.clear()
    return page.setup.form


def right_end(widget, area):
    return widget.mapTo(area.viewport(), QPoint(widget.width(), 0)).x()


@pytest.mark.parametrize("size", SIZES)
def test_every_setting_is_whole_within_the_form(qtbot, window, form, size):
    window.resize(*size)
    area = form.findChild(QScrollArea)
    kinds = (QAbstractSpinBox, QComboBox, QLineEdit, Switch, QLabel, QPushButton)

    def inside():
        shown = [item for kind in kinds for item in area.widget().findChildren(kind) if item.isVisible()]
        assert len(shown) > 20
        wide = [item for item in shown if right_end(item, area) > area.viewport().width()]
        assert not wide, [(item.objectName(), item.width()) for item in wide]
        assert area.widget().minimumSizeHint().width() <= area.viewport().width()

    qtbot.waitUntil(lambda: window.width() == size[0])
    qtbot.wait(50)
    inside()
    assert form._rare.width() >= form._rare.sizeHint().width() or form._rare.toolTip()


def test_editors_stand_below_their_words_only_where_it_is_narrow(qtbot, window, form):
    line = form._rows["training.epochs"]

    def beside():
        return line.editor.widget.geometry().left() >= line.head.geometry().right()

    for size, wanted in (((1440, 900), True), ((1024, 700), False), ((1440, 900), True)):
        window.resize(*size)
        qtbot.waitUntil(lambda wanted=wanted: beside() is wanted)
        assert wanted or line.editor.widget.geometry().top() >= line.head.geometry().bottom()


def test_a_switch_whose_words_are_cut_tells_them_as_a_tool_tip(qtbot, shown):
    switch = shown(Switch("Show rarely needed settings"), 110, 24)
    for width, tip in ((110, "Show rarely needed settings"), (400, "")):
        switch.resize(width, 24)
        switch.grab()
        assert switch.toolTip() == tip
    other = shown(Switch("Keep the largest fragment", tip="Drops salts"), 110, 24)
    other.grab()
    assert other.toolTip() == "Drops salts"
