"""Who looks at the list of runs takes nothing from those at work, and sees what the folders say by now."""

import errno
import os
import shutil
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import KnownError
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store import run_folder
from mole_engine.store.run_folder import FolderLock, RunFolder
from mole_engine.store.run_place import open_place
from mole_engine.store.runs import Workspace


@pytest.fixture
def store(tmp_path):
    return Workspace(tmp_path / "workspace")


def _working(store, status=RunState.TRAINING, name="solubility"):
    config = TrainConfig.from_dict({"name": name, "data": {"path": "/data/table.csv"}})
    folder = store.create(config)
    config.to_yaml(folder.config)
    record = RunRecord(folder.path.name, name, status, run_dir=str(folder.path), created=time.time() - 600)
    folder.write_record(record)
    store.save(record)
    return folder, record


def _states(records):
    return {record.run_id: (record.status, record.metrics) for record in records}


def test_a_job_that_ends_while_somebody_looks_stays_completed(store, monkeypatch):
    folder, record = _working(store)
    done = replace(record, status=RunState.COMPLETED, metrics={"rmse": 0.5})
    lock, listed = FolderLock(folder.lock), Workspace.records

    def listed_before_its_end(self):
        found = listed(self)
        monkeypatch.setattr(Workspace, "records", listed)
        folder.write_record(done)
        store.save(done)
        lock.__exit__(None, None, None)
        return found

    monkeypatch.setattr(Workspace, "records", listed_before_its_end)
    with lock:
        found = store.look(60)
    assert _states(found) == {record.run_id: (RunState.COMPLETED, {"rmse": 0.5})}
    assert folder.read_record().status is RunState.COMPLETED
    assert _states(store.records()) == _states(found)


def test_a_record_that_cannot_be_read_is_not_written_over(store):
    folder, record = _working(store)
    folder.record.write_text('{"status": "archived"}')
    assert _states(store.look()) == {record.run_id: (RunState.INTERRUPTED, {})}
    assert folder.record.read_text() == '{"status": "archived"}'


def test_a_job_waits_for_one_who_only_looks(tmp_path):
    path = tmp_path / "run.lock"
    glance = FolderLock(path)
    glance.__enter__()
    timer = threading.Timer(0.2, glance.__exit__, (None, None, None))
    timer.start()
    with FolderLock(path) as lock:
        assert lock.is_sure
    timer.join()


def test_looking_at_a_run_at_work_takes_no_time(store):
    folders = [_working(store)[0] for _ in range(4)]
    locks = [FolderLock(folder.lock) for folder in folders]
    for lock in locks:
        lock.__enter__()
    begun = time.monotonic()
    assert store.mark_interrupted() == []
    assert time.monotonic() - begun < run_folder._A_MOMENT
    for lock in locks:
        lock.__exit__(None, None, None)


def test_a_folder_that_the_user_chose_among_the_runs_is_listed_once_and_as_it_stands(store):
    place = open_place(
        TrainConfig.from_dict(
            {"data": {"path": "/data/table.csv"}, "out": str(store.runs / "mine"), "workspace": str(store.path)}
        )
    )
    for status in (RunState.TRAINING, RunState.COMPLETED):
        place.save(replace(place.record, status=status))
        assert _states(store.records()) == {"mine": (status, {})}


@pytest.mark.parametrize("before", [RunState.TRAINING, RunState.INTERRUPTED])
def test_a_run_that_went_on_elsewhere_is_listed_as_its_folder_says(store, tmp_path, before):
    """A folder that was copied in while its job was at work, or that a cluster has brought back."""
    folder, record = _working(Workspace(tmp_path / "cluster"), before)
    copied = RunFolder(store.runs / "copied")
    shutil.copytree(folder.path, copied.path)
    assert _states(store.records()) == {"copied": (before, {})}
    copied.write_record(replace(record, status=RunState.COMPLETED, metrics={"rmse": 0.4}))
    assert _states(store.look()) == {"copied": (RunState.COMPLETED, {"rmse": 0.4})}
    assert copied.read_record().metrics == {"rmse": 0.4}


