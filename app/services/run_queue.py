"""The queue of trainings that wait for their turn; it survives the end of the program, and a second window."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLockFile

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.paths import put_in_place

log = logging.getLogger(__name__)

_PATIENCE_MS = 200
"""How long another window of the same workspace may take to write; ours stands still meanwhile."""


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

    Several windows may share the file: what another one has added meanwhile stays in it, behind ours, and is that one's
    to begin; what another one has begun or removed is no longer ours.

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
        """Remove and return the next one; None when nothing waits. Raises KnownError when it cannot be written."""
        while self._runs:
            first, *rest = self._runs
            if first.run_id not in self._change(rest):
                return first
        return None

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

    def _change(self, runs: list[QueuedRun]) -> set[str]:
        """Write down `runs` in place of those known here; return which of these another window has begun or removed."""
        from mole_engine.store.files import write_text

        known = {run.run_id for run in self._runs}
        with self._alone():
            content = self._content()
            there = _restored_of(content or [])
            # A file that somebody has removed or damaged says nothing of them.
            gone = known - {run.run_id for run in there} if content is not None else set()
            ours = [run for run in runs if run.run_id not in gone]
            others = [run for run in there if run.run_id not in known]
            fields = [asdict(run) | {"config": run.config.to_dict()} for run in (*ours, *others)]
            write_text(self._path, json.dumps(fields, ensure_ascii=False, indent=1) + "\n")
        self._runs = ours
        return gone

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = QLockFile(str(self._path.with_suffix(".lock")))
        if not lock.tryLock(_PATIENCE_MS):
            log.warning("Another window holds the file of the queue; it is written all the same.")
        try:
            yield
        finally:
            lock.unlock()

    def _read(self) -> list[QueuedRun]:
        """Return what an earlier session has left; what cannot be read is set aside."""
        if not self._path.exists():
            return []
        try:
            content = self._content()
        except KnownError:
            # It may be readable when it is changed.
            log.exception("The queue cannot be read.")
            return []
        if content is None:
            try:
                put_in_place(self._path, self._path.with_suffix(".damaged"))
            except OSError:
                # Another program has it open (Windows): no reason for the window not to open.
                log.exception("The damaged queue could not be set aside.")
                # The next change writes over it; read it may be all the same.
                with suppress(OSError):
                    shutil.copyfile(self._path, self._path.with_suffix(".damaged"))
            return []
        runs = _restored_of(content)
        if len(runs) < len(content):
            # A setting of another version, say: what it was can still be looked up, and the others wait on.
            try:
                shutil.copyfile(self._path, self._path.with_suffix(".damaged"))
            except OSError:
                log.exception("The queue's entries that cannot be read could not be set aside.")
        return runs

    def _content(self) -> list[Any] | None:
        """Return what stands in the file; None where there is none, or something else. Raises KnownError."""
        from mole_engine.store.files import storage_problem

        if self._path.is_dir():
            return None
        try:
            content: Any = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        except OSError as error:
            # For a moment, perhaps (a virus scanner): writing now would lose what others have queued.
            raise storage_problem(error, self._path) from error
        return content if isinstance(content, list) else None


def _restored_of(content: list[Any]) -> list[QueuedRun]:
    """Return the trainings that were written down, without what is none."""
    return [run for run in map(_restored, content) if run is not None]


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
