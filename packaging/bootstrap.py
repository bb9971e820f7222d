#!/usr/bin/env python3
"""Set up MolE Studio on this computer and start it. Needs nothing but Python.

    python3 packaging/bootstrap.py run [FILE]    set up if needed, then open the window (no display: run the demo)
    python3 packaging/bootstrap.py test          set up if needed, then run every check and test
    python3 packaging/bootstrap.py setup         only set up

Exit codes: 0 done; 1 a step failed (the last lines and the log's path are shown); 2 something is missing on this
computer (the text says what to install); 130 interrupted.
"""

from __future__ import annotations

import sys

SUPPORTED = ((3, 11), (3, 12), (3, 13))


def unsupported_python(version: tuple[int, ...]) -> str:
    """Return what to tell a user whose Python is `version`, or an empty text where it is fine.

    This file must stay readable to old Pythons up to here, so that they can say it.
    """
    if tuple(version[:2]) in SUPPORTED:
        return ""
    found = ".".join(str(part) for part in version[:3])
    how = {
        "win32": "Install Python 3.12 from https://www.python.org/downloads/ and start again.",
        "darwin": "Install Python 3.12 from https://www.python.org/downloads/ (or: brew install python@3.12).",
    }.get(
        sys.platform,
        "Install it (Debian, Ubuntu: apt install python3.12 python3.12-venv; Fedora: dnf install python3.12).",
    )
    return f"MolE Studio needs Python 3.11, 3.12 or 3.13; this is Python {found}.\n{how}"


def main(arguments: list[str]) -> int:
    """Run the command in `arguments` and return the exit code."""
    if unsupported_python(sys.version_info[:3]):
        return _with_other_python(arguments)
    import bootstrap_commands

    return bootstrap_commands.main(arguments)


def _with_other_python(arguments: list[str]) -> int:
    """Hand over to a supported Python where there is one; otherwise say what to install."""
    import shutil
    import subprocess

    for major, minor in reversed(SUPPORTED):
        found = shutil.which(f"python{major}.{minor}")
        other = [found] if found else []
        # On Windows the launcher knows them; they have no names of their own.
        if not other and sys.platform == "win32" and shutil.which("py"):
            other = ["py", f"-{major}.{minor}"]
        # A version manager's stand-in may exist without working, hence the trial.
        if other and subprocess.call([*other, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            shown = " ".join(other)
            print(f"Using {shown}, since this Python is {sys.version_info[0]}.{sys.version_info[1]}.", flush=True)
            return subprocess.call([*other, __file__, *arguments])
    sys.stderr.write(unsupported_python(sys.version_info[:3]) + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