def test_a_folder_of_the_users_own_that_holds_another_run_by_now_is_not_mixed_up(store, tmp_path):
    own = RunFolder(tmp_path / "own")
    own.make()
    former = RunRecord("former", "former", RunState.INTERRUPTED, run_dir=str(own.path), created=1.0)
    store.save(former)
    own.write_record(replace(former, run_id="later", name="later", status=RunState.COMPLETED))
    assert _states(store.records()) == {"former": (RunState.INTERRUPTED, {})}
    own.write_record(replace(former, status=RunState.COMPLETED))
    assert _states(store.records()) == {"former": (RunState.COMPLETED, {})}


@pytest.fixture
def lockless(monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def unknown(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)


def test_where_there_are_no_locks_a_run_that_writes_is_at_work(store, lockless):
    folder, record = _working(store)
    assert store.mark_interrupted(60) == []
    folder.events.write_text("")
    for path in (folder.record, folder.events):
        os.utime(path, (time.time() - 3600,) * 2)
    assert [lost.run_id for lost in store.mark_interrupted(60)] == [record.run_id]


def test_runs_that_are_known_to_be_at_work_are_spared(store):
    (folder, record), (other, _) = _working(store), _working(store)
    assert store.mark_interrupted(60, {record.run_id, str(other.path)}) == []
    assert folder.read_record().status is RunState.TRAINING


def test_a_folder_on_a_disk_that_does_not_answer_hides_no_run(store, monkeypatch):
    _, record = _working(store, RunState.COMPLETED)
    away = replace(record, run_id="away", status=RunState.TRAINING, run_dir="/mnt/share/out", model_path="/mnt/share/m")
    store.save(away)
    stat = os.stat

    def unreachable(path, *args, **options):
        if str(path).startswith("/mnt/share"):
            raise OSError(errno.EHOSTDOWN, "Host is down", str(path))
        return stat(path, *args, **options)

    monkeypatch.setattr(os, "stat", unreachable)
    # Nobody can know whether it is at work.
    assert _states(store.look()) == {record.run_id: (RunState.COMPLETED, {}), "away": (RunState.TRAINING, {})}
    store.delete("away")
    assert [found.run_id for found in store.records()] == [record.run_id]


def test_a_workspace_that_cannot_be_listed_is_a_problem_in_words(store, monkeypatch):
    def stale(path):
        raise OSError(errno.ESTALE, "Stale file handle", str(path))

    monkeypatch.setattr(Path, "iterdir", stale)
    with pytest.raises(KnownError, match="Stale file handle"):
        store.records()
    with pytest.raises(KnownError, match="Stale file handle"):
        store.find("run")


def test_a_write_protected_index_alone_is_read_from_the_folders(store, monkeypatch):
    folder, record = _working(store)
    folder.write_record(replace(record, status=RunState.FAILED))
    connect = sqlite3.connect

    def protected(path, **options):
        if path == ":memory:":
            return connect(path, **options)
        return connect(f"{Path(path).as_uri()}?mode=ro", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", protected)
    assert _states(Workspace(store.path).look()) == {record.run_id: (RunState.FAILED, {})}


def test_an_index_that_another_process_is_writing_is_not_write_protected(store):
    _, record = _working(store, RunState.COMPLETED)
    other = sqlite3.connect(store.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    again = Workspace(store.path)
    other.execute("ROLLBACK")
    other.close()
    again.save(replace(record, status=RunState.CANCELLED))
    assert _states(store.records()) == {record.run_id: (RunState.CANCELLED, {})}


def test_a_model_that_arrives_after_its_record_is_shown(store):
    folder, record = _working(store, RunState.INTERRUPTED)
    # As a synchronising disk brings them: the small file first.
    folder.write_record(replace(record, status=RunState.COMPLETED))
    assert [found.model_path for found in store.look()] == [""]
    folder.model.write_bytes(b"whole by now")
    assert [found.model_path for found in Workspace(store.path).look()] == [str(folder.model)]


def test_two_looks_at_the_same_time_agree(store, monkeypatch):
    _working(store)
    marked, found = Workspace._marked, []

    def slowly(self, record):
        time.sleep(0.2)
        return marked(self, record)

    monkeypatch.setattr(Workspace, "_marked", slowly)
    write = RunFolder.write_record
    monkeypatch.setattr(RunFolder, "write_record", lambda self, record: (time.sleep(0.3), write(self, record)))
    looks = [threading.Thread(target=lambda: found.extend(Workspace(store.path).look(60))) for _ in range(2)]
    for look in looks:
        look.start()
    for look in looks:
        look.join()
    assert [record.status for record in found] == [RunState.INTERRUPTED] * 2
