"""Asks for a few real steps of a job in a process beside the window; see `mole_engine.training.trial_steps`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mole_engine.child_process import own_command
from mole_engine.contracts.config import TrainConfig

if TYPE_CHECKING:
    from mole_engine.training.trial_steps import TrialSteps

SECONDS = 90.0
"""After this no answer is expected: the machine is too busy, or the job too large, for a quick look."""

_POLL_SECONDS = 0.2
_STAGE = "Measuring the speed"


def measure_steps(
    config: TrainConfig, smiles: Sequence[str], on_progress: Callable[[str, int, int], None] | None = None
) -> TrialSteps | None:
    """Return what a few real steps took; None where they could not be taken. Blocking, so beside the window only.

    Parameters
    ----------
    config
        The job as it would start.
    smiles
        Some of its molecules.
    on_progress
        Called several times a second; may raise to end the measurement.
    """
    try:
        process = _start()
    except OSError:
        # No room for another process, or the command of a packaged program does not lie beside the window.
        return None
    request: str | None = json.dumps({"job": config.to_dict(), "smiles": list(smiles)})
    try:
        for _ in range(int(SECONDS / _POLL_SECONDS)):
            if on_progress is not None:
                on_progress(_STAGE, 0, 0)
            try:
                answer, _nothing = process.communicate(request, timeout=_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                # What was handed over once is remembered by `communicate`.
                request = None
                continue
            return _read(answer) if process.returncode == 0 else None
        return None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _start() -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        own_command("mole_engine.training.trial_steps"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        text=True,
    )


def _read(answer: str) -> TrialSteps | None:
    from mole_engine.training.trial_steps import TrialSteps

    try:
        return TrialSteps(**json.loads(answer))
    except (ValueError, TypeError):
        return None
