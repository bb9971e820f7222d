"""Loads the heavy libraries after the first paint, so that neither start nor first use has to wait for them."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.services.qt_types import make_all_types
from mole_engine.contracts.wording import counted

log = logging.getLogger(__name__)

FOR_FILES = ("numpy", "rdkit.Chem", "rdkit.Chem.Draw.rdMolDraw2D", "pyarrow", "pandas", "app.services.dataset_builder")
"""What opening a file needs."""

FOR_PLOTS = ("pyqtgraph",)
"""What charts are drawn with: they stand there before the training does."""

FOR_TRAINING = ("torch", "torchmetrics", "pytorch_lightning", "mole_engine.train")
"""What training and predicting need."""

LIBRARIES = {
    "pyarrow": ("libarrow",),
    "torch": ("lib/libc10", "lib/libtorch_cpu"),
}
"""Large shared libraries that a module brings, see `load_libraries`; not RDKit's, which know Python."""

_PATIENCE, _FOR_PLOTS_SECONDS = 1.5, 0.5


class Prefetch(QObject):
    """One background thread that imports one module after the other.

    Python code that is imported gives the lock back every few milliseconds. What would not is the loading of large
    libraries, half a second for torch's, so the system loads those first, without Python's lock; and a look of the
    garbage collector at all that was just imported, so the window leaves that until everything is there.

    Signals
    -------
    started()
        Loading begins.
    plots_known()
        Plots can be made without waiting for their library.
    devices_known(str)
        Which device training will use, in words, once everything is loaded.
    """

    started = Signal()
    plots_known = Signal()
    devices_known = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self._thread is None:
            make_all_types()
            self.started.emit()
            self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop after the module under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        if not self._load(FOR_FILES) or self._stop.wait(_PATIENCE):
            return
        if not self._load(FOR_PLOTS):
            return
        self.plots_known.emit()
        # The plots are made meanwhile; beside a loading library each would take three times as long.
        if self._stop.wait(_FOR_PLOTS_SECONDS) or not self._load(FOR_TRAINING):
            return
        words = ""
        try:
            words = device_words()
        except Exception:
            # What waits for the end of the loading, the collection of garbage above all, must hear of it in any case.
            log.exception("The device cannot be named.")
        if not self._stop.is_set():
            self.devices_known.emit(words)

    def _load(self, names: Sequence[str]) -> bool:
        for name in names:
            if self._stop.is_set():
                return False
            try:
                if name in LIBRARIES:
                    load_libraries(name.partition(".")[0], *LIBRARIES[name])
                import_module(name)
            except Exception:
                # A broken installation shows itself, with words, when the user needs the module.
                log.exception("Cannot load %s ahead of time.", name)
        return True


def load_libraries(package: str, *patterns: str) -> bool:
    """Have the system load a package's shared libraries while other threads go on; the import then finds them loaded.

    Python holds its lock when an import loads a library, but gives it up for a call of a C function, which the loader
    is. Only libraries that know nothing of Python may be loaded so.

    Parameters
    ----------
    patterns
        Names below the package's folder, without their endings and versions; `*` stands for anything.

    Returns
    -------
    bool
        Whether all were loaded. Nothing is done on Windows, where libraries load in another way; what cannot be loaded
        is left to the import.
    """
    spec = find_spec(package)
    if sys.platform == "win32" or spec is None or spec.origin is None:
        return False
    loader = ctypes.CDLL(None).dlopen
    loader.restype = ctypes.c_void_p
    loader.argtypes = (ctypes.c_char_p, ctypes.c_int)
    folder = Path(spec.origin).parent
    found = [library_files(folder, pattern) for pattern in patterns]
    return all(paths and loader(os.fsencode(paths[0].resolve()), os.RTLD_NOW) for paths in found)


def library_files(folder: Path, pattern: str, system: str = sys.platform) -> list[Path]:
    """Return the shared libraries of a name: libarrow.so.24 under Linux, libarrow.24.dylib or libc10.dylib on a Mac."""
    endings = (".dylib", ".*.dylib") if system == "darwin" else (".so*",)
    return sorted(path for ending in endings for path in folder.glob(pattern + ending))


def core_words() -> str:
    """Return "CPU 8 cores"."""
    cores = os.cpu_count() or 1
    return f"CPU {counted(cores, 'core')}"


def device_words() -> str:
    """Return the name and memory of the GPU that training would use, or "" without one."""
    import torch

    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return f"{properties.name} · {properties.total_memory / 1e9:.0f} GB"
    return "Apple GPU" if torch.backends.mps.is_available() else ""
