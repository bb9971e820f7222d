"""Exported jobs: scripts that say exactly what the window has configured, whatever the names."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.export.scripts import slurm_script, torchrun_script, write_job_scripts

BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None or sys.platform == "win32", reason="no bash")
HOSTILE = "/data/my 'set'; $(touch owned) `touch owned` \"x\" \\ é.csv"


def config(devices=1, nodes=1, path="/data/set.csv", **more) -> TrainConfig:
    runtime = {"devices": devices, "num_nodes": nodes, "device": "cuda"}
    return TrainConfig.from_dict({"data": {"path": path}, "runtime": runtime, **more})


def words(script: Path, *arguments: str, **environment: str) -> list[str]:
    """Run a script with programs that print their arguments instead of working."""
    folder = script.parent / "programs"
    folder.mkdir(exist_ok=True)
    for name in ("python3", "srun"):
        program = folder / name
        program.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$0" "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    done = subprocess.run(
        [BASH, str(script), *arguments],
        cwd=script.parent,
        env={"PATH": f"{folder}:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[1:]


@needs_bash
def test_one_device_starts_the_command_itself(tmp_path):
    scripts = write_job_scripts(config(), tmp_path / "job")
    assert words(scripts.torchrun) == [
        "-m", "mole_engine", "train", "/data/set.csv", "--config", str(scripts.config), "--out",
        str(tmp_path / "job" / "run"), "--device", "cuda", "--devices", "1", "--num-nodes", "1", "--strategy", "auto",
    ]  # fmt: skip


@needs_bash
def test_several_devices_start_with_torchrun(tmp_path):
    scripts = write_job_scripts(config(devices=4), tmp_path)
    given = words(scripts.torchrun)
    assert given[:6] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=4", "-m", "mole_engine"]
    assert given[given.index("--devices") + 1] == "4"


@needs_bash
def test_several_nodes_need_to_know_each_other(tmp_path):
    scripts = write_job_scripts(config(devices=2, nodes=3), tmp_path)
    given = words(scripts.torchrun, MASTER_ADDR="node 1", NODE_RANK="2")
    assert {"--nnodes=3", "--nproc-per-node=2", "--node-rank=2", "--master-addr=node 1"} <= set(given)
    with pytest.raises(AssertionError, match="NODE_RANK"):
        words(scripts.torchrun, MASTER_ADDR="node1")


@needs_bash
def test_slurm_starts_one_task_a_device(tmp_path):
    scripts = write_job_scripts(config(devices=8, nodes=2, name="Half life, 1st try"), tmp_path)
    text = scripts.slurm.read_text(encoding="utf-8")
    for line in ("--nodes=2", "--ntasks-per-node=8", "--gres=gpu:8", "--job-name=Half-life-1st-try"):
        assert f"#SBATCH {line}\n" in text
    given = words(scripts.slurm, SLURM_SUBMIT_DIR=str(tmp_path))
    assert given[:4] == ["python3", "-m", "mole_engine", "train"]
    assert given[given.index("--config") + 1] == str(tmp_path / "config.yaml")


@needs_bash
@pytest.mark.parametrize("kind", ["torchrun", "slurm"])
def test_names_are_never_executed(tmp_path, kind):
    folder = tmp_path / "a 'folder'; $(touch owned)"
    scripts = write_job_scripts(config(path=HOSTILE, name="x\n$(touch owned)\n"), folder)
    assert HOSTILE in words(getattr(scripts, kind))
    assert not list(tmp_path.rglob("owned"))


@needs_bash
def test_data_and_folder_may_be_given(tmp_path):
    scripts = write_job_scripts(config(), tmp_path)
    given = words(scripts.torchrun, "/other/data file.csv", "/other/out put")
    assert "/other/data file.csv" in given
    assert "/other/out put" in given


def test_a_cpu_job_asks_for_no_gpu():
    made = TrainConfig.from_dict({"runtime": {"device": "cpu"}})
    assert "gres" not in slurm_script(made)
    assert "torch.distributed" not in torchrun_script(made)


def test_the_configuration_travels_without_places_of_this_machine(tmp_path):
    made = config(out="/home/me/run", workspace="/home/me", training={"epochs": 7})
    scripts = write_job_scripts(made, tmp_path)
    read = TrainConfig.from_yaml(scripts.config)
    assert (read.out, read.workspace, read.training.epochs) == ("", "", 7)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        write_job_scripts(config(), tmp_path / "file" / "job")
