"""Search for settings with Optuna: short trainings, compared on validation molecules only.

The study is a journal of JSON lines in the run folder, so a search that was interrupted goes on where it was. The test
molecules play no part: neither the trials nor the choice among them see their labels.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.events import EpochMetrics, Event, Notice, TrialFinished
from mole_engine.contracts.run_state import RunControl
from mole_engine.contracts.wording import counted
from mole_engine.store.files import write_text
from mole_engine.store.run_folder import SEARCH_CHOICE, SEARCH_JOURNAL
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.fitting import FitResult, fit_model
from mole_engine.training.job import give_memory_back
from mole_engine.training.metrics import LOSS, compute_metrics, monitor_of
from mole_engine.training.search_space import default_space
from mole_engine.training.setup import Prepared, prepare_network

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

STAGE = "Searching for settings"
TRIALS = "trials"
FIRST_RANDOM = 5
"""Trials that are spread at random before the search learns from them, and before any is ended early."""

_VALUES, _CUT_OFF = "values", "cut off"


class _FellBehind(Exception):  # noqa: N818 - a control-flow signal, not an error
    """Unwinds a trial that is not worth going on with."""


@dataclass(frozen=True)
class _Outcome:
    value: float
    state: str
    epochs: int
    seconds: float


class _TrialControl(RunControl):
    """The user's words as a trial hears them: pausing and leaving, but no steering of its learning rate."""

    def __init__(self, outer: RunControl) -> None:
        super().__init__()
        self._outer = outer

    @property
    def is_paused(self) -> bool:
        return self._outer.is_paused

    @property
    def stop_requested(self) -> bool:
        return self._outer.stop_requested

    @property
    def cancel_requested(self) -> bool:
        return self._outer.cancel_requested

    @property
    def interrupt_requested(self) -> bool:
        return self._outer.interrupt_requested

    def checkpoint(self) -> None:
        self._outer.checkpoint()


