"""The queue of trainings that wait for their turn; it survives the end of the program."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """A training that waits.

    Attributes
    ----------
    run_id
        Identifier in the queue; the run gets its own when it starts.
    name
        Title that a user reads.
    resume
        Folder of the run to go on with; empty for a new one.
    added
        Seconds since the epoch (UTC).
    """

    run_id: str
    name: str
    config: TrainConfig
    resume: str = ""
    added: float = 0.0


class RunQueue:
    """Waiting trainings in order, written to a file of the workspace at every change.

    Parameters
    ----------
    path
        A JSON file; made when something is added. One that cannot be read is set aside; where some
        of its entries cannot, a copy is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._runs = self._read()

    def __len__(self) -> int:
        return len(self._runs)

    def runs(self) -> list[QueuedRun]:
        """Return what waits, the next one first."""
        return list(self._runs)

    def add(self, config: TrainConfig, resume: str = "") -> QueuedRun:
        """Put a training at the end. Raises KnownError when it cannot be written down."""
        name = config.name or Path(config.data.path).stem or "run"
        run = QueuedRun(secrets.token_hex(4), name, config, resume, time.time())
        self._change([*self._runs, run])
        return run

    def take(self) -> QueuedRun | None:
        """Remove and return the next one; None when nothing waits."""
        if not self._runs:
            return None
        first, *rest = self._runs
        self._change(rest)
        return first

    def move(self, run_id: str, places: int) -> None:
        """Move a training towards the front (negative) or the end. Raises InputError."""
        place = self._place(run_id)
        runs = list(self._runs)
        run = runs.pop(place)
        runs.insert(max(0, place + places), run)
        self._change(runs)

    def drop(self, run_id: str) -> QueuedRun:
        """Remove a training and return it. Raises InputError."""
        place = self._place(run_id)
        run = self._runs[place]
        self._change(self._runs[:place] + self._runs[place + 1 :])
        return run

    def _place(self, run_id: str) -> int:
        for place, run in enumerate(self._runs):
            if run.run_id == run_id:
                return place
        raise InputError("This training no longer waits.", "It has begun, or was removed.", "")

    def _change(self, runs: list[QueuedRun]) -> None:
        from mole_engine.store.files import write_text

        fields = [asdict(run) | {"config": run.config.to_dict()} for run in runs]
        write_text(self._path, json.dumps(fields, ensure_ascii=False, indent=1) + "\n")
        self._runs = runs

    def _read(self) -> list[QueuedRun]:
        try:
            content: Any = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError):
            content = None
        if not isinstance(content, list):
            self._path.replace(self._path.with_suffix(".damaged"))
            return []
        runs = [_restored(fields) for fields in content]
        if None in runs:
            # A setting of another version, say: what it was can still be looked up, and the others wait on.
            try:
                shutil.copyfile(self._path, self._path.with_suffix(".damaged"))
            except OSError:
                log.exception("The queue's entries that cannot be read could not be set aside.")
        return [run for run in runs if run is not None]


def _restored(fields: Any) -> QueuedRun | None:
    """Return a training as it was written down; None where it is none."""
    try:
        return QueuedRun(
            run_id=str(fields["run_id"]),
            name=str(fields["name"]),
            config=TrainConfig.from_dict(fields["config"]),
            resume=str(fields["resume"]),
            added=float(fields["added"]),
        )
    except (KeyError, TypeError, ValueError, InputError):
        return None
