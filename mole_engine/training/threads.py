"""How many CPU threads a job gets, and how many of its networks are trained at the same time.

Tried on a few of its own steps, where it is long enough to be worth it.

What is faster depends on the network, on the machine, and on what else the machine does. The trial changes nothing that
the training depends on: no weight, no gradient, no random number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from pytorch_lightning.utilities.seed import isolate_rng

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import is_out_of_memory
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.wording import counted
from mole_engine.data.batching import MolBatch, collate
from mole_engine.training.folds import pool_of
from mole_engine.training.machine import free_memory, usable_cores
from mole_engine.training.plan import fine_tuning
from mole_engine.training.setup import Prepared, prepare_network
from mole_engine.training.times import network_seconds
from mole_engine.training.trainer import Device, resolve_device, threads_for_seconds, use_threads

STAGE = "Choosing the number of threads"

ROUNDS = 5
"""Timed steps with each number of threads, of which the median counts."""

SLOW = 2.0
"""A number whose steps take so many times as long as the fastest of all is not tried again after the second of them."""

HOPELESS = 4.0
"""One that takes so many times as long in the first round is not tried again, nor a larger one."""

NEARLY = 1.05
"""The smallest number of threads counts that takes at most so many times as long as the fastest."""

WIDE = 1.25
"""How many times as fast the last core must make a step before it is taken from the window and from other programs."""

WORTH_SECONDS = 100.0
"""Jobs that one core is expected to do in less are not worth a trial."""

WORTH_BATCHES = 300
"""Jobs of fewer batches are not worth one: it takes as long as about ten of them."""

NETWORK_BYTES = 1.5e9
"""Of memory that a process which trains a network is given: half of it are the libraries."""

SIMPLE_BYTES = 1e9
"""Of memory that simple models of a blend take beside the networks, in the job's own process."""


@dataclass(frozen=True)
class ThreadTrial:
    """What was tried.

    Attributes
    ----------
    threads
        The number to use.
    rates
        Molecules a second by number of threads.
    at_once
        Networks of an ensemble that share the threads.
    """

    threads: int
    rates: Mapping[int, float]
    at_once: int = 1

    @property
    def words(self) -> str:
        """What the user is told, the chosen number first: "2 threads: 285 molecules/s, 1 thread: 175."."""
        others = [number for number in sorted(self.rates, reverse=True) if number != self.threads]
        first = f"{_threads(self.threads)}: {_rate(self.rates[self.threads])} molecules/s"
        words = ", ".join([first, *(f"{_threads(number)}: {_rate(self.rates[number])}" for number in others)]) + "."
        return f"{words} {self.at_once} networks are trained at a time." if self.at_once > 1 else words


def with_tried_threads(
    config: TrainConfig, prepared: Prepared, *, on_progress: ProgressHandler | None = None
) -> tuple[TrainConfig, Prepared, str]:
    """Try the number of threads and use it; what else a job that was told this number would do, is done.

    Parameters
    ----------
    config, prepared, on_progress
        See `try_threads`.

    Returns
    -------
    tuple
        The job with its number of threads written down, what is trained, and what to tell the user: nothing where
        there was no trial.
    """
    before = threads_for_seconds(config.runtime)
    trial = try_threads(config, prepared, on_progress=on_progress)
    if trial is None:
        return config, prepared, ""
    at_once = config.runtime.side_by_side or trial.at_once
    runtime = config.runtime.model_copy(update={"threads": trial.threads, "side_by_side": at_once})
    config = config.model_copy(update={"runtime": runtime})
    measured = config.model.standardise_pooled or config.training.freeze == "encoder"
    if use_threads(runtime) != before and measured:
        # With the network: sums of floating-point numbers depend on the number of threads.
        prepared.data.use_pooled(None)
        prepared = prepare_network(config, prepared.data, prepared.data.vocabulary, on_progress=on_progress)
    return config, prepared, trial.words


