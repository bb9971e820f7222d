"""Features on disk, found again by their content; a file that cannot be used is as good as none."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rdkit

from mole_engine.contracts.paths import put_in_place, remove

log = logging.getLogger(__name__)

FORMAT = 1
MAX_BYTES = 4 * 2**30
"""The oldest files are removed when a cache folder holds more than this."""

Arrays = dict[str, npt.NDArray[Any]]


def content_key(smiles: Sequence[str], vocabulary_fingerprint: str) -> str:
    """Return a key that differs whenever the features would: SMILES, vocabulary, format, version of RDKit."""
    digest = hashlib.sha256(f"{FORMAT}\n{rdkit.__version__}\n{vocabulary_fingerprint}\n".encode())
    for text in smiles:
        # Lengths keep ["C", "CC"] and ["CC", "C"] apart whatever the texts contain.
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(4, "little"))
        digest.update(encoded)
    return digest.hexdigest()


class FeatureCache:
    """A folder of `.npz` files that hold plain arrays (nothing in them can be executed).

    A cache never fails a run: what cannot be read is computed again, what cannot be written is only logged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """Where the features of `key` lie."""
        return self.folder / f"features-{key[:32]}.npz"

    def load(self, key: str) -> tuple[Arrays, dict[int, str]] | None:
        """Return arrays and errors by position, or None when there is no usable file."""
        path = self.path(key)
        try:
            # numpy leaves the file open when it is not what it should be, so it is opened here.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays: Arrays = {name: stored[name] for name in stored.files}
            errors = json.loads(arrays.pop("errors").tobytes().decode())
            result = arrays, {int(position): str(reason) for position, reason in errors.items()}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
            log.warning("The feature cache %s cannot be used and is computed again: %s", path.name, error)
            return None
        with suppress(OSError):
            os.utime(path)
        return result

    def save(self, key: str, arrays: Arrays, errors: dict[int, str]) -> None:
        """Write atomically: either the whole file appears or nothing."""
        text = json.dumps(errors).encode()
        temporary: str | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".tmp", delete=False) as file:
                temporary = file.name
                np.savez(file, allow_pickle=False, errors=np.frombuffer(text, dtype=np.uint8), **arrays)
            put_in_place(Path(temporary), self.path(key))
            self._prune()
        except OSError as error:
            log.warning("The features could not be kept for the next run: %s", error)
            if temporary is not None:
                # Windows refuses to remove what it has refused to move, perhaps.
                with suppress(OSError):
                    remove(Path(temporary))

    def _prune(self) -> None:
        files = sorted(self.folder.glob("features-*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for position, path in enumerate(files):
            total += path.stat().st_size
            if position and total > MAX_BYTES:
                path.unlink(missing_ok=True)
