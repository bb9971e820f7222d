"""What a running job tells the window, the command line and its own log.

Frozen, JSON-able, without tensors. `seq` has no gaps; the last event, and only the last, is terminal. Every event is
appended to the run's `events.jsonl` before anybody sees it, so an old run replays through the same code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from mole_engine.contracts.errors import Problem
from mole_engine.contracts.run_state import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.

    Attributes
    ----------
    run_id
        The run that speaks.
    seq
        0, 1, 2 ... without a gap.
    time
        Seconds since the epoch (UTC).
    """

    is_terminal: ClassVar[bool] = False
    run_id: str = ""
    seq: int = -1
    time: float = 0.0

    def to_json(self) -> str:
        """Return the event as one line of JSON; NaN is written as null."""
        return json.dumps({"event": type(self).__name__, **_plain(asdict(self))}, allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    """The run has moved to `state`; `message` says so in words.

    Attributes
    ----------
    kept_epoch
        Epoch whose weights are judged and kept (the first is 1); 0: not known yet, or several networks have their own.
    trained
        While training: the last epoch is over, and what is left is to fit simple models. No epoch can be changed any
        more; "stop" now means to leave out the simple models that are not there yet.
    """

    state: RunState
    message: str = ""
    kept_epoch: int = 0
    trained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress(Event):
    """Progress of a stage with a count: reading, curating, featurising, testing.

    Attributes
    ----------
    stage
        What is being done, as a user reads it ("Reading molecules").
    done, total
        Counts in `unit`; `total` 0 means unknown.
    """

    stage: str
    done: int
    total: int
    unit: str = "molecules"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMetrics(Event):
    """One optimiser step; at most 10 a second reach the outside.

    Attributes
    ----------
    step, total_steps
        Optimiser steps done and expected.
    epoch, total_epochs
        Epoch under way (first is 1) and expected.
    loss
        Training loss of this step, in scaled units.
    learning_rate, gradient_norm
        Of this step; the norm is taken before clipping.
    molecules_per_second
        Real molecules, averaged over the last seconds.
    eta_seconds
        Time left until training ends, simple models that are fitted after it included; NaN while unknown.
    memory_bytes, memory_total
        Peak memory of the device (GPU), or of the process (CPU), and how much there is; 0: not known.
    cpu_percent, gpu_percent
        Use of all cores by this process and of the GPU since the last report, 0 to 100; NaN: not known.
    network, networks
        Which of several networks that follow each other this is (the first is 1), and how many there are; 0: only one.
    epochs_before, network_epochs
        Epochs of the networks before this one, which `epoch` counts as well, and how many this one is meant to have.
    """

    step: int
    total_steps: int
    epoch: int
    total_epochs: int
    loss: float
    learning_rate: float
    gradient_norm: float = float("nan")
    molecules_per_second: float = float("nan")
    eta_seconds: float = float("nan")
    memory_bytes: int = 0
    memory_total: int = 0
    cpu_percent: float = float("nan")
    gpu_percent: float = float("nan")
    network: int = 0
    networks: int = 0
    epochs_before: int = 0
    network_epochs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochMetrics(Event):
    """One finished epoch.

    Attributes
    ----------
    epoch, total_epochs
        The first epoch is 1.
    train_loss, validation_loss
        Means over the epoch, in scaled units; NaN where there is no validation set.
    metrics
        Validation metrics in the user's units: "rmse" is the mean over tasks, "rmse/<task>" one task.
    train_metrics
        The same over the epoch's training batches, with dropout on.
    monitor, is_best
        Name of the metric that chooses the best epoch, and whether this epoch is the best so far (of this network).
    network, networks, epochs_before
        As in `StepMetrics`.
    """

    epoch: int
    total_epochs: int
    step: int
    train_loss: float
    validation_loss: float
    metrics: dict[str, float] = field(default_factory=dict)
    monitor: str = ""
    is_best: bool = False
    seconds: float = float("nan")
    train_metrics: dict[str, float] = field(default_factory=dict)
    network: int = 0
    networks: int = 0
    epochs_before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved(Event):
    """A checkpoint is on disk; `value` is that of `monitor` at `epoch`.

    `network`, `epochs_before`: as in `StepMetrics`; `is_best` is of this network.
    """

    path: str
    epoch: int
    monitor: str = ""
    value: float = float("nan")
    is_best: bool = False
    network: int = 0
    epochs_before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineReady(Event):
    """A simple model has been fitted on the same training part, to compare with.

    Attributes
    ----------
    name, title
        A short fixed name ("mean", "fingerprints" ...) and how a user reads it.
    metrics
        On the validation molecules, named as in `EpochMetrics`; empty where there are none. The test molecules stay
        unseen until the run is judged.
    """

    name: str
    title: str
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedPredictions(Event):
    """What the model of a finished epoch says of the molecules that the user has pinned.

    Attributes
    ----------
    epoch
        The first is 1.
    smiles
        As they were pinned (n).
    outputs
        Names of the columns (T): a task, or "task: class" for each of several classes.
    values
        (n, T) in the user's unit, or probabilities (of the positive class); NaN where the structure is unreadable.
    """

    epoch: int
    smiles: tuple[str, ...]
    outputs: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinished(Event):
    """One trial of a search for settings is over.

    Attributes
    ----------
    number, total
        The first is 1; how many are planned (0: as many as fit in the time).
    settings
        The settings that were tried, "section.field" to value.
    value
        Best validation value of `monitor` that it reached; NaN where it never was judged.
    monitor, mode
        Metric that compares the trials, and "min" or "max".
    state
        "complete", "pruned" (ended early, since it fell behind) or "failed".
    best
        Whether it is the best so far.
    """

    number: int
    settings: dict[str, Any]
    value: float
    state: str = "complete"
    best: bool = False
    total: int = 0
    monitor: str = ""
    mode: str = "min"
    epochs: int = 0
    seconds: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """Something the user should know; `level` is "info", "warning" or "error"."""

    message: str
    level: str = "info"
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    """Terminal: the run has failed; `problem` says why and what to do."""

    is_terminal: ClassVar[bool] = True
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """Terminal: the run has completed, was cancelled, or was interrupted and can be resumed.

    Attributes
    ----------
    status
        `RunState.COMPLETED`, `RunState.CANCELLED` or `RunState.INTERRUPTED`.
    metrics
        Test metrics (validation metrics where there is no test set), named as in `EpochMetrics`.
    """

    is_terminal: ClassVar[bool] = True
    status: RunState
    metrics: dict[str, float] = field(default_factory=dict)
    model_path: str = ""
    run_dir: str = ""
    seconds: float = 0.0


EVENT_TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        StateChanged,
        StageProgress,
        StepMetrics,
        EpochMetrics,
        CheckpointSaved,
        BaselineReady,
        PinnedPredictions,
        TrialFinished,
        Notice,
        RunFailed,
        RunFinished,
    )
}