def try_threads(
    config: TrainConfig, prepared: Prepared, *, on_progress: ProgressHandler | None = None
) -> ThreadTrial | None:
    """Time steps of a job with several numbers of threads; None where there is no choice, or it is not worth it.

    Parameters
    ----------
    config, prepared
        The job, and what `prepare_model` made of it. Both are left as they were.
    on_progress
        Told how far the trial is; may raise `Cancelled`.
    """
    cores = usable_cores()
    if not is_worth_trying(config, prepared, cores):
        return None
    numbers = candidates(cores)
    before = torch.get_num_threads()
    try:
        with isolate_rng(include_cuda=False):
            step = _Step(_longest(config, prepared), resolve_device(config.runtime))
            # The first step of all allocates memory.
            step.seconds(before)
            seconds = take_turns(numbers, step.seconds, on_progress)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        # The training itself knows what to do then.
        return None
    finally:
        prepared.model.zero_grad(set_to_none=True)
        torch.set_num_threads(before)
    rates = {number: len(step.batch) / taken for number, taken in seconds.items()}
    threads = fewest_of_the_fastest(seconds, cores)
    shared, networks = most_to_share(rates, threads, cores), long_networks(config, prepared)[0]
    at_once = networks_at_once(rates, shared, networks, most=room_for_networks(prepared))
    return ThreadTrial(shared if at_once > 1 else threads, rates, at_once)


def is_worth_trying(config: TrainConfig, prepared: Prepared, cores: int) -> bool:
    """Whether a job on so many usable cores gains more by a trial than the trial costs."""
    runtime = config.runtime
    if runtime.threads or cores < 2:
        return False
    if resolve_device(runtime).accelerator != "cpu" or runtime.devices * runtime.num_nodes > 1:
        return False
    data = prepared.data
    networks, epochs = long_networks(config, prepared)
    epochs *= networks
    weights = sum(item.numel() for item in prepared.model.encoder.encoder.layers.parameters())
    tokens = int(data.features.lengths[data.positions("train")].sum())
    seconds = network_seconds(weights, tokens, epochs, threads=1)
    return seconds >= WORTH_SECONDS and len(data.loader("train", training=True)) * epochs >= WORTH_BATCHES


def long_networks(config: TrainConfig, prepared: Prepared) -> tuple[int, int]:
    """Return how many networks take their time, and their epochs; heads on a fixed encoder take seconds."""
    ensemble = config.ensemble
    networks = 1 if ensemble.kind == "none" else ensemble.members
    if config.training.freeze != "encoder":
        return networks * (ensemble.repeats if ensemble.kind == "folds" else 1), config.training.epochs
    # Fine-tuned networks that join.
    molecules = len(pool_of(prepared.data))
    return networks * config.fine_tuning_members(molecules), config.fine_tuning_epochs(molecules)


def most_to_share(rates: Mapping[int, float], threads: int, cores: int) -> int:
    """Return how many threads networks may share where one of them would be given `threads`.

    More than that help none by itself, but as long as they do no harm there are cores for them: all but one, and both
    of two.
    """
    most = max(2, cores - 1)
    return max(
        number
        for number, rate in rates.items()
        if number == threads or (threads < number <= most and rate * NEARLY >= rates[threads])
    )


