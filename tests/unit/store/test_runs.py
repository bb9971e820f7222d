"""The workspace: runs survive crashes, a damaged index is rebuilt, a living run is never touched."""

import re
import sqlite3
import threading
from dataclasses import replace

import pytest

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.events import EpochMetrics, Notice
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.pretraining_folder import PretrainingFolder
from mole_engine.store.run_folder import FolderLock, RunFolder
from mole_engine.store.run_place import open_place
from mole_engine.store.runs import Workspace, default_workspace, new_run_id


@pytest.fixture
def config():
    return TrainConfig.from_dict({"data": {"path": "/data/My Table.csv"}, "preset": "small"})


def _record(run_id, folder, status=RunState.COMPLETED, created=1.0):
    return RunRecord(run_id=run_id, name=run_id, status=status, run_dir=str(folder.path), created=created)


def _save(store, config, status=RunState.COMPLETED, created=1.0):
    folder = store.create(config)
    config.to_yaml(folder.config)
    record = _record(folder.path.name, folder, status, created)
    folder.write_record(record)
    store.save(record)
    return folder, record


def test_run_ids_are_legal_folder_names_and_differ():
    ids = {new_run_id('CON: "a/b\\c" äöü * ?', 0.0) for _ in range(20)}
    assert len(ids) > 15
    assert all(re.fullmatch(r"19700101-000000-[a-z0-9-]+", name) for name in ids)


def test_records_come_newest_first(tmp_path, config):
    store = Workspace(tmp_path)
    _, old = _save(store, config, created=1.0)
    _, new = _save(store, config, created=2.0)
    assert store.records() == [new, old]
    changed = replace(old, status=RunState.FAILED, metrics={"rmse": 1.5})
    store.save(changed)
    assert Workspace(tmp_path).records() == [new, changed]


def test_index_is_rebuilt_from_the_folders(tmp_path, config):
    _, record = _save(Workspace(tmp_path), config)
    for leftover in tmp_path.glob("studio.db*"):
        leftover.unlink()
    assert [found.run_id for found in Workspace(tmp_path).records()] == [record.run_id]


def _overwritten_pages(content):
    return content[:4096] + b"\xa5" * (len(content) - 4096)


@pytest.mark.parametrize(
    "damage",
    [lambda content: b"garbage" * 1000, _overwritten_pages, lambda content: content[:5000]],
    ids=["no database", "bad pages", "cut off"],
)
def test_damaged_index_is_set_aside_and_made_anew(tmp_path, config, damage):
    store = Workspace(tmp_path)
    saved = [_save(store, config, created=float(number))[1].run_id for number in range(3)]
    for _ in range(2):
        content = damage((tmp_path / "studio.db").read_bytes())
        (tmp_path / "studio.db").write_bytes(content)
        assert [found.run_id for found in Workspace(tmp_path).records()] == saved[::-1]
    kept = sorted(tmp_path.glob("damaged-index-*/studio.db"))
    assert len(kept) == 2
    assert kept[1].read_bytes() == content


def test_an_empty_index_does_not_hide_the_runs(tmp_path, config):
    """As a full disk, or a synchronised folder, leaves it."""
    _, record = _save(Workspace(tmp_path), config)
    (tmp_path / "studio.db").write_bytes(b"")
    assert [found.run_id for found in Workspace(tmp_path).records()] == [record.run_id]


def test_an_index_that_cannot_be_opened_is_left_alone(tmp_path, config, monkeypatch):
    """Busy or locked is not damaged."""
    _save(Workspace(tmp_path), config)
    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: (_ for _ in ()).throw(sqlite3.OperationalError("locked")))
    with pytest.raises(KnownError, match="index of runs"):
        Workspace(tmp_path)
    assert not list(tmp_path.glob("damaged-index-*"))


def test_only_dead_active_runs_become_interrupted(tmp_path, config):
    store = Workspace(tmp_path)
    dead, _ = _save(store, config, RunState.TRAINING)
    alive, _ = _save(store, config, RunState.TRAINING)
    done, _ = _save(store, config, RunState.COMPLETED)
    with FolderLock(alive.lock):
        lost = store.mark_interrupted()
    assert [record.run_id for record in lost] == [dead.path.name]
    assert dead.read_record().status is RunState.INTERRUPTED
    assert alive.read_record().status is RunState.TRAINING
    assert done.read_record().status is RunState.COMPLETED


