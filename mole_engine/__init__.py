"""MolE Studio's engine: a transformer over molecular graphs, from a table of SMILES to predictions.

Importing this package is cheap; torch, lightning, rdkit and pandas load with the first name that needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mole_engine._version import __version__

if TYPE_CHECKING:
    from mole_engine.contracts.config import TrainConfig
    from mole_engine.data.dataset import read_dataset
    from mole_engine.inference.predictor import load_model
    from mole_engine.train import train

__all__ = ["TrainConfig", "__version__", "load_model", "read_dataset", "train"]

_HOMES = {
    "TrainConfig": "mole_engine.contracts.config",
    "load_model": "mole_engine.inference.predictor",
    "read_dataset": "mole_engine.data.dataset",
}


def __getattr__(name: str) -> Any:
    if name == "train":
        # The submodule is called like its function; the module is callable, so both `mole_engine.train(...)` and
        # `mole_engine.train.train(...)` work in whichever order things were imported.
        return import_module("mole_engine.train")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
