"""Loads the set-up's modules by path: `packaging/` is no package, or it would shadow PyPI's."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[3] / "packaging"


@pytest.fixture(scope="session")
def bootstrap_part() -> Iterator[Callable[[str], ModuleType]]:
    """Return a function that imports `bootstrap_<name>` ("" for `bootstrap` itself)."""
    sys.path.insert(0, str(FOLDER))
    yield lambda name: import_module(f"bootstrap_{name}" if name else "bootstrap")
    sys.path.remove(str(FOLDER))
