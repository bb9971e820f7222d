"""Small callbacks: the user's control, seeding, and the stop when training diverges."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException

from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.contracts.run_state import RunControl

CHECK_EVERY = 16


@contextlib.contextmanager
def heeding_terminate(control: RunControl) -> Iterator[None]:
    """Let SIGTERM, with which a scheduler ends a job, interrupt a fit as Ctrl-C does.

    Lightning answers it by itself, with a `SystemExit` of code 0: the job would look done, and its run active for ever.
    """
    try:
        yield
    except SIGTERMException as error:
        control.interrupt()
        raise Cancelled from error


class ControlCallback(pl.Callback):
    """Obeys the user between batches.

    Pause waits in the training thread, cancel raises `Cancelled` out of the fit, stop lets Lightning end after the
    current step, with a last validation.

    Attributes
    ----------
    paused_seconds
        Time spent waiting so far.
    """

    def __init__(self, control: RunControl) -> None:
        self.control = control
        self.paused_seconds = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Wait while paused; leave when cancelled."""
        self._obey(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End training when asked to; leave when cancelled."""
        if _any_process(trainer, self.control.stop_requested):
            trainer.should_stop = True
        self._obey(trainer)

    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Wait while paused; leave when cancelled."""
        self._obey(trainer)

    on_test_batch_start = on_validation_batch_start
    on_predict_batch_start = on_validation_batch_start

    def _obey(self, trainer: pl.Trainer) -> None:
        if _any_process(trainer, self.control.cancel_requested):
            raise Cancelled
        if self.control.is_paused:
            began = time.monotonic()
            self.control.checkpoint()
            self.paused_seconds += time.monotonic() - began


def _any_process(trainer: pl.Trainer, wish: bool) -> bool:
    """Whether this process, or any other of the job, wishes it: all of them leave at the same batch, or none."""
    return trainer.strategy.reduce_boolean_decision(wish, all=False) if trainer.world_size > 1 else wish


class SeedCallback(pl.Callback):
    """Seeds torch at the start of each epoch, so that a resumed run continues as if it had never stopped."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed by run, epoch and process (each process has its own dropout)."""
        # Not at the start of the epoch: making the loader's iterator draws from torch's generator as well.
        if batch_idx == 0:
            torch.manual_seed(hash((self.seed, trainer.current_epoch, trainer.global_rank)) % 2**63)


class DivergenceCallback(pl.Callback):
    """Stops with a reason when the loss is no longer a number.

    On a GPU the loss is looked at every few steps only, since looking waits for the device, and always before the
    epoch's checkpoint is written.
    """

    def __init__(self) -> None:
        self._worst: torch.Tensor | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the epoch before."""
        self._worst = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take note of the loss; raise InputError if it is not finite."""
        loss = outputs["loss"].detach()
        self._worst = loss if self._worst is None else self._worst + loss
        if loss.device.type == "cpu" or batch_idx % CHECK_EVERY == 0 or trainer.is_last_batch:
            self._check(trainer)

    def _check(self, trainer: pl.Trainer) -> None:
        if self._worst is None or math.isfinite(float(self._worst)):
            return
        rate = max(group["lr"] for group in trainer.optimizers[0].param_groups)
        raise InputError(
            "Training has diverged:",
            f"the loss is no longer a number in epoch {trainer.current_epoch + 1}, step {trainer.global_step}, "
            f"at a learning rate of {rate:.2g}.",
            "Use a smaller learning rate or a longer warm-up, and look for extreme values among the labels.",
        )
