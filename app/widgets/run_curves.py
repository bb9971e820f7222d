"""The curves of one run, gathered from its events, whether it is under way or replayed from its log."""

from __future__ import annotations

import math
from collections.abc import Iterable

from app.widgets.figures import lower_is_better
from mole_engine.contracts.events import EpochMetrics, Event, StepMetrics


class RunCurves:
    """What the charts of a run show.

    Attributes
    ----------
    step_epochs, step_losses
        Training loss of single steps, over the (fractional) epoch.
    epochs, train_losses, validation_losses, epoch_seconds
        Means of whole epochs, and how long each took.
    metrics
        Validation metrics by name, one value an epoch (NaN where undefined).
    monitor
        The metric that chooses the kept epoch.
    kept
        Index of the kept epoch in `epochs`, or -1.
    total_epochs
        Epochs that the run is meant to have.
    """

    def __init__(self, total_epochs: int = 0) -> None:
        self.total_epochs = total_epochs
        self.step_epochs: list[float] = []
        self.step_losses: list[float] = []
        self.epochs: list[float] = []
        self.train_losses: list[float] = []
        self.validation_losses: list[float] = []
        self.epoch_seconds: list[float] = []
        self.metrics: dict[str, list[float]] = {}
        self.monitor = ""
        self.kept = -1

    @classmethod
    def replay(cls, events: Iterable[Event]) -> RunCurves:
        """Gather the curves of a run that is over."""
        curves = cls()
        for event in events:
            curves.add(event)
        return curves

    def add(self, event: Event) -> bool:
        """Take in one event; return whether a curve has grown."""
        if isinstance(event, StepMetrics):
            self._add_step(event)
            return True
        if isinstance(event, EpochMetrics):
            self._add_epoch(event)
            return True
        return False

    def _add_step(self, event: StepMetrics) -> None:
        self.total_epochs = event.total_epochs or self.total_epochs
        steps = event.total_steps or 1
        self.step_epochs.append(event.step / steps * (event.total_epochs or 1))
        self.step_losses.append(event.loss)

    def _add_epoch(self, event: EpochMetrics) -> None:
        self.total_epochs = event.total_epochs or self.total_epochs
        self.monitor = event.monitor.removeprefix("val/") or self.monitor
        self.epochs.append(float(event.epoch))
        self.train_losses.append(event.train_loss)
        self.validation_losses.append(event.validation_loss)
        self.epoch_seconds.append(event.seconds)
        for name, value in event.metrics.items():
            plain = name.removeprefix("val/")
            series = self.metrics.setdefault(plain, [])
            # A metric that appears late (or was undefined) still lines up with its epoch.
            series.extend([math.nan] * (len(self.epochs) - 1 - len(series)))
            series.append(value)
        if event.is_best:
            self.kept = len(self.epochs) - 1

    @property
    def has_validation(self) -> bool:
        """Whether any epoch has a validation loss."""
        return any(math.isfinite(value) for value in self.validation_losses)

    def metric_names(self) -> list[str]:
        """Names of the metrics to choose from: the monitored first, means before single tasks."""
        names = [name for name, values in self.metrics.items() if any(math.isfinite(value) for value in values)]
        means = [name for name in names if "/" not in name]
        tasks = {name.partition("/")[2] for name in names if "/" in name}
        single = [name for name in names if "/" in name] if len(tasks) > 1 or not means else []
        return sorted(means + single, key=lambda name: (name != self.monitor, "/" in name))

    def marked(self, name: str) -> tuple[int, bool] | None:
        """Return which epoch to mark on the curve of metric `name`, and whether it is the best of that very metric."""
        values = self.metrics.get(name, [])
        if 0 <= self.kept < len(values) and math.isfinite(values[self.kept]):
            return self.kept, name == self.monitor
        known = [index for index, value in enumerate(values) if math.isfinite(value)]
        if not known:
            return None
        pick = min if lower_is_better(name) else max
        return pick(known, key=values.__getitem__), True


def smoothed(values: list[float], weight: float = 0.9) -> list[float]:
    """Return the running mean of `values` with an exponential memory, without the start's bias towards zero."""
    result: list[float] = []
    mean, total = 0.0, 0.0
    for value in values:
        if math.isfinite(value):
            mean = weight * mean + (1 - weight) * value
            total = weight * total + (1 - weight)
        result.append(mean / total if total else math.nan)
    return result
