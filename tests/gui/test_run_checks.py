"""The checks on a run, from the window: started, watched, cancelled, shown again."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import Qt

from app.services.runs import RunStory
from app.services.verdict import Verdict, _task_verdict
from mole_engine.contracts.checks import CheckPoint, CheckResult
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.run_checks import add_check

POINTS = tuple(CheckPoint(size, (1 / size, 1.2 / size)) for size in (10, 20, 40))
CURVE = CheckResult("learning", "fingerprints", "a forest, not the network", "y", "rmse", "", POINTS, chance=0.5)
SCRAMBLE = CheckResult("scramble", "network", "n", "y", "rmse", "", (CheckPoint(40, (1.0, 1.1)),), 0.4, 1.05)


@pytest.fixture
def pane(qtbot, window, tmp_path):
    import numpy as np

    from mole_engine.inference.results import TaskResult

    window.go_to("runs")
    page = window.page("runs")
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    values = np.arange(12.0)
    task = TaskSpec("y", TaskKind.REGRESSION)
    nothing = np.full(12, np.nan)
    known = TaskResult(task, ["C"] * 12, values, values, nothing, nothing, nothing, nothing, ["C"], values[:1])
    record = RunRecord("r", "run", RunState.COMPLETED, run_dir=str(tmp_path))
    page._story = RunStory(record, (), Verdict(record, (_task_verdict(known, ()),), "rmse"), None)
    page.verdict.show_story(page._story)
    page._go(2)
    page.verdict.figures.choose("learning")
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    return page.verdict.figures.checks


def test_a_check_is_started_watched_and_shown(qtbot, monkeypatch, pane, tmp_path):
    asked, go = [], threading.Event()

    def check(run_dir, kind, task, *, model, on_progress):
        asked.append((run_dir, kind, task, model))
        on_progress("Training on 10 molecules", 1, 3)
        assert go.wait(60)
        add_check(tmp_path / "checks.json", CURVE)
        return CURVE

    monkeypatch.setattr("mole_engine.checks.run_check", check)
    assert not pane.cancel_button.isVisible()
    qtbot.mouseClick(pane.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Training on 10 molecules (1 of 3 done)" in pane._stage.text(), timeout=60_000)
    assert pane.cancel_button.isVisible()
    assert not pane.start_button.isEnabled()
    go.set()
    qtbot.waitUntil(lambda: "More data is worth it" in pane._said.text(), timeout=60_000)
    assert asked == [(str(tmp_path), "learning", "y", "fingerprints")]
    assert pane._trained.text() == "Trained: a forest, not the network."
    assert pane.plot.drawn()[3][0] == [10.0, 20.0, 40.0]
    assert pane.start_button.text() == "Again"


@pytest.fixture
def begun(monkeypatch):
    """Let checks work until they are cancelled; return what is set once one has begun."""
    made = threading.Event()

    def check(run_dir, kind, task, *, model, on_progress):
        while True:
            on_progress("", 0, 0)
            made.set()
            threading.Event().wait(0.01)

    monkeypatch.setattr("mole_engine.checks.run_check", check)
    return made


def test_a_check_is_cancelled_and_keeps_nothing(qtbot, window, pane, begun):
    qtbot.mouseClick(pane.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(begun.is_set, timeout=60_000)
    qtbot.mouseClick(pane.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.checks.running is None, timeout=60_000)
    assert pane.start_button.isEnabled()
    assert not pane._said.isVisible()


def test_closing_the_window_ends_a_check(qtbot, window, pane, begun):
    qtbot.mouseClick(pane.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(begun.is_set, timeout=60_000)
    # The window's fixture closes it and fails where a thread is left.


def test_earlier_checks_are_shown_again(qtbot, window, pane, tmp_path):
    for result in (CURVE, SCRAMBLE):
        add_check(tmp_path / "checks.json", result)
    page = window.page("runs")
    page.verdict.show_story(page.story)
    qtbot.waitUntil(lambda: len(pane._results) == 2)
    page.verdict.figures.choose("scramble")
    assert pane.model.currentData() == "network"
    assert "No signal in shuffled values" in pane._said.text()
    banner = page.verdict.banner
    assert "y-scramble: no signal, as it should be." in banner._words.text()
    banner.show_words("Head", "many words, " * 60, "good")
    qtbot.waitUntil(lambda: banner._words.height() >= banner._words.heightForWidth(banner._words.width()))
    assert pane.plot.drawn()[1] == ([0.4], [2.0])
    pane.model.setCurrentIndex(0)
    assert not pane._said.isVisible()
