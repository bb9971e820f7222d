"""`mole doctor`: is this computer ready, and if not, what to do."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mole_engine._version import __version__
from mole_engine.child_process import own_command
from mole_engine.cli.console import json_line, line, size
from mole_engine.cli.parser import Command
from mole_engine.contracts.wording import counted

_LOW_DISK = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: whether it is well, what was found, and what to do if it is not."""

    name: str
    is_ok: bool
    found: str
    remedy: str = ""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings as one JSON line")


def _run(arguments: argparse.Namespace) -> int:
    checks = [check for probe in _PROBES for check in probe()]
    if arguments.json:
        json_line({"ok": all(check.is_ok for check in checks), "checks": [asdict(check) for check in checks]})
        return 0
    width = max(len(check.name) for check in checks)
    for check in checks:
        line(f"{'ok  ' if check.is_ok else 'warn'}  {check.name.ljust(width)}  {check.found}")
        if check.remedy:
            line(f"      {' ' * width}  {check.remedy}")
    return 0


def _program() -> list[Check]:
    version = platform.python_version()
    is_known = (3, 11) <= sys.version_info[:2] < (3, 14)
    remedy = "" if is_known else "Use Python 3.11, 3.12 or 3.13."
    return [
        Check("MolE Studio", True, __version__),
        Check("system", True, f"{platform.system()} {platform.release()} {platform.machine()}"),
        Check("Python", is_known, f"{version} at {sys.executable}", remedy),
    ]


def _libraries() -> list[Check]:
    from importlib.metadata import PackageNotFoundError, version

    checks = []
    for name in ("torch", "pytorch-lightning", "rdkit", "pandas", "pyarrow", "openpyxl", "safetensors"):
        try:
            checks.append(Check(name, True, version(name)))
        except PackageNotFoundError:
            checks.append(Check(name, False, "not installed", "Run `python3 packaging/bootstrap.py setup`."))
    return checks


def _devices() -> list[Check]:
    import torch

    from mole_engine.training.machine import multiplies_bf16_quickly

    cores = counted(os.cpu_count() or 1, "core")
    narrow = "; quick at bfloat16, in which encoders learn" if multiplies_bf16_quickly() else ""
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU only"
    checks = [Check("torch build", True, build), Check("CPU", True, f"{cores}{narrow}")]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        checks.append(Check(f"cuda:{index}", True, f"{properties.name}, {size(properties.total_memory)}"))
    if torch.backends.mps.is_available():
        checks.append(Check("mps", True, "Apple GPU"))
    if torch.cuda.device_count() == 0 and shutil.which("nvidia-smi"):
        remedy = "Install PyTorch for CUDA (run `python3 packaging/bootstrap.py setup`) and check the driver."
        checks.append(Check("NVIDIA GPU", False, "there is a driver, but PyTorch sees no GPU", remedy))
    return checks


def _places() -> list[Check]:
    from mole_engine.store.runs import default_workspace

    workspace = default_workspace()
    place = _existing(workspace)
    variable = "Set MOLE_WORKSPACE to a folder that you may write."
    if place is None:
        return [Check("workspace", False, f"{workspace}, on a drive that is not there", variable)]
    is_writable = os.access(place, os.W_OK)
    free = shutil.disk_usage(place).free
    return [
        Check("workspace", is_writable, str(workspace), "" if is_writable else variable),
        Check("free disk", free > _LOW_DISK, size(free), "" if free > _LOW_DISK else "Free some space."),
    ]


def _existing(path: Path) -> Path | None:
    """Return the folder, or the next one around it that is there; None on a drive that is not (Windows)."""
    return next((place for place in (path, *path.absolute().parents) if _is_there(place)), None)


def _is_there(path: Path) -> bool:
    # Of a network drive that does not answer, `Path.exists` raises, and then nothing else would be told.
    with contextlib.suppress(OSError):
        return path.exists()
    return False


def _window() -> list[Check]:
    # In a process of its own: a missing system library can end it, and the engine itself never loads Qt.
    try:
        probe = subprocess.run(  # noqa: S603 - our own interpreter and module
            own_command("mole_engine.cli.qt_probe"), capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [Check("window (Qt)", False, f"could not be tried: {error}")]
    if probe.returncode == 0:
        has_display = sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
        found = f"Qt {probe.stdout.strip()}" + ("" if has_display else "; no display here, so only `mole` can be used")
        return [Check("window (Qt)", True, found)]
    lines = probe.stderr.strip().splitlines() or ["unknown reason"]
    remedy = "Install what it names; `python3 packaging/bootstrap.py setup` says how."
    return [Check("window (Qt)", False, lines[-1], remedy)]


_PROBES: tuple[Callable[[], list[Check]], ...] = (_program, _libraries, _devices, _places, _window)

COMMAND = Command("doctor", "check this computer: versions, devices, workspace, window", _configure, _run)
