"""Starting is quick: the window and the command line load the heavy libraries only when they are needed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ENGINE_HEAVY = ("torch", "pytorch_lightning", "rdkit", "pandas", "sklearn", "scipy", "numpy", "PySide6")
WINDOW_HEAVY = ("torch", "pytorch_lightning", "rdkit", "pandas", "sklearn", "scipy", "pyarrow")

LIGHT = {
    "mole_engine": ENGINE_HEAVY,
    "mole_engine.contracts.config": ENGINE_HEAVY,
    "mole_engine.contracts.events": ENGINE_HEAVY,
    "mole_engine.contracts.presets": ENGINE_HEAVY,
    "mole_engine.cli": ENGINE_HEAVY,
    "app": WINDOW_HEAVY,
    "app.__main__": WINDOW_HEAVY,
    "app.main_window": WINDOW_HEAVY,
}


@pytest.mark.parametrize("module", LIGHT)
def test_import_stays_light(module):
    code = f"import sys, {module}; print(sorted(set({LIGHT[module]!r}) & set(sys.modules)))"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.strip() == "[]"


def test_layers_hold():
    # A process of its own: import-linter turns off all loggers that there are.
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
