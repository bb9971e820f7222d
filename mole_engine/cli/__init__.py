"""The command `mole`: everything that the window does, without a window."""

from __future__ import annotations

from mole_engine.cli.main import main

__all__ = ["main"]
