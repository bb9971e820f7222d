"""Speed on a GPU, for `speed.py --device cuda`: a row for each network and job, printed as soon as it is known.

Ours under bf16 autocast (what the trainer does there), eagerly and with compiled layers, the plain network in fp32
without TF32. Made to be run once: what fails prints why and the rest goes on, what matters most comes first, and after
`--limit` seconds the program ends itself, whatever it is doing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.fx.experimental._config
from plain_mole import PlainMolE, copy_weights
from speed_parts import Contestant, arithmetic, contestant, synchronise, timed, whole_epochs
from speed_profile import PROFILED, tell_profile
from torch import nn

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import ModelConfig
from mole_engine.data.features import FeaturisedDataset, featurise
from mole_engine.models.mole import MolE
from mole_engine.nn.bert import BertLayer

USUAL_SPEEDS = {"ours": 2e14, "compiled": 2e14, "plain": 2e13}
"""Operations a second, padding included, that decide how many batches make a turn; nothing else comes of them."""

BATCHES = 16
"""So many batches make an epoch at least: fewer molecules are taken several times."""

STEPS_PROFILED = 4
NEEDED = {"ours": 8.0, "plain": 15.0, "compiled": 30.0, "profile": 10.0}
"""Seconds that must be left for something to be begun."""


class Watch:
    """Ends the program when its time is up.

    Parameters
    ----------
    limit
        Seconds from now.
    """

    def __init__(self, limit: float) -> None:
        self.end = time.perf_counter() + limit
        timer = threading.Timer(limit, self._stop)
        timer.daemon = True
        timer.start()

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.end - time.perf_counter()

    def _stop(self) -> None:
        print("the time is up: what is not above was not measured", flush=True)
        # A compilation or a queue of kernels could not be interrupted in any other way.
        os._exit(1)


@dataclass
class Subject:
    """A size of the network, its batches and what is found about it.

    Attributes
    ----------
    bare
        Products of the network's main shape in bf16, and their arithmetic.
    square
        Operations a second of large square bf16 products.
    rates, steps
        Molecules a second and seconds a step, by (network, job).
    runners
        What was measured, by (network, job).
    """

    size: str
    batch: int
    features: FeaturisedDataset
    options: argparse.Namespace
    device: torch.device
    square: float
    models: dict[str, nn.Module] = field(default_factory=dict)
    rates: dict[tuple[str, str], float] = field(default_factory=dict)
    steps: dict[tuple[str, str], float] = field(default_factory=dict)
    runners: dict[tuple[str, str], Contestant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        layers, width = (int(part) for part in self.size.split("x"))
        heads, words = max(1, width // 64), Vocabulary.load("default").size
        self.config = ModelConfig(layers=layers, hidden_size=width, heads=heads, vocabulary_size=words, outputs=1)
        self.useful = arithmetic(self.features.lengths[self.features.lengths > 0], self.config)
        epoch, _ = whole_epochs(self.features, self.batch, self.options.seed)
        tokens = round(float(self.features.lengths.sum()) / len(epoch))
        self.bare = products((tokens, width, 4 * width), self.device)

    def model(self, name: str) -> nn.Module:
        """Return one of the networks, all with the same weights at first."""
        if name not in self.models:
            torch.manual_seed(self.options.seed)
            model: nn.Module = MolE(self.config)
            if name == "plain":
                model, ours = PlainMolE(self.config), model
                copy_weights(model, ours)
            if name == "compiled":
                compile_layers(model)
            self.models[name] = model.to(self.device)
        return self.models[name]

    def runner(self, name: str, job: str, batch: int) -> Contestant:
        """Return a network with its batches of a turn."""
        ours, plain = whole_epochs(self.features, batch, self.options.seed)
        epoch, factor = (plain if name == "plain" else ours), 3 if job == "training" else 1
        operations = self.options.seconds * (USUAL_SPEEDS[name] if self.device.type == "cuda" else 3e10)
        model, bf16 = self.model(name), name != "plain"
        return contestant(
            name, model, self.features, epoch, self.config, self.device, factor, operations, padded=True, bf16=bf16
        )

    def measure(self, name: str, job: str) -> None:
        """Measure one network at one job, and print it; the plain one with smaller batches if memory is short."""
        batch = self.batch
        while True:
            try:
                self._measure(name, job, batch)
                return
            except torch.OutOfMemoryError:
                if name != "plain" or batch <= 16:
                    raise
            batch //= 2
            forget(self.device)

    def _measure(self, name: str, job: str, batch: int) -> None:
        runner = self.runner(name, job, batch)
        forget(self.device)
        # All batches, since every width chooses kernels and takes memory of its own.
        first = timed(runner.turn, self.device, time.perf_counter)
        once = timed(runner.turn, self.device, time.perf_counter)
        rounds = max(1, round(self.options.seconds / once))
        taken, bare = [], []
        for _ in range(self.options.repeats):
            bare.append(timed(self.bare[0], self.device, time.perf_counter))
            taken.append(timed(lambda: [runner.turn() for _ in range(rounds)], self.device, time.perf_counter) / rounds)
        seconds, ceiling = statistics.median(taken), self.bare[1] / statistics.median(bare)
        self.runners[name, job] = runner
        self.steps[name, job] = seconds / len(runner.batches)
        self._tell(name, job, batch, seconds * runner.whole, ceiling)
        if name == "compiled":
            print(f"   compiled: the first pass took {first:.1f} s; {graphs()} graphs so far", flush=True)

    def _tell(self, name: str, job: str, batch: int, seconds: float, ceiling: float) -> None:
        rate = np.count_nonzero(self.features.lengths) / seconds
        speed = (3 if job == "training" else 1) * self.useful / seconds
        self.rates[name, job] = rate
        memory = torch.cuda.max_memory_allocated(self.device) / 2**30 if self.device.type == "cuda" else 0.0
        plain = self.rates.get(("plain", job))
        times = f"   {rate / plain:.1f} times plain" if plain and name != "plain" else ""
        print(
            f"{self.size:<8} {batch:>5} {job:<10} {name:<9} {rate:>12,.0f} {1e3 * self.steps[name, job]:>8.2f}"
            f" {speed / 1e12:>8.1f} {speed / ceiling:>6.2f} {ceiling / 1e12:>8.0f} {speed / self.square:>10.2f}"
            f" {self.runners[name, job].padding:>8.0%} {memory:>6.1f}{times}",
            flush=True,
        )

    def profile(self) -> None:
        """Print where the time of the fastest of ours goes."""
        names = [name for name in ("ours", "compiled") if (name, "training") in self.rates]
        if not names:
            print("   profile: nothing of ours could be measured", flush=True)
            return
        name = max(names, key=lambda name: self.rates[name, "training"])
        turn, step = self.runners[name, "training"].turn, self.steps[name, "training"]
        tell_profile(f"{self.size} training, {name}", turn, STEPS_PROFILED, self.device, step)


def measure(smiles: Sequence[str], options: argparse.Namespace, device: torch.device) -> None:
    """Measure and print everything, the most important first."""
    watch = Watch(options.limit)
    torch.set_float32_matmul_precision("highest")
    sizes = options.sizes.split(",")
    features = enlarged(featurise(smiles, Vocabulary.load("default")), BATCHES * max(options.batch))
    side = 8192 if device.type == "cuda" else 512
    work, operations = products((side, side, side), device)
    timed(work, device, time.perf_counter)
    square = operations / timed(work, device, time.perf_counter)
    print(
        f"an epoch: {len(features)} molecules, {features.lengths.mean():.1f} tokens each; ours in bf16 (autocast), the"
        f" plain one in fp32 without TF32\nceiling: (tokens of a batch, H) x (H, 4H) in bf16; square: {side}^3,"
        f" {square / 1e12:.0f} TFLOP/s\n"
        "size     batch job        network    molecules/s  ms/step  TFLOP/s  of it  ceiling  of square  padding     GB",
        flush=True,
    )
    subjects = []
    for place, size in enumerate(sizes):
        batch = options.batch[min(place, len(options.batch) - 1)]
        subjects.append(Subject(size, batch, features, options, device, square))
    for title, kind, work in order(subjects, options):
        if watch.left() < NEEDED[kind]:
            print(f"left out, {watch.left():.0f} s are left: {title}", flush=True)
            continue
        attempt(title, work)
        attempt("giving memory back", lambda: forget(device))
    print(f"done, {watch.left():.0f} s were left", flush=True)


def order(subjects: list[Subject], options: argparse.Namespace) -> list[tuple[str, str, Callable[[], object]]]:
    """Return what to do one after the other: what it is, which time it needs (a key of `NEEDED`), and the doing."""

    def part(subject: Subject, name: str, job: str) -> tuple[str, str, Callable[[], object]]:
        return f"{subject.size} {job}, {name}", name, lambda: subject.measure(name, job)

    compiled = ["compiled"] if options.compile else []
    profiled = next((subject for subject in subjects if subject.size == PROFILED), subjects[0])
    profile = [(f"{profiled.size} profile", "profile", profiled.profile)] if options.profile else []
    return [
        *(part(subject, name, "training") for subject in subjects for name in ("plain", "ours")),
        *(part(profiled, name, "training") for name in compiled),
        *profile,
        *(part(subject, name, "inference") for subject in subjects for name in ("plain", "ours")),
        *(part(subject, name, "training") for subject in subjects if subject is not profiled for name in compiled),
        *(part(subject, name, "inference") for subject in subjects for name in compiled),
    ]


def attempt(title: str, work: Callable[[], object]) -> None:
    """Do something; should it fail, print why."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever a driver or a compiler throws, the rest is to be measured
        text = " ".join(str(error).split())
        print(f"failed: {title}: {type(error).__name__}: {text[:1000]}", flush=True)


