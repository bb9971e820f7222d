#!/usr/bin/env python3
"""Prints how fast MolE trains and predicts here, beside a plain implementation and the machine's own ceiling.

python benchmarks/speed.py [--data FILE] [--sizes 6x256,12x768] [--seconds 20] [--repeats 3] [--threads 1]

Ours, the plain network and the bare matrix products take turns in one process, so that what else the machine does meets
all of them. With one thread on a CPU, the thread's own time is counted, not the clock on the wall. Where a whole epoch
would take long, a turn is a part of its batches, from the smallest to the largest, counted up by their arithmetic.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from plain_mole import PlainMolE, copy_weights, random_batches
from published import DATA, PADDING, SHARES, derive
from torch import nn

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import ModelConfig
from mole_engine.data.batching import Labels, LengthBatchSampler, MolBatch, collate
from mole_engine.data.features import FeaturisedDataset, featurise
from mole_engine.models.mole import MolE

BATCH = 32
USUAL_SPEED = 6e10
"""Operations a second that decide how many batches make a turn; nothing else is derived from it."""

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


def main() -> None:
    """Measure and print."""
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    device = torch.device(options.device)
    smiles = read_smiles(options.data)
    describe(options, smiles)
    start = time.process_time()
    features = featurise(smiles, Vocabulary.load("default"))
    seconds = time.process_time() - start
    print(f"featurisation: {len(smiles) / seconds:,.0f} molecules a CPU-second ({len(smiles)} in {seconds:.2f} s)\n")
    print("size     job        molecules/s: ours     plain   times   of ceiling: ours     plain   padding: ours  plain")
    for size in options.sizes.split(","):
        layers, width = (int(part) for part in size.split("x"))
        compare(layers, width, features, options, device)


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sample = Path(str(files("resources") / "samples" / "logp.csv"))
    text = "CSV with a column 'smiles'; of one with a column 'split', the rows that say 'train' (default: the sample)"
    parser.add_argument("--data", type=Path, default=sample, help=text)
    parser.add_argument("--sizes", default="6x256,12x768", help="layers x width, comma-separated")
    parser.add_argument("--seconds", type=float, default=20.0, help="about how long a turn of each may take, at most")
    parser.add_argument("--repeats", type=int, default=3, help="turns; the median counts")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_smiles(path: Path) -> list[str]:
    """Return the structures of a table, those of its training part where it has one."""
    table = pd.read_csv(path, dtype=str)
    table.columns = table.columns.str.lower()
    if "split" in table:
        table = table[table["split"] == "train"]
    return list(table["smiles"].dropna())


def describe(options: argparse.Namespace, smiles: Sequence[str]) -> None:
    """Print what is measured, and where."""
    import rdkit

    device = torch.cuda.get_device_name() if options.device.startswith("cuda") else processor()
    load = f", load before: {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"machine: {device}, {platform.system()}, {options.threads} thread(s){load}")
    print(f"versions: Python {platform.python_version()}, torch {torch.__version__}, rdkit {rdkit.__version__}")
    print(f"data: {options.data.name}, {len(smiles)} molecules; batches of {BATCH}; seed {options.seed}")


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def products(width: int, device: torch.device) -> tuple[Callable[[], object], float]:
    """Return bare matrix products of the network's main shape, and their arithmetic."""
    left = torch.randn(BATCH * 30, width, device=device)
    right = torch.randn(width, 4 * width, device=device)
    count = max(1, round(2e10 / (2 * left.shape[0] * width * 4 * width)))
    return lambda: [left @ right for _ in range(count)], float(count * 2 * left.shape[0] * width * 4 * width)


def clock_of(options: argparse.Namespace) -> Clock:
    """Return the thread's own time where one thread does all the work, else the time on the wall."""
    return time.thread_time if options.threads == 1 and options.device == "cpu" else time.perf_counter


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


