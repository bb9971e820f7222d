"""The whole pretraining job: from a long file of molecules to a bundle whose encoder `--init` starts from."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytorch_lightning as pl
import torch
from torch import Tensor

from mole_engine._version import __version__
from mole_engine.awake import kept_awake
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import DataConfig, TrainConfig, TrainingConfig
from mole_engine.contracts.errors import Cancelled, InputError, KnownError, is_out_of_memory
from mole_engine.contracts.events import EventHandler
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.contracts.wording import counted
from mole_engine.data.pretraining_blocks import BlockPreparer
from mole_engine.data.pretraining_data import PretrainingData
from mole_engine.data.pretraining_labels import LabelTable
from mole_engine.data.pretraining_survey import Survey, take_survey, validation_rows
from mole_engine.data.scaling import TargetScaler
from mole_engine.data.smiles_stream import SmilesStream
from mole_engine.models.mole import MolE
from mole_engine.models.pretraining import PretrainingModel
from mole_engine.store.bundle import save_bundle
from mole_engine.store.card import ModelCard, portable_config
from mole_engine.store.files import write_text
from mole_engine.store.pretraining_folder import PretrainingFolder
from mole_engine.store.run_folder import FolderLock
from mole_engine.store.run_log import RunLog
from mole_engine.training.callbacks import ControlCallback, DivergenceCallback, SeedCallback, heeding_terminate
from mole_engine.training.checkpoints import CheckpointCallback
from mole_engine.training.compilation import compiled_layers, compiles
from mole_engine.training.fitting import check_checkpoint
from mole_engine.training.job import Job
from mole_engine.training.metrics import LOSS
from mole_engine.training.optimisers import build_optimisers
from mole_engine.training.pretraining_start import EarlierJob, begin, with_network_of_init
from mole_engine.training.processes import check_several_devices, process_group_ends_here, process_rank
from mole_engine.training.reporting import EventCallback
from mole_engine.training.setup import job_vocabulary
from mole_engine.training.trainer import build_trainer, fuses_updates, resolve_device, use_threads


class PreparedPretraining(NamedTuple):
    """What a pretraining fit needs."""

    vocabulary: Vocabulary
    survey: Survey
    data: PretrainingData
    model: PretrainingModel


def pretrain(
    config: PretrainConfig | None = None,
    on_event: EventHandler | None = None,
    control: RunControl | None = None,
    *,
    resume: str | Path = "",
) -> RunRecord:
    """Pretrain an encoder.

    Parameters
    ----------
    config
        The job; None only with `resume`, beside which no more than its `runtime` counts.
    on_event
        Told of everything that happens; the last event, and only the last, is terminal.
    control
        Through which another thread pauses, stops, cancels or interrupts the job.
    resume
        Folder of a job to go on with from its last round, with its own configuration.

    Returns
    -------
    RunRecord
        Its status is COMPLETED, CANCELLED or INTERRUPTED. In a job on several devices, the first process alone writes
        and speaks.

    Raises
    ------
    InputError, KnownError, BugError
        When the input, the machine or we are at fault; after a `RunFailed` event once there is a folder.
    """
    control = control or RunControl()
    if resume:
        folder = PretrainingFolder(resume)
        own = folder.read_config()
        config = own if config is None else own.model_copy(update={"runtime": config.runtime})
    elif config is None:
        raise InputError("There is nothing to pretrain on.", "", "Give a configuration.")
    else:
        config = with_network_of_init(config)
    if process_rank(config.runtime) > 0:
        folder = PretrainingFolder(resume or config.out or ".")
        return _PretrainingJob(config, folder, None, control, resumed=bool(resume)).accompany()
    if not resume:
        folder = PretrainingFolder.create(config)
    awake = kept_awake(config.runtime.keep_awake)
    with FolderLock(folder.lock), RunLog(folder.log), awake:
        return _PretrainingJob(config, folder, on_event, control, resumed=bool(resume)).run()


class _PretrainingJob(Job):
    def __init__(
        self,
        config: PretrainConfig,
        folder: PretrainingFolder,
        on_event: EventHandler | None,
        control: RunControl,
        *,
        resumed: bool,
    ) -> None:
        record = RunRecord(
            run_id=folder.path.name,
            name=config.name or f"Pretraining on {Path(config.data.path).name}",
            status=RunState.QUEUED,
            run_dir=str(folder.path),
            data_name=Path(config.data.path).name,
            created=time.time(),
            seed=config.seed,
        )
        self.leads = process_rank(config.runtime) == 0
        super().__init__(record, folder.events if self.leads else None, on_event, control)
        self.config = config
        self.folder = folder
        self.resumed = resumed

    def save(self, record: RunRecord) -> None:
        # Only what a job came to: until then its folder is that of one that can go on.
        if record.status.is_terminal and record.status is not RunState.FAILED:
            self.folder.write_record(record)

    @property
    def results(self) -> Mapping[str, float]:
        return self.record.validation_metrics

    @property
    def has_trained(self) -> bool:
        return self._start is not None

    def accompany(self) -> RunRecord:
        """Work along with the first process."""
        prepared = self._prepare()
        with contextlib.suppress(Cancelled):
            self._fit(prepared)
        return replace(self.record, status=RunState.COMPLETED)

    def work(self) -> RunRecord:
        self.enter(RunState.QUEUED)
        self.enter(RunState.PREPARING, f"Preparing {self.record.data_name}")
        prepared = self._prepare()
        if self._start is not None:
            check_checkpoint(self._start, prepared.model)
        if prepared.survey.passed_over:
            self.notice(prepared.survey.passed_over, "warning")
        parameters = sum(item.numel() for item in prepared.model.encoder.parameters())
        judging = validation_rows(prepared.survey.rows, self.config.data.validation_molecules)
        molecules = prepared.survey.rows - judging
        counts = {"train": molecules, "val": judging, "test": 0}
        self.record = replace(self.record, parameters=parameters, counts=counts)
        words = f"Pretraining on {molecules:,} molecules, {counted(prepared.data.total_steps, 'step')}"
        if self.config.objectives.atoms:
            words += f"; {len(prepared.survey.environments):,} environments ({prepared.survey.coverage:.1%} of atoms)"
        self.enter(RunState.TRAINING, words)
        keeper, trainer = self._fit(prepared)
        self.enter(RunState.EVALUATING, "Writing the encoder")
        prepared.model.cpu()
        self.record = replace(
            self.record,
            epochs=trainer.current_epoch,
            device=resolve_device(self.config.runtime).name,
            model_path=str(self.folder.model),
        )
        self._write_encoder(prepared, keeper)
        return self.end(RunState.COMPLETED)

    @property
    def _cache(self) -> Path:
        return Path(self.config.data.cache or self.folder.path / "prepared")

    @property
    def _start(self) -> Path | None:
        """The checkpoint that a resumed job goes on from; None where it begins."""
        last = self.folder.last_checkpoint
        return last if self.resumed and last.is_file() else None

    def _prepare(self) -> PreparedPretraining:
        use_threads(self.config.runtime)
        return prepare_pretraining(self.config, self._survey, self._cache)

    def _survey(self, stream: SmilesStream, labels: LabelTable | None) -> Survey:
        known = self.folder.read_survey() if self.resumed else None
        found = known or take_survey(self.config, stream, labels, self.progress)
        earlier = None if known else EarlierJob.find(self.config.init)
        if earlier is not None:
            found = earlier.classes_kept(found, self.config)
        if known and stream.rows() != known.rows:
            raise InputError("This job cannot go on:", "its file has changed.", "Start a new one instead.")
        if self.leads:
            write_text(self.folder.survey, json.dumps(found.to_dict()))
        return found

    def _fit(self, prepared: PreparedPretraining) -> tuple[CheckpointCallback, pl.Trainer]:
        device = resolve_device(self.config.runtime)
        check_several_devices(self.config.runtime, device.accelerator)
        if device.note:
            self.notice(device.note, "warning")
        keeper = CheckpointCallback(
            self.folder.checkpoints,
            self.emitter,
            monitor=LOSS,
            mode="min",
            every=self.config.runtime.checkpoint_every,
        )
        controlling = ControlCallback(self.control)
        callbacks: list[pl.Callback] = [
            SeedCallback(self.config.seed),
            controlling,
            DivergenceCallback(),
            keeper,
            _BestEncoderCallback(keeper, lambda: self._write_encoder(prepared, keeper)),
            EventCallback(self.emitter, keeper, controlling, self.folder.metrics),
        ]
        job = TrainConfig(training=_training(self.config, prepared.data.rounds), runtime=self.config.runtime)
        trainer = build_trainer(job, callbacks, self.folder.path, device=device)
        # Otherwise Lightning would expect the first round's length of the last one too, and leave out its validation.
        trainer.reload_dataloaders_every_n_epochs = 1  # type: ignore[attr-defined]
        compiling = compiles(self.config.runtime, device.accelerator, long=True)
        try:
            with (
                process_group_ends_here(),
                compiled_layers(prepared.model, compiling),
                heeding_terminate(self.control),
            ):
                trainer.fit(prepared.model, datamodule=prepared.data, ckpt_path=self._start, weights_only=True)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise KnownError(
                f"There is not enough memory on {device.name}.", "", "Set training.batch_size lower, then resume."
            ) from error
        finally:
            prepared.data.close()
            prepared.model.trainer = None
            prepared.data.trainer = None
        return keeper, trainer

    def _write_encoder(self, prepared: PreparedPretraining, keeper: CheckpointCallback) -> None:
        if not self.leads:
            return
        metrics = keeper.best_metrics | ({LOSS: keeper.best_value} if keeper.best_epoch else {})
        self.record = replace(self.record, validation_metrics=metrics, best_epoch=keeper.best_epoch)
        save_encoder(self.folder.model, self._best_weights(prepared.model), prepared, self.config, self.record)

    def _best_weights(self, model: PretrainingModel) -> dict[str, Tensor]:
        """Return the best round's weights, as they lie on disk; the present ones where no round was judged."""
        if self.folder.best_checkpoint.is_file():
            content = torch.load(self.folder.best_checkpoint, map_location="cpu", weights_only=True)
            return dict(content["state_dict"])
        return model.state_dict()