def search_settings(
    config: TrainConfig,
    prepared: Prepared,
    folder: Path,
    emitter: EventEmitter,
    control: RunControl,
    *,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> TrainConfig:
    """Try settings, and return the configuration with the best ones.

    Asked to stop, it returns the best so far.

    Parameters
    ----------
    config, prepared
        The job, and what `prepare_model` made of it.
    folder
        The run folder; the study is kept in it.
    emitter, control
        Told of each trial; the user's words.
    on_progress
        Called with (stage, trials done, trials planned); may raise `Cancelled`.

    Raises
    ------
    Cancelled
        When the user cancels.
    InputError
        When there is no validation part, or a setting cannot be searched.
    """
    return _Search(config, prepared, folder, emitter, control, on_progress).run()


class _Search:
    def __init__(
        self,
        config: TrainConfig,
        prepared: Prepared,
        folder: Path,
        emitter: EventEmitter,
        control: RunControl,
        on_progress: Callable[[str, int, int], None] | None,
    ) -> None:
        if not len(prepared.data.positions("val")):
            raise InputError(
                "A search for settings needs validation molecules:", "there are none.", "Choose another split."
            )
        self.config = config
        self.prepared = prepared
        self.folder = folder
        self.emitter = emitter
        self.control = control
        self.on_progress = on_progress
        self.space = default_space(config)
        self.planned = config.search.trials
        tasks = prepared.data.dataset.roles.tasks
        self.monitor, self.mode = monitor_of(tasks, config.training, prepared.scaler)
        if self.monitor != LOSS and not _is_defined(self.monitor, prepared):
            # Each training falls back on it too.
            self.monitor, self.mode = LOSS, "min"
        self._last_error: KnownError | None = None
        self.study = self._open()

    def run(self) -> TrainConfig:
        known = self._known()
        if known is not None:
            return self._final(known)
        began = time.monotonic()
        limit = self.config.search.minutes * 60 or math.inf
        done = len(self._finished())
        while done < self.planned and time.monotonic() - began < limit and not self.control.stop_requested:
            self._tell(done)
            self._one(done + 1)
            done += 1
        self._tell(done)
        shutil.rmtree(self.folder / TRIALS, ignore_errors=True)
        best = self._best()
        values: dict[str, Any] = {}
        if best is not None:
            values = best.user_attrs[_VALUES]
            words = ", ".join(f"{name} {_short(value)}" for name, value in values.items())
            self._notice(f"Best of {counted(done, 'trial')} ({self.monitor} {best.value:.4g}): {words}.")
        elif self.control.stop_requested and self._last_error is None:
            self._notice("Stopped before a trial could be judged: the settings stay as they were.")
        else:
            raise self._last_error or KnownError("The search has found no settings:", "no trial could be judged.")
        write_text(self.folder / SEARCH_CHOICE, json.dumps({"settings": values, "trials": done}) + "\n")
        return self._final(values)

    def _known(self) -> dict[str, Any] | None:
        """Return the settings that a search chose here before the run was interrupted."""
        try:
            content = json.loads((self.folder / SEARCH_CHOICE).read_text(encoding="utf-8"))
            return dict(content["settings"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _final(self, values: dict[str, Any]) -> TrainConfig:
        # The search is over: what is trained now is a plain job with these settings.
        return with_settings(self.config, values).updated({"search": {"trials": 0}})

    def _trial(self, values: dict[str, Any]) -> TrainConfig:
        epochs = self.config.search.epochs or self.config.training.epochs
        return with_settings(self.config, {**values, "training.epochs": epochs})

    def _one(self, number: int) -> None:
        trial = self.study.ask()
        values = {item.name: item.suggest(trial) for item in self.space}
        trial.set_user_attr(_VALUES, values)
        outcome = self._outcome(trial, values)
        self._note(trial, outcome)
        best = self._best()
        self.emitter.emit(
            TrialFinished(
                number=number,
                total=self.planned,
                settings=values,
                value=outcome.value,
                monitor=self.monitor,
                mode=self.mode,
                state=outcome.state,
                best=best is not None and best.number == trial.number,
                epochs=outcome.epochs,
                seconds=outcome.seconds,
            )
        )

    def _outcome(self, trial: Trial, values: dict[str, Any]) -> _Outcome:
        """Train with `values` until the end, the pruner or an error."""
        began = time.monotonic()
        seen: list[float] = []

        def watch(event: Event) -> None:
            if isinstance(event, EpochMetrics):
                self._tell(len(self._finished()))
                self._judge(trial, event, seen)

        fit: FitResult | None = None
        state = "complete"
        folder = self.folder / TRIALS / str(trial.number)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            fit = self._fit(self._trial(values), folder, watch)
        except _FellBehind:
            state = "pruned"
        except KnownError as error:
            state, self._last_error = "failed", error
            log.info("Trial %d has failed: %s", trial.number, error)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            give_memory_back()
        # An interrupted trial is tried again.
        self.control.checkpoint()
        value = self._value_of(seen)
        if math.isnan(value) and state != "failed":
            state = "failed"
        return _Outcome(value, state, fit.epochs if fit else len(seen), time.monotonic() - began)

    def _fit(self, config: TrainConfig, folder: Path, watch: Callable[[Event], None]) -> FitResult:
        data = self.prepared.data.with_split(self.prepared.data.split, config)
        prepared = prepare_network(config, data, data.vocabulary)
        return fit_model(config, prepared, folder, EventEmitter("trial", watch), _TrialControl(self.control))

    def _judge(self, trial: Trial, event: EpochMetrics, seen: list[float]) -> None:
        value = event.validation_loss if self.monitor == LOSS else event.metrics.get(self.monitor, math.nan)
        seen.append(value)
        if math.isnan(value):
            return
        trial.report(self._value_of(seen), event.epoch)
        if self.config.search.prune and event.epoch < event.total_epochs and trial.should_prune():
            raise _FellBehind

    def _value_of(self, seen: list[float]) -> float:
        """Return how good the model of a trial would be, which has seen these epochs."""
        # What counts is the epoch that would be kept: a lucky one in between says nothing about the last.
        if self.config.training.keep == "last":
            seen = seen[-1:]
        known = [value for value in seen if math.isfinite(value)]
        if not known:
            return math.nan
        return min(known) if self.mode == "min" else max(known)

    def _note(self, trial: Trial, outcome: _Outcome) -> None:
        import optuna

        states = {
            "complete": optuna.trial.TrialState.COMPLETE,
            "pruned": optuna.trial.TrialState.PRUNED,
            "failed": optuna.trial.TrialState.FAIL,
        }
        value = outcome.value if outcome.state == "complete" else None
        self.study.tell(trial, value, state=states[outcome.state])

    def _open(self) -> Study:
        """Open the study of this folder, or begin one with the settings as they stand."""
        import optuna
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path = str(self.folder / SEARCH_JOURNAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # The lock that needs no rights to make links, which Windows gives to administrators only.
            storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
        direction = "minimize" if self.mode == "min" else "maximize"
        early = max(1, (self.config.search.epochs or self.config.training.epochs) // 5)
        study = optuna.create_study(
            storage=storage, study_name="search", direction=direction, load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_RANDOM, n_warmup_steps=early),
        )  # fmt: skip
        # Of a run that goes on: other random numbers than those that were drawn already.
        study.sampler = optuna.samplers.TPESampler(
            seed=self.config.seed + len(study.trials), n_startup_trials=FIRST_RANDOM
        )
        for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            # Cut off by an interruption or a crash.
            storage.set_trial_user_attr(trial._trial_id, _CUT_OFF, True)
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            study.enqueue_trial(trial.params)
        if not study.trials:
            study.enqueue_trial({item.name: item.now for item in self.space if item.holds(item.now)})
        return study

    def _finished(self) -> list[FrozenTrial]:
        """Return the trials that came to an end by themselves; those that were cut off have no outcome."""
        return [
            trial
            for trial in self.study.get_trials(deepcopy=False)
            if trial.state.is_finished() and _CUT_OFF not in trial.user_attrs
        ]

    def _best(self) -> FrozenTrial | None:
        with contextlib.suppress(ValueError):
            return self.study.best_trial
        return None

    def _tell(self, done: int) -> None:
        if self.on_progress is not None:
            self.on_progress(STAGE, min(done, self.planned), self.planned)

    def _notice(self, message: str) -> None:
        self.emitter.emit(Notice(message=message))


def with_settings(config: TrainConfig, values: dict[str, Any]) -> TrainConfig:
    """Return a job with settings ("section.field") changed. Raises InputError."""
    changes: dict[str, Any] = {}
    for name, value in values.items():
        section, _, setting = name.partition(".")
        changes.setdefault(section, {})[setting] = value
    return config.updated(changes)


def _is_defined(monitor: str, prepared: Prepared) -> bool:
    """Whether the validation molecules can tell a metric: an AUROC needs two classes."""
    data = prepared.data
    tasks = data.dataset.roles.tasks
    targets = data.labels.targets[data.positions("val")]
    guesses = np.random.default_rng(0).random((len(targets), sum(task.outputs for task in tasks)))
    return math.isfinite(compute_metrics(guesses, targets, ~np.isnan(targets), tasks).get(monitor, math.nan))


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
