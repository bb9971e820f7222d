"""What the window offers while a training prepares: there is no best model yet that could be kept."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtWidgets import QLabel

from app.widgets.run_panel import RunPanel
from mole_engine.contracts.events import StateChanged
from mole_engine.contracts.run_state import RunState
from mole_engine.data import assemble

GROUPS = ("O", "N", "C(=O)O", "c1ccccc1", "C#N", "OC")


@pytest.fixture
def ready(window, find, open_file, tmp_path):
    """Open a small file and set up a training that lasts."""
    path = tmp_path / "chains.csv"
    lines = [f"{'C' * chain + group},{0.5 * len(group) - 0.7 * chain:.2f}" for chain in range(1, 9) for group in GROUPS]
    path.write_text("smiles,logS\n" + "\n".join(lines) + "\n", encoding="utf-8")
    open_file(path)
    window.go_to("train")
    setup = window.page("train").setup
    setup.presets.select("base")
    for name, value in {"layers": 1, "hidden_size": 16, "heads": 2, "intermediate_size": 32}.items():
        setup.form.set_value(f"model.{name}", value)
    setup.form.set_value("baselines", False)
    find("epochsSpin").setValue(2000)


@pytest.mark.parametrize("resumes", [False, True], ids=["new", "resumed"])
def test_stop_is_offered_once_there_is_something_to_keep(qtbot, resumes):
    panel = RunPanel()
    qtbot.addWidget(panel)
    panel.show_started(4, resumes=resumes)
    assert panel.stop_button.isEnabled() is resumes
    panel.show_event(StateChanged(state=RunState.PREPARING))
    assert panel.stop_button.isEnabled() is resumes
    assert ("Cancel drops this run" in panel.stop_button.toolTip()) is not resumes
    assert panel.cancel_button.isEnabled()
    panel.show_event(StateChanged(state=RunState.TRAINING))
    assert panel.stop_button.isEnabled()
    assert panel.stop_button.toolTip() == "End now, then judge and keep the best model so far"


@pytest.fixture
def held(monkeypatch):
    """Let the job prepare until the event is set: how fast the machine is must not decide what a test sees."""
    goes_on, own = threading.Event(), assemble.load_training_data

    def load(*given):
        assert goes_on.wait(60)
        return own(*given)

    monkeypatch.setattr(assemble, "load_training_data", load)
    yield goes_on
    goes_on.set()


def test_a_run_that_prepares_is_not_said_to_have_a_best_model(qtbot, window, find, click, ready, held):
    states = []
    window.session.run_event.connect(lambda event: states.append(getattr(event, "state", None)))
    with qtbot.waitSignal(window.session.run_started):
        click("trainButton")
    assert not find("stopButton").isEnabled()
    window._ask_before_closing()
    question = find("closeQuestion")
    assert not find("closeKeepButton").isVisible()
    assert find("closeLaterButton").isDefault()
    assert any("no model to keep" in label.text() for label in question.findChildren(QLabel))
    find("closeStayButton").click()
    with qtbot.waitSignal(window.session.run_finished) as finished:
        # However it was asked for: the button may have been pressed in the last moment.
        window.session.training.stop()
        held.set()
    record = finished.args[0]
    assert RunState.TRAINING not in states, "the stop came while it prepared"
    assert (record.status, record.model_path) == (RunState.CANCELLED, "")
    assert "Stopped before training began: there is no model to keep." in find("eventLog").lines()


def test_a_run_that_trains_can_be_kept_when_the_window_closes(qtbot, window, find, click, ready):
    states = []
    window.session.run_event.connect(lambda event: states.append(getattr(event, "state", None)))
    click("trainButton")
    qtbot.waitUntil(lambda: RunState.TRAINING in states)
    assert find("stopButton").isEnabled()
    window._ask_before_closing()
    assert find("closeKeepButton").isVisible()
    assert find("closeKeepButton").isDefault()
    find("closeStayButton").click()
    with qtbot.waitSignal(window.session.run_finished):
        click("cancelButton")
