"""The workspace: one folder a run, and an SQLite index of them all.

The folders are the truth (each holds `record.json`); the index makes the table of runs quick. It is rebuilt from them
when it is missing or damaged, and follows them where somebody has moved, copied or removed folders by hand.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.paths import from_home
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.files import storage_problem
from mole_engine.store.run_folder import RunFolder
from mole_engine.store.run_notes import RunNotes, write_notes
from mole_engine.store.trash import Trash

log = logging.getLogger(__name__)

WORKSPACE_VARIABLE = "MOLE_WORKSPACE"

_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY,
    created REAL NOT NULL,
    status TEXT NOT NULL,
    record TEXT NOT NULL
)
""",
    "CREATE TABLE IF NOT EXISTS notes (run_id TEXT PRIMARY KEY, notes TEXT NOT NULL)",
)
_HAS_TABLES = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('runs', 'notes')"
_PATIENCE = 20.0
"""Seconds to wait for another process that writes the index."""
_INDEX_SUFFIXES = (".db", ".db-wal", ".db-shm", ".db-journal")
_ALL = """
SELECT runs.run_id, record, notes FROM runs LEFT JOIN notes ON notes.run_id = runs.run_id
ORDER BY created DESC, runs.run_id DESC
"""


class _DamagedError(sqlite3.DatabaseError):
    """SQLite's own check found the file damaged."""


def default_workspace() -> Path:
    """Return the folder that keeps the runs: `MOLE_WORKSPACE`, else the user's data folder."""
    named = os.environ.get(WORKSPACE_VARIABLE, "").strip()
    if named:
        return from_home(named)
    from platformdirs import user_data_path

    return user_data_path("MolE Studio", appauthor=False)


def run_name(config: TrainConfig) -> str:
    """Return the title of a run: the one given, or made of the file and the preset."""
    if config.name.strip():
        return config.name.strip()
    words = [Path(config.data.path.replace("\\", "/")).stem, config.preset]
    return " ".join(word for word in words if word) or "run"


