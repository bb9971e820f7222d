"""The curves of one run, gathered from its events, whether it is under way or replayed from its log."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import pairwise

from app.widgets.figures import lower_is_better
from mole_engine.contracts.events import (
    BaselineReady,
    EpochMetrics,
    Event,
    PinnedPredictions,
    StateChanged,
    StepMetrics,
)

SMOOTHING = 0.9
"""Memory of the running mean of single steps."""


class StepSeries:
    """What single steps tell, one value a step; arrays, since a long run has hundreds of thousands.

    Attributes
    ----------
    epochs
        Where the step stands, in (fractional) epochs.
    losses, calm_losses
        Training loss, and its running mean.
    learning_rates, gradient_norms, speeds, memories
        What `StepMetrics` calls `learning_rate`, `gradient_norm`, `molecules_per_second`, `memory_bytes`.
    """

    def __init__(self) -> None:
        self.epochs = array("d")
        self.losses = array("d")
        self.calm_losses = array("d")
        self.learning_rates = array("d")
        self.gradient_norms = array("d")
        self.speeds = array("d")
        self.memories = array("d")
        self._mean, self._weight = 0.0, 0.0

    def add(self, epoch: float, event: StepMetrics) -> None:
        """Append a step; a run that went back to its last checkpoint goes on from there."""
        self._forget_after(epoch)
        self.epochs.append(epoch)
        self.losses.append(event.loss)
        if math.isfinite(event.loss):
            self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * event.loss
            # Without this share, the start would be drawn towards zero.
            self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
        self.calm_losses.append(self._mean / self._weight if self._weight else math.nan)
        self.learning_rates.append(event.learning_rate)
        self.gradient_norms.append(event.gradient_norm)
        self.speeds.append(event.molecules_per_second)
        self.memories.append(float(event.memory_bytes) or math.nan)

    def _forget_after(self, epoch: float) -> None:
        if not self.epochs or epoch > self.epochs[-1]:
            return
        place = bisect_left(self.epochs, epoch)
        for values in (self.epochs, self.losses, self.calm_losses, self.learning_rates, self.gradient_norms):
            del values[place:]
        del self.speeds[place:], self.memories[place:]


class RunCurves:
    """What the charts of a run show.

    Attributes
    ----------
    steps
        What single steps tell.
    epochs, train_losses, validation_losses, epoch_seconds
        Means of whole epochs, and how long each took.
    metrics, train_metrics
        Validation and training metrics by name, one value an epoch (NaN where undefined).
    monitor
        The metric that chooses the kept epoch.
    best
        Index of the best epoch so far in `epochs`, or -1.
    kept_epoch
        Epoch whose model was judged and kept in the end; 0: not known (yet).
    total_epochs
        Epochs that the run is meant to have.
    baselines
        Validation metrics of each simple model, by its title, in order of arrival.
    pinned
        Predictions of each pinned molecule: by its SMILES, the epochs and the values of the first target.
    starts, networks
        Of several networks that follow each other: after which epoch each one that has been heard of begins, and how
        many there are. Empty and 0 where there is only one.
    """

    def __init__(self, total_epochs: int = 0) -> None:
        self.total_epochs = total_epochs
        self.steps = StepSeries()
        self.epochs: list[float] = []
        self.train_losses: list[float] = []
        self.validation_losses: list[float] = []
        self.epoch_seconds: list[float] = []
        self.metrics: dict[str, list[float]] = {}
        self.train_metrics: dict[str, list[float]] = {}
        self.monitor = ""
        self.best = -1
        self.kept_epoch = 0
        self.baselines: dict[str, dict[str, float]] = {}
        self.pinned: dict[str, tuple[list[float], list[float]]] = {}
        self.starts: list[float] = []
        self.networks = 0
        self._longest = 0

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
            self.total_epochs = event.total_epochs or self.total_epochs
            self._hear_of_network(event)
            self._longest = max(self._longest, event.network_epochs)
            steps = event.total_steps or 1
            self.steps.add(event.step / steps * (event.total_epochs or 1), event)
        elif isinstance(event, EpochMetrics):
            self._add_epoch(event)
        elif isinstance(event, BaselineReady):
            self.baselines[event.title] = {
                name.removeprefix("val/"): value for name, value in event.metrics.items() if math.isfinite(value)
            }
        elif isinstance(event, PinnedPredictions):
            self._add_pinned(event)
        elif isinstance(event, StateChanged):
            # A run that goes on has not chosen yet.
            self.kept_epoch = event.kept_epoch
            return bool(event.kept_epoch)
        else:
            return False
        return True

    def _add_epoch(self, event: EpochMetrics) -> None:
        self.total_epochs = event.total_epochs or self.total_epochs
        self.monitor = event.monitor.removeprefix("val/") or self.monitor
        self._hear_of_network(event)
        self._forget_from(event.epoch)
        self.epochs.append(float(event.epoch))
        self.train_losses.append(event.train_loss)
        self.validation_losses.append(event.validation_loss)
        self.epoch_seconds.append(event.seconds)
        self._add_metrics(self.metrics, event.metrics)
        self._add_metrics(self.train_metrics, event.train_metrics)
        if event.is_best:
            self.best = len(self.epochs) - 1

    def _hear_of_network(self, event: StepMetrics | EpochMetrics) -> None:
        self.networks = event.networks or self.networks
        if event.network and float(event.epochs_before) not in self.starts:
            insort(self.starts, float(event.epochs_before))

    @property
    def start(self) -> float:
        """Epoch after which the network under way (of several) begins; of one network 0."""
        return self.starts[-1] if self.starts else 0.0

    @property
    def width(self) -> float:
        """Epochs that a chart has to show: of several networks, laid over each other, those of the longest."""
        if self.starts:
            lengths = [end - start for start, end in pairwise([*self.starts, *self.epochs[-1:]])]
            return max(self._longest, *lengths, 1)
        last = max((values[-1] for values in (self.epochs, self.steps.epochs) if values), default=0.0)
        return max(self.total_epochs, last, 1)

    def laid_over(self, values: Sequence[float]) -> tuple[list[float], list[float], list[float], list[float]]:
        """Return epochs and values of the networks before, parted by NaN, then those of the network under way.

        Parameters
        ----------
        values
            One of the series of whole epochs; each network's epochs are counted from its own beginning.
        """
        places: list[float] = []
        shown: list[float] = []
        for start, end in pairwise(self.starts):
            first, last = bisect_right(self.epochs, start), bisect_right(self.epochs, end)
            places += [epoch - start for epoch in self.epochs[first:last]] + [math.nan]
            shown += [*values[first:last], *[math.nan] * (last - first - len(values[first:last]) + 1)]
        now = bisect_right(self.epochs, self.start)
        return places, shown, [epoch - self.start for epoch in self.epochs[now : len(values)]], list(values[now:])

    def mean_course(self, values: Sequence[float]) -> tuple[list[float], list[float]]:
        """Return epochs and values of one network; of several, the mean of those that have a value at an epoch.

        Parameters
        ----------
        values
            One of the series of whole epochs; each network's epochs are counted from its own beginning.
        """
        if not self.starts:
            return self.epochs[: len(values)], list(values)
        known: dict[float, list[float]] = {}
        for epoch, value in zip(self.epochs, values, strict=False):
            own = epoch - self.starts[max(0, bisect_left(self.starts, epoch) - 1)]
            known.setdefault(own, []).append(value)
        epochs = sorted(known)
        finite = [[value for value in known[epoch] if math.isfinite(value)] for epoch in epochs]
        return epochs, [math.fsum(some) / len(some) if some else math.nan for some in finite]

    def _add_metrics(self, series_by_name: dict[str, list[float]], values: dict[str, float]) -> None:
        for name, value in values.items():
            series = series_by_name.setdefault(name.removeprefix("val/").removeprefix("train/"), [])
            # A metric that appears late (or was undefined) still lines up with its epoch.
            series.extend([math.nan] * (len(self.epochs) - 1 - len(series)))
            series.append(value)

    def _forget_from(self, epoch: int) -> None:
        """Drop epochs that are told again: the run went back to its last checkpoint."""
        place = bisect_left(self.epochs, float(epoch))
        if place == len(self.epochs):
            return
        series: list[list[float]] = [self.epochs, self.train_losses, self.validation_losses, self.epoch_seconds]
        for values in (*series, *self.metrics.values(), *self.train_metrics.values()):
            del values[place:]
        self.best = min(self.best, place - 1)

    def _add_pinned(self, event: PinnedPredictions) -> None:
        for smiles, values in zip(event.smiles, event.values, strict=False):
            epochs, shown = self.pinned.setdefault(smiles, ([], []))
            place = bisect_left(epochs, float(event.epoch))
            del epochs[place:], shown[place:]
            epochs.append(float(event.epoch))
            shown.append(values[0] if values else math.nan)

    def metric_names(self) -> list[str]:
        """Names of the metrics to choose from: the monitored first, means before single tasks."""
        names = [name for name, values in self.metrics.items() if any(math.isfinite(value) for value in values)]
        # A baseline is often there before the first epoch is.
        told = [name for metrics in self.baselines.values() for name in metrics] if not names else []
        names += list(dict.fromkeys(told))
        means = [name for name in names if "/" not in name]
        tasks = {name.partition("/")[2] for name in names if "/" in name}
        single = [name for name in names if "/" in name] if len(tasks) > 1 or not means else []
        return sorted(means + single, key=lambda name: (name != self.monitor, "/" in name))

    def baselines_of(self, name: str) -> list[tuple[str, float]]:
        """Return title and value of each baseline that has the metric `name`."""
        return [(title, metrics[name]) for title, metrics in self.baselines.items() if name in metrics]

    def marked(self, name: str) -> tuple[int, str] | None:
        """Return which epoch to mark on the curve of metric `name`, and what to call it: "best", "kept" or nothing.

        The kept epoch as soon as it is known, which need not be the best; until then the best one so far.
        """
        values = self.metrics.get(name, [])
        # Networks learn from different folds: their values are not to be compared.
        known = [i for i, value in enumerate(values) if math.isfinite(value) and self.epochs[i] > self.start]
        if not known:
            return None
        kept = self.epochs.index(self.kept_epoch) if self.kept_epoch in self.epochs else -1
        if kept in known:
            return kept, "best" if kept == self.best and name == self.monitor else "kept"
        if self.best in known:
            return self.best, "best" if name == self.monitor else ""
        pick = min if lower_is_better(name) else max
        return pick(known, key=values.__getitem__), "best"


def nearest(places: Sequence[float], wanted: float) -> int:
    """Return the index of the value in the rising `places` that is nearest to `wanted`, or -1 where there is none."""
    if not places:
        return -1
    after = bisect_left(places, wanted)
    if after == 0:
        return 0
    if after == len(places) or wanted - places[after - 1] <= places[after] - wanted:
        return after - 1
    return after
