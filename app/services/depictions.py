"""Structures drawn in the background: newest request first, so that what is on the screen comes before what was."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPainter

from app.services.qt_types import make_all_types

log = logging.getLogger(__name__)

_KEPT_IMAGES = 600
_WAITING_LIMIT = 120


@dataclass(frozen=True, slots=True)
class DepictionKey:
    """What an image depends on; `ratio` is the pixel ratio of the screen, `pattern` a SMARTS whose atoms are marked."""

    smiles: str
    width: int
    height: int
    dark: bool
    ratio: float
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Depiction:
    """A drawn molecule, or the reason why there is none."""

    image: QImage
    weight: float = float("nan")
    reason: str = ""


class DepictionService(QObject):
    """A cache of structure images, filled by one background thread.

    Signals
    -------
    drawn(str)
        The molecule with this SMILES can now be had from `get`.
    """

    drawn = Signal(str)
    _made = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cache: OrderedDict[DepictionKey, Depiction] = OrderedDict()
        self._waiting: OrderedDict[DepictionKey, None] = OrderedDict()
        self._drawing: DepictionKey | None = None
        self._ready = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._made.connect(self._keep, Qt.ConnectionType.QueuedConnection)

    def get(
        self, smiles: str, width: int, height: int, *, dark: bool, ratio: float = 1.0, pattern: str = ""
    ) -> Depiction | None:
        """Return a drawing, or None and have it drawn (`drawn` says when)."""
        key = DepictionKey(smiles, width, height, dark, ratio, pattern)
        found = self._cache.get(key)
        if found is not None:
            self._cache.move_to_end(key)
            return found
        self._ask(key)
        return None

    def close(self) -> None:
        """End the background thread."""
        with self._ready:
            self._stop.set()
            self._waiting.clear()
            self._ready.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _ask(self, key: DepictionKey) -> None:
        with self._ready:
            if self._stop.is_set() or key == self._drawing:
                return
            self._waiting[key] = None
            self._waiting.move_to_end(key)
            while len(self._waiting) > _WAITING_LIMIT:
                # Scrolled past long ago; the view asks again when it comes back.
                self._waiting.popitem(last=False)
            if self._thread is None:
                make_all_types()
                self._thread = threading.Thread(target=self._work, name="depictions", daemon=True)
                self._thread.start()
            self._ready.notify()

    def _work(self) -> None:
        while True:
            with self._ready:
                while not self._waiting and not self._stop.is_set():
                    self._ready.wait()
                if self._stop.is_set():
                    return
                key, _ = self._waiting.popitem(last=True)
                self._drawing = key
            drawn = draw(key)
            if self._stop.is_set():
                return
            self._made.emit(key, drawn)

    @Slot(object, object)
    def _keep(self, key: DepictionKey, depiction: Depiction) -> None:
        self._cache[key] = depiction
        with self._ready:
            if self._drawing == key:
                self._drawing = None
        while len(self._cache) > _KEPT_IMAGES:
            self._cache.popitem(last=False)
        self.drawn.emit(key.smiles)


def draw(key: DepictionKey) -> Depiction:
    """Draw one molecule; safe off the window's thread."""
    from PySide6.QtSvg import QSvgRenderer

    from mole_engine.chem.depict import molecular_weight, svg_of
    from mole_engine.chem.molecules import UnreadableMolecule
    from mole_engine.chem.substructure import matched_atoms

    image = QImage(
        round(key.width * key.ratio), round(key.height * key.ratio), QImage.Format.Format_ARGB32_Premultiplied
    )
    image.setDevicePixelRatio(key.ratio)
    image.fill(Qt.GlobalColor.transparent)
    try:
        marked = matched_atoms(key.smiles, key.pattern) if key.pattern else ()
        svg = svg_of(key.smiles, key.width, key.height, key.dark, marked)
        weight = molecular_weight(key.smiles)
    except UnreadableMolecule as error:
        return Depiction(QImage(), reason=error.reason)
    except (RuntimeError, ValueError) as error:
        # RDKit refuses to lay out a rare molecule that it can otherwise read; the row stays usable.
        log.warning("Cannot draw %s: %s", key.smiles, error)
        return Depiction(QImage(), reason="it cannot be drawn")
    painter = QPainter(image)
    # With its place said in logical pixels: left to itself, the renderer would count the screen's ratio twice.
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, key.width, key.height))
    painter.end()
    return Depiction(image, weight)
