"""The fit itself: callbacks and trainer put together, memory that runs out survived, the kept weights loaded."""

from __future__ import annotations

import logging
import math
import pickle
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytorch_lightning as pl
import torch

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError, is_out_of_memory
from mole_engine.contracts.events import Notice
from mole_engine.contracts.paths import remove
from mole_engine.contracts.run_state import RunControl
from mole_engine.contracts.wording import counted
from mole_engine.models.base import fixed_of
from mole_engine.store.files import remove_left_overs
from mole_engine.training.averaging import AveragingCallback
from mole_engine.training.callbacks import ControlCallback, DivergenceCallback, SeedCallback, heeding_terminate
from mole_engine.training.checkpoints import BEST, LAST, CheckpointCallback
from mole_engine.training.compilation import compiled_layers, compiles
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.fixed_weights import FIXED, FixedWeights
from mole_engine.training.job import give_memory_back
from mole_engine.training.metrics import monitor_of
from mole_engine.training.metrics_table import write_waiting
from mole_engine.training.pinned import PinnedCallback, PinnedMolecules
from mole_engine.training.processes import (
    check_several_devices,
    is_single,
    process_group_ends_here,
    process_rank,
)
from mole_engine.training.reporting import EventCallback
from mole_engine.training.series import Series
from mole_engine.training.setup import Prepared
from mole_engine.training.steering import SteeringCallback, steered_last_epoch
from mole_engine.training.trainer import build_trainer, resolve_device, use_threads

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitResult:
    """How a fit ended; the model has the kept weights.

    Attributes
    ----------
    epochs
        Epochs done.
    kept_epoch
        Epoch whose weights the model has (the first is 1).
    best_epoch, best_value, monitor
        Epoch that validation liked best (0: no validation), its value, and the metric that judged.
    metrics
        Validation metrics at the best epoch, in the user's units; empty without a validation part.
    stopped
        Whether the user or lack of improvement ended it before its last epoch, the planned one or that set meanwhile.
    """

    epochs: int
    kept_epoch: int
    best_epoch: int
    best_value: float
    monitor: str
    metrics: dict[str, float] = field(default_factory=dict)
    stopped: bool = False
    seconds: float = math.nan
    device: str = ""


def fit_model(
    config: TrainConfig,
    prepared: Prepared,
    folder: str | Path,
    emitter: EventEmitter,
    control: RunControl | None = None,
    *,
    resume_from: str | Path | None = None,
    pinned: PinnedMolecules | None = None,
    series: Series | None = None,
    number: int = 0,
) -> FitResult:
    """Train a prepared model and leave the kept weights (best or last epoch) in it, on the CPU.

    Writes `checkpoints/best.ckpt`, `checkpoints/last.ckpt` (without what does not learn, which is in
    `checkpoints/fixed.safetensors`) and, for a network that is the only one, `metrics.csv` under `folder`. When memory
    runs out, the batches are halved, twice as many are accumulated, and training goes on from the last checkpoint.

    Parameters
    ----------
    config, prepared
        The job, and what `prepare_model` made of it.
    folder
        The run folder.
    emitter
        Receives step and epoch metrics, checkpoints and notices.
    control
        The user's words; None: nobody interferes.
    resume_from
        A `last.ckpt` to continue from.
    pinned
        Molecules that are predicted after every epoch.
    series, number
        The networks that this one is one of, and which; None: it is the only one.

    Raises
    ------
    Cancelled
        When the user cancels.
    InputError, KnownError
        When training diverges, a device is missing, memory runs out at one molecule a batch, the disk is full, or the
        checkpoint to resume from does not fit.
    """
    job = _Job(config, prepared, Path(folder), emitter, control or RunControl(), pinned, series, number)
    return job.run(None if resume_from is None else Path(resume_from))