def new_run_id(name: str, now: float) -> str:
    """Return an identifier that sorts by time, can be read, and is a legal folder name everywhere."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32].strip("-") or "run"
    return f"{stamp}-{slug}-{secrets.token_hex(2)}"


class Workspace:
    """All runs of a user.

    Attributes
    ----------
    path
        Folder with `studio.db` and `runs/`; made when missing.
    trash
        Where deleted runs wait.

    Raises
    ------
    InputError, KnownError
        When the folder cannot be made or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = from_home(path)
        self.runs = self.path / "runs"
        self.database = self.path / "studio.db"
        self.trash = Trash(self.path / "trash")
        self._read_only = False
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_problem(error, self.path) from error
        self._prepare()

    def create(self, config: TrainConfig) -> RunFolder:
        """Make a new run folder for a job. Raises InputError, KnownError."""
        folder = RunFolder(self.runs / new_run_id(run_name(config), time.time()))
        folder.make()
        return folder

    def save(self, record: RunRecord) -> None:
        """Write a run into the index (its folder has it already). Raises KnownError."""
        with self._connection() as connection:
            _insert(connection, record)

    def records(self) -> list[RunRecord]:
        """Return all runs that can be read, newest first, each where its folder lies now. Raises KnownError."""
        with self._connection() as connection:
            self._follow_folders(connection)
            rows = connection.execute(_ALL).fetchall()
        found = (_read_row(*row) for row in rows)
        return [self._placed(record) for record in found if record is not None]

    def find(self, run: str) -> RunFolder:
        """Return the folder of a run, named by id, by the beginning of its id, or by path.

        Raises
        ------
        InputError
            When there is none, or when several match.
        """
        as_path = RunFolder(from_home(run))
        if as_path.is_run:
            return as_path
        names = sorted(entry.name for entry in self.runs.iterdir() if entry.name.startswith(run)) if run else []
        exact = [name for name in names if name == run] or names
        if len(exact) == 1 and RunFolder(self.runs / exact[0]).is_run:
            return RunFolder(self.runs / exact[0])
        if len(exact) > 1:
            raise InputError(f"Several runs begin with '{run}':", ", ".join(exact[:5]) + ".", "Give the whole id.")
        raise InputError(f"There is no run '{run}'.", "", "`mole runs` lists them; a run folder's path works too.")

    def annotate(self, run_id: str, notes: RunNotes) -> None:
        """Keep what the user says of a run, in its folder and in the index. Raises InputError, KnownError."""
        folder = self._folder(run_id)
        write_notes(folder.notes, notes)
        with self._connection() as connection:
            _insert_notes(connection, folder.path.name, notes)

    def delete(self, run_id: str) -> None:
        """Move a run to the trash; one that lies outside the workspace, or nowhere any more, only leaves the list.

        Raises InputError when it is at work or unknown, KnownError when it cannot go.
        """
        folder = self._folder(run_id)
        if folder.is_locked():
            raise InputError("This run is still at work.", "", "Stop it first.")
        if folder.path.parent.resolve() == self.runs.resolve() and folder.path.is_dir():
            self.trash.put(folder)
        with self._connection() as connection:
            _forget(connection, {run_id, folder.path.name})

    def restore(self, run_id: str) -> RunRecord:
        """Bring a run back from the trash. Raises InputError, KnownError."""
        folder = self.trash.take(run_id, self.runs / run_id)
        record = replace(folder.read_record(), run_id=run_id)
        with self._connection() as connection:
            _insert(connection, record)
            _insert_notes(connection, run_id, RunNotes.of(record))
        return record

    def mark_interrupted(self, older_than: float = 0.0) -> list[RunRecord]:
        """Mark runs that claim to be at work but that no living process holds. Returns those; they can be resumed.

        Parameters
        ----------
        older_than
            Leave out runs begun less than so many seconds ago, whose process may be about to take hold of its folder.
        """
        lost, latest = [], time.time() - older_than
        # Nothing can be marked where nothing can be written.
        for record in () if self._read_only else self.records():
            folder = RunFolder(record.run_dir)
            if record.status.is_active and record.created <= latest and not folder.is_locked():
                marked = replace(record, status=RunState.INTERRUPTED)
                if folder.path.is_dir():
                    folder.write_record(marked)
                self.save(marked)
                lost.append(marked)
        return lost

    def rebuild(self) -> int:
        """Fill the index from the run folders. Returns how many runs were found."""
        with self._connection() as connection:
            return self._fill(connection)

    def _fill(self, connection: sqlite3.Connection) -> int:
        found = 0
        for entry in sorted(self.runs.iterdir()):
            with contextlib.suppress(InputError):
                _insert_folder(connection, entry)
                found += 1
        return found

    def _follow_folders(self, connection: sqlite3.Connection) -> None:
        """Take up folders that somebody has put into `runs`, and forget those that somebody has taken away."""
        rows = connection.execute("SELECT run_id, json_extract(record, '$.run_dir') FROM runs WHERE json_valid(record)")
        known = {str(name): Path(str(place or "")) for name, place in rows}
        there = {entry.name for entry in self.runs.iterdir()}
        for name in sorted(there - set(known)):
            with contextlib.suppress(InputError):
                _insert_folder(connection, self.runs / name, new=True)
        # A run in a folder of the user's own (`--out`) may lie on a disk that is not there at the moment.
        lost = {name for name, place in known.items() if name not in there and self._was_ours(place, name)}
        _forget(connection, lost)

    def _was_ours(self, place: Path, name: str) -> bool:
        """Whether a run lay in `runs` of this workspace, here or where the workspace was before it was moved."""
        return place.parent == self.runs or (place.parent.name == "runs" and place.name == name)

    def _placed(self, record: RunRecord) -> RunRecord:
        """Return the record with the paths where the folder lies now: a workspace can be moved, a model removed."""
        folder = RunFolder(self.runs / record.run_id)
        if not folder.path.is_dir():
            folder = RunFolder(record.run_dir)
        model = str(folder.model) if record.model_path and folder.model.is_file() else ""
        return replace(record, run_dir=str(folder.path), model_path=model)

    def _folder(self, run_id: str) -> RunFolder:
        """Return the folder of a listed run, also of one that is incomplete or gone. Raises InputError."""
        folder = RunFolder(self.runs / run_id)
        if run_id and folder.path.is_dir():
            return folder
        with self._connection() as connection:
            row = connection.execute("SELECT record FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        record = _read_row(run_id, row[0], None) if row is not None else None
        if record is None:
            return self.find(run_id)
        return folder if self._was_ours(Path(record.run_dir), run_id) else RunFolder(record.run_dir)

    def _prepare(self) -> None:
        try:
            self._make_index()
        except KnownError as error:
            if _is_damage(error.__cause__):
                self._set_aside()
            elif os.access(self.path, os.W_OK):
                raise
            # SQLite writes even to read: of a write-protected folder, a colleague's say, the runs are read one by one.
            self._read_only = not _is_damage(error.__cause__)
            self._make_index()

    def _make_index(self) -> None:
        """Make what is missing of the index, and fill it if it is new; a file that is empty holds no index either."""
        with self._connection() as connection:
            # SQLite finds a damaged page only when it reads it, which may be in the middle of a training.
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise _DamagedError(verdict)
            if connection.execute(_HAS_TABLES).fetchone() == (len(_SCHEMA),):
                return
            # All or nothing: a table without its rows would hide the runs for ever.
            connection.execute("BEGIN IMMEDIATE")
            self._begin(connection)

    def _begin(self, connection: sqlite3.Connection) -> None:
        for statement in _SCHEMA:
            connection.execute(statement)
        self._fill(connection)

    def _set_aside(self) -> None:
        """Move a damaged index and its journals away, in place of nothing that is there."""
        files = [path for path in self.path.glob(f"{self.database.name}*") if path.suffix in _INDEX_SUFFIXES]
        number = 1
        while (place := self.path / f"damaged-index-{number}").exists():
            number += 1
        try:
            place.mkdir()
            for path in files:
                path.replace(place / path.name)
        except OSError as error:
            raise storage_problem(error, self.database) from error

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(":memory:" if self._read_only else self.database, timeout=_PATIENCE)
            try:
                if self._read_only:
                    self._begin(connection)
                else:
                    _write_ahead(connection)
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            remedy = "Check the folder's rights and space."
            if _is_damage(error):
                remedy = "Start again: the index is then made anew from the run folders."
            raise KnownError(f"Cannot use the index of runs {self.database}:", f"{error}.", remedy) from error


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Choose SQLite's write-ahead log. It needs shared memory; on network folders SQLite keeps its older journal.

    SQLite waits for another process everywhere but here (two that change the journal would wait for each other).
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.005, 0.05))
        else:
            return


