"""Averages of the weights: over steps (EMA), or over the last epochs (SWA)."""

from __future__ import annotations

from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor

SWA_START = 0.75
"""SWA averages the epochs after this part of the planned ones."""


class AveragingCallback(pl.Callback):
    """Keeps an average of the weights, which stands in for them in validation and at the end.

    EMA follows every optimiser step with a decay that rises to its final value, so that short trainings are not held
    back by their first weights. SWA is the plain mean over the ends of the last quarter of the epochs; before that,
    there is no average, and the weights themselves are judged.

    Parameters
    ----------
    kind
        "ema" or "swa".
    decay
        Of the EMA, a step.
    """

    def __init__(self, kind: Literal["ema", "swa"], decay: float = 0.999) -> None:
        self.kind = kind
        self.decay = decay
        self._average: dict[str, Tensor] = {}
        self._count = 0
        self._last_step = 0
        self._last_epoch = -1
        self._swapped = False
        self._stands_in = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Follow the weights after an optimiser step (EMA)."""
        if self.kind == "ema" and trainer.global_step > self._last_step:
            self._last_step = trainer.global_step
            self._count += 1
            self._follow(pl_module, 1 - min(self.decay, self._count / (self._count + 9)))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the average in place of the weights."""
        if trainer.state.fn == "fit":
            self._end_of_epoch(trainer, pl_module)
            self._swap(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the weights back."""
        if self._swapped:
            self._swap(pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the epoch into the average (SWA without a validation part)."""
        self._end_of_epoch(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the average in the model."""
        self._swap(pl_module)
        self._swapped = False
        self._stands_in = True

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the average in the model of a run that was resumed after its last epoch."""
        # Lightning then skips its loop, and the end of training with it: the weights are those of the checkpoint.
        if not self._stands_in:
            self.on_train_end(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {
            "average": {name: value.detach().cpu().clone() for name, value in self._average.items()},
            "count": self._count,
            "last_step": self._last_step,
            "last_epoch": self._last_epoch,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self._average = dict(state_dict["average"])
        self._count = state_dict["count"]
        self._last_step = state_dict["last_step"]
        self._last_epoch = state_dict["last_epoch"]

    def _end_of_epoch(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        planned = trainer.max_epochs or 1
        late = trainer.current_epoch + 1 > SWA_START * planned
        if self.kind == "swa" and late and trainer.current_epoch > self._last_epoch:
            self._last_epoch = trainer.current_epoch
            self._count += 1
            self._follow(pl_module, 1 / self._count)

    @torch.no_grad()
    def _follow(self, pl_module: pl.LightningModule, share: float) -> None:
        """Move the average towards the weights by `share` of the way."""
        for name, parameter in pl_module.named_parameters():
            if not parameter.requires_grad:
                continue
            old = self._average.get(name)
            if old is None:
                self._average[name] = parameter.detach().clone()
                continue
            if old.device != parameter.device:
                old = self._average[name] = old.to(parameter.device)
            old.lerp_(parameter.detach(), share)

    @torch.no_grad()
    def _swap(self, pl_module: pl.LightningModule) -> None:
        if not self._average:
            return
        parameters = dict(pl_module.named_parameters())
        for name, value in self._average.items():
            weights = parameters[name].detach()
            self._average[name] = weights.clone()
            weights.copy_(value)
        self._swapped = not self._swapped
