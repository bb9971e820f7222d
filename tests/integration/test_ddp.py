"""Two processes (gloo, CPU) give what one gives: the same batches, losses, metrics and model."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mole_engine.contracts.config import TrainConfig

SCRIPT = Path(__file__).with_name("ddp_job.py")
ROOT = Path(__file__).parents[2]


def write_table(path: Path) -> None:
    """Write 41 molecules with two targets, of which some labels are missing; odd numbers everywhere."""
    random = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["smiles", "a", "b", "split"])
        for place in range(41):
            smiles = "C" * (place % 9 + 1) + ("c1ccccc1" if place % 2 else "O") + "N" * (place // 18)
            b = "" if place % 3 else f"{random.normal():.3f}"
            part = "val" if place % 5 == 0 else "test" if place % 5 == 1 else "train"
            writer.writerow([smiles, f"{len(smiles) + random.normal() / 10:.3f}", b, part])


def run(folder: Path, devices: int, *, torchrun: bool = False) -> dict[str, object]:
    config = TrainConfig.from_dict(
        {
            "seed": 3,
            "data": {"path": str(folder / "data.csv"), "smiles_column": "smiles", "targets": ["a", "b"]},
            "split": {"method": "column", "column": "split"},
            "model": {
                "layers": 1,
                "hidden_size": 16,
                "heads": 2,
                "intermediate_size": 32,
                "hidden_dropout": 0.0,
                "attention_dropout": 0.0,
                "head_dropout": 0.0,
            },
            "training": {"epochs": 3, "batch_size": 7, "learning_rate": 1e-3},
            "runtime": {"device": "cpu", "threads": 1, "devices": devices},
        }
    )
    path, result = folder / f"{devices}{torchrun}.yaml", folder / f"{devices}{torchrun}.json"
    config.to_yaml(path)
    start = [sys.executable]
    if torchrun:
        start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={devices}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*start, str(SCRIPT), str(path), str(result)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    content: dict[str, object] = json.loads(result.read_text())
    return content


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the loopback device is called lo on Linux only")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    write_table(folder / "data.csv")
    return run(folder, 1)


@pytest.mark.parametrize("torchrun", [False, True], ids=["own launcher", "torchrun"])
def test_two_processes_give_what_one_gives(tmp_path, alone, torchrun):
    write_table(tmp_path / "data.csv")
    two = run(tmp_path, 2, torchrun=torchrun)
    assert list(tmp_path.glob("*.companion"))
    assert two["steps"] == alone["steps"]
    assert two["best_epoch"] == alone["best_epoch"]
    assert two["seqs"] == list(range(len(two["seqs"])))
    for name in ("train_loss", "validation_loss", "rmse", "train_rmse", "test"):
        assert two[name] == pytest.approx(alone[name], rel=2e-4, abs=2e-4), name
    assert not list(tmp_path.glob("lightning_logs"))
