"""What both tables of speed are made of: batches for a turn, a turn's work, its useful arithmetic and its time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from plain_mole import random_batches
from torch import nn

from mole_engine.contracts.config import ModelConfig
from mole_engine.data.batching import Labels, LengthBatchSampler, MolBatch, collate
from mole_engine.data.features import FeaturisedDataset
from mole_engine.models.mole import MolE

USUAL_SPEED = 6e10
"""Operations a second of a CPU's thread that decide how many batches make a turn; nothing else is derived from it."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Contestant:
    """One way to compute, and what it computes in each turn (its first batches to warm up).

    Attributes
    ----------
    whole
        How many times the arithmetic of a turn that of the whole epoch is.
    """

    name: str
    turn: Callable[..., object]
    batches: list[MolBatch]
    whole: float
    padding: float


def timed(work: Callable[[], object], device: torch.device, clock: Clock) -> float:
    """Return the seconds of one call, the device's queue included."""
    synchronise(device)
    start = clock()
    work()
    synchronise(device)
    return clock() - start


def synchronise(device: torch.device) -> None:
    """Wait for a GPU; nothing to wait for on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def contestant(
    name: str,
    model: nn.Module,
    features: FeaturisedDataset,
    epoch: list[np.ndarray],
    config: ModelConfig,
    device: torch.device,
    factor: int,
    operations: float,
    *,
    padded: bool,
    bf16: bool = False,
) -> Contestant:
    """Return a way to compute with the batches of its turns.

    Parameters
    ----------
    factor
        3 for training, 1 for inference.
    operations
        That a turn is to have about; at most, an epoch has.
    padded
        Whether padding is computed as well.
    bf16
        Whether under autocast, as Lightning's "bf16-mixed" does it.
    """

    def cost(batch: np.ndarray) -> float:
        lengths = features.lengths[batch]
        return factor * arithmetic(np.full(len(lengths), lengths.max()) if padded else lengths, config)

    total = sum(map(cost, epoch))
    count = max(1, min(len(epoch), round(operations / total * len(epoch))))
    part = spread(epoch, [cost(batch) for batch in epoch], count)
    batches = [collate(features, batch, labels(features)).to(device) for batch in part]
    turn = work(model, batches, training=factor > 1, bf16=bf16)
    share = 1.0 - float(features.lengths[np.concatenate(epoch)].sum()) / sum(
        len(batch) * int(features.lengths[batch].max()) for batch in epoch
    )
    return Contestant(name, turn, batches, total / sum(map(cost, part)), share)


def spread(batches: list[np.ndarray], costs: list[float], count: int) -> list[np.ndarray]:
    """Return some of the batches, evenly from the cheapest to the dearest; all of them in their own order."""
    if count == len(batches):
        return batches
    order = np.argsort(costs, kind="stable")
    places = ((np.arange(count) + 0.5) * len(batches) / count).astype(int)
    return [batches[order[place]] for place in places]


def whole_epochs(features: FeaturisedDataset, batch: int, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return an epoch of our batches, and one of random batches."""
    positions = np.flatnonzero(features.lengths)
    sampler = LengthBatchSampler(positions, features.lengths[positions], batch, seed=seed)
    shuffled = random_batches(len(positions), batch, torch.Generator().manual_seed(seed))
    return list(sampler), [positions[part] for part in shuffled]


def labels(features: FeaturisedDataset) -> Labels:
    """Return a made-up target for each molecule: its number of tokens."""
    return Labels(targets=features.lengths[:, None].astype(np.float64))


def work(model: nn.Module, batches: list[MolBatch], *, training: bool, bf16: bool = False) -> Callable[..., object]:
    """Return a pass over the batches, or over the first so many: steps of training, or predictions."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=isinstance(model, MolE))

    def precision() -> AbstractContextManager[object]:
        kind = batches[0].tokens.device.type
        return torch.autocast(kind, dtype=torch.bfloat16) if bf16 else nullcontext()

    def step(batch: MolBatch) -> None:
        with precision():
            logits = model(batch.tokens, batch.distances, batch.mask)
            loss = nn.functional.mse_loss(logits, batch.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()

    @torch.inference_mode()
    def infer(batch: MolBatch) -> None:
        with precision():
            model(batch.tokens, batch.distances, batch.mask)

    def turn(count: int | None = None) -> None:
        model.train(training)
        for batch in batches[:count]:
            (step if training else infer)(batch)

    return turn


def arithmetic(lengths: np.ndarray, config: ModelConfig) -> float:
    """Return the useful operations of a forward pass over molecules of these lengths, padding not counted.

    Projections and feed-forward, content products, and the products with as many table rows as the molecule's largest
    position can need (at most its length). The backward pass takes twice as much. All tokens count in all layers, also
    where a model that reads CLS alone can leave parts of the last layer out.
    """
    width, inner = config.hidden_size, config.feed_forward_size
    rows = np.minimum(lengths, config.relative_positions)
    per_layer = lengths * (8 * width**2 + 4 * width * inner) + 4 * lengths**2 * width + 4 * lengths * rows * width
    return float(config.layers * per_layer.sum())
