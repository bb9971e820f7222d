"""The whole job, from a file to a model: `train(config, on_event, control)`, the only orchestrator.

The window's thread and the command line call the same function with the same configuration, so they agree on every
number. The module itself is callable: `mole_engine.train(...)` and `mole_engine.train.train(...)` are the same.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import Cancelled, KnownError, MoleError, problem_of
from mole_engine.contracts.events import (
    Event,
    EventHandler,
    Notice,
    RunFailed,
    RunFinished,
    StageProgress,
    StateChanged,
)
from mole_engine.contracts.garbage import collect_garbage
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.files import known_error
from mole_engine.store.run_folder import FolderLock, RunFolder
from mole_engine.store.run_log import RunLog, log_line
from mole_engine.store.run_place import RunPlace, find_run, open_place, with_encoder_of_init
from mole_engine.store.runs import run_name

if TYPE_CHECKING:
    from mole_engine.chem.vocabulary import Vocabulary
    from mole_engine.contracts.dataset import Split
    from mole_engine.data.dataset import CuratedDataset
    from mole_engine.training.emitter import EventEmitter
    from mole_engine.training.fitting import FitResult
    from mole_engine.training.setup import Prepared

log = logging.getLogger(__name__)

_STAGES = {
    "open": ("Opening the file", "bytes"),
    "read": ("Reading the file", "bytes"),
    "curate": ("Checking molecules", "molecules"),
    "split": ("Dividing the molecules", "steps"),
}
_PROGRESS_SECONDS = 0.1
PARTS: tuple[Literal["test", "val", "train"], ...] = ("test", "val", "train")


def train(
    config: TrainConfig | None = None,
    on_event: EventHandler | None = None,
    control: RunControl | None = None,
    *,
    resume: str | Path = "",
) -> RunRecord:
    """Train a model.

    Parameters
    ----------
    config
        The job; None only with `resume`.
    on_event
        Told of everything that happens, in the calling thread; the last event, and only the last, is terminal.
    control
        Through which another thread pauses, stops, cancels or interrupts the job.
    resume
        Identifier or folder of a run to go on with from its last checkpoint. Its own configuration and split are
        used; of `config`, only `runtime` and `workspace` count.

    Returns
    -------
    RunRecord
        Its status is COMPLETED, CANCELLED or INTERRUPTED. In a job on several devices only the first process returns
        one with an identifier.

    Raises
    ------
    InputError
        When configuration or data are at fault (after a `RunFailed` event, once there is a run folder).
    KnownError
        When the machine is at fault: disk full, no memory.
    BugError
        When we are.
    """
    if _is_companion(config):
        return _accompany(config, control, str(resume))
    place = open_place(config, str(resume))
    with FolderLock(place.folder.lock), RunLog(place.folder.log):
        return _Job(place, on_event, control or RunControl()).run()


def _is_companion(config: TrainConfig | None) -> TypeGuard[TrainConfig]:
    """Whether this is a further process of a job on several devices."""
    if config is None or config.runtime.devices * config.runtime.num_nodes == 1:
        return False
    from mole_engine.training.processes import process_rank

    return process_rank(config.runtime) > 0


def _accompany(config: TrainConfig, control: RunControl | None, resume: str) -> RunRecord:
    """Work along with the first process, which alone writes and speaks; returns a record without an identifier."""
    from mole_engine.training.companion import accompany
    from mole_engine.training.setup import job_vocabulary

    checkpoint: Path | None = None
    config = with_encoder_of_init(config)
    if resume:
        folder = find_run(resume, config.workspace)
        config = folder.read_config().model_copy(update={"runtime": config.runtime})
        checkpoint = folder.last_checkpoint if folder.last_checkpoint.is_file() else None
    with contextlib.suppress(Cancelled):
        accompany(
            config,
            control,
            vocabulary=job_vocabulary(config.init, config.model.vocabulary),
            cache_dir=_cache_folder(),
            resume_from=checkpoint,
        )
    return RunRecord(run_id="", name=run_name(config), status=RunState.COMPLETED)


class _Job:
    """One run; its large parts are dropped when it ends."""

    def __init__(self, place: RunPlace, on_event: EventHandler | None, control: RunControl) -> None:
        from mole_engine.training.emitter import EventEmitter

        self.place = place
        self.config: TrainConfig = place.config
        self.folder: RunFolder = place.folder
        self.record: RunRecord = place.record
        self.control = control
        self.began = time.monotonic()
        self.on_event = on_event
        self.emitter: EventEmitter = EventEmitter(self.record.run_id, self._show, self.folder.events)
        self._last_progress: dict[str, float] = {}

    def run(self) -> RunRecord:
        try:
            return self._work()
        except Cancelled:
            return self._leave()
        except KeyboardInterrupt:
            self._end(RunState.INTERRUPTED)
            raise
        except Exception as error:
            known = known_error(error, self.folder.path)
            _let_go(error)
            self._fail(known)
            if known is error:
                raise
            raise known from error
        finally:
            self.emitter.close()
            _free_memory()

    def _show(self, event: Event) -> None:
        line = log_line(event)
        if line:
            log.info(line)
        if self.on_event is not None:
            self.on_event(event)

    def _work(self) -> RunRecord:
        if not self.place.is_resumed:
            self._enter(RunState.QUEUED)
        self._enter(RunState.PREPARING, f"Preparing {self.record.data_name}")
        from mole_engine.training.trainer import resolve_device, use_threads

        # A device that is not there is told before anything is read.
        resolve_device(self.config.runtime)
        use_threads(self.config.runtime)
        dataset, split, vocabulary, prepared = self._prepare()
        self._enter(RunState.TRAINING, self._training_words(prepared))
        fit = self._fit(prepared)
        self._enter(RunState.EVALUATING, f"Judging the model of epoch {fit.kept_epoch}")
        return self._evaluate(dataset, split, vocabulary, prepared, fit)

    def _prepare(self) -> tuple[CuratedDataset, Split, Vocabulary, Prepared]:
        from mole_engine.data.assemble import load_training_data
        from mole_engine.store.files import write_text
        from mole_engine.store.run_tables import part_counts, split_text, write_dataset
        from mole_engine.training.setup import job_vocabulary, prepare_model

        dataset, split = load_training_data(self.config, self._progress)
        text = split_text(dataset, split)
        self.place.check_same_split(text)
        write_dataset(self.folder, dataset, split)
        write_text(self.folder.split, text)
        self._tell_about(dataset, split)
        vocabulary = job_vocabulary(self.config.init, self.config.model.vocabulary)
        prepared = prepare_model(
            self.config, dataset, split, vocabulary, cache_dir=_cache_folder(), on_progress=self._progress
        )
        parameters = sum(item.numel() for item in prepared.model.parameters())
        self.record = replace(self.record, counts=part_counts(split), parameters=parameters)
        return dataset, split, vocabulary, prepared

    def _tell_about(self, dataset: CuratedDataset, split: Split) -> None:
        for text in dataset.info.notes:
            self._notice(text)
        dropped = len(dataset.report.dropped_rows)
        if dropped:
            what = f"{dropped} of {dataset.report.total} rows are merged or left out"
            self._notice(f"{what}: {_reasons(dataset)}.", "warning")
        for text in split.overlap:
            self._notice(text, "warning")
        if not split.validation:
            self._notice("There are no validation molecules: the last epoch is kept, without intervals.", "warning")

    def _training_words(self, prepared: Prepared) -> str:
        counts = self.record.counts
        return (
            f"Training on {counts['train']} molecules ({counts['val']} choose the epoch, {counts['test']} judge); "
            f"{self.record.parameters:,} parameters"
        )

    def _fit(self, prepared: Prepared) -> FitResult:
        from mole_engine.training.fitting import fit_model

        last = self.folder.last_checkpoint
        resume_from = last if self.place.is_resumed and last.is_file() else None
        if self.place.is_resumed:
            words = "from its last checkpoint" if resume_from else "from the start: it has no checkpoint yet"
            self._notice(f"Going on {words}.")
        fit = fit_model(self.config, prepared, self.folder.path, self.emitter, self.control, resume_from=resume_from)
        self.control.checkpoint()
        self.record = replace(self.record, best_epoch=fit.kept_epoch, epochs=fit.epochs, device=fit.device)
        return fit

    def _evaluate(
        self, dataset: CuratedDataset, split: Split, vocabulary: Vocabulary, prepared: Prepared, fit: FitResult
    ) -> RunRecord:
        from mole_engine.inference.run_results import make_card, write_predictions
        from mole_engine.store.bundle import save_bundle
        from mole_engine.training.evaluation import evaluate_part
        from mole_engine.training.trainer import resolve_device

        device, check = resolve_device(self.config.runtime).torch_device, self.control.checkpoint
        test, validation, training = (
            evaluate_part(prepared, part, device=device, control=self.control, on_progress=self._progress)
            for part in PARTS
        )
        parts = {"test": test, "val": validation, "train": training}
        prepared.model.cpu()
        metrics = test.metrics or validation.metrics
        self.record = replace(self.record, metrics=metrics, validation_metrics=validation.metrics)
        card = make_card(self.config, self.record, dataset, split, vocabulary, prepared, parts, check)
        write_predictions(self.folder.predictions, dataset, parts, card, check)
        save_bundle(self.folder.model, prepared.model.state_dict(), card)
        self.record = replace(self.record, model_path=str(self.folder.model))
        self._write_report()
        self.folder.drop_resume_state()
        return self._end(RunState.COMPLETED)

    def _write_report(self) -> None:
        from mole_engine.export.report import write_report

        self.place.save(replace(self.record, status=RunState.COMPLETED, seconds=self._seconds()))
        try:
            write_report(self.folder.path, self.folder.report)
        except Exception as error:
            if isinstance(error, MoleError):
                raise
            # The model is there and whole; a page about it is not worth failing the run.
            log.exception("The report could not be written")
            self._notice("The report of this run could not be written; log.txt says why.", "warning")

    def _seconds(self) -> float:
        return self.place.seconds_before + time.monotonic() - self.began

    def _enter(self, state: RunState, message: str = "") -> None:
        self.control.checkpoint()
        self.record = replace(self.record, status=state)
        self.place.save(self.record)
        self.emitter.emit(StateChanged(state=state, message=message))

    def _progress(self, stage: str, done: int, total: int) -> None:
        self.control.checkpoint()
        now = time.monotonic()
        if done < total and now - self._last_progress.get(stage, 0.0) < _PROGRESS_SECONDS:
            return
        self._last_progress[stage] = now
        words, unit = _STAGES.get(stage, (stage, "molecules"))
        self.emitter.emit(StageProgress(stage=words, done=done, total=total, unit=unit))

    def _notice(self, message: str, level: str = "info") -> None:
        self.emitter.emit(Notice(message=message, level=level))

    def _leave(self) -> RunRecord:
        """End after `cancel` (nothing large stays) or `interrupt` (the checkpoints stay)."""
        if self.control.interrupt_requested:
            return self._end(RunState.INTERRUPTED)
        self.folder.drop_checkpoints()
        return self._end(RunState.CANCELLED)

    def _end(self, status: RunState) -> RunRecord:
        seconds = self._seconds()
        self.record = replace(self.record, status=status, seconds=seconds)
        self.place.save(self.record)
        self.emitter.emit(
            RunFinished(
                status=status,
                metrics=self.record.metrics,
                model_path=self.record.model_path,
                run_dir=self.record.run_dir,
                seconds=seconds,
            )
        )
        return self.record

    def _fail(self, error: MoleError) -> None:
        problem = problem_of(error)
        failed = replace(self.record, status=RunState.FAILED, error=problem.one_line(), seconds=self._seconds())
        self.record = failed
        # The first error is what matters: on a full disk, neither the record nor the event can be written down.
        with contextlib.suppress(KnownError, OSError):
            self.place.save(self.record)
        with contextlib.suppress(KnownError, OSError):
            self.emitter.emit(RunFailed(problem=problem))


def _let_go(error: BaseException | None) -> None:
    """Clear the frames that an error holds: the model's memory, and half-written files that still fill the disk."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    _free_memory()


def _reasons(dataset: CuratedDataset) -> str:
    from mole_engine.data.curation_report import ISSUE_WORDS

    counts = Counter(issue.kind for issue in dataset.report.issues if issue.dropped)
    return "; ".join(f"{count} × {ISSUE_WORDS[kind]}" for kind, count in counts.most_common())


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("MolE Studio", appauthor=False) / "features"


def _free_memory() -> None:
    collect_garbage()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


class _CallableModule(ModuleType):
    """Makes `mole_engine.train(...)` work although `mole_engine.train` is this module."""

    def __call__(self, *args: Any, **options: Any) -> RunRecord:
        """Call `train`."""
        return train(*args, **options)


sys.modules[__name__].__class__ = _CallableModule
