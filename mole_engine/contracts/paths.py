"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path


def from_home(path: str | Path) -> Path:
    """Return a path in which a leading `~` is the user's home folder, which no shell puts in for YAML or Python.

    Names such as "~backup.csv", which are nobody's home, stay as they are; `Path.expanduser` raises on them.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111
