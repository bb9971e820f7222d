"""Learning-rate schedules: a warm-up, then constant, linear or cosine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def schedule_factor(name: str, total_steps: int, warmup_steps: int) -> Callable[[int], float]:
    """Return the factor on the peak learning rate as a function of the optimiser step (the first is 0).

    The factor is positive at every step from 0 to `total_steps - 1`: the first step of a warm-up of w steps has 1/w,
    the last of a decay has a little more than 0. Without a warm-up the first step has the peak rate.

    Parameters
    ----------
    name
        "constant", "linear" or "cosine".
    total_steps, warmup_steps
        Optimiser steps of the whole training, and how many of them warm up.
    """
    total = max(1, total_steps)
    warmup = min(max(0, warmup_steps), total - 1)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        left = max(0.0, (total - step) / (total - warmup))
        if name == "linear":
            return left
        return 0.5 * (1 - math.cos(math.pi * left)) if name == "cosine" else 1.0

    return factor


def delayed(factor: Callable[[int], float], wait: int, rise: int) -> Callable[[int], float]:
    """Return a factor that is 0 for `wait` steps, then rises to `factor` within `rise` steps."""
    if wait <= 0:
        return factor
    return lambda step: 0.0 if step < wait else factor(step) * min(1.0, (step - wait + 1) / max(1, rise))


def warmup_steps(total_steps: int, fraction: float) -> int:
    """Return how many steps warm up; a fraction of 0 means none."""
    return round(total_steps * fraction)


def build_schedule(
    optimiser: Optimizer, name: str, total_steps: int, warmup: int, waits: Sequence[int] | None = None
) -> LambdaLR:
    """Return the schedule as torch knows it; it is stepped after every optimiser step.

    `waits` says for how many steps each parameter group stands still at first; None: none does.
    """
    factor = schedule_factor(name, total_steps, warmup)
    if not waits or not any(waits):
        return LambdaLR(optimiser, factor)
    return LambdaLR(optimiser, [delayed(factor, min(wait, total_steps - 1), warmup) for wait in waits])
