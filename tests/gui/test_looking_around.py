"""Looks that nobody has asked for: few, quiet about what they cannot read, and they leave the user's place alone."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt

from app.services import datasets, run_shelf
from app.services import runs as runs_module
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.run_state import RunState
from mole_engine.store.runs import Workspace
from tests.gui.conftest import ROWS
from tests.gui.test_coming_back import add_run, edit

_ONE_MODEL = runs_module.ModelInfo("", "model", (), 1.0, {"rmse": float("nan")}, {}, 1, "small", "a.csv", {}, "random")


@pytest.fixture
def hasty(window, quiet):
    window.looks.pause_ms = 1
    # Pages that are made later would look for themselves.
    window._build_pages()
    quiet()


def come_back(window):
    """Do what an activated window does; without a display, a dialog may keep it from becoming active."""
    window.looks.ask()


def stale(path):
    raise OSError(errno.ESTALE, "Stale file handle", str(path))


def test_a_burst_of_activations_is_one_look_and_one_after_it(window, runs_page, quiet):
    quiet()
    looks, look = [], window.looks._look
    window.looks._look = lambda: looks.append(1) or look()
    for _ in range(10):
        come_back(window)
    assert window.looks.is_asked
    quiet()
    assert 1 <= len(looks) <= 2


def test_a_look_that_takes_long_is_not_joined_by_another(qtbot, window, runs_page, quiet, hasty):
    quiet()
    begun, release = [], []

    async def slow():
        while not release:
            await window.session.run_blocking(lambda: None)

    def look():
        begun.append(1)
        window.session.start_task(slow())

    window.looks._look = look
    for _ in range(5):
        come_back(window)
        qtbot.wait(20)
    assert len(begun) == 1
    release.append(1)
    quiet()
    assert len(begun) == 2


def test_pages_look_while_a_changed_file_is_read_again(
    qtbot, window, runs_page, open_file, molecules_csv, store, quiet, hasty, monkeypatch
):
    open_file(molecules_csv)
    window.go_to("runs")
    quiet()
    held, read = threading.Event(), datasets._read
    monkeypatch.setattr(datasets, "_read", lambda *given: (held.wait(30), read(*given))[1])
    edit(molecules_csv, [*ROWS, ("heptane", "CCCCCCC", "-4.5", "no")])
    come_back(window)
    qtbot.waitUntil(lambda: window.session.datasets.is_busy)
    try:
        add_run(store, "of the terminal")
        come_back(window)
        qtbot.waitUntil(lambda: [run.name for run in runs_page.list.records()] == ["of the terminal"])
        assert window.session.datasets.is_busy
    finally:
        held.set()
    quiet()


@pytest.mark.parametrize("trouble", [stale, lambda path: 1 / 0], ids=["a stale folder", "a bug of ours"])
def test_closing_the_dialog_does_not_bring_it_back_but_a_second_failure_is_told(
    window, runs_page, store, quiet, told, hasty, monkeypatch, trouble
):
    add_run(store)
    come_back(window)
    quiet()
    listed = Workspace._entries
    for times in (1, 2):
        monkeypatch.setattr(Workspace, "_entries", lambda self: trouble(self.runs))
        for _ in range(3):
            come_back(window)
            quiet()
        assert len(told) == times
        monkeypatch.setattr(Workspace, "_entries", listed)
        come_back(window)
        quiet()


def test_a_run_that_cannot_be_read_is_told_once_however_often_one_looks(
    window, runs_page, store, quiet, told, hasty, monkeypatch
):
    def unreadable(record):
        raise KnownError("Cannot read the run:", "the host is down.", "")

    monkeypatch.setattr(runs_module, "_story", unreadable)
    add_run(store)
    for _ in range(3):
        come_back(window)
        quiet()
    assert [problem.cause for problem in told] == ["the host is down."]


def test_two_runs_that_are_selected_stay_so_when_one_comes_back(window, runs_page, store, quiet, hasty):
    folders = [add_run(store, f"run {number}", created=float(number)) for number in range(40)]
    runs_page.look_again()
    quiet()
    names = [folder.path.name for folder in folders]
    runs_page.list.select([names[2], names[3]])
    bar = runs_page.table.verticalScrollBar()
    runs_page.table.scrollToTop()
    bar.setValue(120)
    place = bar.value()
    assert place > 0
    add_run(store, "of the terminal", created=99.0)
    for expected in (41, 41):
        come_back(window)
        quiet()
        assert len(runs_page.list.records()) == expected
        assert {record.run_id for record in runs_page.list.selected()} == {names[2], names[3]}
        assert runs_page.list.current().run_id == names[2]
        assert bar.value() == place


def test_a_workspace_that_cannot_be_read_is_told_once_for_all_pages_that_are_made(window, quiet, told, monkeypatch):
    monkeypatch.setattr(Workspace, "_entries", lambda self: stale(self.runs))
    window._build_pages()
    quiet()
    assert len(told) == 1


def test_a_list_that_is_the_same_is_not_drawn_again(window, runs_page, store, quiet, hasty):
    add_run(store)
    runs_page.look_again()
    quiet()
    resets = []
    runs_page.table.cells.modelReset.connect(lambda: resets.append(1))
    runs_page.list.search.setFocus()
    come_back(window)
    quiet()
    assert resets == []
    assert runs_page.list.search.hasFocus()


def test_the_models_stay_where_they_were_scrolled_to_and_cards_are_read_once(window, store, quiet, hasty, monkeypatch):
    read = []

    def card(path):
        read.append(path)
        return replace(_ONE_MODEL, path=path, name=Path(path).parent.name)

    monkeypatch.setattr(runs_module, "read_model_info", card)
    for number in range(40):
        folder = add_run(store, f"run {number}", created=float(number))
        folder.model.write_bytes(b"model")
        store.save(replace(folder.read_record(), model_path=str(folder.model)))
    window.go_to("models")
    page = window.page("models")
    page.look_again()
    quiet()
    assert len(page._models) == 40
    bar = page.table.verticalScrollBar()
    bar.setValue(200)
    place, first = bar.value(), len(read)
    assert place > 0
    come_back(window)
    quiet()
    assert (bar.value(), len(read)) == (place, first)
    folder.model.write_bytes(b"another model")
    os.utime(folder.model, (9.0, 9.0))
    more = add_run(store, "one more")
    more.model.write_bytes(b"model")
    come_back(window)
    quiet()
    assert bar.value() == place
    assert sorted(read[first:]) == sorted([str(folder.model), str(more.model)])


def test_the_window_never_marks_the_run_that_it_trains(window, runs_page, store, quiet, hasty, monkeypatch):
    """Where the file system knows no locks, it alone knows."""
    own = add_run(store, "own", RunState.TRAINING)
    add_run(store, "other", RunState.TRAINING)
    job = SimpleNamespace(record=own.read_record(), resume="", config=TrainConfig())
    with monkeypatch.context() as patch:
        patch.setattr(window.session.training, "_job", job)
        come_back(window)
        quiet()
    states = {record.name: record.status for record in runs_page.list.records()}
    assert states == {"own": RunState.TRAINING, "other": RunState.INTERRUPTED}


def test_a_file_that_breaks_again_in_the_same_way_is_told_again(window, open_file, molecules_csv, quiet, told, hasty):
    open_file(molecules_csv)
    quiet()
    for times in (1, 2):
        edit(molecules_csv, [("a", "b"), ("1", str(times) * times)])
        for _ in range(2):
            come_back(window)
            quiet()
        assert len(told) == times
        edit(molecules_csv, [*ROWS, *[("more", "CCCCCCC", "-4.5", "no")] * times])
        come_back(window)
        quiet()
        assert len(told) == times


def test_runs_that_were_refused_for_other_reasons_are_not_said_to_be_alike():
    def refuse(run_id):
        raise InputError(f"{run_id} cannot go.", "", "")

    with pytest.raises(InputError, match=r"It is the run a\. 1 more could not be either\."):
        run_shelf._each(refuse, ["a", "b"])


def test_a_star_that_cannot_be_written_is_not_shown(qtbot, window, runs_page, store, quiet, told, hasty, monkeypatch):
    def full(*given):
        raise KnownError("Cannot write the notes:", "the disk is full.", "Free some space.")

    monkeypatch.setattr(run_shelf, "_annotate", full)
    add_run(store)
    runs_page.look_again()
    quiet()
    qtbot.mouseClick(runs_page.list.star, Qt.MouseButton.LeftButton)
    quiet()
    assert [problem.cause for problem in told] == ["the disk is full."]
    assert not runs_page.list.star.isChecked()
