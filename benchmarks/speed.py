#!/usr/bin/env python3
"""Prints how fast MolE trains and predicts here, beside a plain implementation and the machine's own ceiling.

python benchmarks/speed.py [--data FILE] [--sizes 6x256,12x768] [--batches 6] [--threads 1] [--device cpu]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from plain_mole import PlainMolE, copy_weights, random_batches
from torch import nn

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import ModelConfig
from mole_engine.data.batching import Labels, LengthBatchSampler, MolBatch, collate
from mole_engine.data.features import FeaturisedDataset, featurise
from mole_engine.models.mole import MolE

BATCH = 32


@dataclass(frozen=True)
class Speed:
    """What a pass over some batches took."""

    molecules: int
    seconds: float
    arithmetic: float

    @property
    def rate(self) -> float:
        """Molecules a second."""
        return self.molecules / self.seconds

    @property
    def gflops(self) -> float:
        """Useful arithmetic a second, in GFLOP/s."""
        return self.arithmetic / self.seconds / 1e9


def main() -> None:
    """Measure and print."""
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    device = torch.device(options.device)
    smiles = read_smiles(options.data)
    describe(options, smiles)
    start = time.perf_counter()
    features = featurise(smiles, Vocabulary.load("default"))
    seconds = time.perf_counter() - start
    print(f"featurisation: {len(smiles) / seconds:,.0f} molecules/s ({len(smiles)} in {seconds:.2f} s)\n")
    sizes = [tuple(int(part) for part in size.split("x")) for size in options.sizes.split(",")]
    ceiling = measure_ceiling(sizes[-1][1], device)
    print(f"ceiling: fp32 products of {BATCH * 30} x {sizes[-1][1]} x {4 * sizes[-1][1]}: {ceiling:.0f} GFLOP/s\n")
    print("size    job        what    molecules/s   ms/batch   of ceiling   tokens that are padding")
    for layers, width in sizes:
        compare(layers, width, features, options, ceiling, device)


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sample = Path(str(files("resources") / "samples" / "logp.csv"))
    parser.add_argument("--data", type=Path, default=sample, help="CSV with a column of SMILES (default: the sample)")
    parser.add_argument("--sizes", default="6x256,12x768", help="layers x width, comma-separated")
    parser.add_argument("--batches", type=int, default=6, help="batches measured for each line")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_smiles(path: Path) -> list[str]:
    """Return the readable structures of a table."""
    from mole_engine.data.dataset import read_dataset

    return list(read_dataset(path).smiles)


def describe(options: argparse.Namespace, smiles: Sequence[str]) -> None:
    """Print what is measured, and where."""
    import rdkit

    device = torch.cuda.get_device_name() if options.device.startswith("cuda") else processor()
    print(f"machine: {device}, {platform.system()}, {options.threads} thread(s)")
    print(f"versions: Python {platform.python_version()}, torch {torch.__version__}, rdkit {rdkit.__version__}")
    print(f"data: {options.data.name}, {len(smiles)} molecules; batches of {BATCH}; seed {options.seed}")


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def measure_ceiling(width: int, device: torch.device, repeats: int = 20) -> float:
    """Return the best GFLOP/s of matrix products of the network's main shape."""
    left = torch.randn(BATCH * 30, width, device=device)
    right = torch.randn(width, 4 * width, device=device)
    best = min(timed(lambda: left @ right, device) for _ in range(repeats))
    return 2 * left.shape[0] * width * 4 * width / best / 1e9


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of one call, the device's queue included."""
    synchronise(device)
    start = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - start


def synchronise(device: torch.device) -> None:
    """Wait for a GPU; nothing to wait for on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def compare(
    layers: int,
    width: int,
    features: FeaturisedDataset,
    options: argparse.Namespace,
    ceiling: float,
    device: torch.device,
) -> None:
    """Print ours and the plain implementation for one size, training and inference."""
    vocabulary = Vocabulary.load("default")
    heads = max(1, width // 64)
    config = ModelConfig(layers=layers, hidden_size=width, heads=heads, vocabulary_size=vocabulary.size, outputs=1)
    ours = MolE(config).to(device)
    plain = PlainMolE(config).to(device)
    copy_weights(plain, ours)
    positions = np.flatnonzero(features.lengths)
    sampler = LengthBatchSampler(positions, features.lengths[positions], BATCH, seed=options.seed)
    # Batches of all lengths in equal shares, not only the first ones (the sampler begins with the largest).
    sorted_batches = sorted(sampler, key=lambda batch: int(features.lengths[batch].max()))
    count = min(options.batches, len(sorted_batches))
    picked = ((np.arange(count) + 0.5) / count * len(sorted_batches)).astype(int)
    ours_batches = [sorted_batches[place] for place in picked]
    shuffled = random_batches(len(positions), BATCH, torch.Generator().manual_seed(options.seed))
    plain_batches = [positions[batch] for batch in shuffled[: options.batches]]
    for job in ("training", "inference"):
        for name, model, batches in (("ours", ours, ours_batches), ("plain", plain, plain_batches)):
            prepared = [collate(features, batch, labels(features)).to(device) for batch in batches]
            speed = measure(model, prepared, config, training=job == "training", device=device)
            milliseconds = 1000 * speed.seconds / len(prepared)
            print(
                f"{layers}x{width:<5} {job:<10} {name:<6} {speed.rate:>12,.1f} {milliseconds:>10,.0f}"
                f" {speed.gflops / ceiling:>12.2f} {padding(prepared):>15.0%}"
            )


def labels(features: FeaturisedDataset) -> Labels:
    """Return a made-up target for each molecule: its number of tokens."""
    return Labels(targets=features.lengths[:, None].astype(np.float64))


def padding(batches: Iterable[MolBatch]) -> float:
    """Return the part of the tokens that is padding."""
    masks = [batch.mask for batch in batches]
    return 1.0 - sum(int(mask.sum()) for mask in masks) / sum(mask.numel() for mask in masks)


def measure(
    model: nn.Module, batches: list[MolBatch], config: ModelConfig, *, training: bool, device: torch.device
) -> Speed:
    """Return the speed of one pass over the batches, after a warm-up on the first."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5)
    model.train(training)

    def step(batch: MolBatch) -> None:
        logits = model(batch.tokens, batch.distances, batch.mask)
        loss = nn.functional.mse_loss(logits, batch.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()

    @torch.inference_mode()
    def infer(batch: MolBatch) -> None:
        model(batch.tokens, batch.distances, batch.mask)

    work = step if training else infer
    work(batches[0])
    seconds = timed(lambda: [work(batch) for batch in batches], device)
    lengths = np.concatenate([batch.mask.sum(1).cpu().numpy() for batch in batches])
    return Speed(len(lengths), seconds, float(arithmetic(lengths, config)) * (3 if training else 1))


def arithmetic(lengths: np.ndarray, config: ModelConfig) -> float:
    """Return the useful operations of a forward pass over molecules of these lengths, padding not counted.

    Projections and feed-forward, content products, and the products with as many table rows as the molecule's largest
    position can need (at most its length). The backward pass takes twice as much.
    """
    width, inner = config.hidden_size, config.feed_forward_size
    rows = np.minimum(lengths, config.relative_positions)
    per_layer = lengths * (8 * width**2 + 4 * width * inner) + 4 * lengths**2 * width + 4 * lengths * rows * width
    return float(config.layers * per_layer.sum())


if __name__ == "__main__":
    main()
