"""The statements of the index of runs: its tables, its rows, and what SQLite's errors say about its file."""

from __future__ import annotations

import json
import logging
import random
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import replace

from mole_engine.contracts.records import RunRecord
from mole_engine.store.run_notes import RunNotes

log = logging.getLogger(__name__)

SCHEMA = (
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
INDEX_SUFFIXES = (".db", ".db-wal", ".db-shm", ".db-journal")
"""Endings of an index and its journals."""
PATIENCE = 20.0
"""Seconds to wait for another process that writes the index."""

_HAS_TABLES = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('runs', 'notes')"
_ALL = """
SELECT runs.run_id, record, notes FROM runs LEFT JOIN notes ON notes.run_id = runs.run_id
ORDER BY created DESC, runs.run_id DESC
"""
# By the names of their columns: a newer version may have added others.
_INSERT = "INSERT OR REPLACE INTO runs (run_id, created, status, record) VALUES (?, ?, ?, ?)"
_INSERT_NEW = "INSERT OR IGNORE INTO runs (run_id, created, status, record) VALUES (?, ?, ?, ?)"
_RENEW = "UPDATE runs SET created = ?, status = ?, record = ? WHERE run_id = ? AND record = ?"


class DamagedError(sqlite3.DatabaseError):
    """SQLite's own check found the file damaged."""


def open_index(path: str) -> sqlite3.Connection:
    """Connect to an index; of a file, in the way in which several processes use it. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=PATIENCE)
    try:
        if path != ":memory:":
            _write_ahead(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Choose SQLite's write-ahead log. It needs shared memory; on network folders SQLite keeps its older journal.

    SQLite waits for another process everywhere but here (two that change the journal would wait for each other).
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.005, 0.05))
        else:
            return


def has_tables(connection: sqlite3.Connection) -> bool:
    """Whether this is a whole index, or has yet to be made. Raises DamagedError, sqlite3.Error."""
    # SQLite finds a damaged page only when it reads it, which may be in the middle of a training.
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DamagedError(verdict)
    return bool(connection.execute(_HAS_TABLES).fetchone() == (len(SCHEMA),))


def check_writable(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.Error where nothing can be written; SQLite opens a write-protected file without a word."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        # Of nothing; of a write-protected file, SQLite begins even an immediate transaction, only to read.
        connection.execute("DELETE FROM notes WHERE 0")
        connection.rollback()
    except sqlite3.OperationalError as error:
        # Where another process is just writing, one can.
        if _code(error) != sqlite3.SQLITE_BUSY:
            raise


def all_rows(connection: sqlite3.Connection) -> list[RunRecord]:
    """Return the runs that can be read, newest first."""
    found = (read_row(*row) for row in connection.execute(_ALL).fetchall())
    return [record for record in found if record is not None]


def insert(connection: sqlite3.Connection, record: RunRecord, *, new: bool = False) -> None:
    """Write a row; a `new` one leaves one of the same run alone, which its job may have written meanwhile."""
    connection.execute(_INSERT_NEW if new else _INSERT, (record.run_id, *_fields(record)))


def renew(connection: sqlite3.Connection, record: RunRecord, former: str) -> None:
    """Write over the row that read `former`; one that its job has written meanwhile is left alone."""
    connection.execute(_RENEW, (*_fields(record), record.run_id, former))


def row_text(record: RunRecord) -> str:
    """Return a run as its row says it."""
    return json.dumps(record.to_dict())


def _fields(record: RunRecord) -> tuple[float, str, str]:
    return record.created, record.status.value, row_text(record)


def insert_notes(connection: sqlite3.Connection, run_id: str, notes: RunNotes) -> None:
    """Write what the user says of a run."""
    row = (run_id, json.dumps(notes.to_dict()))
    connection.execute("INSERT OR REPLACE INTO notes (run_id, notes) VALUES (?, ?)", row)


def forget(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Drop the rows of runs and what was said of them."""
    for table in ("runs", "notes"):
        connection.executemany(f"DELETE FROM {table} WHERE run_id = ?", [(name,) for name in names])  # noqa: S608


def read_row(run_id: str, record: str, notes: str | None = None) -> RunRecord | None:
    """Return a run as it stands in the index; None where that cannot be read, which must not hide the others."""
    try:
        read = replace(RunRecord.from_dict(json.loads(record)), run_id=run_id)
        return (RunNotes.from_dict(json.loads(notes)) if notes else RunNotes()).onto(read)
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("The run %s is not listed: its entry is damaged, or of a newer version.", run_id)
        return None


def is_damage(error: BaseException | None) -> bool:
    """Whether an error says that the file is no index any more."""
    return isinstance(error, DamagedError) or _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_protection(error: BaseException | None) -> bool:
    """Whether an error says that the file is write-protected."""
    return _code(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)


def may_be_protection(error: BaseException | None) -> bool:
    """Whether an error comes of a folder in which SQLite can make no file, or of another trouble with it."""
    return _code(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR)


def _code(error: BaseException | None) -> int:
    # The extended codes keep the plain one in their lowest byte; errors that are not SQLite's have none.
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
