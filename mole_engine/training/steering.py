"""Steering a running fit: the learning rate, and the epoch that it ends with."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from mole_engine.contracts.config import TrainingConfig
from mole_engine.contracts.events import Notice
from mole_engine.contracts.run_state import RunControl
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.schedulers import warmup_steps
from mole_engine.training.series import Series


class SteeringCallback(pl.Callback):
    """Carries out `set_learning_rate` and `set_last_epoch` of a `RunControl` between batches.

    Both are part of the state to resume from, so that an interrupted run goes on as it was steered. A job on several
    devices is not steered: its other processes do not hear the user.

    Parameters
    ----------
    control
        The user's words.
    emitter
        Told what was done.
    training
        The plan.
    series, number
        The networks that this one is one of, and which; None: it is the only one.
    """

    def __init__(
        self,
        control: RunControl,
        emitter: EventEmitter,
        training: TrainingConfig,
        series: Series | None = None,
        number: int = 0,
    ) -> None:
        self.control = control
        self.emitter = emitter
        self.training = training
        self.series = series
        self.number = number
        self.factor = 1.0
        self.last_epoch = 0
        self._plans: list[Callable[[float], float]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take up the plan of a resumed run."""
        self._plans = list(_schedule(trainer).lr_lambdas)
        if self.last_epoch:
            self._replan(trainer)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Obey."""
        self._obey(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Obey once more before it is decided whether another epoch follows."""
        self._obey(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"factor": self.factor, "last_epoch": self.last_epoch, "asked": self.control.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from `state_dict`; the optimiser's and the schedule's states have the factor already."""
        self.factor = float(state_dict["factor"])
        self.last_epoch = int(state_dict["last_epoch"])
        asked = int(state_dict.get("asked", 0))
        if self.series is not None and asked and not self.control.last_epoch:
            # It holds for the networks to come as well.
            self.control.set_last_epoch(asked)

    def _obey(self, trainer: pl.Trainer) -> None:
        if trainer.world_size > 1:
            return
        factor, asked = self.control.learning_rate_factor, self.control.last_epoch
        if factor and factor != self.factor:
            self._scale(trainer, factor)
            words = "as planned again" if factor == 1 else f"{factor:g} times the planned one"
            self._say(f"From step {trainer.global_step + 1:,} on, the learning rate is {words}.")
        now = trainer.current_epoch + 1
        if self.series is not None and (words := self.series.news(self.series.before(self.number) + now)):
            self._say(words)
        own = asked if self.series is None else self.series.own_last(self.number, asked)
        # The epoch under way cannot be taken back.
        last = max(own, now) if asked else 0
        if last and last != (self.last_epoch or trainer.max_epochs):
            self.last_epoch = last
            self._replan(trainer)
            if self.series is None:
                self._say(f"Training now ends with epoch {last}.")

    def _say(self, message: str) -> None:
        self.emitter.emit(Notice(message=message))

    def _scale(self, trainer: pl.Trainer, factor: float) -> None:
        schedule = _schedule(trainer)
        schedule.base_lrs = [rate / self.factor * factor for rate in schedule.base_lrs]
        self.factor = factor
        _use_now(schedule)

    def _replan(self, trainer: pl.Trainer) -> None:
        steps = _steps_per_epoch(trainer)
        trainer.fit_loop.max_epochs = self.last_epoch
        planned = steps * self.training.epochs
        # The rise at the beginning stays as it was.
        rise = warmup_steps(planned, self.training.warmup_fraction) + steps * self.training.head_epochs
        schedule = _schedule(trainer)
        schedule.lr_lambdas = [stretched(plan, planned, steps * self.last_epoch, rise) for plan in self._plans]
        _use_now(schedule)


def stretched(plan: Callable[[float], float], planned: int, total: int, rise: int) -> Callable[[float], float]:
    """Return a plan of `planned` steps drawn out (or together) to `total`, its first `rise` steps left alone."""
    kept = rise if rise < min(planned, total) else 0
    pace = (planned - kept) / (total - kept)
    return lambda step: plan(step if step < kept else kept + (step - kept) * pace)


def steered_last_epoch(checkpoint: Path) -> int:
    """Return the last epoch that a user has set in the run of a checkpoint; 0: none."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = content.get("callbacks", {}).get(SteeringCallback.__qualname__, {})
    return int(state.get("last_epoch", 0))


def checkpoint_step(checkpoint: Path) -> int:
    """Return after which optimiser step a checkpoint was written; 0 where there is none that can be read."""
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        return int(content["global_step"])
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError):
        return 0


def _schedule(trainer: pl.Trainer) -> Any:
    return trainer.lr_scheduler_configs[0].scheduler


def _use_now(schedule: Any) -> None:
    """Set the rates that a schedule has for the step under way."""
    for group, base, plan in zip(schedule.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True):
        group["lr"] = base * plan(schedule.last_epoch)


def _steps_per_epoch(trainer: pl.Trainer) -> int:
    return max(1, -(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches))
