"""One network of several: its place among the others' epochs, and its weights kept until all are there."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mole_engine.contracts.events import CheckpointSaved, EpochMetrics, Event, PinnedPredictions, StepMetrics
from mole_engine.contracts.paths import remove
from mole_engine.store.files import atomic_path
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.fitting import FitResult
from mole_engine.training.fixed_weights import FIXED
from mole_engine.training.metrics_table import append_row, locked_notice
from mole_engine.training.reporting import epoch_row
from mole_engine.training.series import Series

WEIGHTS, RESULT = "weights.safetensors", "result.json"


class MemberEmitter(EventEmitter):
    """Passes a network's events on as part of a longer training, in which the networks follow each other.

    Parameters
    ----------
    whole
        Emitter of the run.
    series, number
        The networks, and which this is; the first is 0.
    metrics_path
        Table of all networks' epochs.
    """

    def __init__(self, whole: EventEmitter, series: Series, number: int, metrics_path: Path) -> None:
        super().__init__(whole.run_id)
        self._whole = whole
        self._series = series
        self._number = number
        self._before = series.before(number)
        self._metrics_path = metrics_path
        self._learning_rate = math.nan
        self._first: tuple[float, int] | None = None
        # One network alone needs no number, also where a blend is made of it.
        self._networks = len(series.epochs) if len(series.epochs) > 1 else 0
        self._network, self._offset = (number + 1, self._before) if self._networks else (0, 0)

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
            total = self._before + event.total_epochs + self._series.after(self._number)
            event = replace(
                event,
                epoch=event.epoch + self._before,
                total_epochs=total,
                network=self._network,
                networks=self._networks,
                epochs_before=self._offset,
            )
            if append_row(self._metrics_path, epoch_row(event, self._learning_rate)):
                self._whole.emit(locked_notice(self._metrics_path))
        elif isinstance(event, CheckpointSaved):
            event = replace(event, epoch=event.epoch + self._before, network=self._network, epochs_before=self._offset)
        elif isinstance(event, PinnedPredictions):
            event = replace(event, epoch=event.epoch + self._before)
        return self._whole.emit(event)

    def _placed(self, event: StepMetrics) -> StepMetrics:
        steps = event.total_steps / max(1, event.total_epochs)
        after, own = self._series.after(self._number), self._own_seconds(event)
        left = 1 - event.step / max(1, event.total_steps)
        shares = left + self._series.later(self._number)
        rest = shares * own if shares else 0.0
        return replace(
            event,
            step=event.step + round(self._before * steps),
            total_steps=event.total_steps + round(self._before * steps) + round(after * steps),
            epoch=event.epoch + self._before,
            total_epochs=event.total_epochs + self._before + after,
            eta_seconds=rest + self._series.rest(self._number, own),
            network=self._network,
            networks=self._networks,
            epochs_before=self._offset,
            network_epochs=event.total_epochs if self._networks else 0,
        )

    def _own_seconds(self, event: StepMetrics) -> float:
        """Return how long this network takes from its first step to its last; NaN while nothing tells."""
        left = event.total_steps - event.step
        measured = event.eta_seconds * event.total_steps / left if left > 0 else math.nan
        usual = self._series.seconds(self._number)
        if math.isnan(usual) or math.isnan(measured):
            own = measured if math.isnan(usual) else usual
        else:
            # The first steps have met neither validation nor saving: until then, those before tell more.
            own = usual + event.step / event.total_steps * (measured - usual)
        if event.epoch > 1 and math.isfinite(own):
            self._series.hear_seconds(self._number, own)
        return self._elapsed_seconds(event) if math.isnan(own) else own

    def _elapsed_seconds(self, event: StepMetrics) -> float:
        """Return the same from the time since the first step that was told; the last may be the second."""
        now = self._clock()
        began, step = self._first = self._first or (now, event.step)
        return (now - began) * event.total_steps / (event.step - step) if event.step > step else math.nan


def member_folder(folder: Path, number: int) -> Path:
    """Where one network works; it goes with the run's checkpoints."""
    return folder / "checkpoints" / f"network-{number + 1}"


def is_trained(folder: Path) -> bool:
    """Whether a finished network is kept in a folder of `member_folder`."""
    return (folder / RESULT).is_file()


def round_to_half(module: torch.nn.Module) -> None:
    """Bring weights to what 16 bits hold, as bundles keep them: the run's figures are those of the stored network."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(weight.half().to(weight.dtype))


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
    # All that they hold is in the weights, so one that Windows does not let go costs room only.
    for path in (*(folder / "checkpoints").glob("*.ckpt"), folder / "checkpoints" / FIXED):
        with contextlib.suppress(OSError):
            remove(path)


def read_member(folder: Path, model: torch.nn.Module) -> FitResult | None:
    """Load a finished network into `model`; None where there is none that fits."""
    try:
        fields: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        model.load_state_dict(load_file(folder / WEIGHTS), strict=True)
    except (OSError, ValueError, RuntimeError, SafetensorError):
        return None
    numbers: dict[str, Any] = {key: math.nan if value is None else value for key, value in fields.items()}
    return FitResult(**numbers)
