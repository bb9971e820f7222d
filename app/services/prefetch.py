"""Loads the heavy libraries after the first paint, so that neither start nor first use has to wait for them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from importlib import import_module

from PySide6.QtCore import QObject, Signal

log = logging.getLogger(__name__)

FOR_FILES = ("numpy", "rdkit.Chem", "rdkit.Chem.Draw.rdMolDraw2D", "pandas", "app.services.dataset_builder")
"""What opening a file needs."""

FOR_TRAINING = ("torch", "torchmetrics", "pytorch_lightning", "mole_engine.train")
"""What training and predicting need."""

_PATIENCE = 1.5


class Prefetch(QObject):
    """One background thread that imports one module after the other.

    Importing holds Python's lock for stretches of some hundred milliseconds at worst, so torch and Lightning wait until
    the window has been still for a moment.

    Signals
    -------
    devices_known(str)
        Which device training will use, in words, once torch is loaded.
    """

    devices_known = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop after the module under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        if not self._load(FOR_FILES) or self._stop.wait(_PATIENCE) or not self._load(FOR_TRAINING):
            return
        words = device_words()
        if not self._stop.is_set():
            self.devices_known.emit(words)

    def _load(self, names: Sequence[str]) -> bool:
        for name in names:
            if self._stop.is_set():
                return False
            try:
                import_module(name)
            except Exception:
                # A broken installation shows itself, with words, when the user needs the module.
                log.exception("Cannot load %s ahead of time.", name)
        return True


def core_words() -> str:
    """Return "CPU 8 cores"."""
    cores = os.cpu_count() or 1
    return f"CPU {cores} core{'' if cores == 1 else 's'}"


def device_words() -> str:
    """Return the name and memory of the GPU that training would use, or "" without one."""
    import torch

    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return f"{properties.name} · {properties.total_memory / 1e9:.0f} GB"
    return "Apple GPU" if torch.backends.mps.is_available() else ""
