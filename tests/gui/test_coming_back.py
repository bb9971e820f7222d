"""Back at the window: files were edited meanwhile, and runs made, removed or killed outside it."""

from __future__ import annotations

import os
import shutil
import time

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from app.widgets.basic import Chip
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.run_folder import FolderLock
from tests.gui.conftest import ROWS, write_csv


def add_run(store, name="solubility", status=RunState.COMPLETED, created=1.0):
    config = TrainConfig(name=name)
    folder = store.create(config)
    config.to_yaml(folder.config)
    run = RunRecord(folder.path.name, name, status, run_dir=str(folder.path), created=created)
    folder.write_record(run)
    store.save(run)
    return folder


def edit(path, rows):
    write_csv(path, rows)
    # The clock of a file system may be coarse.
    os.utime(path, ns=(time.time_ns() + 10**9,) * 2)


def test_runs_of_the_command_line_are_listed_when_the_page_is_shown_again(window, runs_page, store, quiet):
    assert runs_page.list.records() == []
    add_run(store, "of the terminal")
    window.go_to("data")
    window.go_to("runs")
    quiet()
    assert [run.name for run in runs_page.list.records()] == ["of the terminal"]


def test_runs_that_were_removed_by_hand_go_when_the_window_is_active_again(window, runs_page, store, quiet):
    folder = add_run(store)
    add_run(store, "stays")
    runs_page.look_again()
    quiet()
    shutil.rmtree(folder.path)
    window.activateWindow()
    QApplication.sendEvent(window, QEvent(QEvent.Type.ActivationChange))
    quiet()
    assert [run.name for run in runs_page.list.records()] == ["stays"]


def test_a_run_of_the_command_line_that_was_killed_is_called_interrupted(runs_page, store, quiet):
    killed, alive = (add_run(store, name, RunState.TRAINING) for name in ("killed", "alive"))
    # A minute ahead, so that it has just begun however slow the machine is.
    begun = add_run(store, "just begun", RunState.QUEUED, created=time.time() + 60)
    with FolderLock(alive.lock):
        runs_page.look_again()
        quiet()
        states = {run.run_id: run.status for run in runs_page.list.records()}
    assert states[killed.path.name] is RunState.INTERRUPTED
    assert states[alive.path.name] is RunState.TRAINING
    assert states[begun.path.name] is RunState.QUEUED


def test_nothing_is_drawn_below_a_list_that_has_become_empty(runs_page, store, quiet):
    add_run(store)
    runs_page.look_again()
    quiet()
    assert runs_page.story is not None
    runs_page.list.search.setText("no such run")
    quiet()
    assert runs_page.story is None
    runs_page.list.search.clear()
    quiet()
    assert runs_page.story is not None


def test_a_file_that_was_edited_is_read_again_with_its_settings(qtbot, window, open_file, molecules_csv, quiet):
    open_file(molecules_csv)
    with qtbot.waitSignal(window.session.dataset_changed):
        window.session.start_task(window.session.datasets.revise({"targets": ["toxic"]}))
    quiet()
    edit(molecules_csv, [*ROWS, ("heptane", "CCCCCCC", "-4.5", "no")])
    with qtbot.waitSignal(window.session.datasets.followed):
        window.go_to("train")
    dataset = window.session.dataset
    assert dataset.report.total == len(ROWS)
    assert [task.name for task in dataset.roles.tasks] == ["toxic"]
    window.go_to("data")
    quiet()
    assert "has changed, was read again" in [chip.text() for chip in window.data_page.header.findChildren(Chip)]


@pytest.mark.parametrize("further", [False, True])
def test_a_file_that_was_only_touched_is_not_read_again(qtbot, window, molecules_csv, tmp_path, quiet, further):
    files = [molecules_csv, write_csv(tmp_path / "more.csv", ROWS)] if further else [molecules_csv]
    with qtbot.waitSignal(window.session.dataset_opened):
        window.open_paths([str(path) for path in files])
    quiet()
    former, read = window.session.dataset, []
    window.session.datasets.busy.connect(lambda stage, done, total: read.append(stage))
    os.utime(files[-1], ns=(time.time_ns() + 10**9,) * 2)
    for page in ("train", "data"):
        window.go_to(page)
        quiet()
    assert window.session.dataset is former
    assert read == []


def test_reading_again_that_the_user_cancels_is_not_begun_again(qtbot, window, open_file, molecules_csv, quiet):
    open_file(molecules_csv)
    quiet()
    former, datasets = window.session.dataset, window.session.datasets
    edit(molecules_csv, [*ROWS, ("heptane", "CCCCCCC", "-4.5", "no")])
    with qtbot.waitSignal(datasets.busy):
        window.go_to("train")
    datasets.cancel()
    quiet()
    with qtbot.assertNotEmitted(datasets.busy):
        window.go_to("data")
        quiet()
    assert window.session.dataset is former


def test_a_file_that_no_longer_fits_is_told_once_and_stays_shown(window, open_file, molecules_csv, quiet, told):
    open_file(molecules_csv)
    quiet()
    edit(molecules_csv, [("a", "b"), ("1", "2")])
    for page in ("train", "data", "train"):
        window.go_to(page)
        quiet()
    assert len(told) == 1
    assert window.session.dataset.report.total == len(ROWS) - 1


def test_a_file_that_is_gone_or_as_before_is_left_alone(window, open_file, molecules_csv, quiet, told):
    open_file(molecules_csv)
    quiet()
    former = window.session.dataset
    window.go_to("train")
    quiet()
    molecules_csv.unlink()
    window.go_to("data")
    quiet()
    assert window.session.dataset is former
    assert told == []


def test_a_workspace_that_cannot_be_read_is_told_once(window, quiet, told, store):
    for page in ("runs", "models", "predict", "data"):
        window.go_to(page)
        quiet()
    shutil.rmtree(store.runs)
    store.runs.write_text("not a folder")
    for page in ("runs", "models", "predict", "data", "runs", "predict"):
        window.go_to(page)
        quiet()
    assert len(told) == 1


def test_a_model_that_is_gone_is_told_when_somebody_asks_for_it(window, predict_page, quiet, told, tmp_path):
    quiet()
    window.session.predictions.choose(str(tmp_path / "thrown-away.mole"))
    quiet()
    assert ["thrown-away.mole" in problem.one_line() for problem in told] == [True]
    predict_page.look_again()
    quiet()
    assert len(told) == 1
