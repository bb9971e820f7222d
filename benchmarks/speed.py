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
from importlib.resources import files
from pathlib import Path

import pandas as pd
import torch
from plain_mole import PlainMolE, copy_weights
from published import DATA, PADDING, SHARES, derive
from speed_parts import USUAL_SPEED, Clock, Contestant, arithmetic, contestant, timed, whole_epochs
from speed_profile import PROFILED, tell_profile

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import ModelConfig
from mole_engine.data.features import FeaturisedDataset, featurise
from mole_engine.models.mole import MolE
from mole_engine.training.machine import multiplies_bf16_quickly

BATCH = 32
BATCH_ON_GPU = 256


def main() -> None:
    """Measure and print."""
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    device = torch.device(options.device)
    smiles = read_smiles(options.data)
    describe(options, smiles)
    if options.device != "cpu" or options.compile:
        import speed_gpu

        speed_gpu.measure(smiles, options, device)
        return
    start = time.process_time()
    features = featurise(smiles, Vocabulary.load("default"))
    seconds = time.process_time() - start
    print(f"featurisation: {len(smiles) / seconds:,.0f} molecules a CPU-second ({len(smiles)} in {seconds:.2f} s)\n")
    print("size     job        molecules/s: ours     plain   times   of ceiling: ours     plain   padding: ours  plain")
    for place, size in enumerate(options.sizes.split(",")):
        layers, width = (int(part) for part in size.split("x"))
        batch = options.batch[min(place, len(options.batch) - 1)]
        compare(layers, width, batch, features, options, device)


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sample = Path(str(files("resources") / "samples" / "logp.csv"))
    text = "CSV with a column 'smiles'; of one with a column 'split', the rows that say 'train' (default: the sample)"
    parser.add_argument("--data", type=Path, default=sample, help=text)
    parser.add_argument("--sizes", default="6x256,12x768", help="layers x width, comma-separated")
    parser.add_argument("--seconds", type=float, help="about how long a turn of each may take, at most (20; 0.5)")
    parser.add_argument("--repeats", type=int, default=3, help="turns; the median counts")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", help="molecules in a batch; comma-separated: of each size (32; on a GPU 256)")
    parser.add_argument("--compile", action="store_true", help="on a GPU, also ours with compiled layers")
    parser.add_argument("--profile", action="store_true", help="where the time of training 12x768 goes")
    parser.add_argument("--limit", type=float, default=150.0, help="seconds after which a GPU's benchmark ends itself")
    options = parser.parse_args()
    on_cpu = options.device == "cpu"
    options.seconds = options.seconds or (20.0 if on_cpu else 0.5)
    options.batch = [int(part) for part in str(options.batch or (BATCH if on_cpu else BATCH_ON_GPU)).split(",")]
    return options


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
    sizes = ", ".join(map(str, options.batch))
    print(f"data: {options.data.name}, {len(smiles)} molecules; batches of {sizes}; seed {options.seed}", flush=True)


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def products(width: int, batch: int, device: torch.device) -> tuple[Callable[[], object], float]:
    """Return bare matrix products of the network's main shape, and their arithmetic."""
    left = torch.randn(batch * 30, width, device=device)
    right = torch.randn(width, 4 * width, device=device)
    count = max(1, round(2e10 / (2 * left.shape[0] * width * 4 * width)))
    return lambda: [left @ right for _ in range(count)], float(count * 2 * left.shape[0] * width * 4 * width)


def clock_of(options: argparse.Namespace) -> Clock:
    """Return the thread's own time where one thread does all the work, else the time on the wall."""
    return time.thread_time if options.threads == 1 and options.device == "cpu" else time.perf_counter


def compare(
    layers: int, width: int, batch: int, features: FeaturisedDataset, options: argparse.Namespace, device: torch.device
) -> None:
    """Print ours and the plain implementation for one size, training and inference."""
    vocabulary = Vocabulary.load("default")
    heads = max(1, width // 64)
    config = ModelConfig(layers=layers, hidden_size=width, heads=heads, vocabulary_size=vocabulary.size, outputs=1)
    ours = MolE(config).to(device)
    plain = PlainMolE(config).to(device)
    copy_weights(plain, ours)
    epochs = whole_epochs(features, batch, options.seed)
    useful = arithmetic(features.lengths[features.lengths > 0], config)
    bare, bare_arithmetic = products(width, batch, device)
    operations = options.seconds * USUAL_SPEED
    for job in ("training", "inference"):
        factor = 3 if job == "training" else 1
        runners = [
            contestant(name, model, features, epoch, config, device, factor, operations, padded=name == "plain")
            for name, model, epoch in zip(("ours", "plain"), (ours, plain), epochs, strict=True)
        ]
        narrow = job == "training" and multiplies_bf16_quickly()
        if narrow:
            wanted = (ours, features, epochs[0], config, device, factor, operations)
            runners.append(contestant("bf16", *wanted, padded=False, bf16=True))
        seconds, bare_seconds = take_turns(runners, bare, options, device)
        ceiling = bare_arithmetic / bare_seconds
        whole = [seconds[runner.name] * runner.whole for runner in runners[:2]]
        rates = [sum(map(len, epochs[0])) / taken for taken in whole]
        shares = [factor * useful / taken / ceiling for taken in whole]
        print(
            f"{layers}x{width:<5} {job:<10} {rates[0]:>17,.1f} {rates[1]:>9,.1f} {rates[0] / rates[1]:>7.1f}"
            f" {shares[0]:>18.2f} {shares[1]:>9.2f} {runners[0].padding:>15.0%} {runners[1].padding:>6.0%}"
            f"   ceiling {ceiling / 1e9:.0f} GFLOP/s; a turn {len(runners[0].batches)} and {len(runners[1].batches)}"
            " batches",
            flush=True,
        )
        if narrow:
            rate = sum(map(len, epochs[0])) / (seconds["bf16"] * runners[2].whole)
            words = "what a training does on this processor: products in bf16"
            print(f"{'':16} {rate:>17,.1f} {'':>9} {rate / rates[0]:>7.1f} times ours in 32 bits; {words}", flush=True)
        if options.profile and job == "training" and f"{layers}x{width}" in (PROFILED, options.sizes):
            step = seconds["ours"] / len(runners[0].batches)
            tell_profile(f"{layers}x{width} {job}, ours", runners[0].turn, 1, device, step)
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


if __name__ == "__main__":
    main()