EventHandler = Callable[[Event], None]
ProgressHandler = Callable[[str, int, int], None]
"""Called with (stage, done, total) by long work; it may raise `Cancelled` to unwind that work."""


def event_from_json(line: str) -> Event:
    """Rebuild an event from a line of `events.jsonl`.

    Raises
    ------
    ValueError
        When the line is not an event (for example cut off by a crash).
    """
    fields: Any = json.loads(line)
    if not isinstance(fields, dict):
        raise ValueError(f"not an event: {line[:80]!r}")
    kind = EVENT_TYPES.get(str(fields.pop("event", "")))
    if kind is None:
        raise ValueError(f"not an event: {line[:80]!r}")
    if "problem" in fields:
        fields["problem"] = Problem.from_dict(fields["problem"])
    for name, owner in (("state", StateChanged), ("status", RunFinished)):
        if kind is owner and name in fields:
            fields[name] = RunState(fields[name])
    for name, value in fields.items():
        fields[name] = _restored(name, value)
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(f"not an event: {line[:80]!r}") from error


def _restored(name: str, value: Any) -> Any:
    """Return a field as the event had it: null is NaN, a list was a tuple."""
    if value is None:
        return float("nan")
    if isinstance(value, list):
        return tuple(_restored(name, item) for item in value)
    if isinstance(value, dict) and name in ("metrics", "train_metrics"):
        return {key: _restored(name, number) for key, number in value.items()}
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (not math.isfinite(value)):
        return None
    return value
