"""A few real optimiser steps on this machine, to say beforehand how long a job takes and how much memory.

Runs as a program of its own (`python -m mole_engine.training.trial_steps`, JSON in and out), so that it disturbs
neither the random numbers nor the memory of the program that asks, and so that running out of memory is only an
answer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from mole_engine.contracts.config import TrainConfig

if TYPE_CHECKING:
    from mole_engine.training.trainer import Device

MOST_MOLECULES = 1024
STEPS = 4
"""After a first one, which compiles and allocates and is not counted."""


@dataclass(frozen=True)
class TrialSteps:
    """What was measured.

    Attributes
    ----------
    molecules_per_second
        In training: forwards, backwards, and the update of the weights.
    judged_per_second
        In validation: forwards only.
    memory_bytes
        At the peak: of the GPU, or of the whole process; 0 where it is not known.
    fits
        Whether a batch fits into memory at all.
    """

    molecules_per_second: float = 0.0
    judged_per_second: float = 0.0
    memory_bytes: int = 0
    fits: bool = True

    def epoch_seconds(self, training: int, validation: int) -> float:
        """Return how long an epoch over so many molecules takes."""
        return training / self.molecules_per_second + validation / self.judged_per_second


def trial_steps(config: TrainConfig, smiles: Sequence[str], *, steps: int = STEPS) -> TrialSteps:
    """Take a few optimiser steps with the network of a job on molecules like its own.

    Parameters
    ----------
    config
        Network, batch size, device.
    smiles
        Molecules of the job, at least a batch for a true figure; their values do not matter.

    Raises
    ------
    InputError
        When the device is not there, or no molecule can be read.
    """
    from mole_engine.contracts.errors import is_out_of_memory
    from mole_engine.training.machine import peak_memory
    from mole_engine.training.trainer import resolve_device, use_threads

    device = resolve_device(config.runtime)
    use_threads(config.runtime)
    work = _Work(config, smiles, device)
    try:
        trained = [work.train() for _ in range(steps + 1)][1:]
        judged = [work.judge() for _ in range(2)][1:]
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return TrialSteps(fits=False)
    return TrialSteps(
        molecules_per_second=work.count / median(trained),
        judged_per_second=work.count / median(judged),
        memory_bytes=peak_memory(device.torch_device),
    )


class _Work:
    """Network, optimiser and one batch of typical molecules."""

    def __init__(self, config: TrainConfig, smiles: Sequence[str], device: Device) -> None:
        import torch

        from mole_engine.contracts.errors import InputError
        from mole_engine.data.batching import Labels, collate
        from mole_engine.data.features import featurise
        from mole_engine.models.mole import MolE
        from mole_engine.training.optimisers import parameter_groups
        from mole_engine.training.setup import job_vocabulary

        vocabulary = job_vocabulary(config.init, config.model.vocabulary)
        features = featurise(list(smiles)[:MOST_MOLECULES], vocabulary)
        readable = np.flatnonzero(features.lengths)
        if not len(readable):
            raise InputError("The time cannot be measured:", "no molecule can be read.", "")
        # A batch of the job, some molecules more than once where there are too few.
        rows = np.resize(readable, config.training.batch_size)
        rows = rows[np.argsort(features.lengths[rows])]
        width = 200 if config.model.descriptors else 0
        table = np.zeros((len(features), width), dtype=np.float32) if width else None
        self.batch = collate(features, rows, Labels(np.zeros((len(features), 1)), None, table), vocabulary.pad_id)
        self.batch = self.batch.to(device.torch_device)
        self.count = len(rows)
        sizes = {"vocabulary_size": vocabulary.size, "outputs": 1, "descriptor_size": width}
        self.model = MolE(config.model.model_copy(update=sizes)).to(device.torch_device)
        self.model.freeze_parts(config.training.freeze, config.training.freeze_layers)
        self.optimiser = torch.optim.AdamW(parameter_groups(self.model, config.training), lr=1e-5)
        self.device = device

    def train(self) -> float:
        """Return the seconds of one step."""
        import torch

        began = time.perf_counter()
        self.model.train()
        with self.device.autocast():
            loss = self.model.predict_batch(self.batch).float().square().mean()
        torch.autograd.backward(loss)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        # Reading a number waits for the device.
        float(loss.detach())
        return time.perf_counter() - began

    def judge(self) -> float:
        """Return the seconds of one batch of validation."""
        import torch

        began = time.perf_counter()
        self.model.eval()
        with torch.inference_mode(), self.device.autocast():
            float(self.model.predict_batch(self.batch).float().sum())
        return time.perf_counter() - began


def main() -> int:
    """Answer one request on the standard streams; return the exit code."""
    asked = json.loads(sys.stdin.read())
    # Whatever a library prints must not get into the answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    found = trial_steps(TrainConfig.from_dict(asked["job"]), asked["smiles"])
    answers.write(json.dumps(asdict(found)))
    answers.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