class _Job:
    def __init__(
        self,
        config: TrainConfig,
        prepared: Prepared,
        folder: Path,
        emitter: EventEmitter,
        control: RunControl,
        pinned: PinnedMolecules | None = None,
        series: Series | None = None,
        number: int = 0,
    ) -> None:
        self.config = config
        self.prepared = prepared
        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.emitter = emitter
        self.control = control
        self.pinned = pinned
        self.series = series
        self.number = number
        self.device = resolve_device(config.runtime)
        check_several_devices(config.runtime, self.device.accelerator)
        self.fixed = FixedWeights(self.checkpoints, prepared.model)
        tasks = prepared.data.dataset.roles.tasks
        self.monitor, self.mode = monitor_of(tasks, config.training, prepared.scaler)

    def run(self, resume_from: Path | None) -> FitResult:
        began = time.monotonic()
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        use_threads(self.config.runtime)
        if process_rank(self.config.runtime) == 0:
            remove_left_overs(self.checkpoints)
        if resume_from is None and process_rank(self.config.runtime) == 0:
            # What an older run left here must never be taken for a state of this one.
            for name in (BEST, LAST, FIXED):
                remove(self.checkpoints / name)
        if self.device.note:
            self.emitter.emit(Notice(message=self.device.note, level="warning"))
        if resume_from is not None:
            check_checkpoint(resume_from, self.prepared.model, self.fixed)
        if self._leaves_out and not self.fixed.path.is_file():
            self.fixed.save(self.prepared.model)
        compiling = compiles(self.config.runtime, self.device.accelerator, long=False)
        try:
            with process_group_ends_here(), compiled_layers(self.prepared.model, compiling):
                trainer, keeper = self._until_it_fits(resume_from)
            # No further epoch adds rows that wait; what is still locked then, the end of the job tries again.
            write_waiting(self.folder / "metrics.csv")
            return self._finish(trainer, keeper, time.monotonic() - began)
        finally:
            # A trainer holds on to optimiser states and gradients.
            self.prepared.model.trainer = None
            self.prepared.data.trainer = None

    def _until_it_fits(self, resume_from: Path | None) -> tuple[pl.Trainer, CheckpointCallback]:
        start = _cpu_state(self.prepared.model)
        while True:
            keeper = self._keeper()
            trainer = self._trainer(keeper, resume_from)
            try:
                with heeding_terminate(self.control):
                    trainer.fit(
                        self.prepared.model, datamodule=self.prepared.data, ckpt_path=resume_from, weights_only=True
                    )
                return trainer, keeper
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                problem = str(error).splitlines()[0] if str(error) else "memory"
            # Outside of the handler, so that its traceback no longer holds on to the step's tensors.
            del trainer
            resume_from = self._recover(problem, start, resume_from)

    @property
    def _leaves_out(self) -> bool:
        """Whether checkpoints leave out what does not learn; of several processes, each has its part of a state."""
        return is_single(self.config.runtime)

    def _keeper(self) -> CheckpointCallback:
        training = self.config.training
        return CheckpointCallback(
            self.checkpoints,
            self.emitter,
            monitor=self.monitor,
            mode=self.mode,
            patience=training.patience,
            every=self.config.runtime.checkpoint_every,
            fixed=self.fixed if self._leaves_out else None,
        )

    def _trainer(self, keeper: CheckpointCallback, resume_from: Path | None) -> pl.Trainer:
        training = self.config.training
        controlling = ControlCallback(self.control)
        steering = SteeringCallback(self.control, self.emitter, training, self.series, self.number)
        callbacks: list[pl.Callback] = [SeedCallback(self.config.seed), controlling, DivergenceCallback(), keeper]
        callbacks.append(steering)
        if self.pinned is not None:
            callbacks.append(PinnedCallback(self.pinned, self.emitter))
        if training.averaging != "none":
            callbacks.append(AveragingCallback(training.averaging, training.ema_decay))
        # Networks of several have one table, which whoever places them among the others writes.
        table = self.folder / "metrics.csv" if self.series is None else None
        callbacks.append(EventCallback(self.emitter, keeper, controlling, table))
        trainer = build_trainer(
            self.config, callbacks, self.folder, device=self.device, accumulate=self.prepared.data.accumulate
        )
        # Lightning refuses a checkpoint from behind the end.
        if resume_from is not None and (last := steered_last_epoch(resume_from)):
            trainer.fit_loop.max_epochs = last
        return trainer

    def _recover(self, problem: str, start: dict[str, torch.Tensor], resume_from: Path | None) -> Path | None:
        data, model = self.prepared.data, self.prepared.model
        log.warning("Out of memory: %s", problem)
        model.zero_grad(set_to_none=True)
        give_memory_back()
        if not is_single(self.config.runtime):
            # The other processes are still in the step that this one has lost.
            raise KnownError(
                "There is not enough memory on one of the devices.", "", "Use a smaller batch size or preset."
            )
        if not data.halve_batches():
            raise KnownError(
                f"There is not enough memory on {self.device.name}.",
                "Even a batch of one molecule does not fit.",
                "Choose a smaller preset, leave out the largest molecules, or use another device.",
            )
        self.emitter.emit(
            Notice(
                message=f"Memory has run out. Batches now hold {counted(data.batch_size, 'molecule')}, and "
                f"{counted(data.accumulate, 'of them makes', 'of them make')} a step.",
                level="warning",
                details=problem,
            )
        )
        last = self.checkpoints / LAST
        if last.is_file():
            return last
        model.load_state_dict(start)
        return resume_from

    def _finish(self, trainer: pl.Trainer, keeper: CheckpointCallback, seconds: float) -> FitResult:
        model = self.prepared.model
        model.cpu()
        # A run that is gone on with after its end counts its last epoch as processed, but not as completed.
        done: int = trainer.fit_loop.epoch_progress.current.processed  # type: ignore[attr-defined]
        kept = done
        best = self.checkpoints / BEST
        # Who stops early is promised the best model; what the last step left is an epoch cut short.
        wanted = self.config.training.keep == "best" or self.control.stop_requested
        if wanted and keeper.best_epoch and best.is_file():
            content = torch.load(best, map_location="cpu", weights_only=True)
            model.load_state_dict({**fixed_of(model), **content["state_dict"]}, strict=True)
            # Of a run that goes on, the file may be of a later epoch than its last checkpoint.
            kept = int(content["epoch"])
        model.zero_grad(set_to_none=True)
        model.eval()
        return FitResult(
            epochs=done,
            kept_epoch=kept,
            best_epoch=keeper.best_epoch,
            best_value=keeper.best_value,
            monitor=keeper.monitor if keeper.best_epoch else "",
            metrics=keeper.best_metrics,
            stopped=done < (trainer.max_epochs or 0),
            seconds=seconds,
            device=self.device.name,
        )


def check_checkpoint(path: Path, model: torch.nn.Module, fixed: FixedWeights | None = None) -> None:
    """Make sure that a checkpoint can be resumed with a model, and give the model the weights that it leaves out.

    Raises
    ------
    InputError
        When it is missing, damaged, or of another network.
    """
    again = "Start a new run instead."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        state = state if fixed is None else fixed.whole(state)
    except FileNotFoundError as error:
        raise InputError(f"There is no checkpoint {error.filename or path} to resume from.", "", again) from error
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"The checkpoint {path} cannot be read:", "it is damaged.", again) from error
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if {name: tuple(value.shape) for name, value in state.items()} != shapes:
        raise InputError(
            f"The checkpoint {path} does not fit:", "it is of a network of another size or for other targets.", again
        )
    if fixed is not None:
        model.load_state_dict({name: state[name] for name in fixed.names}, strict=False)


def _cpu_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