def test_lock_is_exclusive_and_released(tmp_path):
    path = tmp_path / "run.lock"
    with FolderLock(path), pytest.raises(InputError, match="Another program is working"), FolderLock(path):
        pass
    with FolderLock(path):
        pass


def test_find_by_id_prefix_and_path(tmp_path, config):
    store = Workspace(tmp_path)
    folder, record = _save(store, config)
    assert store.find(record.run_id).path == folder.path
    assert store.find(str(folder.path)).path == folder.path
    assert store.find(record.run_id[:-1]).path == folder.path
    with pytest.raises(InputError, match="There is no run"):
        store.find("nothing")
    _save(store, config)
    with pytest.raises(InputError, match="Several runs"):
        store.find(record.run_id[:4])


def test_delete_refuses_a_working_run(tmp_path, config):
    store = Workspace(tmp_path)
    folder, record = _save(store, config)
    with FolderLock(folder.lock), pytest.raises(InputError, match="still at work"):
        store.delete(record.run_id)
    store.delete(record.run_id)
    assert store.records() == []
    assert not folder.path.exists()


def test_two_processes_may_write_at_once(tmp_path, config):
    store = Workspace(tmp_path)
    _, record = _save(store, config)
    other = sqlite3.connect(tmp_path / "studio.db")
    try:
        assert other.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        store.save(replace(record, status=RunState.FAILED))
    finally:
        other.close()
    assert store.records()[0].status is RunState.FAILED


def test_workspace_can_be_named_by_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MOLE_WORKSPACE", str(tmp_path / "w"))
    assert default_workspace() == tmp_path / "w"
    monkeypatch.delenv("MOLE_WORKSPACE")
    assert default_workspace().name == "MolE Studio"


def test_events_up_to_a_line_that_a_crash_cut_off(tmp_path):
    folder = RunFolder(tmp_path)
    events = [
        Notice(run_id="r", seq=0, message="hello"),
        EpochMetrics(run_id="r", seq=1, epoch=1, total_epochs=2, step=3, train_loss=1.0, validation_loss=float("nan")),
    ]
    folder.events.write_text("".join(event.to_json() + "\n" for event in events) + '{"event": "Noti')
    assert [event.seq for event in folder.read_events()] == [0, 1]
    assert RunFolder(tmp_path / "none").read_events() == []


def test_record_follows_a_folder_that_was_moved(tmp_path, config):
    folder, _ = _save(Workspace(tmp_path), config)
    folder.model.write_bytes(b"x")
    moved = folder.path.rename(tmp_path / "elsewhere")
    record = RunFolder(moved).read_record()
    assert record.run_dir == str(moved)
    assert record.model_path == str(moved / "model.mole")


def test_out_is_never_overwritten(tmp_path, config):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.docx").write_text("years of work")
    with pytest.raises(InputError, match="is not empty"):
        open_place(config.updated({"out": str(out)}))
    assert (out / "thesis.docx").read_text() == "years of work"
    with pytest.raises(InputError, match="is a file"):
        open_place(config.updated({"out": str(out / "thesis.docx")}))


def test_out_with_a_finished_run_is_kept_and_a_failed_attempt_is_reused(tmp_path, config):
    config = config.updated({"out": str(tmp_path / "run")})
    place = open_place(config)
    place.save(replace(place.record, status=RunState.COMPLETED))
    with pytest.raises(InputError, match="holds a run already"):
        open_place(config)
    place.save(replace(place.record, status=RunState.FAILED))
    place.folder.events.write_text("old")
    place.folder.drop_checkpoints()
    assert open_place(config).record.status is RunState.QUEUED
    assert not place.folder.events.exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "checkpoints/last.ckpt"])
def test_networks_of_a_failed_ensemble_are_kept(tmp_path, config, name):
    """Their last states are deeper in the folder than that of a single network."""
    config = config.updated({"out": str(tmp_path / "run")})
    place = open_place(config)
    place.save(replace(place.record, status=RunState.FAILED))
    trained = place.folder.checkpoints / "network-1" / name
    trained.parent.mkdir(parents=True)
    trained.write_bytes(b"hours of work")
    with pytest.raises(InputError, match="--resume"):
        open_place(config)
    assert trained.read_bytes() == b"hours of work"


