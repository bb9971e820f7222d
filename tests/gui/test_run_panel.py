"""The card that steers a run: what it tells, and what it offers while there is something to change."""

from __future__ import annotations

from app.widgets.run_panel import RunPanel
from mole_engine.contracts.events import StageProgress, StateChanged, StepMetrics
from mole_engine.contracts.run_state import RunState


def step(number, loss, total=8, epochs=4):
    epoch = (number - 1) * epochs // total + 1
    return StepMetrics(
        step=number, total_steps=total, epoch=epoch, total_epochs=epochs, loss=loss, learning_rate=1e-3, eta_seconds=91
    )


def test_panel_tells_what_is_going_on(qtbot):
    panel = RunPanel()
    qtbot.addWidget(panel)
    panel.resize(300, 220)
    panel.show()
    panel.show_ready("Ready", "about 20 s", "", enabled=True)
    assert panel.train_button.isVisible()
    assert panel.train_button.isEnabled()
    panel.show_started(4)
    assert panel.eta.text()
    assert not panel.train_button.isVisible()
    assert panel.pause_button.isVisible()
    panel.show_event(StageProgress(stage="Checking molecules", done=5, total=10))
    assert panel.eta.text() == "5 of 10"
    assert panel.progress.value() == 500
    panel.show_event(StageProgress(stage="Reading the file", done=4235, total=12_400_000, unit="bytes"))
    assert panel.eta.text() == "4.2 kB of 12 MB", "else they pass for molecules"
    panel.show_event(step(2, 1.0))
    assert panel.eta.text() == "1 min 31 s left"
    assert panel.progress.value() == 250
    assert panel._line.toolTip() == "Training, epoch 1 of 4"
    panel.show_steering(paused=True, ending="")
    with qtbot.waitSignal(panel.resume_asked):
        panel.pause_button.click()
    panel.show_steering(paused=False, ending="stop")
    assert not panel.stop_button.isEnabled()
    assert panel.cancel_button.isEnabled()
    panel.show_event(step(3, 1.0))
    assert panel.eta.text() == "Stopping", "the time left is that of a training which goes on"
    assert panel._line.text() == "The best model is kept", "in full, beside Adjust"


def test_what_comes_after_the_last_step_neither_turns_the_bar_back_nor_offers_what_does_nothing(qtbot):
    panel = RunPanel()
    qtbot.addWidget(panel)
    panel.show_started(4)
    panel.show_event(StateChanged(state=RunState.TRAINING))
    panel.show_event(step(4, 1.0))
    panel.show_event(StageProgress(stage="Judging the model", done=1, total=10))
    assert panel.progress.value() == 500, "a network is judged between two others"
    panel.show_event(step(8, 1.0))
    panel.show_event(StageProgress(stage="Judging the model", done=1, total=10))
    assert panel.eta.text() == "1 min 31 s left", "simple models may be still to come"
    panel._speed.setText("88 molecules/s")
    panel.show_steering(paused=False, ending="stop")
    panel.show_event(StateChanged(state=RunState.TRAINING, message="Fitting simple models", trained=True))
    panel.show_steering(paused=False, ending="")
    assert panel.eta.text() == "Simple models"
    assert panel._speed.text() == "", "no network learns any more"
    panel.show_event(StageProgress(stage="Fitting simple models", done=6, total=30, unit="models"))
    assert panel.progress.value() == 1000
    assert panel.eta.text() == "6 of 30"
    assert panel.stop_button.isEnabled()
    assert panel.stop_button.toolTip() == "Leave out the simple models that are not fitted yet, and judge what there is"
    assert not panel.adjust_button.isEnabled()
    assert not panel.adjust.isEnabled()
    assert "The last epoch is over" in panel.adjust_button.toolTip()
    panel.show_steering(paused=False, ending="stop")
    assert panel._line.toolTip() == "Leaving out the remaining ones"
    assert not panel.stop_button.isEnabled()
    panel.show_event(StateChanged(state=RunState.EVALUATING))
    panel.show_event(StageProgress(stage="Judging the model", done=1, total=10))
    panel.show_steering(paused=False, ending="")
    assert panel.progress.value() == 1000
    assert not panel.stop_button.isEnabled()
    assert not panel.adjust_button.isEnabled()
    assert panel.pause_button.isEnabled(), "judging can be held"
    assert panel.cancel_button.isEnabled()
