"""Several processes: who is who, and what cannot be."""

from __future__ import annotations

import os

import pytest
import torch

from mole_engine.contracts.config import RuntimeConfig
from mole_engine.contracts.errors import InputError
from mole_engine.training.processes import (
    RANK_VARIABLES,
    check_several_devices,
    process_group_ends_here,
    process_rank,
)


@pytest.fixture(autouse=True)
def _no_ranks(monkeypatch):
    for name in RANK_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", RANK_VARIABLES)
def test_the_rank_is_what_the_launcher_says(monkeypatch, name):
    assert process_rank(RuntimeConfig(devices=2)) == 0
    monkeypatch.setenv(name, "1")
    assert process_rank(RuntimeConfig(devices=2)) == 1


def test_the_second_node_is_not_the_first_process(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("RANK", "2")
    assert process_rank(RuntimeConfig(devices=2, num_nodes=2)) == 2


@pytest.mark.parametrize(("name", "rank"), [("bash", 1), ("training", 3)])
def test_a_slurm_shell_is_no_slurm_job(monkeypatch, name, rank):
    """In `srun --pty bash`, Lightning starts the processes itself, and they inherit the number of the shell."""
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("SLURM_JOB_NAME", name)
    monkeypatch.setenv("SLURM_NTASKS", "1" if name == "bash" else "4")
    monkeypatch.setenv("SLURM_PROCID", "0" if name == "bash" else "3")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert process_rank(RuntimeConfig(devices=2, num_nodes=2)) == rank


def test_a_job_on_one_device_is_alone_whatever_the_surroundings_say(monkeypatch):
    monkeypatch.setenv("SLURM_PROCID", "3")
    assert process_rank(RuntimeConfig()) == 0


@pytest.mark.parametrize(
    ("runtime", "accelerator", "words"),
    [
        (RuntimeConfig(strategy="fsdp"), "cpu", "fsdp"),
        (RuntimeConfig(devices=2), "mps", "single device"),
        (RuntimeConfig(devices=3), "cuda", "this machine has 2"),
    ],
)
def test_what_cannot_be_is_said(monkeypatch, runtime, accelerator, words):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match=words):
        check_several_devices(runtime, accelerator)


def test_what_can_be_is_let_through(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_several_devices(RuntimeConfig(), "mps")
    check_several_devices(RuntimeConfig(devices=2), "cuda")
    check_several_devices(RuntimeConfig(devices=2, strategy="ddp"), "cpu")


def test_a_launcher_leaves_no_trace(monkeypatch):
    monkeypatch.setenv("MASTER_PORT", "1234")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group_ends_here():
        os.environ["MASTER_PORT"] = "5678"
        os.environ["WORLD_SIZE"] = "2"
    assert os.environ["MASTER_PORT"] == "1234"
    assert "WORLD_SIZE" not in os.environ
