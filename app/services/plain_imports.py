"""Keeps PySide from reading the source of every module that is imported after it."""

from __future__ import annotations

import sys
from types import ModuleType

_FEATURE, _LOOK = "PySide6.support.feature", "_mod_uses_pyside"


def import_plainly() -> bool:
    """Import from now on without PySide's look for the word "PySide6" in the source of each new module.

    PySide looks so that names like `snake_case` can be switched on in one module alone, which nothing here does. For
    three thousand modules the look takes a third of the time of their imports, and 150 MB in which Python keeps what
    was read.

    Returns
    -------
    bool
        Whether there was anything to switch off; another version of PySide may not have it.
    """
    feature = sys.modules.get(_FEATURE)
    if feature is None or not hasattr(feature, _LOOK):
        return False
    setattr(feature, _LOOK, _uses_no_features)
    return True


def _uses_no_features(_module: ModuleType) -> bool:
    """Answer for every module as PySide does for one without its name in the source."""
    return False
