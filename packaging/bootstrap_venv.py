"""The environment in .venv: made once, filled once, recognised as ready by a stamp."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import bootstrap_torch
from bootstrap_console import BootstrapError, Console, failure, shorten_pip
from bootstrap_system import apt_install, check_architecture, is_root, provide_libraries, this_distribution

ROOT = Path(__file__).resolve().parents[1]
NEEDED_BYTES = 2 * 1024**3
PATH_FILES = "*mole_studio*.pth"
"""By which an installation in place tells Python where the program lies."""


class Environment:
    """The virtual environment of one copy of the program.

    Attributes
    ----------
    root, folder
        The repository, and its `.venv`.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.folder = root / ".venv"

    @property
    def scripts(self) -> Path:
        """Folder of the installed commands."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.scripts / ("python.exe" if os.name == "nt" else "python")

    @property
    def stamp(self) -> Path:
        """File that says for what the environment was filled."""
        return self.folder / "mole-studio.json"

    @property
    def log(self) -> Path:
        """Log of the last set-up."""
        return self.folder / "bootstrap.log"

    def fingerprint(self) -> str:
        """Return a digest of everything that the environment's content depends on."""
        digest = hashlib.sha256()
        parts = [self.root / "pyproject.toml", *sorted((self.root / "packaging").glob("bootstrap*.py"))]
        for part in parts:
            digest.update(part.read_bytes())
        # The folder counts since an environment cannot be moved; the driver since it changes the choice of torch.
        for fact in (str(self.root), str(bool(shutil.which("nvidia-smi")))):
            digest.update(fact.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def is_ready(self, *, tests: bool) -> bool:
        """Whether the environment is filled for this very state of the program (and for its tests)."""
        try:
            fields = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if not isinstance(fields, dict) or fields.get("fingerprint") != self.fingerprint():
            return False
        if not self.python.exists() or (tests and not fields.get("tests")):
            return False
        # Another supported Python than the one that filled it may start it (`python3` by hand, the newest by the
        # starters): that is no reason to install everything anew, but one to look whether it still works.
        return fields.get("python") == sys.version or self.is_sound()

    def mark_ready(self, *, tests: bool) -> None:
        """Write the stamp."""
        fields = {"fingerprint": self.fingerprint(), "tests": tests, "python": sys.version}
        self.stamp.write_text(json.dumps(fields) + "\n", encoding="utf-8")

    def is_sound(self) -> bool:
        """Whether the interpreter starts, is of a version that the program runs on, and has pip."""
        code = "import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
        try:
            return subprocess.run([self.python, "-c", code], capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    def installed_torch(self) -> str:
        """Return the version of torch in the environment, or ""."""
        code = "import importlib.metadata as m\ntry: print(m.version('torch'))\nexcept m.PackageNotFoundError: pass"
        result = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=False)
        return result.stdout.strip()


def set_up(environment: Environment, console: Console, *, tests: bool) -> None:
    """Bring the environment to readiness, in as few steps as its state allows. Raises BootstrapError."""
    if environment.is_ready(tests=tests):
        show_path(environment.folder)
        return
    check_architecture()
    sound = environment.is_sound()
    first = "Setting up MolE Studio. The first time takes a few minutes and about 2 GB."
    console.say("Bringing MolE Studio up to date." if sound else first)
    if not sound and environment.folder.exists():
        shutil.rmtree(environment.folder)
    if not sound and shutil.disk_usage(environment.root).free < NEEDED_BYTES:
        raise BootstrapError(
            "There is not enough free disk space here.",
            f"MolE Studio needs about 2 GB (5 GB with CUDA) in {environment.root}.",
            code=2,
        )
    environment.folder.mkdir(exist_ok=True)
    console.open_log(environment.log)
    console.note(f"Python {sys.version} at {sys.executable}, {sys.platform}")
    with console.step("Looking for the system's libraries"):
        provide_libraries(console)
    if not sound:
        with console.step(f"Making {environment.folder}"):
            _make(environment, console)
    _fill(environment, console, tests=tests)
    environment.mark_ready(tests=tests)
    console.say("MolE Studio is ready.")


def _make(environment: Environment, console: Console) -> None:
    code, lines = console.run([sys.executable, "-m", "venv", environment.folder])
    if code and this_distribution() == "debian":
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        if not is_root():
            raise BootstrapError("Python's venv module is missing.", f"Run: sudo apt install {package}", code=2)
        console.say(f"    Python's venv module is missing: installing {package}")
        apt_install([package], console)
        code, lines = console.run([sys.executable, "-m", "venv", environment.folder])
    if code:
        raise failure("The environment could not be made.", lines)


def _fill(environment: Environment, console: Console, *, tests: bool) -> None:
    plan = bootstrap_torch.choose(bootstrap_torch.find_card())
    if not bootstrap_torch.is_satisfied(environment.installed_torch(), plan):
        with console.step(f"Installing PyTorch {bootstrap_torch.VERSION} ({plan.reason})"):
            console.say(f"    {bootstrap_torch.install(environment.python, plan, console)}")
    what = f"{environment.root}[test,export]" if tests else str(environment.root)
    command: list[str | Path] = [environment.python, "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    with console.step("Installing MolE Studio and what it needs"):
        # Naming torch again keeps pip from exchanging the chosen build for another.
        pinned = f"torch=={environment.installed_torch()}"
        code, lines = console.run([*command, pinned, "-e", what], shorten=shorten_pip)
        if code:
            raise failure("A package could not be installed.", lines)
        make_path_readable(environment.folder)
        show_path(environment.folder)
    if sys.platform == "win32":
        with console.step("Trying the libraries"):
            try_libraries(environment.python, console)


def make_path_readable(folder: Path) -> None:
    r"""Write the path of the program in letters that every Python reads, where an installation has put it.

    pip writes the file in UTF-8; Python 3.11 and 3.12 read it in the system's encoding. On Windows, below a folder such
    as C:\Users\Jürgen, `mole` then finds no program, and with some letters the interpreter does not even start.
    """
    for path in _path_files(folder):
        lines = path.read_text(encoding="utf-8").splitlines()
        if any(not line.isascii() for line in lines):
            added = [f"import sys; sys.path.append({line!a})\n" for line in lines]
            path.write_text("".join(added), encoding="ascii")


def show_path(folder: Path) -> None:
    """Let Python see the file that says where the program lies.

    Python passes over hidden ones, and macOS hides what is put into a folder such as `.venv` in Documents or on the
    Desktop: `mole` then finds no program (https://github.com/python/cpython/issues/148121).
    """
    change: Callable[[Path, int], None] | None = getattr(os, "chflags", None)
    if change is None:
        return
    for path in _path_files(folder):
        flags = getattr(path.lstat(), "st_flags", 0)
        if flags & stat.UF_HIDDEN:
            # Of another user's folder it stays as it is; the starters find the program without it.
            with contextlib.suppress(OSError):
                change(path, flags & ~stat.UF_HIDDEN)


def _path_files(folder: Path) -> Iterator[Path]:
    for place in ("Lib/site-packages", "lib/python3*/site-packages"):
        yield from folder.glob(f"{place}/{PATH_FILES}")


def try_libraries(python: Path, console: Console) -> None:
    """Load what needs libraries of Windows that it does not bring along. Raises BootstrapError."""
    code, lines = console.run([python, "-c", "import torch, rdkit.Chem, PySide6.QtWidgets"])
    if code:
        raise failure("The installed libraries cannot be loaded.", lines)
