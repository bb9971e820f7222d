"""The Runs page while something else happens: a run ends, the list is read anew, the window closes."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QAction

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.runs import Workspace

NAMES = ("first", "second", "third")


@pytest.fixture
def store(window):
    return Workspace(window.session.workspace)


@pytest.fixture
def kept(qtbot, window, runs_page, store):
    """Return the runs in the list; the newest stands first."""
    made = [add_run(store, name, float(number)) for number, name in enumerate(NAMES, start=1)]
    window.session.runs_changed.emit()
    qtbot.waitUntil(lambda: runs_page.table.model().rowCount() == 3 and runs_page.story is not None)
    return made


def add_run(store, name, created):
    job = TrainConfig.from_dict({"name": name, "data": {"path": "a.csv"}})
    folder = store.create(job)
    job.to_yaml(folder.config)
    record = RunRecord(
        run_id=folder.path.name, name=name, status=RunState.COMPLETED, created=created, run_dir=str(folder.path)
    )
    folder.write_record(record)
    store.save(record)
    return record


def choose(qtbot, runs_page, run):
    runs_page.list.select([run.run_id])
    qtbot.waitUntil(lambda: runs_page.story is not None and runs_page.story.record.run_id == run.run_id)


def notes_of(store):
    return {record.name: record.notes for record in store.records() if record.notes}


def finish(window, run):
    """Let the window hear what a training says at its end."""
    window.session.training.state_changed.emit()
    window.session.training.run_finished.emit(run)


def test_notes_that_are_being_typed_are_written_down_when_the_list_is_read_anew(qtbot, window, runs_page, store, kept):
    choose(qtbot, runs_page, kept[1])
    runs_page.list.notes.setFocus()
    runs_page.list.notes.setPlainText("ask Anna")
    window.session.runs_changed.emit()
    qtbot.waitUntil(lambda: notes_of(store) == {"second": "ask Anna"})
    # Another run is selected, by somebody else, before the pause that follows the last key is over.
    runs_page.list.notes.setPlainText("ask Anna and Ben")
    runs_page._wanted = kept[2].run_id
    window.session.runs_changed.emit()
    qtbot.waitUntil(lambda: notes_of(store) == {"second": "ask Anna and Ben"})
    assert runs_page.list.notes.toPlainText() == ""


def test_notes_that_were_just_typed_outlive_the_window(qtbot, window, runs_page, store, kept):
    choose(qtbot, runs_page, kept[0])
    runs_page.list.notes.setPlainText("the one for the paper")
    window.close()
    assert notes_of(store) == {"first": "the one for the paper"}


def test_a_run_that_ends_while_another_page_is_shown_is_the_one_that_is_judged(qtbot, window, runs_page, kept):
    runs_page.list.search.setText("third")
    window.go_to("train")
    finish(window, kept[0])
    window.go_to("runs")
    qtbot.waitUntil(lambda: runs_page.header.title() == "Run: first")
    window.session.runs_changed.emit()
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    assert runs_page.header.title() == "Run: first", "a list that leaves it out does not replace it"
    runs_page.show_list()
    qtbot.waitUntil(lambda: runs_page.story.record.run_id == kept[2].run_id)


def test_a_run_that_ends_while_the_trash_is_open_cannot_be_deleted_from_there(qtbot, window, runs_page, kept):
    runs_page.list.filter.setCurrentIndex(runs_page.list.filter.findData("trash"))
    qtbot.waitUntil(lambda: runs_page.header.title() == "Trash")
    window.go_to("train")
    finish(window, kept[1])
    window.go_to("runs")
    qtbot.waitUntil(lambda: runs_page.header.title() == "Run: second")
    assert not runs_page.findChild(QAction, "run.drop").isEnabled()
    assert runs_page.findChild(QAction, "run.trash").isEnabled()
    runs_page.show_list()
    qtbot.waitUntil(lambda: runs_page.header.title() == "Runs" and runs_page.table.model().rowCount() == 3)


def test_who_is_at_work_on_the_page_is_not_taken_to_a_run_that_ends(qtbot, window, runs_page, store, kept):
    choose(qtbot, runs_page, kept[2])
    new = add_run(store, "fourth", 4.0)
    runs_page.list.notes.setFocus()
    finish(window, new)
    qtbot.waitUntil(lambda: runs_page.table.model().rowCount() == 4)
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    assert runs_page.table.isVisible()
    assert [one.name for one in runs_page.list.selected()] == ["third"]
    assert runs_page.story.record.name == "third"
    assert runs_page._note == "fourth has finished"
