"""A configured job as scripts for a bigger machine: `run.sh` (torchrun) and `job.slurm`, beside its `config.yaml`."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from mole_engine.contracts.config import TrainConfig
from mole_engine.store.files import storage_problem, write_text

HOURS = 24
"""Time limit that is asked of SLURM; the script says where to change it."""


@dataclass(frozen=True, slots=True)
class JobScripts:
    """The files of an exported job.

    Attributes
    ----------
    config
        The job's settings, without paths of this machine other than the data.
    torchrun, slurm
        Bash scripts; each takes the data file as an optional first argument and the run folder as a second.
    """

    config: Path
    torchrun: Path
    slurm: Path


def write_job_scripts(config: TrainConfig, folder: str | Path) -> JobScripts:
    """Write a job's configuration and the scripts that start it.

    Parameters
    ----------
    config
        As the window or the command line has it; `runtime` says how many devices and nodes.
    folder
        Made if it does not exist. Copy it to the other machine, with the data.

    Raises
    ------
    InputError, KnownError
        When the folder cannot be written.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_problem(error, place) from error
    scripts = JobScripts(place / "config.yaml", place / "run.sh", place / "job.slurm")
    config.updated({"out": "", "workspace": ""}).to_yaml(scripts.config)
    write_text(scripts.torchrun, torchrun_script(config))
    write_text(scripts.slurm, slurm_script(config))
    for script in (scripts.torchrun, scripts.slurm):
        script.chmod(0o755)
    return scripts


def torchrun_script(config: TrainConfig) -> str:
    """Return a bash script that starts the job on one machine, or on each of several."""
    runtime = config.runtime
    several = runtime.devices * runtime.num_nodes > 1
    lines = ["#!/usr/bin/env bash", *_comment(config, "bash run.sh [DATA [OUT]]")]
    if runtime.num_nodes > 1:
        lines += [
            f"# Start it on each of the {runtime.num_nodes} nodes, with the address of the first:",
            "#   MASTER_ADDR=node1 NODE_RANK=0 bash run.sh    (on the other nodes NODE_RANK=1, 2 ...)",
        ]
    lines += _preamble(config, '$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)')
    start = ['exec "$PYTHON"']
    if several:
        start = [*start, "-m torch.distributed.run", *_rendezvous(config)]
    return "\n".join([*lines, _joined([*start, "-m mole_engine", *_arguments(config)])]) + "\n"


def slurm_script(config: TrainConfig) -> str:
    """Return a batch script for SLURM, with one task a device, as Lightning expects it."""
    runtime = config.runtime
    lines = [
        "#!/usr/bin/env bash",
        f"#SBATCH --job-name={_job_name(config)}",
        f"#SBATCH --nodes={runtime.num_nodes}",
        f"#SBATCH --ntasks-per-node={runtime.devices}",
        f"#SBATCH --cpus-per-task={runtime.threads or 8}",
        f"#SBATCH --time={HOURS}:00:00",
        "#SBATCH --output=%x-%j.log",
    ]
    if runtime.device != "cpu":
        lines.append(f"#SBATCH --gres=gpu:{runtime.devices}")
    lines += _comment(config, "sbatch job.slurm [DATA [OUT]], from this folder")
    lines += ["# Adapt the lines above (time, partition, account) to your cluster."]
    lines += _preamble(config, "${SLURM_SUBMIT_DIR:-$PWD}")
    return "\n".join([*lines, _joined(['exec srun "$PYTHON" -m mole_engine', *_arguments(config)])]) + "\n"


def _comment(config: TrainConfig, usage: str) -> list[str]:
    devices, nodes = config.runtime.devices, config.runtime.num_nodes
    return [
        f"# A training job of MolE Studio: {devices} device{_s(devices)} on {nodes} node{_s(nodes)}.",
        f"# Usage: {usage}",
        "# PYTHON names the interpreter of an environment in which mole-studio is installed.",
    ]


def _preamble(config: TrainConfig, here: str) -> list[str]:
    return [
        "set -euo pipefail",
        f'HERE="{here}"',
        'PYTHON="${PYTHON:-python3}"',
        f"DATA={shlex.quote(config.data.path)}",
        'OUT="$HERE/run"',
        'if [ "$#" -ge 1 ]; then DATA="$1"; fi',
        'if [ "$#" -ge 2 ]; then OUT="$2"; fi',
        "",
    ]


def _rendezvous(config: TrainConfig) -> list[str]:
    runtime = config.runtime
    each = f"--nproc-per-node={runtime.devices}"
    if runtime.num_nodes == 1:
        return ["--standalone", each]
    return [
        f"--nnodes={runtime.num_nodes}",
        each,
        '--node-rank="${NODE_RANK:?set NODE_RANK to 0, 1, ...}"',
        '--master-addr="${MASTER_ADDR:?set MASTER_ADDR to the first node}"',
        '--master-port="${MASTER_PORT:-29500}"',
    ]


def _arguments(config: TrainConfig) -> list[str]:
    runtime = config.runtime
    return [
        'train "$DATA"',
        '--config "$HERE/config.yaml"',
        '--out "$OUT"',
        f"--device {shlex.quote(runtime.device)}",
        f"--devices {runtime.devices}",
        f"--num-nodes {runtime.num_nodes}",
        f"--strategy {runtime.strategy}",
    ]


def _joined(parts: list[str]) -> str:
    return " \\\n  ".join(parts)


def _job_name(config: TrainConfig) -> str:
    # sbatch reads these lines itself, without a shell's quoting.
    return re.sub(r"[^A-Za-z0-9._-]+", "-", config.name).strip("-")[:60] or "mole"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
