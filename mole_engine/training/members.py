"""One network of several: its place among the others' epochs, and its weights kept until all are there."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mole_engine.contracts.events import CheckpointSaved, EpochMetrics, Event, PinnedPredictions, StepMetrics
from mole_engine.store.files import atomic_path
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.fitting import FitResult
from mole_engine.training.reporting import append_row, epoch_row

WEIGHTS, RESULT = "weights.safetensors", "result.json"


class MemberEmitter(EventEmitter):
    """Passes a network's events on as part of a longer training, in which the networks follow each other.

    Parameters
    ----------
    whole
        Emitter of the run.
    epochs
        Of each network, in their order.
    number
        Which network; the first is 0.
    later
        Time of the networks to come, beside this one's.
    metrics_path
        Table of all networks' epochs.
    """

    def __init__(
        self, whole: EventEmitter, epochs: Sequence[int], number: int, later: float, metrics_path: Path
    ) -> None:
        super().__init__(whole.run_id)
        self._whole = whole
        self._before = sum(epochs[:number])
        self._after = sum(epochs[number + 1 :])
        self._later = later
        self._metrics_path = metrics_path
        self._learning_rate = math.nan

    @property
    def finished(self) -> bool:
        """Whether the run's terminal event has passed."""
        return self._whole.finished

    def wants_step(self) -> bool:
        """Whether step metrics emitted now would pass."""
        return self._whole.wants_step()

    def emit(self, event: Event) -> bool:
        """Give the event its place in the whole training, and pass it on."""
        if isinstance(event, StepMetrics):
            self._learning_rate = event.learning_rate
            event = self._placed(event)
        elif isinstance(event, EpochMetrics):
            total = event.total_epochs + self._before + self._after
            event = replace(event, epoch=event.epoch + self._before, total_epochs=total)
            append_row(self._metrics_path, epoch_row(event, self._learning_rate))
        elif isinstance(event, (CheckpointSaved, PinnedPredictions)):
            event = replace(event, epoch=event.epoch + self._before)
        return self._whole.emit(event)

    def _placed(self, event: StepMetrics) -> StepMetrics:
        steps = event.total_steps / max(1, event.total_epochs)
        rest = event.eta_seconds
        if event.step:
            # In the measure of this one's own time.
            rest += self._later * event.eta_seconds * event.total_steps / max(1, event.total_steps - event.step)
        return replace(
            event,
            step=event.step + round(self._before * steps),
            total_steps=event.total_steps + round(self._before * steps) + round(self._after * steps),
            epoch=event.epoch + self._before,
            total_epochs=event.total_epochs + self._before + self._after,
            eta_seconds=rest,
        )


def member_folder(folder: Path, number: int) -> Path:
    """Where one network works; it goes with the run's checkpoints."""
    return folder / "checkpoints" / f"network-{number + 1}"


def write_member(folder: Path, model: torch.nn.Module, fit: FitResult) -> None:
    """Keep a finished network, and drop the larger state from which it could have gone on.

    Raises
    ------
    InputError, KnownError
        When the folder cannot be written.
    """
    weights = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    with atomic_path(folder / WEIGHTS) as temporary:
        save_file(weights, temporary)
    fields = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in asdict(fit).items()
        if key != "metrics"
    }
    with atomic_path(folder / RESULT) as temporary:
        temporary.write_text(json.dumps(fields), encoding="utf-8")
    for path in (folder / "checkpoints").glob("*.ckpt"):
        path.unlink(missing_ok=True)


def read_member(folder: Path, model: torch.nn.Module) -> FitResult | None:
    """Load a finished network into `model`; None where there is none that fits."""
    try:
        fields: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        model.load_state_dict(load_file(folder / WEIGHTS), strict=True)
    except (OSError, ValueError, RuntimeError, SafetensorError):
        return None
    numbers: dict[str, Any] = {key: math.nan if value is None else value for key, value in fields.items()}
    return FitResult(**numbers)
