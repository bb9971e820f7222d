"""The folds of a run, kept beside its networks: a run that goes on must not divide its molecules anew.

A network that is finished would be asked about molecules that it has learnt from, as if it had left them out.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mole_engine.contracts.config import TrainConfig
from mole_engine.data.data_modules import MolDataModule
from mole_engine.store.files import write_text
from mole_engine.training.folds import Fold, Positions, folds_of_numbers, make_folds, numbers_of_folds, pool_of

FOLDS = "folds.json"


def kept_folds(config: TrainConfig, data: MolDataModule, folder: Path) -> list[Fold]:
    """Return the folds of a run: as `make_folds` has them, or those with which it began.

    Versions before this one kept none, and divided stereoisomers: where their networks are there, so does this.

    Raises
    ------
    InputError, KnownError
        When the folder cannot be written.
    """
    if config.ensemble.kind != "folds":
        return make_folds(config, data)
    path = folder / "checkpoints" / FOLDS
    numbers = _read(path, len(pool_of(data)))
    if numbers is None:
        is_of_before = not path.exists() and any(path.parent.glob("network-*"))
        numbers = numbers_of_folds(config, data, twins_together=not is_of_before)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(numbers.tolist()) + "\n")
    return folds_of_numbers(config, data, numbers)


def _read(path: Path, molecules: int) -> Positions | None:
    """Return which fold leaves out each of so many molecules; None where that is not kept, or damaged."""
    try:
        numbers = np.array(json.loads(path.read_text(encoding="utf-8")), dtype=np.int64)
    except (OSError, ValueError, TypeError, OverflowError):
        return None
    return numbers if numbers.shape == (molecules,) and (not molecules or numbers.min() >= 0) else None
