"""How large the window is as long as no size of it is remembered."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication, QScreen

WANTED, FRAME = QSize(1280, 800), QSize(16, 40)
"""What the window has in the drawings, and what its frame takes besides."""


def first_size(screen: QScreen) -> QSize:
    """Return as much of the size in the drawings as a screen has room for.

    Qt leaves a size alone that is larger than the screen. Of a laptop with 1920 x 1080 pixels, which Windows sets up to
    show everything at 150 %, the lowest part of the window would lie below the edge.
    """
    # A platform without a display has a small screen that nobody looks at.
    return WANTED if QGuiApplication.platformName() == "offscreen" else WANTED.boundedTo(screen.availableSize() - FRAME)
