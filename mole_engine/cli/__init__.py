"""The command `mole`: everything that the window does, without a window."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mole_engine.contracts.garbage import end_quickly, load_quickly


def main(argv: Sequence[str] | None = None) -> int:
    """Run `mole` with `argv` (the process's own arguments when None) and return the exit code.

    Returns
    -------
    int
        0 done; 2 the input or the usage is at fault; 1 a fault of ours; 130 interrupted.
    """
    if argv is None:
        load_quickly()
    try:
        from mole_engine.cli.entry import run_command
    except KeyboardInterrupt:
        # Ctrl-C in the first moments, while the commands are loaded.
        sys.stderr.write("Interrupted.\n")
        return 130
    code = run_command(argv)
    if argv is None:
        end_quickly()
    return code