def compare(
    layers: int, width: int, features: FeaturisedDataset, options: argparse.Namespace, device: torch.device
) -> None:
    """Print ours and the plain implementation for one size, training and inference."""
    vocabulary = Vocabulary.load("default")
    heads = max(1, width // 64)
    config = ModelConfig(layers=layers, hidden_size=width, heads=heads, vocabulary_size=vocabulary.size, outputs=1)
    ours = MolE(config).to(device)
    plain = PlainMolE(config).to(device)
    copy_weights(plain, ours)
    epochs = whole_epochs(features, options.seed)
    useful = arithmetic(features.lengths[features.lengths > 0], config)
    bare, bare_arithmetic = products(width, device)
    for job in ("training", "inference"):
        factor = 3 if job == "training" else 1
        runners = [
            contestant(name, model, features, epoch, config, options, device, factor)
            for name, model, epoch in zip(("ours", "plain"), (ours, plain), epochs, strict=True)
        ]
        seconds, bare_seconds = take_turns(runners, bare, options, device)
        ceiling = bare_arithmetic / bare_seconds
        whole = [seconds[runner.name] * runner.whole for runner in runners]
        rates = [sum(map(len, epochs[0])) / taken for taken in whole]
        shares = [factor * useful / taken / ceiling for taken in whole]
        print(
            f"{layers}x{width:<5} {job:<10} {rates[0]:>17,.1f} {rates[1]:>9,.1f} {rates[0] / rates[1]:>7.1f}"
            f" {shares[0]:>18.2f} {shares[1]:>9.2f} {runners[0].padding:>15.0%} {runners[1].padding:>6.0%}"
            f"   ceiling {ceiling / 1e9:.0f} GFLOP/s; a turn {len(runners[0].batches)} and {len(runners[1].batches)}"
            " batches",
            flush=True,
        )
        if options.data.stem == DATA and clock_of(options) is time.thread_time:
            tell_published(f"{layers}x{width}", job, rates[0], shares[0])


def tell_published(size: str, job: str, rate: float, share: float) -> None:
    """Print what the published engine would do here, as far as its share of the ceiling is known."""
    found = derive(size, job, rate, share)
    if found is None:
        return
    low, high = SHARES[size, job]
    there = f"{low:.2f}" if low == high else f"{low:.2f}-{high:.2f}"
    times = f"{found.times[0]:.1f}" + ("" if low == high else f" ({found.times[1]:.1f} to {found.times[2]:.1f})")
    print(
        f"   derived, not measured here: the published engine reached {there} of a ceiling elsewhere, {PADDING:.0%} of"
        f" it on padding; so {found.share:.2f},\n   which here is {found.rate:.2f} molecules a CPU-second, to our"
        f" {rate:.1f}: {times} times as many",
        flush=True,
    )


def contestant(
    name: str,
    model: nn.Module,
    features: FeaturisedDataset,
    epoch: list[np.ndarray],
    config: ModelConfig,
    options: argparse.Namespace,
    device: torch.device,
    factor: int,
) -> Contestant:
    """Return a way to compute with the batches of its turns; `factor`: 3 for training, 1 for inference."""
    packed = isinstance(model, MolE)

    def cost(batch: np.ndarray) -> float:
        lengths = features.lengths[batch]
        return factor * arithmetic(lengths if packed else np.full(len(lengths), lengths.max()), config)

    total = sum(map(cost, epoch))
    count = max(1, min(len(epoch), round(options.seconds * USUAL_SPEED / total * len(epoch))))
    part = spread(epoch, [cost(batch) for batch in epoch], count)
    batches = [collate(features, batch, labels(features)).to(device) for batch in part]
    turn = work(model, batches, training=factor > 1)
    padded = 1.0 - float(features.lengths[np.concatenate(epoch)].sum()) / sum(
        len(batch) * int(features.lengths[batch].max()) for batch in epoch
    )
    return Contestant(name, turn, batches, total / sum(map(cost, part)), padded)


def spread(batches: list[np.ndarray], costs: list[float], count: int) -> list[np.ndarray]:
    """Return some of the batches, evenly from the cheapest to the dearest; all of them in their own order."""
    if count == len(batches):
        return batches
    order = np.argsort(costs, kind="stable")
    places = ((np.arange(count) + 0.5) * len(batches) / count).astype(int)
    return [batches[order[place]] for place in places]


def whole_epochs(features: FeaturisedDataset, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return an epoch of our batches, and one of random batches."""
    positions = np.flatnonzero(features.lengths)
    sampler = LengthBatchSampler(positions, features.lengths[positions], BATCH, seed=seed)
    shuffled = random_batches(len(positions), BATCH, torch.Generator().manual_seed(seed))
    return list(sampler), [positions[batch] for batch in shuffled]


def take_turns(
    runners: list[Contestant], bare: Callable[[], object], options: argparse.Namespace, device: torch.device
) -> tuple[dict[str, float], float]:
    """Return the median seconds of each and of the bare products, which take turns."""
    clock = clock_of(options)
    seconds: dict[str, list[float]] = {runner.name: [] for runner in runners}
    bare_seconds: list[float] = []
    for runner in runners:
        runner.turn(1)
    for _ in range(options.repeats):
        for runner in runners:
            bare_seconds.append(timed(bare, device, clock))
            seconds[runner.name].append(timed(runner.turn, device, clock))
    return {name: statistics.median(values) for name, values in seconds.items()}, statistics.median(bare_seconds)


def labels(features: FeaturisedDataset) -> Labels:
    """Return a made-up target for each molecule: its number of tokens."""
    return Labels(targets=features.lengths[:, None].astype(np.float64))


def work(model: nn.Module, batches: list[MolBatch], *, training: bool) -> Callable[..., object]:
    """Return a pass over the batches, or over the first so many: steps of training, or predictions."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=isinstance(model, MolE))

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


if __name__ == "__main__":
    main()
