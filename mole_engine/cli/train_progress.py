"""What `mole train` shows while it works: bars for counted stages, one line an epoch, a table at the end."""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mole_engine.cli.console import duration, expendable, note, table
from mole_engine.cli.stages import new_bar
from mole_engine.contracts.events import (
    BaselineReady,
    EpochMetrics,
    Event,
    Notice,
    StageProgress,
    StateChanged,
    StepMetrics,
    TrialFinished,
)
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.contracts.wording import counted, four_digits


class TrainProgress:
    """Shows the events of a run on stderr; bars only where somebody looks (a terminal)."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def show(self, event: Event) -> None:
        """Show one event, as long as there is somebody to see it."""
        with expendable():
            self._show(event)

    def _show(self, event: Event) -> None:
        match event:
            case StageProgress():
                self._advance(event.stage, event.done, event.total, event.unit)
            case StepMetrics():
                epoch = f"Epoch {event.epoch}/{event.total_epochs}"
                self._advance("Training", event.step, event.total_steps, "steps", f"{epoch}, loss {event.loss:.4g}")
            case EpochMetrics():
                self._say(_epoch_line(event))
            case TrialFinished():
                self._say(_trial_line(event))
            case BaselineReady() if event.metrics:
                self._say(f"To compare with: {event.title}, {_metrics(event.metrics)}")
            case Notice():
                self._say(f"{'' if event.level == 'info' else event.level.capitalize() + ': '}{event.message}")
            case StateChanged() if event.message and event.state is not RunState.PREPARING:
                # The preparation shows as bars; a file that cannot be used shall be told in one line, the error.
                self._close()
                self._say(event.message)

    def _advance(self, stage: str, done: int, total: int, unit: str, postfix: str = "") -> None:
        if stage != self._stage:
            self._close()
            self._stage = stage
            self._bar = new_bar(stage, total, f" {unit}")
        self._bar.total = total or None
        self._bar.set_postfix_str(postfix, refresh=False)
        self._bar.update(done - self._bar.n)

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        note(text)

    def _close(self) -> None:
        if self._bar is not None:
            with expendable():
                self._bar.close()
        self._bar, self._stage = None, ""


def _epoch_line(event: EpochMetrics) -> str:
    parts = [f"Epoch {event.epoch:>3}/{event.total_epochs}", f"loss {four_digits(event.train_loss)}"]
    metrics = dict(event.metrics)
    if math.isfinite(event.validation_loss):
        parts.append(f"validation loss {four_digits(event.validation_loss)}")
        # Where the loss chooses the epoch, it stands among the metrics too.
        metrics.pop("loss", None)
    if metrics:
        parts.append(_metrics(metrics))
    if math.isfinite(event.seconds):
        parts.append(duration(event.seconds))
    if event.is_best:
        parts.append(f"best of network {event.network} so far" if event.network else "best so far")
    return "  ".join(parts)


def _metrics(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {four_digits(value)}" for name, value in metrics.items() if "/" not in name)


def _trial_line(event: TrialFinished) -> str:
    settings = ", ".join(
        f"{name.partition('.')[2]} {four_digits(value) if isinstance(value, float) else value}"
        for name, value in event.settings.items()
    )
    outcome = f"{event.monitor} {four_digits(event.value)}" if event.state != "failed" else "failed"
    remark = {"pruned": ", ended early"}.get(event.state, "") + (", best so far" if event.best else "")
    return f"Trial {event.number}/{event.total}  {outcome}{remark}  ({settings})"


def summary(record: RunRecord) -> str:
    """Return the end of a run in words: metrics, and where everything lies."""
    names = list(dict.fromkeys([*record.metrics, *record.validation_metrics]))
    tasks = {name.partition("/")[2] for name in names if "/" in name}
    if len(tasks) == 1:
        names = [name for name in names if "/" not in name]
    parts = []
    if names:
        rows = [
            (name, four_digits(record.metrics.get(name)), four_digits(record.validation_metrics.get(name)))
            for name in names
        ]
        parts.append(table(("metric", "test", "validation"), rows))
    counts = ", ".join(
        f"{record.counts.get(key, 0)} {word}"
        for key, word in (("train", "training"), ("val", "validation"), ("test", "test"))
    )
    kept = f"Kept epoch {record.best_epoch} of {record.epochs}" if record.best_epoch else ""
    made = counted(record.networks, "network") if record.networks > 1 else kept
    parts.append(". ".join(filter(None, (f"Molecules: {counts}", made, duration(record.seconds)))) + ".")
    report = Path(record.run_dir) / "report.html"
    paths = [f"Model:  {record.model_path}", f"Run:    {record.run_dir}"]
    parts.append("\n".join(paths + [f"Report: {report}"] * report.is_file()))
    return "\n\n".join(parts)
