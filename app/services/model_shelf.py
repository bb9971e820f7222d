"""Loaded models that are at hand, since loading one takes longer than asking it about a few molecules."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

_KEPT = 2
"""The one that predicts, and that of a run whose verdict is looked at."""


class ModelShelf:
    """Keeps the models asked last. For worker threads only."""

    def __init__(self) -> None:
        self._models: OrderedDict[tuple[str, float], Any] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, path: str) -> Any:
        """Return a model, from its file if it is not here or the file has changed. Raises InputError."""
        from mole_engine.inference.predictor import load_model

        key = file_state(path)
        # Held while loading: who asks for the same model meanwhile gets it without loading it again.
        with self._lock:
            if key not in self._models:
                for old in [known for known in self._models if known[0] == path]:
                    del self._models[old]
                self._models[key] = load_model(path)
            self._models.move_to_end(key)
            while len(self._models) > _KEPT:
                self._models.popitem(last=False)
            return self._models[key]


def file_state(path: str) -> tuple[str, float]:
    """Return what tells a model file from another one, and from what it was before."""
    file = Path(path)
    return path, file.stat().st_mtime if file.is_file() else 0.0