def networks_at_once(rates: Mapping[int, float], threads: int, networks: int, most: int) -> int:
    """Return how many networks to train at the same time, so that all of them are done soonest.

    Parameters
    ----------
    rates
        Molecules a second of one network by number of threads.
    threads
        That they share.
    networks
        How many there are to train.
    most
        At most so many at the same time.
    """
    tried = sorted(rates)

    def rate(number: int) -> float:
        return float(np.interp(number, tried, [rates[one] for one in tried]))

    def seconds(at_once: int) -> float:
        turns, rest = divmod(networks, at_once)
        return turns / rate(threads // at_once) + (1 / rate(threads // rest) if rest else 0.0)

    alone = networks / max(rates.values())
    best = min(range(1, max(1, min(networks, threads, most)) + 1), key=seconds)
    return best if seconds(best) * NEARLY < alone else 1


def room_for_networks(prepared: Prepared) -> int:
    """Return how many processes that train a network, each with a copy of the data, the free memory holds."""
    labels, features = prepared.data.labels, prepared.data.features
    tables = (labels.targets, labels.descriptors, labels.pooled, features.tokens, features.distances)
    data = sum(table.nbytes for table in tables if table is not None)
    # Once as it arrives, once as it is used.
    simple = SIMPLE_BYTES if prepared.data.config.ensemble.trees else 0
    return int(max(0, free_memory() - simple) // (NETWORK_BYTES + 2 * data))


def candidates(cores: int) -> list[int]:
    """Return the numbers of threads to try, ascending: one, doubled as long as there are cores, all but one, all."""
    doubled = [2**power for power in range(cores.bit_length()) if 2**power < cores]
    return sorted({*doubled, max(1, cores - 1), cores})


def take_turns(
    numbers: Sequence[int], seconds_of: Callable[[int], float], on_progress: ProgressHandler | None = None
) -> dict[int, float]:
    """Return the median seconds of a step with each number of threads.

    They take turns, so that what else the machine does meets all of them.

    Parameters
    ----------
    numbers
        To try, ascending.
    seconds_of
        Number of threads -> seconds of one step.
    on_progress
        Told how far the trial is; may raise.
    """
    found: dict[int, list[float]] = {}
    kept, total = list(numbers), len(numbers) * ROUNDS
    for turn in range(ROUNDS):
        for place, number in enumerate(tuple(kept)):
            _tell(on_progress, turn * len(numbers) + place, total)
            found.setdefault(number, []).append(seconds_of(number))
            if turn == 0 and found[number][0] > HOPELESS * _fastest(found):
                del kept[place:]
                break
        limit = SLOW * _fastest(found)
        kept = [number for number in kept if sum(taken > limit for taken in found[number]) < 2]
    _tell(on_progress, total, total)
    return {number: median(times) for number, times in found.items()}


def _fastest(found: Mapping[int, Sequence[float]]) -> float:
    return min(map(min, found.values()))


def fewest_of_the_fastest(seconds: Mapping[int, float], cores: int) -> int:
    """Return the number of threads to use, given the seconds of a step with each.

    One core is left to the window, unless the last one makes a wide difference.
    """
    sharing = {number: taken for number, taken in seconds.items() if number < cores}
    limit = NEARLY * min(sharing.values())
    chosen = min(number for number, taken in sharing.items() if taken <= limit)
    if cores in seconds and seconds[cores] * WIDE <= seconds[chosen]:
        return cores
    return chosen


def _longest(config: TrainConfig, prepared: Prepared) -> Prepared:
    """Return the network of a job that takes its time: a fine-tuned one, where some join those with a fixed encoder."""
    if config.training.freeze != "encoder":
        return prepared
    tuned = fine_tuning(config, epochs=1)
    data = prepared.data.with_split(prepared.data.split, tuned)
    ready = prepare_network(tuned, data, data.vocabulary, scaler=prepared.scaler)
    data.use_pooled(None)
    return ready


class _Step:
    """A forward and a backward pass over a batch of molecules of middling size."""

    def __init__(self, prepared: Prepared, device: Device) -> None:
        data = prepared.data
        positions = data.positions("train")
        order = positions[np.argsort(data.features.lengths[positions], kind="stable")]
        start = max(0, (len(order) - data.batch_size) // 2)
        self.prepared = prepared
        self.device = device
        self.batch: MolBatch = collate(
            data.features, order[start : start + data.batch_size], data.labels, data.vocabulary.pad_id
        )

    def seconds(self, threads: int) -> float:
        """Return how long the step takes with so many threads."""
        torch.set_num_threads(threads)
        batch, model = self.batch, self.prepared.model
        began = time.perf_counter()
        with self.device.autocast():
            logits = model.predict_batch(batch)
            loss = self.prepared.learning.criterion(logits, batch.targets, batch.target_mask, batch.weights)
        torch.autograd.backward(loss)
        taken = time.perf_counter() - began
        model.zero_grad(set_to_none=True)
        return taken


def _threads(number: int) -> str:
    return counted(number, "thread")


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _tell(on_progress: ProgressHandler | None, done: int, total: int) -> None:
    if on_progress is not None:
        on_progress(STAGE, done, total)
