"""Reporting: what the training loop tells the outside, as events and as rows of `metrics.csv`."""

from __future__ import annotations

import math
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint

from mole_engine.contracts.events import EpochMetrics, StepMetrics
from mole_engine.training.callbacks import ControlCallback
from mole_engine.training.checkpoints import CheckpointCallback
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.machine import MachineUse, peak_memory
from mole_engine.training.metrics import LOSS
from mole_engine.training.metrics_table import append_row, locked_notice

SPEED_WINDOW = 10.0
"""Seconds over which molecules per second are averaged."""


class EventCallback(Checkpoint):
    """Turns steps and epochs into events, and epochs into rows of `metrics.csv`; then has the epoch's state saved.

    It is of Lightning's kind `Checkpoint` because only those hear of an epoch after the model has logged its metrics.

    Parameters
    ----------
    emitter
        Receives the events.
    checkpoints
        Knows whether an epoch is the best.
    control
        Knows how long the run was paused; None: never.
    metrics_path
        `metrics.csv`; None: not written.
    """

    def __init__(
        self,
        emitter: EventEmitter,
        checkpoints: CheckpointCallback,
        control: ControlCallback | None = None,
        metrics_path: Path | None = None,
    ) -> None:
        self.emitter = emitter
        self.checkpoints = checkpoints
        self.control = control
        self.metrics_path = metrics_path
        self.last_epoch: EpochMetrics | None = None
        self._report = False
        self._gradient_norm = math.nan
        self._learning_rate = math.nan
        self._losses: list[torch.Tensor] = []
        self._molecules: deque[tuple[float, int]] = deque()
        self._progress = Progress()
        self._machine = MachineUse(torch.device("cpu"))
        self._last_step = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._last_step = trainer.global_step
        self._machine = MachineUse(pl_module.device)
        self._progress = Progress(first_step=trainer.global_step)
        self._progress.tick(self._now(), trainer.global_step)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the epoch's clock and loss."""
        self._losses = []
        self._epoch_began = self._now()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Measure the gradient, if this step will be reported; who clips it measures it anyway."""
        self._report = self.emitter.wants_step()
        self._learning_rate = _learning_rate(trainer)
        if self._report and not trainer.gradient_clip_val:
            gradients = [item.grad for item in pl_module.parameters() if item.grad is not None]
            self._gradient_norm = float(torch.nn.utils.get_total_norm(gradients)) if gradients else math.nan

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report an optimiser step."""
        now = self._now()
        loss = outputs["loss"].detach()
        self._losses.append(loss)
        self._molecules.append((now, len(batch) * trainer.world_size))
        if trainer.global_step == self._last_step:
            return
        self._last_step = trainer.global_step
        self._progress.tick(now, trainer.global_step)
        if self._report:
            clipped = getattr(pl_module, "gradient_norm", None)
            if clipped is not None:
                self._gradient_norm = float(clipped)
            total = int(trainer.estimated_stepping_batches)
            self.emitter.emit(
                StepMetrics(
                    step=trainer.global_step,
                    total_steps=total,
                    epoch=trainer.current_epoch + 1,
                    total_epochs=trainer.max_epochs or 0,
                    loss=float(loss),
                    learning_rate=self._learning_rate,
                    gradient_norm=self._gradient_norm,
                    molecules_per_second=self._speed(now),
                    eta_seconds=self._progress.remaining(total),
                    memory_bytes=peak_memory(pl_module.device),
                    memory_total=self._machine.memory_total,
                    cpu_percent=self._machine.cpu_percent(),
                    gpu_percent=self._machine.gpu_percent(),
                )
            )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report a finished epoch."""
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        metrics = {name.removeprefix("val/"): value for name, value in values.items() if name.startswith("val/")}
        validation_loss = values.get("val_loss", math.nan)
        monitor = self.checkpoints.monitor
        if monitor == LOSS and metrics:
            metrics[LOSS] = validation_loss
        # The model's own, over all labels of all processes, where it computes one.
        batches = float(torch.stack(self._losses).mean()) if self._losses else math.nan
        train_loss = values.get("train_loss", batches)
        self.last_epoch = EpochMetrics(
            epoch=trainer.current_epoch + 1,
            total_epochs=trainer.max_epochs or 0,
            step=trainer.global_step,
            train_loss=train_loss,
            validation_loss=validation_loss,
            metrics=metrics,
            train_metrics={
                name.removeprefix("train/"): value for name, value in values.items() if name.startswith("train/")
            },
            monitor=monitor if metrics else "",
            is_best=self.checkpoints.is_best,
            seconds=self._now() - self._epoch_began,
        )
        if trainer.is_global_zero and self.metrics_path is not None:
            self._write_row(self.metrics_path, epoch_row(self.last_epoch, self._learning_rate))
        self.emitter.emit(self.last_epoch)
        self.checkpoints.save_state(trainer)

    def _write_row(self, path: Path, row: dict[str, Any]) -> None:
        if append_row(path, row):
            self.emitter.emit(locked_notice(path))

    def _now(self) -> float:
        """Seconds of a clock that stands still while paused."""
        return time.monotonic() - (self.control.paused_seconds if self.control else 0.0)

    def _speed(self, now: float) -> float:
        while len(self._molecules) > 2 and now - self._molecules[0][0] > SPEED_WINDOW:
            self._molecules.popleft()
        elapsed = now - self._molecules[0][0]
        # The first entry marks the start of the window: its molecules came before.
        return sum(count for _, count in list(self._molecules)[1:]) / elapsed if elapsed > 0 else math.nan


class Progress:
    """Estimates the time left from the time a step has taken, validation included.

    The estimate weighs the whole run so far, so that it settles instead of jumping; the first steps (which compile and
    allocate) fade from it.
    """

    def __init__(self, first_step: int = 0) -> None:
        self._step = first_step
        self._began: float | None = None
        self._average = math.nan
        self._seen = 0

    def tick(self, now: float, step: int) -> None:
        """Note that `step` optimiser steps are done at second `now`."""
        if self._began is not None and step > self._step:
            each = (now - self._began) / (step - self._step)
            self._seen += 1
            share = max(1 / self._seen, 0.01)
            self._average = each if math.isnan(self._average) else self._average + share * (each - self._average)
        self._began, self._step = now, step

    def remaining(self, total_steps: int) -> float:
        """Seconds until `total_steps`; NaN before the second step."""
        return self._average * max(0, total_steps - self._step) if self._seen > 1 else math.nan


def epoch_row(epoch: EpochMetrics, learning_rate: float) -> dict[str, Any]:
    """Return an epoch as a row of `metrics.csv`."""
    return {
        "epoch": epoch.epoch,
        "step": epoch.step,
        "train_loss": epoch.train_loss,
        "validation_loss": epoch.validation_loss,
        "learning_rate": learning_rate,
        "seconds": round(epoch.seconds, 3),
        **{f"validation/{name}": value for name, value in epoch.metrics.items() if name != LOSS},
        **{f"train/{name}": value for name, value in epoch.train_metrics.items()},
    }


def _learning_rate(trainer: pl.Trainer) -> float:
    return float(trainer.optimizers[0].param_groups[0]["lr"])
