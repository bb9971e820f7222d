"""Garbage is collected in the window's thread only: a dead widget that another thread destroys ends the program."""

from __future__ import annotations

import gc
import threading

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from mole_engine.contracts.garbage import drop_collector, use_collector

TICK_MS = 1000
_PATIENCE = 2.0
"""Longest wait of another thread; the window may itself be waiting for that thread."""


class GarbageCollector(QObject):
    """Takes over from Python's own collector, which would run in any thread, until `close`."""

    _asked = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        self._young, self._froze, self._held = 0, False, False
        gc.disable()
        # Held, since a new bound method would not be the one to drop.
        self._collector = self.collect
        use_collector(self._collector)
        self._asked.connect(self._answer, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def collect(self) -> None:
        """Collect everything now; from another thread, have it done and wait for it."""
        if threading.current_thread() is threading.main_thread():
            gc.collect()
            return
        done = threading.Event()
        self._asked.emit(done)
        done.wait(_PATIENCE)

    @Slot()
    def hold(self) -> None:
        """Collect nothing by itself until `spare_libraries`: libraries that are being imported are no garbage.

        Looking through what a second of importing has made would stop the window for up to half a second.
        """
        self._held = True

    @Slot()
    def spare_libraries(self) -> None:
        """Leave what is there now (libraries, the window) out of every later collection, which makes those short."""
        gc.freeze()
        self._froze, self._held = True, False

    def close(self) -> None:
        """Give the work back to Python; a second call does nothing."""
        if not self._timer.isActive():
            return
        self._timer.stop()
        drop_collector(self._collector)
        if self._froze:
            gc.unfreeze()
        if self._was_enabled:
            gc.enable()

    @Slot(object)
    def _answer(self, done: threading.Event) -> None:
        gc.collect()
        done.set()

    @Slot()
    def _tick(self) -> None:
        """Do what Python would have done by now: often the young objects, seldom the older ones."""
        first, second, third = gc.get_threshold()
        if self._held or gc.get_count()[0] < first:
            return
        self._young += 1
        # Without the libraries spared, looking at everything takes a quarter of a second.
        if self._froze and self._young % (second * third) == 0:
            gc.collect()
        else:
            gc.collect(1 if self._young % second == 0 else 0)
