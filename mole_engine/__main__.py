"""`python -m mole_engine` is `mole`."""

from __future__ import annotations

import sys

from mole_engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
