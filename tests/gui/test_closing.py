"""Closing the window and quitting: what is asked while a training runs."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget

from app.widgets.close_question import CloseQuestion


def by_menu(qtbot, window):
    next(action for action in window.actions() if action.text() == "Quit").trigger()


def by_palette(qtbot, window):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    field = window.findChildren(QWidget, "commandField")[-1]
    qtbot.keyClicks(field, "quit")
    qtbot.keyClick(field, Qt.Key.Key_Return)


def questions(window):
    return [question for question in window.findChildren(CloseQuestion) if question.isVisible()]


def test_stop_and_keep_closes_the_window_also_after_the_end_of_the_training(qtbot, window):
    window._ask_before_closing()
    question = window.findChild(CloseQuestion)
    qtbot.mouseClick(question.keep, Qt.MouseButton.LeftButton)
    assert not window.isVisible()


@pytest.mark.parametrize("leave", [by_menu, by_palette])
def test_quit_asks_before_it_ends_a_training(qtbot, window, job, leave):
    leave(qtbot, window)
    assert len(questions(window)) == 1
    qtbot.wait(30)
    assert job.ended == ""
    leave(qtbot, window)
    assert len(questions(window)) == 1, "one question is enough"
    qtbot.mouseClick(questions(window)[0].findChild(QPushButton, "closeStayButton"), Qt.MouseButton.LeftButton)
    assert window.session.training.is_running
    leave(qtbot, window)
    qtbot.mouseClick(questions(window)[0].later, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.isVisible())
    assert job.ended == "interrupt"


def test_quit_closes_at_once_where_nothing_runs(qtbot, window):
    by_menu(qtbot, window)
    assert not questions(window)
    assert not window.isVisible()
