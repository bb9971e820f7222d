"""The whole job, from a file to a model: `train(config, on_event, control)`, the only orchestrator.

The window's thread and the command line call the same function with the same configuration, so they agree on every
number. The module itself is callable: `mole_engine.train(...)` and `mole_engine.train.train(...)` are the same.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from mole_engine.awake import kept_awake
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import Cancelled, MoleError
from mole_engine.contracts.events import Event, EventHandler
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.run_folder import FolderLock, RunFolder
from mole_engine.store.run_log import RunLog
from mole_engine.store.run_place import RunPlace, cache_folder, find_run, open_place, with_encoder_of_init
from mole_engine.store.runs import run_name
from mole_engine.training.job import Job, resumed_step
from mole_engine.training.phases import STAGES, judging_words, training_words
from mole_engine.training.tensorboard import FOLDER, HINT, TensorBoardLog

if TYPE_CHECKING:
    from mole_engine.chem.vocabulary import Vocabulary
    from mole_engine.contracts.dataset import Split
    from mole_engine.data.dataset import CuratedDataset
    from mole_engine.data.descriptor_tables import DescriptorsAhead
    from mole_engine.training.comparison import Comparison
    from mole_engine.training.ensemble_fit import EnsembleFit
    from mole_engine.training.evaluation import Evaluation
    from mole_engine.training.fitting import FitResult
    from mole_engine.training.pinned import PinnedMolecules
    from mole_engine.training.setup import Prepared

log = logging.getLogger(__name__)

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
    if config is not None and config.runtime.isolated:
        from mole_engine.isolated import train_isolated

        return train_isolated(config, on_event, control or RunControl(), str(resume))
    return train_here(config, on_event, control, resume=resume)


def train_here(
    config: TrainConfig | None,
    on_event: EventHandler | None = None,
    control: RunControl | None = None,
    *,
    resume: str | Path = "",
    on_folder: Callable[[str], None] | None = None,
) -> RunRecord:
    """Train in this process, whatever `runtime.isolated` says; `on_folder` is told the run folder first.

    Raises
    ------
    InputError, KnownError, BugError
        As `train`.
    """
    if _is_companion(config):
        return _accompany(config, control, str(resume))
    place = open_place(config, str(resume))
    if on_folder is not None:
        on_folder(str(place.folder.path))
    awake = kept_awake(place.config.runtime.keep_awake)
    with FolderLock(place.folder.lock), RunLog(place.folder.log), awake:
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
            cache_dir=cache_folder(),
            resume_from=checkpoint,
        )
    return RunRecord(run_id="", name=run_name(config), status=RunState.COMPLETED)


class _Job(Job):
    """One training; its large parts are dropped when it ends."""

    def __init__(self, place: RunPlace, on_event: EventHandler | None, control: RunControl) -> None:
        self.place = place
        self.config: TrainConfig = place.config
        self.folder: RunFolder = place.folder
        step = resumed_step(place)
        self.board = TensorBoardLog(self.folder.path / FOLDER, step) if self.config.runtime.tensorboard else None
        super().__init__(place.record, self.folder.events, on_event, control, STAGES, redone_from=step)
        self.ensemble: EnsembleFit | None = None
        self.comparison: Comparison | None = None
        self.ahead: DescriptorsAhead | None = None

    def save(self, record: RunRecord) -> None:
        self.place.save(record)

    def show(self, event: Event) -> None:
        super().show(event)
        if self.board is not None:
            self.board.show(event)

    def seconds(self) -> float:
        return self.place.seconds_before + super().seconds()

    def work(self) -> RunRecord:
        if not self.place.is_resumed:
            self.enter(RunState.QUEUED)
        self.enter(RunState.PREPARING, f"Preparing {self.record.data_name}")
        if self.config.runtime.device not in ("auto", "cpu"):
            # A device that is not there is told before anything is read. Otherwise reading needs no torch.
            self._use_device()
        dataset, split = self._read()
        self._use_device()
        if self.board is not None and not self.board.is_possible():
            self.board = None
            self.notice(HINT, "warning")
        vocabulary, prepared = self._prepare(dataset, split)
        prepared = self._with_tried_threads(prepared)
        self.enter(RunState.TRAINING, self._training_words(prepared))
        self._start_comparison(dataset, split)
        prepared = self._searched(prepared)
        fit = self._fit(prepared, vocabulary)
        self._finish_comparison(dataset, split)
        kept = fit.kept_epoch
        self.enter(RunState.EVALUATING, judging_words(kept, self.ensemble), 0 if self.ensemble else kept)
        return self._evaluate(dataset, split, vocabulary, prepared, fit)

    def clean_up(self) -> None:
        if self.comparison is not None:
            self.comparison.cancel()
        if self.ahead is not None:
            self.ahead.end()

    @property
    def has_trained(self) -> bool:
        return self.folder.has_networks

    def leave(self) -> RunRecord:
        """End after `cancel` or an early `stop` (nothing large stays) or `interrupt` (the checkpoints stay)."""
        if not self.control.interrupt_requested:
            self.folder.drop_checkpoints()
        return super().leave()

    def _use_device(self) -> None:
        from mole_engine.training.trainer import resolve_device, use_threads

        resolve_device(self.config.runtime)
        use_threads(self.config.runtime)

    def _read(self) -> tuple[CuratedDataset, Split]:
        from mole_engine.data.assemble import load_training_data
        from mole_engine.data.descriptor_tables import describe_ahead
        from mole_engine.store.files import write_text
        from mole_engine.store.run_tables import data_words, split_text, write_dataset

        dataset, split = load_training_data(self.config, self.progress)
        text = split_text(dataset, split)
        self.place.check_same_split(text)
        write_dataset(self.folder, dataset, split)
        write_text(self.folder.split, text)
        for words, level in data_words(dataset, split, self.config):
            self.notice(words, level)
        if self.config.model.descriptors or self.config.ensemble.trees or self.config.baselines:
            self.ahead = describe_ahead(dataset.smiles, cache_folder())
        return dataset, split

    def _prepare(self, dataset: CuratedDataset, split: Split) -> tuple[Vocabulary, Prepared]:
        from mole_engine.store.run_tables import part_counts
        from mole_engine.training.setup import job_vocabulary, prepare_model

        vocabulary = job_vocabulary(self.config.init, self.config.model.vocabulary)
        prepared = prepare_model(
            self.config, dataset, split, vocabulary, cache_dir=cache_folder(), on_progress=self.progress
        )
        parameters = sum(item.numel() for item in prepared.model.parameters())
        self.record = replace(self.record, counts=part_counts(split), parameters=parameters)
        return vocabulary, prepared

    def _with_tried_threads(self, prepared: Prepared) -> Prepared:
        """Try how many threads are fastest and return what is then trained; a run that goes on keeps its number."""
        from mole_engine.training.threads import with_tried_threads

        if self.place.is_resumed:
            return prepared
        self.config, prepared, words = with_tried_threads(self.config, prepared, on_progress=self.progress)
        if words:
            # In the run's own settings, so that it can be made again to the last digit.
            self.config.to_yaml(self.folder.config)
            self.notice(words)
        return prepared

    def _training_words(self, prepared: Prepared) -> str:
        from mole_engine.training.folds import pool_of

        return training_words(self.config, self.record, len(pool_of(prepared.data)))

    def _start_comparison(self, dataset: CuratedDataset, split: Split) -> None:
        from mole_engine.training.comparison import Comparison

        self.comparison = Comparison(self.config, dataset, split, self.emitter, cache_dir=cache_folder())
        self.comparison.start()

    def _finish_comparison(self, dataset: CuratedDataset, split: Split) -> None:
        if self.comparison is None:
            return
        from mole_engine.inference.baseline_tables import write_baselines

        results = self.comparison.collect(self.progress, self.control)
        write_baselines(self.folder, dataset.tasks, dataset.source_rows[list(split.test)], results)

    def _searched(self, prepared: Prepared) -> Prepared:
        """Return what is trained: the job as it stands, or with the settings that a search found."""
        if not self.config.search.trials:
            return prepared
        from mole_engine.training.search import search_settings
        from mole_engine.training.setup import prepare_network

        self.config = search_settings(
            self.config, prepared, self.folder.path, self.emitter, self.control, on_progress=self.progress
        )
        # "Stop" has ended the search; the training that follows can be stopped as well.
        self.control.take_stop()
        data = prepared.data.with_split(prepared.data.split, self.config)
        chosen = prepare_network(self.config, data, data.vocabulary)
        parameters = sum(item.numel() for item in chosen.model.parameters())
        self.record = replace(self.record, parameters=parameters)
        self.enter(RunState.TRAINING, self._training_words(prepared))
        return chosen

    def _pinned(self, prepared: Prepared, vocabulary: Vocabulary) -> PinnedMolecules | None:
        if not self.config.pinned:
            return None
        from mole_engine.training.pinned import PinnedMolecules

        tasks, config = prepared.data.dataset.roles.tasks, self.config
        described = config.model.descriptors
        return PinnedMolecules(config.pinned, tasks, vocabulary, config.data.curation, descriptors=described)

    def _fit(self, prepared: Prepared, vocabulary: Vocabulary) -> FitResult:
        from mole_engine.training.ensemble import fit_ensemble, is_ensemble
        from mole_engine.training.fitting import fit_model

        if is_ensemble(self.config):
            self.ensemble = fit_ensemble(
                self.config,
                prepared,
                self.folder.path,
                self.emitter,
                self.control,
                cache_dir=cache_folder(),
                on_progress=self.progress,
                pinned=self._pinned(prepared, vocabulary),
            )
            return self._fitted(self.ensemble.fit)
        last = self.folder.last_checkpoint
        resume_from = last if self.place.is_resumed and last.is_file() else None
        if self.place.is_resumed:
            words = "from its last checkpoint" if resume_from else "from the start: it has no checkpoint yet"
            self.notice(f"Going on {words}.")
        pinned, path = self._pinned(prepared, vocabulary), self.folder.path
        fit = fit_model(self.config, prepared, path, self.emitter, self.control, resume_from=resume_from, pinned=pinned)
        return self._fitted(fit)

    def _fitted(self, fit: FitResult) -> FitResult:
        self.control.checkpoint()
        networks = 1 if self.ensemble is None else len(self.ensemble.members)
        # Several networks have kept an epoch each: no single number would be true.
        kept = fit.kept_epoch if networks == 1 else 0
        self.record = replace(self.record, best_epoch=kept, epochs=fit.epochs, networks=networks, device=fit.device)
        return fit

    def _evaluate(
        self, dataset: CuratedDataset, split: Split, vocabulary: Vocabulary, prepared: Prepared, fit: FitResult
    ) -> RunRecord:
        from mole_engine.inference.blended import blend_tensors
        from mole_engine.inference.run_results import how_near, make_card, write_predictions
        from mole_engine.store.bundle import save_bundle

        check, ensemble = self.control.checkpoint, self.ensemble
        parts = self._judged(prepared) if ensemble is None else ensemble.evaluations
        prepared.model.cpu()
        test, validation = parts["test"].metrics, parts["val"].metrics
        self.record = replace(self.record, metrics=test, validation_metrics=validation)
        near = how_near(dataset, parts, check, ensemble)
        card = make_card(self.config, self.record, dataset, split, vocabulary, prepared, parts, near, check, ensemble)
        write_predictions(self.folder.predictions, dataset, parts, card, near, check)
        more = None if ensemble is None else blend_tensors(ensemble.members, ensemble.blend.to_arrays())
        save_bundle(self.folder.model, prepared.model.state_dict(), card, more)
        self.record = replace(self.record, model_path=str(self.folder.model))
        self._write_report()
        self.folder.drop_resume_state()
        if ensemble is not None:
            # The networks' own weights, all of which the bundle holds.
            self.folder.drop_checkpoints()
        return self.end(RunState.COMPLETED)

    def _judged(self, prepared: Prepared) -> dict[str, Evaluation]:
        from mole_engine.training.evaluation import evaluate_part
        from mole_engine.training.trainer import resolve_device

        device = resolve_device(self.config.runtime).torch_device
        return {
            part: evaluate_part(prepared, part, device=device, control=self.control, on_progress=self.progress)
            for part in PARTS
        }

    def _write_report(self) -> None:
        self.place.save(replace(self.record, status=RunState.COMPLETED, seconds=self.seconds()))
        try:
            from mole_engine.export.report import write_report

            write_report(self.folder.path, self.folder.report, self.progress)
        except Exception as error:
            if isinstance(error, MoleError):
                raise
            # The model is there and whole; a page about it is not worth failing the run.
            log.exception("The report could not be written")
            self.notice("The report of this run could not be written; log.txt says why.", "warning")


class _CallableModule(ModuleType):
    """Makes `mole_engine.train(...)` work although `mole_engine.train` is this module."""

    def __call__(self, *args: Any, **options: Any) -> RunRecord:
        """Call `train`."""
        return train(*args, **options)


sys.modules[__name__].__class__ = _CallableModule
