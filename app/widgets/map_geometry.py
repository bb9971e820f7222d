"""Where points lie on the screen, which is nearest, which a lasso holds. Plain arithmetic, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

_MARGIN = 18.0
_CLOSEST = 2000.0


@dataclass(frozen=True, slots=True)
class View:
    """What part of the map is seen: `zoom` 1 shows all, `left` and `top` are the corner in shares of the whole."""

    width: float
    height: float
    zoom: float = 1.0
    left: float = 0.0
    top: float = 0.0

    def place(self, points: Any) -> Any:
        """Return the pixels, (n, 2) float32, of points whose coordinates are shares, (n, 2) float32 in 0..1."""
        import numpy as np

        size = np.array(self._room(), np.float32) * self.zoom
        corner = np.array([self.left, self.top], np.float32)
        return (points - corner) * size + np.float32(_MARGIN)

    def zoomed(self, factor: float, x: float, y: float) -> View:
        """Return the view after zooming by `factor` about the pixel (x, y)."""
        zoom = min(_CLOSEST, max(1.0, self.zoom * factor))
        wide, high = self._room()
        across, down = (x - _MARGIN) / wide, (y - _MARGIN) / high
        left = self.left + across / self.zoom - across / zoom
        top = self.top + down / self.zoom - down / zoom
        return replace(self, zoom=zoom, left=left, top=top)._inside()

    def moved(self, dx: float, dy: float) -> View:
        """Return the view after dragging the map by so many pixels."""
        wide, high = self._room()
        return replace(self, left=self.left - dx / wide / self.zoom, top=self.top - dy / high / self.zoom)._inside()

    def _room(self) -> tuple[float, float]:
        return max(1.0, self.width - 2 * _MARGIN), max(1.0, self.height - 2 * _MARGIN)

    def _inside(self) -> View:
        # A third of the view may be empty, no more: a map that was dragged out of sight is lost.
        slack, rest = 0.33 / self.zoom, 1.0 - 1.0 / self.zoom
        if self.zoom == 1.0:
            return replace(self, left=0.0, top=0.0)
        return replace(
            self,
            left=min(max(self.left, -slack), rest + slack),
            top=min(max(self.top, -slack), rest + slack),
        )


def shares(coordinates: Any) -> Any:
    """Return (n, 2) float32 in 0..1 from any coordinates, y upwards turned into y downwards."""
    import numpy as np

    points = np.asarray(coordinates, np.float32).reshape(-1, 2)
    if not len(points):
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    scaled = np.where(high > low, (points - low) / size, 0.5).astype(np.float32)
    scaled[:, 1] = 1.0 - scaled[:, 1]
    return scaled


def nearest(pixels: Any, x: float, y: float, reach: float, allowed: Any = None) -> int:
    """Return the number of the point nearest to (x, y) within `reach` pixels, or -1."""
    import numpy as np

    if not len(pixels):
        return -1
    away = (pixels[:, 0] - x) ** 2 + (pixels[:, 1] - y) ** 2
    if allowed is not None:
        away = np.where(allowed, away, np.inf)
    best = int(np.argmin(away))
    return best if away[best] <= reach * reach else -1


def inside(pixels: Any, polygon: Sequence[tuple[float, float]]) -> Any:
    """Return (n,) bool: which points lie inside a closed polygon (even-odd rule)."""
    import numpy as np

    held = np.zeros(len(pixels), bool)
    if len(polygon) < 3 or not len(pixels):
        return held
    corners = np.asarray(polygon, np.float32)
    low, high = corners.min(axis=0), corners.max(axis=0)
    near = np.flatnonzero(((pixels >= low) & (pixels <= high)).all(axis=1))
    x, y = pixels[near, 0], pixels[near, 1]
    odd = np.zeros(len(near), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        odd ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    held[near] = odd
    return held
