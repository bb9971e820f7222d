"""Lightning's Trainer, built from the configuration; devices, precision and threads in one place."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import FSDPStrategy, Strategy

from mole_engine.contracts.config import RuntimeConfig, TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.training.library_threads import set_linear_algebra_threads
from mole_engine.training.machine import devices_words, multiplies_bf16_quickly, usable_cores

MAX_THREADS = 8

# Narrow on purpose: each of these tells a developer of what is meant to be so here.
_EXPECTED_WARNINGS = (
    # Batches are cut out of flat arrays; workers would cost more than they save.
    r".*does not have many workers.*",
    # A job without a validation or test part.
    r".*Total length of `list` across ranks is zero.*",
    # Frozen parts.
    r".*Found .* module\(s\) in eval mode at the start of training.*",
    # The user chose the CPU.
    r".*GPU available but not used.*",
    r".*MPS available but not used.*",
    # An epoch's metrics are computed from the outputs of all processes, so they are the same in each.
    r".*It is recommended to use `self.log\(.*sync_dist=True\)`.*",
    # Lightning's own use of an old name of PyTorch.
    r".*treespec, LeafSpec.*is deprecated.*",
)


@dataclass(frozen=True, slots=True)
class Device:
    """Where a job runs.

    Attributes
    ----------
    accelerator
        "cpu", "cuda" or "mps".
    index
        Which GPU, None for the first ones.
    name
        As a user reads it: "NVIDIA H100", "CPU".
    precision
        Lightning's word: "32-true", "bf16-mixed" or "16-mixed".
    note
        What was changed from the wish, in words; empty if nothing.
    """

    accelerator: str
    index: int | None
    name: str
    precision: str
    note: str = ""

    def autocast(self) -> AbstractContextManager[object]:
        """Return what Lightning puts around a step of training in this precision."""
        if self.precision == "32-true":
            return nullcontext()
        kind = torch.bfloat16 if self.precision == "bf16-mixed" else torch.float16
        return torch.autocast(self.torch_device.type, dtype=kind)

    @property
    def torch_device(self) -> torch.device:
        """The device of a job on one device."""
        if self.accelerator == "cuda":
            return torch.device("cuda", self.index or 0)
        return torch.device(self.accelerator)


def resolve_device(runtime: RuntimeConfig) -> Device:
    """Return where the job runs: as asked, or for "auto" the best of CUDA, MPS and CPU.

    Raises
    ------
    InputError
        When the device that was asked for is not there.
    """
    kind, _, number = runtime.device.strip().lower().partition(":")
    if kind not in ("auto", "cpu", "cuda", "gpu", "mps") or (
        number and not (kind in ("cuda", "gpu") and number.isdigit())
    ):
        raise InputError(f"There is no device '{runtime.device}'.", devices_words(), "Choose one of them, or auto.")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind in ("cuda", "gpu"):
        return _cuda(runtime, int(number) if number else None)
    if kind == "mps":
        if not torch.backends.mps.is_available():
            raise InputError("This machine has no Apple GPU.", devices_words(), "Choose one of them, or auto.")
        return _with_precision(runtime, "mps", None, "Apple GPU")
    return _with_precision(runtime, "cpu", None, "CPU")


def _cuda(runtime: RuntimeConfig, index: int | None) -> Device:
    if not torch.cuda.is_available():
        raise InputError(
            "No NVIDIA GPU can be used.",
            "Either there is none, its driver is missing, or PyTorch was installed without CUDA.",
            "Choose auto or cpu, or see `mole doctor`.",
        )
    count = torch.cuda.device_count()
    if (index or 0) >= count:
        raise InputError(f"There is no GPU number {index}.", devices_words(), "Choose one of them, or auto.")
    return _with_precision(runtime, "cuda", index, torch.cuda.get_device_name(index or 0))


def _with_precision(runtime: RuntimeConfig, accelerator: str, index: int | None, name: str) -> Device:
    wanted = runtime.precision
    # Emulated bf16 (older GPUs, most processors) is many times slower than 32 bits.
    has_bf16 = (accelerator == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)) or (
        accelerator == "cpu" and wanted in ("auto", "bf16-mixed") and multiplies_bf16_quickly()
    )
    if wanted == "auto":
        return Device(accelerator, index, name, "bf16-mixed" if has_bf16 else "32-true")
    possible = wanted == "32-true" or (wanted == "16-mixed" and accelerator == "cuda") or has_bf16
    if possible:
        return Device(accelerator, index, name, wanted)
    note = f"{wanted.split('-')[0]} precision is slow or impossible on this device ({name}); 32 bits are used."
    return Device(accelerator, index, name, "32-true", note)


def fuses_updates(runtime: RuntimeConfig) -> bool:
    """Whether the optimiser may update in one kernel: not where gradients are scaled (fp16) or divided (FSDP)."""
    device = resolve_device(runtime)
    return device.accelerator in ("cpu", "cuda") and device.precision != "16-mixed" and runtime.strategy != "fsdp"


def default_threads() -> int:
    """Return how many CPU threads a job uses: all usable cores but one (the window's), at least 1, at most 8."""
    return min(MAX_THREADS, max(1, usable_cores() - 1))


@contextmanager
def all_cores(runtime: RuntimeConfig) -> Iterator[int]:
    """Let torch use every core, at most 8, for work of seconds; the number that the user or a trial chose stays.

    Sums of floating-point numbers depend on the number of threads, so what a run makes anew when it goes on must be
    made with as many: as long as the configuration and the machine are the same, they are.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads_for_seconds(runtime))
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def threads_for_seconds(runtime: RuntimeConfig) -> int:
    """Return what `all_cores` uses; processes that work side by side leave each other their cores."""
    alone = runtime.devices * runtime.num_nodes == 1
    return runtime.threads or (min(MAX_THREADS, usable_cores()) if alone else default_threads())


def use_threads(runtime: RuntimeConfig) -> int:
    """Set the number of CPU threads of torch and of linear algebra (NumPy, SciPy).

    Torch's holds for the calling thread, so call it where the work is done. Linear algebra left to itself takes every
    core, and where other work has one of them its threads wait for each other in a loop: a Gaussian process on 577
    molecules then takes minutes instead of three seconds.
    """
    threads = runtime.threads or default_threads()
    torch.set_num_threads(threads)
    set_linear_algebra_threads(threads)
    return threads


def build_trainer(
    config: TrainConfig,
    callbacks: Sequence[pl.Callback],
    folder: str | Path,
    *,
    device: Device | None = None,
    accumulate: int | None = None,
) -> pl.Trainer:
    """Return a Trainer that writes nothing, prints nothing and draws nothing by itself.

    Parameters
    ----------
    config
        Epochs, clipping, devices and strategy.
    callbacks
        All reporting and saving is theirs; one of them must be of Lightning's kind `Checkpoint`.
    folder
        The run folder (Lightning wants a root for what plugins may write).
    device
        From `resolve_device`; None: resolved here.
    accumulate
        Batches per optimiser step; None: as configured.

    Raises
    ------
    InputError
        When a device is missing.
    """
    quiet_lightning()
    place = device or resolve_device(config.runtime)
    runtime = config.runtime
    # A head alone is too small to gain by fewer bits.
    narrow = place.accelerator != "cpu" or config.training.freeze != "encoder"
    return pl.Trainer(
        accelerator=place.accelerator,
        devices=[place.index] if place.index is not None and runtime.devices == 1 else runtime.devices,
        num_nodes=runtime.num_nodes,
        strategy=_strategy(runtime),
        precision=place.precision if narrow else "32-true",  # type: ignore[arg-type]
        max_epochs=config.training.epochs,
        min_epochs=0,
        accumulate_grad_batches=accumulate or config.training.accumulate_batches,
        # What comes of it is the model's (`ClippedModule`).
        gradient_clip_val=config.training.gradient_clip or None,
        callbacks=list(callbacks),
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )


def quiet_lightning() -> None:
    """Silence what Lightning tells developers about choices that are deliberate here."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning.fabric", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in _EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message=message)


def _strategy(runtime: RuntimeConfig) -> str | Strategy:
    if runtime.strategy == "fsdp":
        from mole_engine.nn.bert import BertLayer

        return FSDPStrategy(auto_wrap_policy={BertLayer}, state_dict_type="full")
    if runtime.strategy != "auto":
        return runtime.strategy
    return "auto" if runtime.devices * runtime.num_nodes == 1 else "ddp"