def compile_layers(model: nn.Module) -> None:
    """Compile each layer by itself, for any width: one compilation then serves all layers."""
    # A size takes two graphs in training (the last layer reads CLS alone) and two in inference; the usual limit is 8.
    torch._dynamo.config.recompile_limit = 64
    # Else sizes that happen to be equal in the first batch (tokens and rows of the table) are taken for the same.
    torch.fx.experimental._config.use_duck_shape = False
    for part in model.modules():
        if isinstance(part, BertLayer):
            part.compile(dynamic=True, fullgraph=True)


def graphs() -> int:
    """Return how many graphs were compiled so far: two a size and job, unless widths or layers need their own."""
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"])


def products(shape: tuple[int, int, int], device: torch.device) -> tuple[Callable[[], object], float]:
    """Return bare bf16 products of (m, k) and (k, n) matrices, and their arithmetic."""
    rows, inner, columns = shape
    left = torch.randn(rows, inner, device=device, dtype=torch.bfloat16)
    right = torch.randn(inner, columns, device=device, dtype=torch.bfloat16)
    result = torch.empty(rows, columns, device=device, dtype=torch.bfloat16)
    one = 2.0 * rows * inner * columns
    count = max(1, round((1e13 if device.type == "cuda" else 1e9) / one))
    return lambda: [torch.matmul(left, right, out=result) for _ in range(count)], count * one


def enlarged(features: FeaturisedDataset, least: int) -> FeaturisedDataset:
    """Return the molecules, as many times over as makes at least so many."""
    return FeaturisedDataset.joined([features] * -(-least // len(features)))


def forget(device: torch.device) -> None:
    """Give back memory that nothing holds, and count its peak anew."""
    if device.type == "cuda":
        synchronise(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
