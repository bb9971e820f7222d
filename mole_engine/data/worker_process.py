"""The other end of `workers`: `python -m mole_engine.data.worker_process`, spoken to over its standard streams."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from importlib import import_module

STEP_BACK = 5
"""Added to the priority number of the process, so that the window comes first on a core that both want."""


def main() -> int:
    """Answer chunk after chunk until the stream ends; return the exit code.

    Both ends are this program, so pickles are safe.
    """
    # With PYTHONUNBUFFERED the stream would be raw: a process that is halted (Ctrl+Z, a scheduler) while it writes
    # leaves out the rest, and who waits for that waits for ever.
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not get between the answers.
    sys.stdout = sys.stderr
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(STEP_BACK)
    module, name, shared = pickle.load(requests)  # noqa: S301 - written by our own parent process
    function = getattr(import_module(module), name)
    while True:
        try:
            chunk = pickle.load(requests)  # noqa: S301 - as above
        except EOFError:
            return 0
        pickle.dump(function(chunk, shared), answers, protocol=5)
        answers.flush()


if __name__ == "__main__":
    sys.exit(main())
