"""Dots to a picture: smooth ones while there are few, stamped by numpy where there are very many."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap

from app.theme import theme
from app.widgets.map_colors import UNKNOWN, Coloring

SMOOTH_LIMIT = 12_000
"""With more dots in sight, they are small squares and discs without smooth edges."""

_SIZES = ((400, 10.0), (1500, 8.0), (5000, 7.0), (20_000, 5.0), (200_000, 4.0))
_SMALLEST = 3.0


def paint_points(size: QSize, ratio: float, pixels: Any, coloring: Coloring, visible: Any, selected: Any) -> QImage:
    """Return a transparent picture of the dots.

    Parameters
    ----------
    size, ratio
        Of the picture in logical pixels, and the pixel ratio of the screen.
    pixels
        (n, 2) float32, where the dots stand, in logical pixels.
    coloring
        Their shades.
    visible, selected
        (n,) bool; what is not visible is faint and below all others, what is selected gets a ring, and the rest fades.
    """
    import numpy as np

    inside = (pixels >= -10).all(axis=1) & (pixels[:, 0] <= size.width() + 10) & (pixels[:, 1] <= size.height() + 10)
    shown = np.flatnonzero(inside)
    width = dot_size(len(shown))
    colors = [QColor(theme.palette().baseline), *(QColor(color) for color in coloring.colors())]
    # The unknown first, then those with values: nothing that is known hides behind what is not.
    order = shown[np.argsort(coloring.shades[shown] != UNKNOWN, kind="stable")]
    layers = [(order[~visible[order]], 0.16)]
    lit = order[visible[order]]
    marked = selected[lit]
    layers += [(lit[~marked], 0.3 if marked.any() else 0.82), (lit[marked], 1.0)]
    picture = QImage(round(size.width() * ratio), round(size.height() * ratio), QImage.Format.Format_ARGB32)
    picture.fill(Qt.GlobalColor.transparent)
    for members, alpha in layers:
        if len(shown) > SMOOTH_LIMIT:
            _stamp(picture, pixels[members] * ratio, coloring.shades[members] + 1, colors, alpha, width * ratio)
    picture.setDevicePixelRatio(ratio)
    if len(shown) <= SMOOTH_LIMIT:
        painter = QPainter(picture)
        for members, alpha in layers:
            _paint(painter, pixels[members], coloring.shades[members] + 1, colors, alpha, width, ratio)
        painter.end()
    return picture


def dot_size(number: int) -> float:
    """Return the width of a dot in logical pixels where so many are in sight."""
    return next((width for limit, width in _SIZES if number <= limit), _SMALLEST)


def _paint(
    painter: QPainter, pixels: Any, shades: Any, colors: list[QColor], alpha: float, width: float, ratio: float
) -> None:
    dots = [_dot(color, alpha, width, ratio) for color in colors]
    half = dots[0].width() / ratio / 2
    for (x, y), shade in zip(pixels.tolist(), shades.tolist(), strict=True):
        painter.drawPixmap(QPointF(x - half, y - half), dots[shade])


def _dot(color: QColor, alpha: float, width: float, ratio: float) -> QPixmap:
    extent = round((width + 4) * ratio)
    dot = QPixmap(extent, extent)
    dot.setDevicePixelRatio(ratio)
    dot.fill(Qt.GlobalColor.transparent)
    fill = QColor(color)
    fill.setAlphaF(alpha)
    edge = QColor(theme.palette().ink if alpha == 1.0 else theme.palette().surface)
    edge.setAlphaF(1.0 if alpha == 1.0 else 0.6)
    painter = QPainter(dot)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(edge, 1.2 if alpha == 1.0 else 0.6))
    painter.setBrush(fill)
    painter.drawEllipse(QRectF(2, 2, extent / ratio - 4, extent / ratio - 4))
    painter.end()
    return dot


def _stamp(picture: QImage, pixels: Any, shades: Any, colors: list[QColor], alpha: float, width: float) -> None:
    """Write small discs straight into the picture; what comes later lies above."""
    import numpy as np

    wide, high = picture.width(), picture.height()
    canvas = np.frombuffer(picture.bits(), np.uint32).reshape(high, picture.bytesPerLine() // 4)
    opacity = round(255 * alpha) << 24
    paint = np.array([opacity | (color.rgb() & 0xFFFFFF) for color in colors], np.uint32)[shades]
    x, y = np.round(pixels).astype(np.int64).T
    reach = int(width // 2)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dx * dx + dy * dy > (width / 2 + 0.3) ** 2:
                continue
            fits = (x + dx >= 0) & (x + dx < wide) & (y + dy >= 0) & (y + dy < high)
            canvas[y[fits] + dy, x[fits] + dx] = paint[fits]
