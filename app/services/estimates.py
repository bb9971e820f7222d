"""How long a job will take, before it starts: arithmetic of the network, times molecules, over measured speed.

Honest rather than exact: the result is shown as "about". Once a run has finished on this machine, its real speed
corrects the next estimates.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.services.open_dataset import OpenDataset
from mole_engine.contracts.config import ModelConfig, TrainConfig
from mole_engine.store.files import write_text
from mole_engine.training.times import blend_seconds

START_SECONDS = 3.0
"""Reading, curating, building the network, and judging it at the end."""

FEATURISED_PER_SECOND = 350.0
"""Molecules a second that are turned into tokens and distances on one core."""

FALLBACK_FLOPS = 5e10
"""Speed of one ordinary CPU core where nothing has been measured yet."""

SLOWEST_FLOPS = 1.5e10
"""No measured speed below this is believed."""

STEP_SECONDS = 0.004
"""What every optimiser step costs beside the arithmetic of its molecules."""

EPOCH_SECONDS = 0.06
"""What every epoch costs beside its steps: judging, a checkpoint, what is told and shown. Of a small file, the most."""

PRUNED_SHARE = 0.6
"""Part of a search's epochs that is left where trials that fall behind end early."""

PROGRAM_BYTES = 0.75e9
"""Memory of the program with its libraries, before the first batch."""

LONGEST_SHARE = 1.6
"""Length of a batch over the mean length of its molecules."""

KEPT_WIDTHS, KEPT_MAPS = 14, 4
"""Values of the network's width for each token, and maps of attention, that a layer keeps for the way back."""


@dataclass(frozen=True, slots=True)
class DataSize:
    """What an estimate needs to know of the data: molecules in each part and their mean number of tokens.

    `apart`: validation molecules of a file of their own, from which an ensemble does not learn either.
    """

    train: int
    validation: int
    test: int
    tokens: float
    apart: int = 0

    @property
    def pool(self) -> int:
        """Molecules that an ensemble learns from in the end, as `mole_engine.training.folds.pool_of` has it."""
        return self.train + self.validation - self.apart


def data_size(dataset: OpenDataset) -> DataSize:
    """Return what an estimate needs to know of an open file."""
    split = dataset.split
    parts = (len(split.train), len(split.validation), len(split.test))
    return DataSize(*parts, approximate_tokens(dataset.structures), apart=dataset.apart)


