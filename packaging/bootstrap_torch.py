"""Which build of PyTorch this computer gets: CUDA where an NVIDIA card is, otherwise the small CPU build."""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootstrap_console import Console, failure, shorten_pip

VERSION = "2.13.0"
INDEX = "https://download.pytorch.org/whl/"
PROBE_SECONDS = 6.0

CUDA_BUILDS = (((13, 0), (7, 5), "cu130"), ((12, 0), (5, 0), "cu126"))
"""Builds of this version: the driver's CUDA version and the card's compute capability they ask for, and the tag."""


@dataclass(frozen=True)
class Card:
    """The NVIDIA card: what it is, the CUDA version its driver supports, its compute capability."""

    name: str
    driver_cuda: tuple[int, int]
    capability: tuple[int, int]


@dataclass(frozen=True)
class Attempt:
    """One way to install torch.

    Attributes
    ----------
    label
        In words, for the progress line.
    arguments
        What follows `pip install`.
    index
        The index that must answer first; empty: none.
    """

    label: str
    arguments: tuple[str, ...]
    index: str = ""


@dataclass(frozen=True)
class Plan:
    """What is wanted, why, and the ways to it, best first."""

    cuda: bool
    reason: str
    attempts: tuple[Attempt, ...]


def find_card(run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run) -> Card | None:
    """Ask nvidia-smi for the oldest NVIDIA card; None where there is none or its driver does not answer."""

    def ask(*arguments: str) -> str:
        # It names the programs on the card by their paths, on Windows not always in the encoding that Python expects.
        result = run(
            ["nvidia-smi", *arguments], capture_output=True, text=True, errors="replace", timeout=20, check=True
        )
        return str(result.stdout)

    try:
        match = re.search(r"CUDA (?:UMD )?Version:\s*(\d+)\.(\d+)", ask())
        rows = ask("--query-gpu=name,compute_cap", "--format=csv,noheader").strip().splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    if match is None or not rows:
        return None
    cards = [_card(row, (int(match[1]), int(match[2]))) for row in rows]
    return min(cards, key=lambda card: card.capability)


def _card(row: str, driver_cuda: tuple[int, int]) -> Card:
    name, _, capability = row.rpartition(",")
    numbers = re.findall(r"\d+", capability)
    # A driver too old to know of compute capabilities gets the build that serves all cards.
    known = (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else (5, 0)
    return Card(name.strip() or row.strip(), driver_cuda, known)


def choose(card: Card | None, system: str = sys.platform) -> Plan:
    """Return which build to install on `system` with this card, and the ways to get it."""
    pinned = f"torch=={VERSION}"
    anywhere = Attempt("from pip's own sources", (pinned,))
    if system == "darwin":
        return Plan(cuda=False, reason="Mac: one build, for the processor and its graphics", attempts=(anywhere,))
    tag, reason = _cuda_tag(card)
    if tag:
        index = f"{INDEX}{tag}"
        build = Attempt(f"CUDA build {tag} from PyTorch", (f"{pinned}+{tag}", "--index-url", index), index)
        return Plan(cuda=True, reason=reason, attempts=(build, anywhere))
    if system == "win32":
        return Plan(cuda=False, reason=reason, attempts=(anywhere,))
    index = f"{INDEX}cpu"
    return Plan(
        cuda=False,
        reason=reason,
        attempts=(
            # A wheel in a folder that pip is configured to look into; its dependencies come with the program's own.
            Attempt("from a local wheel", (f"{pinned}+cpu", "--no-index", "--no-deps")),
            Attempt("CPU build from PyTorch", (f"{pinned}+cpu", "--index-url", index), index),
            # On Linux this may be the build with CUDA, which is large but works.
            anywhere,
        ),
    )


def _cuda_tag(card: Card | None) -> tuple[str, str]:
    if card is None:
        return "", "no NVIDIA card found"
    for driver, capability, tag in CUDA_BUILDS:
        if card.driver_cuda >= driver and card.capability >= capability:
            return tag, f"{card.name}, driver for CUDA {card.driver_cuda[0]}.{card.driver_cuda[1]}"
    return (
        "",
        f"{card.name} found, but its driver or the card itself is too old for PyTorch {VERSION}: using the processor",
    )


def answers(index: str, seconds: float = PROBE_SECONDS) -> bool:
    """Whether a package index can be reached, asked with a short patience so that offline computers need not wait."""
    request = urllib.request.Request(f"{index}/torch/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except urllib.error.URLError as error:
        # pip may know certificates that this Python does not.
        return isinstance(error.reason, ssl.SSLError)
    except (OSError, ValueError):
        return False


def is_satisfied(installed: str, plan: Plan) -> bool:
    """Whether the installed version of torch ("" for none) is what the plan wants."""
    if installed.partition("+")[0] != VERSION:
        return False
    return not (plan.cuda and installed.endswith("+cpu"))


def install(python: Path, plan: Plan, console: Console, reachable: Callable[[str], bool] = answers) -> str:
    """Install torch in the first way that works, and return that way's label. Raises BootstrapError."""
    lines: list[str] = []
    for attempt in plan.attempts:
        if attempt.index and not reachable(attempt.index):
            console.note(f"{attempt.index} does not answer")
            lines = lines or [f"{attempt.index} does not answer: NewConnectionError"]
            continue
        command: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--no-input",
            "--progress-bar",
            "off",
            *attempt.arguments,
        ]
        code, lines = console.run(command, shorten=shorten_pip)
        if code == 0:
            return attempt.label
    raise failure(f"PyTorch {VERSION} could not be installed.", lines)