class _BestEncoderCallback(pl.Callback):
    """Writes the encoder after every round that is the best so far: a job of days is of use before its end."""

    def __init__(self, keeper: CheckpointCallback, write: Callable[[], None]) -> None:
        self.keeper = keeper
        self.write = write

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the weights that were just judged."""
        if self.keeper.is_best:
            self.write()


def prepare_pretraining(
    config: PretrainConfig,
    survey: Callable[[SmilesStream, LabelTable | None], Survey],
    cache: Path | None = None,
) -> PreparedPretraining:
    """Open the file, look at it, and build data module and model.

    Parameters
    ----------
    survey
        Looks at the molecules, or recalls what was found before.
    cache
        Folder for prepared molecules; None: they are prepared anew in every pass.

    Raises
    ------
    InputError
        When the file, the labels or the starting weights cannot be used.
    """
    stream = SmilesStream(config.data.path, config.data.smiles_column, config.data.targets)
    labels = LabelTable.read(config.data.labels_path) if config.data.labels_path else None
    vocabulary = job_vocabulary(config.init, config.model.vocabulary)
    earlier = EarlierJob.find(config.init)
    found = survey(stream, labels)
    preparer = BlockPreparer(vocabulary, found, config.objectives, labels, cache)
    runtime = config.runtime
    data = PretrainingData(config, stream, preparer, runtime.devices * runtime.num_nodes, process_rank(runtime))
    pl.seed_everything(config.seed, workers=True, verbose=False)
    network = config.model.model_copy(
        update={"vocabulary_size": vocabulary.size, "outputs": 1, "descriptors": False, "descriptor_size": 0}
    )
    model = PretrainingModel(
        network,
        config.objectives,
        environments=max(1, len(found.environments)),
        binary=[task.is_binary for task in found.tasks],
        descriptors=len(found.descriptor_mean),
        optimisers=lambda model: build_optimisers(
            cast(Any, model), _training(config, data.rounds), data.total_steps, fused=fuses_updates(runtime)
        ),
    )
    begin(model, vocabulary, found, config, earlier)
    return PreparedPretraining(vocabulary, found, data, model)


def save_encoder(
    path: Path, weights: Mapping[str, Tensor], prepared: PreparedPretraining, config: PretrainConfig, record: RunRecord
) -> None:
    """Write the encoder among `weights` as a bundle that predicts nothing yet. Raises InputError, KnownError."""
    network = prepared.model.config
    tensors = {name: value.cpu() for name, value in weights.items() if name.startswith("encoder.")}
    head = MolE(network).head
    # No task has been learnt: the head is silent rather than random.
    tensors |= {f"head.{name}": torch.zeros_like(value) for name, value in head.state_dict().items()}
    training = _training(config, prepared.data.rounds)
    data = DataConfig(path=config.data.path)
    job = TrainConfig(name=record.name, seed=config.seed, model=network, data=data, training=training)
    objectives = config.objectives.model_dump()
    steps = min(record.best_epoch * config.training.round_steps, prepared.data.total_steps)
    card = ModelCard(
        name=record.name,
        created=record.created,
        config=portable_config(job),
        tasks=(),
        scaler=TargetScaler(()).to_dict(),
        vocabulary=prepared.vocabulary.to_dict(),
        data={"name": record.data_name, "rows": prepared.survey.rows},
        split={"method": "the first molecules judge", "counts": record.counts, "overlap": []},
        validation_metrics=record.validation_metrics,
        versions={"mole-studio": __version__},
        parameters=record.parameters,
        best_epoch=record.best_epoch,
        run_id=record.run_id,
        notes=(
            "An encoder without a prediction head: start a training from it (init), or encode molecules with it.",
            f"Learnt from {record.counts['train']:,} molecules in {steps or prepared.data.total_steps:,} steps: "
            + ", ".join(f"{name} {objectives[name]:g}" for name in ("atoms", "tasks", "descriptors"))
            + f" ({len(prepared.survey.tasks)} tasks).",
        ),
    )
    save_bundle(path, tensors, card)


def _training(config: PretrainConfig, rounds: int) -> TrainingConfig:
    names = ("learning_rate", "weight_decay", "adam_eps", "schedule", "warmup_fraction", "gradient_clip", "batch_size")
    return TrainingConfig(epochs=rounds, **{name: getattr(config.training, name) for name in names})