# By the names of their columns: a newer version may have added others.
_INSERT = "INSERT OR REPLACE INTO runs (run_id, created, status, record) VALUES (?, ?, ?, ?)"
_INSERT_NEW = "INSERT OR IGNORE INTO runs (run_id, created, status, record) VALUES (?, ?, ?, ?)"


def _insert(connection: sqlite3.Connection, record: RunRecord, *, new: bool = False) -> None:
    """Write a row; a `new` one leaves one of the same run alone, which its job may have written meanwhile."""
    row = (record.run_id, record.created, record.status.value, json.dumps(record.to_dict()))
    connection.execute(_INSERT_NEW if new else _INSERT, row)


def _insert_notes(connection: sqlite3.Connection, run_id: str, notes: RunNotes) -> None:
    row = (run_id, json.dumps(notes.to_dict()))
    connection.execute("INSERT OR REPLACE INTO notes (run_id, notes) VALUES (?, ?)", row)


def _insert_folder(connection: sqlite3.Connection, path: Path, *, new: bool = False) -> None:
    """Take a folder of `runs` into the index. Raises InputError where it is no run."""
    # The folder's name tells a copy, or a folder that was renamed, from the run that it was.
    record = replace(RunFolder(path).read_record(), run_id=path.name)
    _insert(connection, record, new=new)
    _insert_notes(connection, path.name, RunNotes.of(record))


def _forget(connection: sqlite3.Connection, names: set[str]) -> None:
    for table in ("runs", "notes"):
        connection.executemany(f"DELETE FROM {table} WHERE run_id = ?", [(name,) for name in names])  # noqa: S608


def _is_damage(error: BaseException | None) -> bool:
    if not isinstance(error, sqlite3.Error):
        return False
    # The extended codes keep the plain one in their lowest byte; our own error has none.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, _DamagedError) or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _read_row(run_id: str, record: str, notes: str | None) -> RunRecord | None:
    """Return a run as it stands in the index; None where that cannot be read, which must not hide the others."""
    try:
        read = replace(RunRecord.from_dict(json.loads(record)), run_id=run_id)
        return (RunNotes.from_dict(json.loads(notes)) if notes else RunNotes()).onto(read)
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("The run %s is not listed: its entry is damaged, or of a newer version.", run_id)
        return None
