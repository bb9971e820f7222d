"""Several processes on one job: who this one is, and leaving no trace of the group when the job ends."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import torch

from mole_engine.contracts.config import RuntimeConfig
from mole_engine.contracts.errors import Cancelled, InputError

RANK_VARIABLES = ("RANK", "LOCAL_RANK", "SLURM_PROCID")
"""Set by torchrun, Lightning's own launcher and SLURM."""

_LAUNCH_VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE", "RANK")


def process_rank(runtime: RuntimeConfig) -> int:
    """Return the number of this process among those of one job; 0 is the one that writes and speaks.

    A job on one device has one process, whatever the surroundings say (an interactive SLURM shell sets variables too).
    """
    if is_single(runtime):
        return 0
    names = ("RANK", "SLURM_PROCID", "LOCAL_RANK") if _slurm_launches() else RANK_VARIABLES
    for name in names:
        text = os.environ.get(name, "")
        if text.isdigit():
            return int(text)
    return 0


def _slurm_launches() -> bool:
    """Whether SLURM started the processes of the job, in Lightning's eyes.

    In an interactive shell it did not: the processes that Lightning starts there inherit the number of the shell.
    """
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

    return SLURMEnvironment.detect()


def is_single(runtime: RuntimeConfig) -> bool:
    """Whether the job runs on one device."""
    return runtime.devices * runtime.num_nodes == 1


def check_several_devices(runtime: RuntimeConfig, accelerator: str) -> None:
    """Make sure that a job on several devices can be started from here.

    Raises
    ------
    InputError
        When a thread (of the window) would start processes that run the whole program again, when there are too few
        GPUs, or when the strategy needs GPUs and there are none.
    """
    if runtime.strategy == "fsdp" and accelerator != "cuda":
        raise InputError("The strategy fsdp needs NVIDIA GPUs.", "", "Choose ddp or auto.")
    if is_single(runtime):
        return
    if accelerator == "mps":
        raise InputError("An Apple GPU is a single device.", "", "Set devices and nodes to 1.")
    if accelerator == "cuda" and runtime.devices > torch.cuda.device_count():
        raise InputError(
            f"{runtime.devices} GPUs were asked for,", f"and this machine has {torch.cuda.device_count()}.", ""
        )
    if threading.current_thread() is not threading.main_thread():
        raise InputError(
            "Several devices cannot be used from the window.",
            "Each of them needs a process of its own.",
            "Export the job, and start its script from the command line.",
        )


@contextlib.contextmanager
def process_group_ends_here() -> Iterator[None]:
    """Undo on leaving what Lightning sets up for several processes, so that the next job here starts clean."""
    before = {name: os.environ.get(name) for name in _LAUNCH_VARIABLES}
    try:
        yield
        _leave_group()
    except Cancelled:
        # All processes leave at the same batch. After a fault the others may still be in a step, and leaving the group
        # would wait for them: there, the end of this process ends theirs.
        _leave_group()
        raise
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _leave_group() -> None:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