def approximate_tokens(smiles: Sequence[str]) -> float:
    """Return the mean number of tokens of molecules, from the letters of their SMILES (hydrogens left aside)."""
    if not smiles:
        return 25.0
    # Thinned, since a mean over a thousand says as much as one over all.
    some = smiles[:: max(1, len(smiles) // 1000)]
    atoms = 0
    for text in some:
        letters = sum(letter.isalpha() for letter in text)
        atoms += letters - text.count("H") - text.count("Cl") - text.count("Br")
    return atoms / len(some) + 1


def operations(model: ModelConfig, tokens: float) -> float:
    """Return the arithmetic of one molecule's way through the network, forwards, in operations."""
    width, inner = model.hidden_size, model.feed_forward_size
    projections = 2 * tokens * (4 * width * width + 2 * width * inner)
    # Content to content, content to position, position to content, and the weighted sum.
    attention = 2 * tokens * width * (2 * tokens + 2 * min(tokens, model.relative_positions))
    return model.layers * (projections + attention)


def efficiency(model: ModelConfig) -> float:
    """Return which part of the speed of bare matrix products a network of this width reaches in training."""
    return min(0.9, 0.5 + 0.1 * math.log2(max(model.hidden_size, 32) / 32))


def epoch_seconds(config: TrainConfig, data: DataSize, flops: float = 0.0) -> float:
    """Return about how long one epoch takes, validation included; `flops` 0 means that no speed was measured."""
    steps = data.train / config.training.batch_size
    if is_head_only(config):
        return STEP_SECONDS * steps
    speed = _speed(config, flops)
    # Backwards costs twice as much as forwards.
    arithmetic = (3 * data.train + data.validation) * operations(config.model, data.tokens) / speed
    return arithmetic + STEP_SECONDS * config.model.layers * steps


def estimate_seconds(config: TrainConfig, data: DataSize, flops: float = 0.0, correction: float = 1.0) -> float:
    """Return about how long a job takes.

    Parameters
    ----------
    config
        The job.
    data
        Molecules and their size.
    flops
        Measured speed of the device; 0: not known.
    correction
        Real over estimated time of an epoch in earlier runs on this device.
    """
    molecules = data.train + data.validation + data.test
    one = _of_one_network(config, data)
    epochs = epochs_of_job(config, data) * (epoch_seconds(config, one, flops) * correction + EPOCH_SECONDS)
    once = 0.0
    if fine_tuning := config.fine_tuning_epochs(data.pool) * config.fine_tuning_members(data.pool):
        learning = config.updated({"training": {"freeze": "none"}})
        each = epoch_seconds(learning, one, flops) * correction
        once += fine_tuning * (_networks(config) if config.ensemble.kind == "folds" else 1) * each
    if is_head_only(config):
        once += molecules * operations(config.model, data.tokens) / _speed(config, flops) * correction
    if config.ensemble.trees:
        once += blend_seconds(_networks(config), data.train)
    return START_SECONDS + molecules / FEATURISED_PER_SECOND + once + epochs


def _of_one_network(config: TrainConfig, data: DataSize) -> DataSize:
    """Return what one network of a job learns from and is judged by: of folds, all but one and that one."""
    if config.ensemble.kind != "folds":
        return data
    held = data.pool // config.ensemble.members
    return replace(data, train=data.pool - held, validation=held, apart=0)


def is_head_only(config: TrainConfig) -> bool:
    """Whether the encoder stays as it is, so that its vectors are computed once and epochs cost next to nothing."""
    return config.training.freeze == "encoder"


def _speed(config: TrainConfig, flops: float) -> float:
    # A measurement on a busy machine may be far too low; it recovers, and so would the job.
    return (max(flops, SLOWEST_FLOPS) if flops else FALLBACK_FLOPS) * efficiency(config.model)


def epochs_of_job(config: TrainConfig, data: DataSize | None = None) -> float:
    """Return how many epochs a job trains in all: of every network of an ensemble, and of the trials of a search.

    Networks that are fine-tuned beside those with a fixed encoder do not count: they have epochs of their own.
    """
    networks = _networks(config)
    if config.ensemble.kind == "folds" and not (data and config.fine_tuning_epochs(data.pool)):
        networks *= config.ensemble.repeats
    tried = config.search.trials * (config.search.epochs or config.training.epochs)
    # Trials that fall behind end early.
    return config.training.epochs * networks + tried * (PRUNED_SHARE if config.search.prune else 1.0)


def networks_of_job(config: TrainConfig, data: DataSize) -> int:
    """Return how many networks a job trains, as `mole_engine.training.plan.plan_networks` has it."""
    ensemble = config.ensemble
    tuned = config.fine_tuning_members(data.pool)
    if ensemble.kind == "folds":
        # Where fine-tuned ones join, one with a fixed encoder is enough for each fold.
        return min(ensemble.members, max(1, data.pool)) * (tuned + 1 if tuned else ensemble.repeats)
    return _networks(config) + tuned


def _networks(config: TrainConfig) -> int:
    """Return the folds, or seeds, of a job."""
    return config.ensemble.members if config.ensemble.kind != "none" else 1


def estimate_memory(config: TrainConfig, data: DataSize) -> float:
    """Return about how many bytes a job takes at its peak, the program itself included.

    Weights, gradients and the two averages of AdamW, and what one batch leaves behind for the way back.
    """
    model = config.model
    width, inner = model.hidden_size, model.feed_forward_size
    weights = model.layers * (4 * width * width + 2 * width * inner)
    # A batch is as long as its longest molecule.
    tokens = LONGEST_SHARE * data.tokens
    hidden = tokens * model.layers * (KEPT_WIDTHS * width + 2 * inner)
    attention = KEPT_MAPS * model.heads * tokens * tokens * model.layers
    return PROGRAM_BYTES + 16.0 * weights + 4.0 * config.training.batch_size * (hidden + attention)


class SpeedMemory:
    """Remembers, for each device, how real times compared with estimates; one small file in the workspace."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._factors = self._read()

    def correction(self, device: str) -> float:
        """Return real over estimated time on `device`; 1 where nothing is known."""
        return self._factors.get(device, 1.0)

    def knows(self, device: str) -> bool:
        """Whether anything was measured on `device`."""
        return device in self._factors

    def learn(self, device: str, estimated: float, real: float) -> None:
        """Note how long an epoch took, against its uncorrected estimate; odd values are held within bounds."""
        if not (estimated > 0 and real > 0):
            return
        self._factors[device] = round(min(20.0, max(0.05, real / estimated)), 4)
        write_text(self._path, json.dumps(self._factors))

    def _read(self) -> dict[str, float]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(device): float(factor) for device, factor in content.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}
