"""Devices, precision and threads."""

from __future__ import annotations

import pytest
import threadpoolctl
import torch
from pytorch_lightning.callbacks import Checkpoint

from mole_engine.contracts.config import RuntimeConfig, TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.training import machine, trainer
from mole_engine.training.trainer import all_cores, build_trainer, default_threads, resolve_device, use_threads


@pytest.fixture
def gpu(monkeypatch):
    """Pretend that there is one GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "NVIDIA Test")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_takes_the_best_device(gpu):
    device = resolve_device(RuntimeConfig())
    assert (device.accelerator, device.name, device.precision) == ("cuda", "NVIDIA Test", "bf16-mixed")
    assert resolve_device(RuntimeConfig(device="cuda:0")).torch_device == torch.device("cuda", 0)


def processor(monkeypatch, quick):
    monkeypatch.setattr(trainer, "multiplies_bf16_quickly", lambda: quick)


@pytest.mark.parametrize(("quick", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_falls_back_to_the_cpu_in_the_precision_that_it_is_quick_in(no_gpu, monkeypatch, quick, precision):
    processor(monkeypatch, quick)
    device = resolve_device(RuntimeConfig())
    assert (device.accelerator, device.precision, device.note) == ("cpu", precision, "")
    assert resolve_device(RuntimeConfig(precision="32-true")).precision == "32-true"


def test_a_processor_is_quick_by_far_or_not_at_all(monkeypatch):
    def quick(narrow, wide):
        seconds = {torch.bfloat16: narrow, torch.float32: wide}
        monkeypatch.setattr(machine, "_seconds_of_product", seconds.__getitem__)
        return machine.multiplies_bf16_quickly.__wrapped__()

    assert quick(narrow=1.0, wide=4.0)
    assert not quick(narrow=1.0, wide=1.2)
    assert not quick(narrow=12.0, wide=1.0)


def test_a_product_is_timed_without_a_random_number():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    assert 0 < machine._seconds_of_product(torch.float32) < 5
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("enough", "times"), [(0.0, 2), (1e9, machine.TRIED_TIMES)])
def test_a_product_that_takes_long_is_tried_twice_only(monkeypatch, enough, times):
    tried, own = [], torch.mm
    monkeypatch.setattr(machine, "ENOUGH_SECONDS", enough)
    monkeypatch.setattr(machine.torch, "mm", lambda *given: tried.append(given) or own(*given))
    machine._seconds_of_product(torch.float32)
    assert len(tried) == times


@pytest.mark.parametrize(("freeze", "precision"), [("none", "bf16-mixed"), ("encoder", "32-true")])
def test_a_head_alone_learns_in_full_precision_on_a_cpu(tmp_path, monkeypatch, freeze, precision):
    processor(monkeypatch, quick=True)
    config = TrainConfig().with_overrides(["runtime.device=cpu", f"training.freeze={freeze}"])
    assert build_trainer(config, [Checkpoint()], tmp_path).precision == precision


@pytest.mark.parametrize(("device", "words"), [("cuda", "NVIDIA"), ("cuda:1", "NVIDIA"), ("mps", "Apple")])
def test_a_missing_device_is_said(no_gpu, device, words):
    with pytest.raises(InputError, match=words):
        resolve_device(RuntimeConfig(device=device))


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cpu:1", ""])
def test_an_unknown_device_is_said(device):
    with pytest.raises(InputError, match=r"no device .* This computer has: cpu"):
        resolve_device(RuntimeConfig(device=device))


def test_a_gpu_number_beyond_the_last_is_said(gpu):
    with pytest.raises(InputError, match="GPU number 3"):
        resolve_device(RuntimeConfig(device="cuda:3"))


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_half_precision_never_runs_where_it_is_slow(no_gpu, monkeypatch, precision):
    processor(monkeypatch, quick=False)
    device = resolve_device(RuntimeConfig(device="cpu", precision=precision))
    assert device.precision == "32-true"
    assert "32 bits" in device.note


def test_bf16_is_not_emulated(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert resolve_device(RuntimeConfig()).precision == "32-true"
    assert resolve_device(RuntimeConfig(precision="bf16-mixed")).precision == "32-true"
    assert resolve_device(RuntimeConfig(precision="16-mixed")).precision == "16-mixed"


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 3), (64, 8)])
def test_one_core_stays_with_the_window(monkeypatch, cores, threads):
    monkeypatch.setattr(trainer, "usable_cores", lambda: cores)
    assert default_threads() == threads


@pytest.mark.parametrize(
    ("cores", "runtime", "threads"),
    [(1, {}, 1), (2, {}, 2), (64, {}, 8), (4, {"threads": 3}, 3), (4, {"devices": 2}, 3), (4, {"num_nodes": 2}, 3)],
)
def test_work_of_seconds_takes_the_last_core_too_unless_it_is_asked_for(monkeypatch, cores, runtime, threads):
    monkeypatch.setattr(trainer, "usable_cores", lambda: cores)
    before = torch.get_num_threads()
    with all_cores(RuntimeConfig(**runtime)) as number:
        assert number == torch.get_num_threads() == threads
    assert torch.get_num_threads() == before


def test_threads_are_set():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        assert use_threads(RuntimeConfig(threads=1)) == 1
        libraries = threadpoolctl.threadpool_info()
        assert {library["num_threads"] for library in libraries if library["user_api"] == "blas"} == {1}
    assert torch.get_num_threads() == 1


def test_the_trainer_writes_prints_and_checks_nothing_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = TrainConfig().with_overrides(
        ["runtime.device=cpu", "training.epochs=7", "training.gradient_clip=0", "training.accumulate_batches=3"]
    )
    made = build_trainer(config, [Checkpoint()], tmp_path / "run")
    assert made.max_epochs == 7
    assert made.accumulate_grad_batches == 3
    assert made.gradient_clip_val is None
    assert made.num_sanity_val_steps == 0
    assert not made.loggers
    assert made.progress_bar_callback is None
    assert list(tmp_path.iterdir()) == []
