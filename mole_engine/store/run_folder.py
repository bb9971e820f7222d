"""One folder a run: the names of its files, and what may be read from them later."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import Event, event_from_json
from mole_engine.contracts.paths import remove
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.settings import read_yaml
from mole_engine.store.files import is_file, remove_left_overs, storage_problem, write_text
from mole_engine.store.run_notes import NOTE_FIELDS, read_notes

SEARCH_JOURNAL, SEARCH_CHOICE = "search.jsonl", "search.json"
"""The trials of a search for settings, and what it has chosen."""

_LONG_SILENCE = 1800.0
"""Seconds after which a job that writes nothing is over; between two of its words there may be a long epoch."""
_A_MOMENT = 1.0
"""Seconds to wait for whoever only looks whether a folder is at work; a job holds its lock for longer."""
_LOOK_AGAIN = 0.02


class RunFolder:
    """Paths and records of one run.

    Attributes
    ----------
    path
        The folder; its files are attributes (`config`, `events`, `model` ...).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.record = self.path / "record.json"
        self.dataset = self.path / "dataset.json"
        self.split = self.path / "split.csv"
        self.events = self.path / "events.jsonl"
        self.metrics = self.path / "metrics.csv"
        self.checkpoints = self.path / "checkpoints"
        self.last_checkpoint = self.checkpoints / "last.ckpt"
        self.best_checkpoint = self.checkpoints / "best.ckpt"
        self.model = self.path / "model.mole"
        self.predictions = self.path / "predictions.csv"
        self.baselines = self.path / "baselines.json"
        self.baselines_table = self.path / "baselines.csv"
        self.notes = self.path / "notes.json"
        self.checks = self.path / "checks.json"
        self.report = self.path / "report.html"
        self.log = self.path / "log.txt"
        self.lock = self.path / "run.lock"
        self.search = (self.path / SEARCH_JOURNAL, self.path / SEARCH_CHOICE)

    @property
    def is_run(self) -> bool:
        """Whether this folder is one of ours."""
        return is_file(self.record) and is_file(self.config)

    @property
    def is_gone(self) -> bool:
        """Whether the folder is surely not there, rather than on a disk that does not answer."""
        try:
            self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            pass
        return False

    @property
    def is_left_alone(self) -> bool:
        """Whether no job has written here for long; the word of files, where locks are unknown."""
        latest = 0.0
        for path in (self.record, self.events, self.log):
            with contextlib.suppress(OSError):
                latest = max(latest, path.stat().st_mtime)
        return time.time() - latest > _LONG_SILENCE

    @property
    def has_networks(self) -> bool:
        """Whether there is something trained to go on from: a last state, or networks of an ensemble."""
        finished = self.checkpoints.glob("network-*/weights.safetensors")
        begun = self.checkpoints.glob("network-*/checkpoints/last.ckpt")
        return self.last_checkpoint.exists() or any(finished) or any(begun)

    def trials(self) -> int:
        """Return by how many trainings a search has chosen the settings of the run; 0 where there was none."""
        try:
            return int(json.loads((self.path / SEARCH_CHOICE).read_text(encoding="utf-8"))["trials"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def make(self) -> None:
        """Create the folder and its checkpoint folder. Raises InputError, KnownError."""
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_problem(error, self.path) from error

    def read_config(self) -> TrainConfig:
        """Return the configuration of the run. Raises InputError, also when a newer version has written it."""
        # As it stands: what a preset says today has no part in a run of yesterday.
        return TrainConfig.recorded(read_yaml(self.config), str(self.config))

    def write_record(self, record: RunRecord) -> None:
        """Write the record atomically; the user's notes have a file of their own. Raises InputError, KnownError."""
        fields = {name: value for name, value in record.to_dict().items() if name not in NOTE_FIELDS}
        write_text(self.record, json.dumps(fields, indent=1, ensure_ascii=False) + "\n")

    def read_record(self) -> RunRecord:
        """Return the record of the run, with the paths where the folder lies now.

        Raises
        ------
        InputError
            When the folder is not a run, or its record is damaged.
        """
        try:
            content = json.loads(self.record.read_text(encoding="utf-8"))
            content["run_dir"] = str(self.path)
            content["model_path"] = str(self.model) if is_file(self.model) else ""
            return read_notes(self.notes).onto(RunRecord.from_dict(content))
        except FileNotFoundError as error:
            raise InputError(f"{self.path} is not a run.", "", "See `mole runs`.") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"The record of the run {self.path} cannot be read:", f"{error}.") from error

    def read_events(self) -> list[Event]:
        """Return the events that were logged; a last line that a crash cut off is left out."""
        return list(self.iterate_events())

    def iterate_events(self) -> Iterator[Event]:
        """Yield the logged events one by one, in order, up to the first unreadable line."""
        try:
            stream = self.events.open(encoding="utf-8")
        except FileNotFoundError:
            return
        with stream:
            for line in stream:
                try:
                    yield event_from_json(line)
                except (ValueError, TypeError):
                    return

    def drop_checkpoints(self) -> None:
        """Remove the checkpoints, which are by far the largest files of a run."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def drop_resume_state(self) -> None:
        """Remove the state to resume from, which a completed run no longer needs (optimiser and all: the largest file).

        So goes half a model, of a process that was killed when it wrote it.

        Where no epoch was the best (no validation part), it holds the only checkpoint and stays.
        """
        if self.best_checkpoint.is_file():
            # The model is written: a virus scanner that still looks through the file (Windows) costs room, not the run.
            with contextlib.suppress(OSError):
                remove(self.last_checkpoint)
        remove_left_overs(self.path, self.model.name)

    def clear(self) -> None:
        """Remove the files of a run that came to nothing; files that are not a run's stay."""
        self.drop_checkpoints()
        for path in (self.config, self.record, self.dataset, self.split, self.events, self.metrics, self.model):
            remove(path)
        for path in (self.predictions, self.baselines, self.baselines_table, self.notes, self.checks):
            remove(path)
        for path in (self.report, self.log, *self.search):
            remove(path)

    def is_locked(self) -> bool:
        """Whether a living process works in this folder; never where the file system knows no locks."""
        if not is_file(self.lock):
            return False
        try:
            with FolderLock(self.lock):
                return False
        except InputError:
            return True


class FolderLock:
    """Holds a file lock while a job works in a folder; the system drops it when the process dies, however it dies.

    Parameters
    ----------
    path
        The file.
    patience
        Seconds to try: who looks at the list of runs holds the lock for a moment, too.

    Attributes
    ----------
    is_sure
        Once entered: whether it keeps others out. Some network file systems know no locks; there, two jobs in one
        folder are the user's to avoid.

    Raises
    ------
    InputError
        On entering, when another process (or thread) holds it.
    """

    def __init__(self, path: Path, patience: float = _A_MOMENT) -> None:
        self._path, self._patience = path, patience
        self.is_sure = True
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            stream = self._path.open("a+b")
        except OSError as error:
            raise storage_problem(error, self._path) from error
        try:
            self.is_sure = self._locked(stream)
        except OSError as error:
            stream.close()
            raise InputError(
                f"Another program is working in {self._path.parent}.", "", "Wait for it, or choose another folder."
            ) from error
        self._stream = stream
        return self

    def _locked(self, stream: IO[bytes]) -> bool:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return _lock(stream)
            except OSError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_LOOK_AGAIN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                _give_up(self._stream)
            self._stream.close()
            self._stream = None


_HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
"""What systems say where another holds a lock; anything else says that there are none."""


def _lock(stream: IO[bytes]) -> bool:
    """Lock a file; return whether there are locks. Raises OSError where another holds it."""
    try:
        _take(stream)
    except OSError as error:
        if error.errno in _HELD:
            raise
        return False
    return True


if os.name == "nt":
    import msvcrt

    def _take(stream: IO[bytes]) -> None:
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]

    def _give_up(stream: IO[bytes]) -> None:
        # Of a file that is closed, Windows frees the lock when it finds the time.
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]

else:
    import fcntl

    def _take(stream: IO[bytes]) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _give_up(stream: IO[bytes]) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_UN)
