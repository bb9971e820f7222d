"""Where Tab leads: the way that the eye goes, also among widgets that were made late."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtWidgets import QWidget


def tab_through(*stops: QWidget) -> None:
    """Let Tab lead from each of these to the next; the first stays where it is.

    By itself, Qt puts what is made late behind everything that the window holds.
    """
    for first, second in pairwise(stops):
        QWidget.setTabOrder(first, second)
