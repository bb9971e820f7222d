"""Checkpoints: the best epoch's weights, and the last state to resume from; and stopping when nothing improves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from mole_engine.contracts.events import CheckpointSaved, Notice
from mole_engine.contracts.wording import counted
from mole_engine.store.files import atomic_path
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.fixed_weights import FixedWeights
from mole_engine.training.metrics import LOSS

BEST, LAST = "best.ckpt", "last.ckpt"


def monitored_value(trainer: pl.Trainer, monitor: str) -> float:
    """Return the validation metric (or "loss") of the epoch that was just validated; NaN where there is none."""
    value = trainer.callback_metrics.get("val_loss" if monitor == LOSS else f"val/{monitor}")
    return math.nan if value is None else float(value)


class CheckpointCallback(pl.Callback):
    """Writes `best.ckpt` and `last.ckpt`, atomically, and ends training after `patience` epochs without improvement.

    Must stand before `AveragingCallback`: the best weights are those that validation has judged.

    Parameters
    ----------
    folder
        Where the checkpoints go.
    emitter
        Told of every checkpoint.
    monitor, mode
        Validation metric that chooses, and "min" or "max". Where it is not defined in the first validation (for example
        an AUROC with one class), the validation loss takes its place.
    patience
        Epochs without improvement before training ends; 0: never.
    every
        Epochs between resumable checkpoints.
    fixed
        Weights that both leave out; None: they are whole.

    Attributes
    ----------
    best_epoch, best_value
        The best epoch so far (the first is 1; 0: none yet) and its value.
    is_best
        Whether the epoch that was just validated is the best so far.
    """

    def __init__(
        self,
        folder: Path,
        emitter: EventEmitter,
        *,
        monitor: str,
        mode: str,
        patience: int = 0,
        every: int = 1,
        fixed: FixedWeights | None = None,
    ) -> None:
        self.fixed = fixed
        self.folder = folder
        self.emitter = emitter
        self.monitor = monitor
        self.mode = mode
        self.patience = patience
        self.every = every
        self.best_epoch = 0
        self.best_value = math.nan
        self.best_metrics: dict[str, float] = {}
        self.is_best = False
        self._waited = 0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Train nothing where the state that was loaded is of a run that had ended for lack of improvement."""
        if not self._is_out_of_patience:
            return
        trainer.should_stop = True
        ended, waited = self.best_epoch + self._waited, counted(self._waited, "epoch")
        self.emitter.emit(Notice(message=f"Training had ended with epoch {ended}: {waited} without improvement."))

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget whether the epoch before was the best."""
        self.is_best = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the weights if they are the best so far; count the epochs since."""
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        value = self._value(trainer)
        self.is_best = self._improves(value)
        if not self.is_best:
            self._waited += 1
            if self._is_out_of_patience:
                trainer.should_stop = True
            return
        self._waited = 0
        self.best_value = value
        self.best_epoch = trainer.current_epoch + 1
        self.best_metrics = {
            name.removeprefix("val/"): float(number)
            for name, number in trainer.callback_metrics.items()
            if name.startswith("val/")
        }
        self._save_weights(trainer)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Leave out what does not learn."""
        if self.fixed is not None:
            self.fixed.drop(checkpoint["state_dict"])

    def save_state(self, trainer: pl.Trainer) -> None:
        """Write the state to resume from, at the very end of an epoch.

        Called after the epoch was reported: a run that is killed in between reports the epoch once more, while one
        that was never reported would be missing from the curves.
        """
        epoch = trainer.current_epoch + 1
        if epoch % self.every == 0 or epoch == trainer.max_epochs or trainer.should_stop:
            self._save_state(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {
            "monitor": self.monitor,
            "mode": self.mode,
            "best_epoch": self.best_epoch,
            "best_value": self.best_value,
            "best_metrics": self.best_metrics,
            "waited": self._waited,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.monitor = state_dict["monitor"]
        self.mode = state_dict["mode"]
        self.best_epoch = state_dict["best_epoch"]
        self.best_value = state_dict["best_value"]
        self.best_metrics = state_dict["best_metrics"]
        self._waited = state_dict["waited"]

    @property
    def _is_out_of_patience(self) -> bool:
        return self.patience > 0 and self._waited >= self.patience

    def _value(self, trainer: pl.Trainer) -> float:
        value = monitored_value(trainer, self.monitor)
        if math.isnan(value) and not self.best_epoch and self.monitor != LOSS:
            self.emitter.emit(
                Notice(
                    message=f"The validation part is too small or too uniform for {self.monitor}: "
                    "the validation loss chooses the best epoch instead.",
                    level="warning",
                )
            )
            self.monitor, self.mode = LOSS, "min"
            value = monitored_value(trainer, LOSS)
        return value

    def _improves(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if not self.best_epoch:
            return True
        return value < self.best_value if self.mode == "min" else value > self.best_value

    def _save_weights(self, trainer: pl.Trainer) -> None:
        # Sharded strategies gather here, so every process takes part; one writes.
        weights = trainer.strategy.lightning_module_state_dict()
        path = self.folder / BEST
        if self.fixed is not None:
            self.fixed.drop(weights)
        if trainer.is_global_zero:
            content = {
                "state_dict": weights,
                "epoch": self.best_epoch,
                "monitor": self.monitor,
                "value": self.best_value,
            }
            with atomic_path(path) as temporary:
                torch.save(content, temporary)
        self.emitter.emit(
            CheckpointSaved(
                path=str(path), epoch=self.best_epoch, monitor=self.monitor, value=self.best_value, is_best=True
            )
        )

    def _save_state(self, trainer: pl.Trainer) -> None:
        path = self.folder / LAST
        if trainer.is_global_zero:
            with atomic_path(path) as temporary:
                trainer.save_checkpoint(temporary, weights_only=False)
        else:
            trainer.save_checkpoint(path, weights_only=False)
        self.emitter.emit(
            CheckpointSaved(
                path=str(path),
                epoch=trainer.current_epoch + 1,
                monitor=self.monitor,
                value=monitored_value(trainer, self.monitor),
            )
        )
