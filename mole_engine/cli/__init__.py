"""The command `mole`: everything that the window does, without a window."""

from __future__ import annotations

import gc
from collections.abc import Sequence

YOUNG_OBJECTS = 20_000
"""So many have Python look for garbage among them (700 by itself): what libraries make as they load is none."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `mole` with `argv` (the process's own arguments when None) and return the exit code.

    Returns
    -------
    int
        0 done; 2 the input or the usage is at fault; 1 a fault of ours; 130 interrupted.
    """
    if argv is None:
        gc.set_threshold(YOUNG_OBJECTS)
    from mole_engine.cli.entry import run_command

    code = run_command(argv)
    if argv is None:
        # At its end Python would look through all libraries once more, for a second or two.
        gc.freeze()
    return code