def test_run_with_out_stays_off_the_workspace(tmp_path, config, workspace):
    place = open_place(config.updated({"out": str(tmp_path / "run")}))
    assert place.workspace is None
    assert list(workspace.iterdir()) == []


def test_saved_configuration_has_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fields = {"data": {"path": "a.csv", "extra_paths": ["b.csv"]}, "model": {"vocabulary": "words.json"}, "out": "run"}
    place = open_place(TrainConfig.from_dict(fields))
    assert place.folder.read_config().model.vocabulary == str(tmp_path / "words.json")
    data = place.folder.read_config().data
    assert [data.path, *data.extra_paths] == [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]


def test_a_pretraining_job_knows_where_its_vocabulary_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fields = {"data": {"path": "a.csv"}, "model": {"vocabulary": "words.json"}, "out": "job"}
    folder = PretrainingFolder.create(PretrainConfig.from_dict(fields))
    assert PretrainConfig.from_yaml(folder.config).model.vocabulary == str(tmp_path / "words.json")


def test_the_name_of_a_shipped_vocabulary_is_no_path(tmp_path, config):
    place = open_place(config.updated({"out": str(tmp_path / "run")}))
    assert place.folder.read_config().model.vocabulary == "default"


@pytest.mark.parametrize("status", [RunState.COMPLETED, RunState.CANCELLED])
def test_ended_runs_do_not_go_on(tmp_path, config, status):
    place = open_place(config.updated({"out": str(tmp_path / "run")}))
    place.save(replace(place.record, status=status))
    with pytest.raises(InputError, match="Only interrupted and failed runs"):
        open_place(None, str(place.folder.path))


def test_a_search_does_not_go_on_with_several_devices(tmp_path, config):
    config = config.updated({"out": str(tmp_path / "run"), "search": {"trials": 2}})
    place = open_place(config)
    place.save(replace(place.record, status=RunState.INTERRUPTED))
    with pytest.raises(InputError, match="one device"):
        open_place(config.updated({"search": {"trials": 0}, "runtime": {"devices": 2}}), str(place.folder.path))
    assert open_place(config.updated({"runtime": {"threads": 3}}), str(place.folder.path)).config.runtime.threads == 3


def test_resume_refuses_changed_data(tmp_path, config):
    place = open_place(config.updated({"out": str(tmp_path / "run")}))
    place.folder.split.write_text("row,smiles\n0,CCO\n")
    place.save(replace(place.record, status=RunState.INTERRUPTED))
    again = open_place(None, str(place.folder.path))
    again.check_same_split("row,smiles\n0,CCO\n")
    with pytest.raises(InputError, match="data file has changed since, or was cleaned up otherwise by another version"):
        again.check_same_split("row,smiles\n0,CCN\n")


def test_a_search_in_a_folder_that_is_used_again_knows_nothing_of_the_one_that_failed_there(tmp_path):
    config = TrainConfig.from_dict({"data": {"path": "a.csv"}, "out": str(tmp_path / "run")})
    place = open_place(config)
    place.save(replace(place.record, status=RunState.FAILED))
    (place.folder.path / "search.json").write_text('{"settings": {"training.learning_rate": 0.5}, "trials": 3}')
    (place.folder.path / "search.jsonl").write_text("{}\n")
    again = open_place(config)
    assert not list(again.folder.path.glob("search*"))


def test_an_index_that_another_process_begins_to_write_is_waited_for(tmp_path):
    """Of two that change the journal's kind, SQLite turns one away at once, however long it may wait."""
    other = sqlite3.connect(tmp_path / "studio.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ["ROLLBACK"])
    timer.start()
    assert Workspace(tmp_path).records() == []
    timer.join()
    other.close()


def test_of_two_jobs_that_begin_in_one_folder_at_once_the_second_is_refused(tmp_path, config, monkeypatch):
    """Both have seen it empty; neither may write over what the other began."""
    config = config.updated({"out": str(tmp_path / "run")})
    make, begun = RunFolder.make, []

    def made_by_both(folder):
        monkeypatch.setattr(RunFolder, "make", make)
        begun.append(open_place(config.updated({"seed": 7})))
        make(folder)

    monkeypatch.setattr(RunFolder, "make", made_by_both)
    with pytest.raises(InputError, match="holds a run already"):
        open_place(config)
    assert begun[0].folder.read_config().seed == 7
    assert begun[0].folder.read_record().run_id == begun[0].record.run_id
    with FolderLock(begun[0].folder.lock):
        pass
