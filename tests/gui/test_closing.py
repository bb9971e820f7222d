"""Closing the window when the training, about which it asks, has ended meanwhile."""

from __future__ import annotations

from PySide6.QtCore import Qt

from app.widgets.close_question import CloseQuestion


def test_stop_and_keep_closes_the_window_also_after_the_end_of_the_training(qtbot, window):
    window._ask_before_closing()
    question = window.findChild(CloseQuestion)
    qtbot.mouseClick(question.keep, Qt.MouseButton.LeftButton)
    assert not window.isVisible()
