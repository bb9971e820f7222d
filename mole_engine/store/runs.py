"""The workspace: one folder a run, and an SQLite index of them all.

The folders are the truth (each holds `record.json`); the index makes the table of runs quick. It is rebuilt from them
when it is missing or damaged, and follows them where somebody has moved, copied or removed folders by hand.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError, MoleError
from mole_engine.contracts.paths import from_home
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.files import is_file, is_folder, storage_problem
from mole_engine.store.run_folder import FolderLock, RunFolder
from mole_engine.store.run_index import (
    INDEX_SUFFIXES,
    SCHEMA,
    all_rows,
    check_writable,
    forget,
    has_tables,
    insert,
    insert_notes,
    is_damage,
    is_protection,
    may_be_protection,
    open_index,
    read_row,
    renew,
    row_text,
)
from mole_engine.store.run_notes import RunNotes, write_notes
from mole_engine.store.trash import Trash

WORKSPACE_VARIABLE = "MOLE_WORKSPACE"

_ONE_LOOK = threading.Lock()
"""A second look at the same time would take a run for at work because the first one holds its lock."""
_OPEN_ROWS = "status IN ('queued', 'preparing', 'training', 'evaluating', 'interrupted')"
_ROWS = f"SELECT run_id, json_extract(record, '$.run_dir'), record, {_OPEN_ROWS} FROM runs WHERE json_valid(record)"  # noqa: S608


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
            insert(connection, record)

    def records(self) -> list[RunRecord]:
        """Return all runs that can be read, newest first, each where its folder lies now. Raises KnownError."""
        with self._connection() as connection:
            self._follow_folders(connection)
            found = all_rows(connection)
        return [self._placed(record) for record in found]

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
        names = sorted(name for name in self._entries() if name.startswith(run)) if run else []
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
            insert_notes(connection, folder.path.name, notes)

    def delete(self, run_id: str) -> None:
        """Move a run to the trash; one that lies outside the workspace, or nowhere any more, only leaves the list.

        Raises InputError when it is at work or unknown, KnownError when it cannot go.
        """
        folder = self._folder(run_id)
        if folder.is_locked():
            raise InputError("This run is still at work.", "", "Stop it first.")
        if self.holds(folder) and is_folder(folder.path):
            self.trash.put(folder)
        with self._connection() as connection:
            forget(connection, {run_id, folder.path.name})

    def restore(self, run_id: str) -> RunRecord:
        """Bring a run back from the trash. Raises InputError, KnownError."""
        folder = self.trash.take(run_id, self.runs / run_id)
        record = replace(folder.read_record(), run_id=run_id)
        with self._connection() as connection:
            insert(connection, record)
            insert_notes(connection, run_id, RunNotes.of(record))
        return record

    def holds(self, folder: RunFolder) -> bool:
        """Whether a run lies among those of this workspace, rather than in a folder of the user's own."""
        return folder.path.parent.resolve() == self.runs.resolve()

    def mark_interrupted(self, older_than: float = 0.0, spared: Collection[str] = ()) -> list[RunRecord]:
        """Mark runs that claim to be at work but that no living process holds. Returns those; they can be resumed.

        Parameters
        ----------
        older_than
            Leave out runs begun less than so many seconds ago, whose process may be about to take hold of its folder.
        spared
            Identifiers or folders of runs that are known to be at work.
        """
        with _ONE_LOOK:
            pairs = list(self._looked_through(older_than, spared))
        return [now for was, now in pairs if was.status.is_active and now.status is RunState.INTERRUPTED]

    def look(self, older_than: float = 0.0, spared: Collection[str] = ()) -> list[RunRecord]:
        """Mark as `mark_interrupted` does, and return all runs as `records` does, in one go. Raises KnownError."""
        with _ONE_LOOK:
            return [now for _, now in self._looked_through(older_than, spared)]

    def _looked_through(self, older_than: float, spared: Collection[str]) -> Iterator[tuple[RunRecord, RunRecord]]:
        """Yield each run as it was listed, and as it is."""
        latest = time.time() - older_than
        for record in self.records():
            # Nothing can be marked where nothing can be written.
            asked = record.status.is_active and record.created <= latest and not self._read_only
            is_spared = record.run_id in spared or record.run_dir in spared
            yield record, self._marked(record) if asked and not is_spared else record

    def _marked(self, record: RunRecord) -> RunRecord:
        """Return what the folder of a run says that is listed as at work, marked where nobody works there."""
        folder, found = RunFolder(record.run_dir), record
        try:
            if not folder.is_gone:
                # A job ends under its lock: what the folder says while it is ours is the last word.
                with FolderLock(folder.lock, patience=0.0) as lock:
                    found = self._record_under(lock, folder, record)
            else:
                found = replace(record, status=RunState.INTERRUPTED)
            if found != record:
                self.save(found)
        except MoleError:
            # Somebody works there, or nothing can be known or written there: not a reason to hide the other runs.
            return record
        return found

    @staticmethod
    def _record_under(lock: FolderLock, folder: RunFolder, record: RunRecord) -> RunRecord:
        try:
            found = replace(folder.read_record(), run_id=record.run_id)
        except InputError:
            # Not to be written over: it may be of a newer version. The list alone can tell.
            return replace(record, status=RunState.INTERRUPTED) if lock.is_sure else record
        if found.status.is_active and (lock.is_sure or folder.is_left_alone):
            found = replace(found, status=RunState.INTERRUPTED)
            folder.write_record(found)
        return found

    def _fill(self, connection: sqlite3.Connection) -> int:
        found = [record for name in sorted(self._entries()) if (record := _record_in(self.runs / name)) is not None]
        for record in found:
            _take_up(connection, record)
        return len(found)

    def _entries(self) -> set[str]:
        try:
            return {entry.name for entry in self.runs.iterdir()}
        except OSError as error:
            raise storage_problem(error, self.runs) from error

    def _follow_folders(self, connection: sqlite3.Connection) -> None:
        """Take up folders that somebody has put into `runs`, and forget those that somebody has taken away.

        Of runs that may still change the folder is read again: on another computer its job may have gone on.
        """
        rows = connection.execute(_ROWS).fetchall()
        known, there = {str(row[0]): Path(str(row[1] or "")) for row in rows}, self._entries()
        new = [_record_in(self.runs / name) for name in sorted(there - set(known))]
        ours = {name for name, place in known.items() if name in there or self._was_ours(place, name)}
        texts = {str(name): text for name, _, text, is_open in rows if is_open}
        again = [_record_in(self.runs / name if name in ours else known[name], name) for name in texts]
        # Written at the end: jobs that write the index must not wait for a slow disk.
        for record in filter(None, new):
            _take_up(connection, record, new=True)
        for record in filter(None, again):
            if row_text(record) != texts[record.run_id]:
                renew(connection, record, texts[record.run_id])
        # A run in a folder of the user's own (`--out`) may lie on a disk that is not there at the moment.
        if lost := ours - there:
            forget(connection, lost)

    def _was_ours(self, place: Path, name: str) -> bool:
        """Whether a run lay in `runs` of this workspace, here or where the workspace was before it was moved."""
        return place.parent == self.runs or (place.parent.name == "runs" and place.name == name)

    def _placed(self, record: RunRecord) -> RunRecord:
        """Return the record with the paths where the folder lies now: a workspace can be moved, a model removed."""
        folder = RunFolder(self.runs / record.run_id)
        if not is_folder(folder.path):
            folder = RunFolder(record.run_dir)
        # What the index says of it may be older than the file: a folder that is synchronised comes piece by piece.
        model = str(folder.model) if is_file(folder.model) else ""
        return replace(record, run_dir=str(folder.path), model_path=model)

    def _folder(self, run_id: str) -> RunFolder:
        """Return the folder of a listed run, also of one that is incomplete or gone. Raises InputError."""
        folder = RunFolder(self.runs / run_id)
        if run_id and is_folder(folder.path):
            return folder
        with self._connection() as connection:
            row = connection.execute("SELECT record FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        record = read_row(run_id, row[0]) if row is not None else None
        if record is None:
            return self.find(run_id)
        return folder if self._was_ours(Path(record.run_dir), run_id) else RunFolder(record.run_dir)

    def _prepare(self) -> None:
        try:
            self._make_index()
        except KnownError as error:
            reason = error.__cause__
            if is_damage(reason):
                self._set_aside()
            elif is_protection(reason) or (may_be_protection(reason) and not _can_be_written(self.path)):
                # SQLite writes even to read: of a write-protected folder, a colleague's say, the runs are read one
                # by one.
                self._read_only = True
            else:
                raise
            self._make_index()

    def _make_index(self) -> None:
        """Make what is missing of the index, and fill it if it is new; a file that is empty holds no index either."""
        with self._connection() as connection:
            if has_tables(connection):
                if not self._read_only:
                    check_writable(connection)
                return
            # All or nothing: a table without its rows would hide the runs for ever.
            connection.execute("BEGIN IMMEDIATE")
            self._begin(connection)

    def _begin(self, connection: sqlite3.Connection) -> None:
        for statement in SCHEMA:
            connection.execute(statement)
        self._fill(connection)

    def _set_aside(self) -> None:
        """Move a damaged index and its journals away, in place of nothing that is there."""
        files = [path for path in self.path.glob(f"{self.database.name}*") if path.suffix in INDEX_SUFFIXES]
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
            connection = open_index(":memory:" if self._read_only else str(self.database))
            try:
                if self._read_only:
                    self._begin(connection)
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            remedy = "Check the folder's rights and space."
            if is_damage(error):
                remedy = "Start again: the index is then made anew from the run folders."
            raise KnownError(f"Cannot use the index of runs {self.database}:", f"{error}.", remedy) from error


def _record_in(path: Path, run_id: str = "") -> RunRecord | None:
    """Return what a folder says of its run; None where that cannot be read, or is another one's than `run_id`."""
    try:
        record = RunFolder(path).read_record()
    except InputError:
        return None
    # The folder's name tells a copy, or a folder that was renamed, from the run that it was.
    if run_id in ("", path.name):
        return replace(record, run_id=path.name)
    return record if record.run_id == run_id else None


def _take_up(connection: sqlite3.Connection, record: RunRecord, *, new: bool = False) -> None:
    """Take a run that was found in its folder into the index."""
    insert(connection, record, new=new)
    insert_notes(connection, record.run_id, RunNotes.of(record))


def _can_be_written(folder: Path) -> bool:
    """Whether files can be made in a folder; only trying tells, on Windows and on network folders."""
    probe = folder / f".{secrets.token_hex(4)}.part"
    try:
        probe.open("xb").close()
        probe.unlink()
    except OSError:
        return False
    return True
