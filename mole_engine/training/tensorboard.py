"""A run's numbers as TensorBoard logs, for those who watch many runs there."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

from mole_engine.contracts.events import BaselineReady, EpochMetrics, Event, StepMetrics

FOLDER = "tensorboard"
HINT = (
    "TensorBoard logs cannot be written: the package tensorboard is missing. Install it with pip install tensorboard."
)


class TensorBoardLog:
    """Writes scalars of events to a folder; opened by the first number, closed by the last event.

    Parameters
    ----------
    folder
        Of the logs.
    redone_from
        Step that a resumed run goes on from: TensorBoard hides what came later; None for a new run.
    """

    def __init__(self, folder: Path, redone_from: int | None = None) -> None:
        self._folder = folder
        self._redone_from = redone_from
        self._writer: Any = None

    @staticmethod
    def is_possible() -> bool:
        """Whether the package is there; asked once torch is loaded anyway."""
        try:
            importlib.import_module("torch.utils.tensorboard")
        except ImportError:
            return False
        return True

    def show(self, event: Event) -> None:
        """Write what an event measures. Raises OSError when the disk is full."""
        if event.is_terminal:
            self.close()
        elif isinstance(event, StepMetrics):
            names = ("loss", "learning_rate", "gradient_norm", "molecules_per_second", "memory_bytes")
            self._write({f"step/{name}": getattr(event, name) for name in names}, event.step)
        elif isinstance(event, EpochMetrics):
            values = {"epoch/train_loss": event.train_loss, "epoch/validation_loss": event.validation_loss}
            values |= {f"validation/{name}": value for name, value in event.metrics.items()}
            values |= {f"train/{name}": value for name, value in event.train_metrics.items()}
            self._write(values, event.step)
        elif isinstance(event, BaselineReady):
            self._write({f"baseline {event.name}/{name}": value for name, value in event.metrics.items()}, 0)

    def close(self) -> None:
        """Finish the files."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, values: dict[str, float], step: int) -> None:
        if self._writer is None:
            module = importlib.import_module("torch.utils.tensorboard")
            self._writer = module.SummaryWriter(str(self._folder), purge_step=self._redone_from)
        for name, value in values.items():
            if math.isfinite(value):
                self._writer.add_scalar(name, value, step)
