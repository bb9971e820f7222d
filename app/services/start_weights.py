"""Models that a training can start from: shipped with the program, or trained here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

SCRATCH = "none"

ABOUT = {
    "mole-small": "Shipped with the program: 2 million parameters, good on a processor",
    "mole-medium": "Shipped with the program: 11 million parameters, for graphics cards",
}


@dataclass(frozen=True, slots=True)
class StartWeights:
    """One entry to choose from; `key` is what `TrainConfig.init` gets."""

    key: str
    title: str
    tip: str = ""


def shipped_weights() -> list[StartWeights]:
    """Return the models that come with the program."""
    folder = Path(str(files("resources") / "models"))
    found = sorted(folder.glob("*.mole")) if folder.is_dir() else []
    return [StartWeights(path.stem, path.stem.replace("mole-", "MolE "), ABOUT.get(path.stem, "")) for path in found]
