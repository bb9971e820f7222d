"""`python -m mole_engine.cli.qt_probe`: whether Qt can be loaded, tried where nothing else is lost if it cannot."""

from __future__ import annotations

import sys
from importlib import import_module

MODULES = ("PySide6.QtWidgets", "PySide6.QtSvg")


def main() -> int:
    """Print Qt's version, or on stderr what is missing; return the exit code."""
    try:
        for name in MODULES:
            import_module(name)
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(str(import_module("PySide6").__version__))
    return 0


if __name__ == "__main__":
    sys.exit(main())
