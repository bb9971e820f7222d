"""Which networks an ensemble trains, and which at the same time; with enough molecules, fine-tuned ones join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mole_engine.contracts.config import TrainConfig
from mole_engine.training.blend import NETWORK, TUNED
from mole_engine.training.folds import Fold
from mole_engine.training.times import network_seconds, simple_seconds

FINE_TUNING: dict[str, Any] = {
    "freeze": "none",
    "learning_rate": 5e-4,
    "head_learning_rate": 1e-3,
    "layer_decay": 0.9,
    "head_epochs": 0,
    "warmup_fraction": 0.08,
    "schedule": "linear",
    "averaging": "none",
    "keep": "last",
}
"""How the fine-tuned networks learn."""

HEAD_COST = 0.06
"""Time of an epoch in which only a head learns, beside one of the whole network."""


@dataclass(frozen=True, eq=False)
class PlannedNetwork:
    """One network of a plan.

    Attributes
    ----------
    number
        Its place, the first is 0.
    kind
        As part of a blend: "network" or "tuned".
    fold
        What it learns from.
    place
        Which random start of this kind in this fold, the first is 0.
    config
        The job as this network sees it.
    cost
        Time of an epoch, beside the others'.
    turn
        Those of one turn are trained at the same time.
    apart
        Whether a process of its own trains it.
    """

    number: int
    kind: str
    fold: Fold
    place: int
    config: TrainConfig
    cost: float = 1.0
    turn: int = 0
    apart: bool = False

    @property
    def epochs(self) -> int:
        """Epochs it learns for."""
        return self.config.training.epochs


def plan_networks(config: TrainConfig, folds: Sequence[Fold], molecules: int, tokens: float) -> list[PlannedNetwork]:
    """Return all networks in the order of their training.

    Every fold has its turn before the next random start, so that who stops early has used all molecules. Where
    fine-tuned networks join, one with a fixed encoder is enough for each fold.

    Parameters
    ----------
    config, folds
        The job and what it is divided into.
    molecules, tokens
        How many there are for training and validation, and their mean number of tokens.
    """
    epochs = config.fine_tuning_epochs(molecules)
    cost, heads = 1.0, config
    if config.training.freeze == "encoder":
        # A head's steps are too small for several threads; the models to compare with take the other cores.
        cost, heads = HEAD_COST, config.updated({"runtime": {"threads": 1}})
    plan: list[PlannedNetwork] = []

    def add(kind: str, own: TrainConfig, fold: Fold, place: int, cost: float) -> None:
        seed = config.seed + place * len(folds) + fold.number
        plan.append(PlannedNetwork(len(plan), kind, fold, place, own.model_copy(update={"seed": seed}), cost))

    for place in range(max(fold.members for fold in folds)):
        for fold in folds:
            if place < fold.members and not (epochs and len(folds) > 1 and place):
                add(NETWORK, heads, fold, place, cost)
    if epochs:
        other = fine_tuning(config, epochs)
        for place in range(config.fine_tuning_members(molecules)):
            for fold in folds:
                add(TUNED, other, fold, place, 1.0)
    threads, at_once = config.runtime.threads, config.runtime.side_by_side
    leave = _leave(config, plan, molecules * tokens * (1 - 1 / max(2, len(folds))), molecules)
    return in_turns(plan, threads, at_once, leave)


def in_turns(plan: Sequence[PlannedNetwork], threads: int, at_once: int, leave: int = 0) -> list[PlannedNetwork]:
    """Return a plan whose large networks are trained so many at a time; heads come one after the other.

    Those of a turn share the threads equally; the last turn, which may have fewer, gives more to each. What a network
    has does not depend on which process trains it, or when: the result is the same to the last digit.

    Parameters
    ----------
    plan
        In the order of training.
    threads
        Of the whole job; 0: not chosen, so that nothing can be shared.
    at_once
        Networks at the same time; 0 and 1: one after the other.
    leave
        Threads that a last turn with fewer networks leaves to what follows, which then begins beside it.
    """
    large = [item.number for item in plan if _is_large(item)]
    at_once = min(at_once, threads, len(large))
    if at_once < 2:
        return [replace(item, turn=item.number) for item in plan]
    turned: list[PlannedNetwork] = []
    for item in plan:
        if item.number not in large:
            turned.append(replace(item, turn=item.number))
            continue
        first = large.index(item.number) // at_once * at_once
        together = large[first : first + at_once]
        share = _share(threads, at_once, len(together), leave)
        own = item.config.updated({"runtime": {"threads": share}})
        turned.append(replace(item, config=own, turn=together[0], apart=True))
    return turned


def _is_large(item: PlannedNetwork) -> bool:
    return item.config.training.freeze != "encoder"


def _share(threads: int, at_once: int, together: int, leave: int) -> int:
    return max(threads // at_once, (threads - leave) // together)


def _leave(config: TrainConfig, plan: Sequence[PlannedNetwork], tokens: float, molecules: int) -> int:
    """Return whether (1) the last turn had better leave a thread to the simple models, or (0) they wait for it.

    Nothing is measured here: who makes the run again must come to the same plan.
    """
    large = [item for item in plan if _is_large(item)]
    threads, at_once = config.runtime.threads, min(config.runtime.side_by_side, config.runtime.threads, len(large))
    if not config.ensemble.trees or at_once < 2:
        return 0
    together = len(large) % at_once or at_once
    with_all, without = (_share(threads, at_once, together, leave) for leave in (0, 1))
    weights = 12 * config.model.layers * config.model.hidden_size**2
    quick, slow = (network_seconds(weights, tokens, large[-1].epochs, number) for number in (with_all, without))
    folds = len({item.fold.number for item in large})
    simple = simple_seconds(folds, int(molecules * (1 - 1 / max(2, folds))))
    # What is done meanwhile need not be done afterwards, by all threads.
    saved = min(simple, slow * (threads - together * without)) / threads
    return int(saved > slow - quick)


def spare_threads(plan: Sequence[PlannedNetwork], threads: int) -> int:
    """Return how many of the job's threads the networks of the last turn do not use, where processes train them."""
    last = [item.config.runtime.threads for item in plan if item.turn == plan[-1].turn]
    return max(0, threads - sum(last)) if plan[-1].apart else 0


def fine_tuning(config: TrainConfig, epochs: int) -> TrainConfig:
    """Return the job as a fine-tuned network sees it."""
    return config.updated({"training": {**FINE_TUNING, "epochs": epochs}})
