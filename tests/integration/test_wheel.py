"""The wheel holds the program with its resources and nothing else, and works from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mole_engine import __version__

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel built from this source."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert outcome.returncode == 0, outcome.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_content(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    inside = {name.split("/")[0] for name in names}
    assert inside == {"app", "mole_engine", "resources", f"mole_studio-{__version__}.dist-info"}
    carried = [path for path in (ROOT / "resources").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    missing = {path.relative_to(ROOT).as_posix() for path in carried} - set(names)
    assert missing == set()
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in names}


def test_commands_run_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    """Unpacked beside another environment's packages, `mole presets` and the samples are found."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    elsewhere = tmp_path / "some where"
    elsewhere.mkdir()
    code = (
        "import mole_engine, resources, sys; from importlib.resources import files; from mole_engine.cli import main; "
        "print(mole_engine.__file__, files('resources').joinpath('samples', 'logp.csv').is_file()); "
        "sys.exit(main(['presets']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    outcome = subprocess.run(
        [sys.executable, "-c", code], cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.startswith(f"{site / 'mole_engine' / '__init__.py'} True")
    assert "quick-look" in outcome.stdout
