"""What a user says of runs survives the job, the index and the trash."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.run_folder import FolderLock
from mole_engine.store.run_notes import RunNotes, clean_tags, read_notes
from mole_engine.store.runs import Workspace

SAID = RunNotes("promising, ask Anna", ("final", "hERG"), True)


@pytest.fixture
def store(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def run(store):
    folder = store.create(TrainConfig(name="one"))
    record = RunRecord(folder.path.name, "one", RunState.COMPLETED, run_dir=str(folder.path), created=1.0)
    TrainConfig().to_yaml(folder.config)
    folder.write_record(record)
    store.save(record)
    return record


def notes_of(store):
    return [RunNotes.of(record) for record in store.records()]


def test_a_job_that_goes_on_does_not_lose_the_notes(store, run):
    store.annotate(run.run_id, SAID)
    # The job knows nothing of them and writes its own record again and again.
    folder = store.find(run.run_id)
    folder.write_record(replace(run, seconds=5.0))
    store.save(replace(run, seconds=5.0))
    assert notes_of(store) == [SAID]
    assert (folder.read_record().seconds, RunNotes.of(folder.read_record())) == (5.0, SAID)


def test_notes_are_part_of_the_folder_and_return_with_a_new_index(store, run, tmp_path):
    store.annotate(run.run_id, SAID)
    store.database.unlink()
    assert notes_of(Workspace(tmp_path)) == [SAID]
    store.find(run.run_id).notes.write_text("[broken", encoding="utf-8")
    assert RunNotes.of(store.find(run.run_id).read_record()) == RunNotes()


def test_a_deleted_run_waits_in_the_trash_and_comes_back_whole(store, run):
    store.annotate(run.run_id, SAID)
    store.delete(run.run_id)
    assert store.records() == []
    assert [record.name for record in store.trash.records()] == ["one"]
    assert not (store.runs / run.run_id).exists()
    store.database.unlink()
    assert Workspace(store.path).records() == []
    restored = store.restore(run.run_id)
    assert notes_of(store) == [SAID]
    assert restored.run_dir == run.run_dir
    assert store.trash.records() == []
    with pytest.raises(InputError, match="no run"):
        store.restore(run.run_id)


def test_the_trash_can_be_emptied_and_holds_nothing_at_work(store, run):
    with FolderLock(store.find(run.run_id).lock), pytest.raises(InputError, match="still at work"):
        store.delete(run.run_id)
    assert len(store.records()) == 1
    store.delete(run.run_id)
    assert store.trash.empty() == 1
    assert store.trash.records() == []
    assert list(store.trash.path.iterdir()) == []


def test_a_run_is_not_restored_over_another(store, run):
    store.delete(run.run_id)
    (store.runs / run.run_id).mkdir()
    with pytest.raises(InputError, match="exists already"):
        store.restore(run.run_id)
    assert len(store.trash.records()) == 1


def test_an_index_of_an_earlier_version_learns_of_notes(store, run):
    import sqlite3

    connection = sqlite3.connect(store.database)
    with connection:
        connection.execute("DROP TABLE notes")
    connection.close()
    again = Workspace(store.path)
    assert notes_of(again) == [RunNotes()]
    again.annotate(run.run_id, SAID)
    assert notes_of(again) == [SAID]


def test_many_annotate_at_once(store, run):
    def note(number):
        store.annotate(run.run_id, replace(SAID, notes=f"note {number}"))

    threads = [threading.Thread(target=note, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes_of(store)[0].notes.startswith("note ")


def test_tags_are_short_plain_and_unique():
    assert clean_tags(["  a  b ", "", "a b", "c", "x" * 90]) == ("a b", "c", "x" * 40)
    assert RunNotes.from_dict({"tags": "text", "notes": None}) == RunNotes()


def test_a_full_disk_is_told(store, run, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mole_engine.store.files.os.replace", full)
    with pytest.raises(KnownError):
        store.annotate(run.run_id, SAID)
    assert read_notes(store.find(run.run_id).notes) == RunNotes()
