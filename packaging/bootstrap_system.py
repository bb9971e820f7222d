"""What this computer has: a display, the libraries that Qt loads, room for packages."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap_console import BootstrapError, Console, failure


@dataclass(frozen=True)
class Library:
    """A shared library that Qt loads, and the packages that bring it."""

    soname: str
    debian: str
    fedora: str


OFFSCREEN = (
    Library("libGL.so.1", "libgl1", "libglvnd-glx"),
    Library("libEGL.so.1", "libegl1", "libglvnd-egl"),
    Library("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    Library("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
    Library("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    Library("libfreetype.so.6", "libfreetype6", "freetype"),
    Library("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    Library("libXrender.so.1", "libxrender1", "libXrender"),
)
"""What Qt needs even without a display."""

X_WINDOW = (
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
    Library("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    Library("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
)
"""What a window under X needs besides."""


def loadable(soname: str) -> bool:
    """Whether the dynamic linker finds the library."""
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def missing_libraries(
    environment: Mapping[str, str], is_there: Callable[[str], bool] = loadable, system: str = sys.platform
) -> list[Library]:
    """Return the libraries that Qt will miss: the offscreen ones always, those of X where `DISPLAY` is set."""
    if not system.startswith("linux"):
        return []
    wanted = OFFSCREEN + (X_WINDOW if environment.get("DISPLAY") else ())
    return [library for library in wanted if not is_there(library.soname)]


def distribution(os_release: str) -> str:
    """Return "debian", "fedora" or "" from the text of /etc/os-release, families included."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    names = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").replace("'", "").split()
    if {"debian", "ubuntu"} & set(names):
        return "debian"
    return "fedora" if {"fedora", "rhel", "centos"} & set(names) else ""


def this_distribution() -> str:
    """Return the family of the Linux distribution that runs here."""
    try:
        return distribution(Path("/etc/os-release").read_text(encoding="utf-8"))
    except OSError:
        return ""


def install_command(libraries: Sequence[Library], family: str) -> str:
    """Return the exact command that installs the libraries, or their names where the system is not known."""
    if family == "debian":
        return "sudo apt install " + " ".join(library.debian for library in libraries)
    if family == "fedora":
        return "sudo dnf install " + " ".join(library.fedora for library in libraries)
    return "install what provides " + ", ".join(library.soname for library in libraries)


def is_root() -> bool:
    """Whether packages may be installed without asking."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def apt_install(packages: Sequence[str], console: Console) -> None:
    """Install Debian packages as root. Raises BootstrapError."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    console.run(["apt-get", "update", "-qq"], environment=environment)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    code, lines = console.run(command, environment=environment)
    if code:
        raise failure("apt-get could not install them:", lines, "Run: " + " ".join(command))


def provide_libraries(console: Console) -> None:
    """Look for the libraries that Qt loads; install them as root on Debian, else name them with the command.

    Raises
    ------
    BootstrapError
        When some remain missing.
    """
    missing = missing_libraries(os.environ)
    if not missing:
        return
    family = this_distribution()
    names = ", ".join(library.soname for library in missing)
    if family == "debian" and is_root() and shutil.which("apt-get"):
        console.say(f"    missing {names}: installing")
        apt_install([library.debian for library in missing], console)
        missing = missing_libraries(os.environ)
    if missing:
        raise BootstrapError(
            f"The window needs libraries that this computer lacks: {names}.",
            f"Run: {install_command(missing, family)}\nThen start again.",
            code=2,
        )


OLDEST_MACOS = 14
"""The oldest that PyTorch has a build for."""

OLDEST_GLIBC = {"aarch64": (2, 39)}
"""The oldest C library of Linux that Qt has a build for, where that is not `USUAL_GLIBC`."""

USUAL_GLIBC = (2, 34)


def check_architecture(machine: str = "", system: str = sys.platform, release: str = "", build: str = "") -> None:
    """Raise BootstrapError where a library has no build, which pip would only call a version that it cannot find.

    Parameters
    ----------
    machine, system
        Processor and operating system.
    release
        Version of macOS, or of Linux's C library (glibc).
    build
        What this Python was built for, as sysconfig names it. An emulated one runs under Windows on ARM, too.
    """
    machine = machine or platform.machine()
    if sys.maxsize <= 2**32:
        raise BootstrapError("This Python is a 32-bit one.", "Install the 64-bit Python 3.12.", code=2)
    if system == "win32" and (build or sysconfig.get_platform()) == "win-arm64":
        raise BootstrapError(
            "This Python is one for ARM processors, for which RDKit has no build on Windows.",
            'Install the "Windows installer (64-bit)" of Python 3.12 from https://www.python.org/downloads/windows/\n'
            "(not the ARM64 one; Windows translates it), and start again with that Python.",
            code=2,
        )
    if system == "darwin":
        _check_mac(machine, release or platform.mac_ver()[0])
    if system.startswith("linux"):
        name, version = ("glibc", release) if release else platform.libc_ver()
        _check_libc(name, version, OLDEST_GLIBC.get(machine, USUAL_GLIBC))


def _check_mac(machine: str, release: str) -> None:
    if machine == "x86_64":
        raise BootstrapError(
            "PyTorch no longer supports Macs with Intel processors (or this Python runs under Rosetta).",
            "On a Mac with an M processor install the universal Python from https://www.python.org/downloads/.",
            code=2,
        )
    numbers = _numbers(release)
    # To a Python that was built for older systems, newer ones call themselves 10.16.
    if numbers and numbers[:2] != (10, 16) and numbers[0] < OLDEST_MACOS:
        raise BootstrapError(
            f"PyTorch needs macOS {OLDEST_MACOS} or newer; this is macOS {release}.",
            "Update macOS in the system's settings.",
            code=2,
        )


def _check_libc(name: str, version: str, oldest: tuple[int, int]) -> None:
    numbers = _numbers(version)
    if name == "glibc" and len(numbers) > 1 and numbers < oldest:
        raise BootstrapError(
            f"This Linux is too old: its C library is glibc {version}, and Qt needs {oldest[0]}.{oldest[1]} or newer.",
            "Use a newer one, such as Ubuntu 24.04 (Intel and AMD also 22.04, Debian 12, Rocky Linux 9).",
            code=2,
        )


def _numbers(release: str) -> tuple[int, ...]:
    """Return (2, 35) for "2.35-0ubuntu3" and (14,) for "14"; () for what cannot be read, which refuses nobody."""
    found = re.match(r"\s*([0-9]+)(?:\.([0-9]+))?", release)
    return tuple(int(part) for part in found.groups() if part) if found else ()


def has_display(
    environment: Mapping[str, str],
    system: str = sys.platform,
    x_answers: Callable[[], bool] | None = None,
) -> bool:
    """Whether a window can be shown: a display that answers, or a platform that the user chose for Qt."""
    if environment.get("QT_QPA_PLATFORM"):
        return True
    if system == "darwin":
        return not environment.get("SSH_CONNECTION")
    if not system.startswith("linux"):
        return True
    if environment.get("WAYLAND_DISPLAY"):
        return True
    return bool(environment.get("DISPLAY")) and (x_answers or _x_answers)()


def _x_answers() -> bool:
    """Whether the X server that `DISPLAY` names lets us in; True where this cannot be asked."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return True
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if not display:
        return False
    x11.XCloseDisplay(ctypes.c_void_p(display))
    return True
