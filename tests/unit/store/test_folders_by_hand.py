"""The list of runs follows folders that somebody has moved, copied, renamed or removed by hand."""

import json
import shutil
import sqlite3

import pytest

from app.services.run_shelf import _trash
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.run_folder import FolderLock
from mole_engine.store.run_notes import RunNotes
from mole_engine.store.run_place import open_place
from mole_engine.store.runs import Workspace


@pytest.fixture
def store(tmp_path):
    return Workspace(tmp_path / "workspace")


def _begun(store, name="solubility", status=RunState.COMPLETED):
    """Make a run with a model file; return its folder."""
    config = TrainConfig.from_dict({"name": name, "data": {"path": "/data/table.csv"}})
    folder = store.create(config)
    config.to_yaml(folder.config)
    folder.model.write_bytes(b"model")
    place = (str(folder.path), str(folder.model))
    record = RunRecord(folder.path.name, name, status, run_dir=place[0], model_path=place[1], created=1.0)
    folder.write_record(record)
    store.save(record)
    return folder


def test_models_of_a_workspace_that_was_moved_are_found_where_they_are(store, tmp_path):
    name = _begun(store).path.name
    moved = tmp_path / "elsewhere" / "lab"
    moved.parent.mkdir()
    store.path.rename(moved)
    (record,) = Workspace(moved).records()
    assert record.run_dir == str(moved / "runs" / name)
    assert record.model_path == str(moved / "runs" / name / "model.mole")
    assert not store.path.exists()


def test_a_model_that_was_removed_is_not_promised(store):
    folder = _begun(store)
    folder.model.unlink()
    assert [record.model_path for record in store.records()] == [""]


def test_a_run_folder_that_was_copied_in_is_listed_with_its_notes(store, tmp_path):
    other = Workspace(tmp_path / "colleague")
    folder = _begun(other, "theirs")
    other.annotate(folder.path.name, RunNotes("worth a look", ("joint",), True))
    _begun(store, "ours")
    shutil.copytree(folder.path, store.runs / folder.path.name)
    theirs = next(record for record in store.records() if record.name == "theirs")
    assert theirs.run_dir == str(store.runs / folder.path.name)
    assert (theirs.notes, theirs.starred) == ("worth a look", True)


def test_a_copy_beside_the_original_is_a_run_of_its_own(store):
    folder = _begun(store)
    shutil.copytree(folder.path, store.runs / "a copy")
    assert {record.run_id for record in store.records()} == {folder.path.name, "a copy"}
    store.delete("a copy")
    assert [record.run_id for record in store.records()] == [folder.path.name]
    assert folder.is_run
    (thrown,) = store.trash.records()
    assert store.restore(thrown.run_id).run_id == "a copy"
    assert len(store.records()) == 2


def test_a_copy_that_goes_on_does_not_take_the_place_of_the_original(store):
    folder = _begun(store, status=RunState.INTERRUPTED)
    shutil.copytree(folder.path, store.runs / "a copy")
    assert open_place(None, str(store.runs / "a copy")).record.run_id == "a copy"


def test_a_renamed_folder_is_one_run(store):
    folder = _begun(store)
    folder.path.rename(store.runs / "my favourite")
    assert [record.run_id for record in store.records()] == ["my favourite"]


def test_runs_whose_folder_was_removed_leave_the_list(store):
    gone, kept = _begun(store, "gone"), _begun(store, "kept")
    shutil.rmtree(gone.path)
    assert [record.run_id for record in store.records()] == [kept.path.name]


def test_what_was_listed_a_moment_ago_can_still_be_thrown_away(store):
    folder = _begun(store)
    shutil.rmtree(folder.path)
    store.delete(folder.path.name)
    assert store.records() == []


def test_notes_on_a_run_that_is_gone_go_to_no_folder_of_before_the_move(store, tmp_path):
    folder = _begun(store)
    moved = tmp_path / "moved"
    shutil.copytree(store.path, moved)
    shutil.rmtree(moved / "runs" / folder.path.name)
    with pytest.raises(InputError, match="does not exist"):
        Workspace(moved).annotate(folder.path.name, RunNotes("lost"))
    assert not folder.notes.exists()


def test_a_run_without_its_settings_can_be_thrown_away(store):
    folder = _begun(store)
    folder.config.unlink()
    store.annotate(folder.path.name, RunNotes("half a run"))
    store.delete(folder.path.name)
    assert store.records() == []
    assert [record.notes for record in store.trash.records()] == ["half a run"]


def test_a_run_in_a_folder_of_its_own_stays_listed_and_only_leaves_the_list(store, tmp_path):
    own = tmp_path / "stick" / "run"
    record = RunRecord("elsewhere-1", "elsewhere", RunState.COMPLETED, run_dir=str(own), created=1.0)
    store.save(record)
    assert [found.run_dir for found in store.records()] == [str(own)]
    own.mkdir(parents=True)
    store.delete("elsewhere-1")
    assert store.records() == []
    assert own.is_dir()


def test_a_run_that_comes_back_can_be_thrown_away_again(store):
    folder = _begun(store)
    name = folder.path.name
    for _ in range(2):
        store.delete(name)
        shutil.copytree(store.trash.path / name, folder.path)
    assert len(store.records()) == 1
    assert {record.run_id for record in store.trash.records()} == {name, f"{name}-2"}


def test_entries_of_a_newer_version_hide_no_run(store):
    folder = _begun(store)
    with sqlite3.connect(store.database) as connection:
        connection.execute("ALTER TABLE runs ADD COLUMN owner TEXT")
        connection.execute("ALTER TABLE notes ADD COLUMN colour TEXT")
        text = json.dumps({"run_id": "new", "name": "new", "status": "archived", "run_dir": "/elsewhere"})
        connection.execute("INSERT INTO runs VALUES ('new', 2.0, 'archived', ?, '')", (text,))
        connection.execute("INSERT INTO runs VALUES ('bad', 3.0, 'completed', '{', '')")
    connection.close()
    _begun(store, "after")
    store.annotate(folder.path.name, RunNotes("still here"))
    assert {(record.name, record.notes) for record in store.records()} == {("solubility", "still here"), ("after", "")}


def test_a_run_at_work_keeps_none_of_the_others_from_the_trash(store):
    runs = [_begun(store, f"run {number}") for number in range(3)]
    names = [folder.path.name for folder in runs]
    with FolderLock(runs[0].lock), pytest.raises(InputError, match=names[0]):
        _trash(store.path, names)
    assert [record.run_id for record in store.records()] == names[:1]


def test_runs_of_a_write_protected_workspace_can_be_listed(store, monkeypatch):
    folder = _begun(store, status=RunState.TRAINING)
    for path in store.path.glob("studio.db*"):
        path.unlink()
    # Stands for a folder in which SQLite can make no file.
    store.database.mkdir()
    with pytest.raises(KnownError, match="Cannot use the index"):
        Workspace(store.path)
    monkeypatch.setattr("mole_engine.store.runs._can_be_written", lambda folder: False)
    assert [record.run_dir for record in Workspace(store.path).records()] == [str(folder.path)]
    assert Workspace(store.path).mark_interrupted() == []
