"""The cockpit on the real window with real tiny trainings: set up, watch, steer, queue, resume."""

from __future__ import annotations

import pytest
import yaml
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app.services.run_queue import RunQueue
from app.services.training import QUEUE_FILE
from app.widgets.delete_question import DeleteQuestion
from mole_engine.contracts.events import EpochMetrics, Notice, PinnedPredictions, StateChanged, StepMetrics
from mole_engine.contracts.presets import DEFAULT_PRESET
from mole_engine.contracts.run_state import RunState

TIMEOUT = 90_000
GROUPS = ("O", "N", "C(=O)O", "c1ccccc1", "C#N", "OC")
TINY = {"layers": 1, "hidden_size": 16, "heads": 2, "intermediate_size": 32}


@pytest.fixture
def chains_csv(tmp_path):
    """Chains with end groups, and a value that follows from the chain."""
    path = tmp_path / "chains.csv"
    lines = [f"{'C' * chain + group},{0.5 * len(group) - 0.7 * chain:.2f}" for chain in range(1, 9) for group in GROUPS]
    path.write_text("smiles,logS (log(mol/L))\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def page(window, find, open_file, chains_csv):
    """Return the Train page with a tiny job set up through its form."""
    open_file(chains_csv)
    window.go_to("train")
    page = window.page("train")
    # From random numbers, one network, every layer of it trained.
    page.setup.presets.select("base")
    for name, value in TINY.items():
        page.setup.form.set_value(f"model.{name}", value)
    page.setup.form.set_value("baselines", False)
    find("epochsSpin").setValue(2000)
    return page


@pytest.fixture
def events(window):
    heard = []
    window.session.run_event.connect(heard.append)
    return heard


def epochs_of(events):
    return [event.epoch for event in events if isinstance(event, EpochMetrics)]


def test_a_run_is_watched_and_steered(qtbot, window, page, find, click, events):
    click("trainButton")
    qtbot.waitUntil(lambda: len(epochs_of(events)) >= 2, timeout=TIMEOUT)
    # Watched: small charts and the two molecules that were pinned by themselves.
    qtbot.waitUntil(lambda: "–" not in page.watch.trends.values()[:3], timeout=TIMEOUT)
    pinned = [event for event in events if isinstance(event, PinnedPredictions)]
    assert pinned[0].smiles == tuple(molecule.smiles for molecule in page.watch.pinned.molecules)
    assert len(pinned[0].smiles) == 2
    assert all("measured" in words and not words.startswith("–") for words in page.watch.pinned.words())

    # Steered: half the learning rate, which the job acknowledges, and which its steps show.
    click("adjustButton")
    assert find("adjustRun").isVisible()
    click("rateButton0")
    qtbot.waitUntil(lambda: any(isinstance(event, Notice) and "earning rate" in event.message for event in events))
    assert find("ratePlanButton").isVisible()

    # Steered: an end in sight.
    last = max(epochs_of(events)) + 4
    find("lastEpochSpin").setValue(last)
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT) as finished:
        click("lastEpochButton")
    assert finished.args[0].status is RunState.COMPLETED, finished.args[0].error
    assert last <= max(epochs_of(events)) <= last + 3
    # Its model can be what the next one starts from.
    model = finished.args[0].model_path
    start = find("startCombo")
    qtbot.waitUntil(lambda: start.findData(model) >= 0, timeout=TIMEOUT)
    start.setCurrentIndex(start.findData(model))
    assert page.setup.job().init == model
    # The axis has followed.
    assert page.watch.curves.total_epochs == max(epochs_of(events))


def test_simple_models_behind_the_networks_are_left_out_at_a_click(qtbot, window, page, find, click, events):
    for name, value in (("kind", "folds"), ("members", 2), ("trees", True)):
        page.setup.form.set_value(f"ensemble.{name}", value)
    find("epochsSpin").setValue(1)
    click("trainButton")
    # The networks are stopped, which leaves the simple models, and then those.
    qtbot.waitUntil(lambda: any(isinstance(event, StepMetrics) for event in events), timeout=TIMEOUT)
    click("stopButton")
    qtbot.waitUntil(lambda: any(isinstance(event, StateChanged) and event.trained for event in events), timeout=TIMEOUT)
    assert find("stopButton").isEnabled()
    assert find("adjustButton").toolTip().startswith("The last epoch is over")
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT) as finished:
        click("stopButton")
    assert finished.args[0].status is RunState.COMPLETED, finished.args[0].error
    assert any(isinstance(event, Notice) and event.message.endswith(" fitted.") for event in events)


def test_a_second_training_waits_in_the_queue_and_then_runs(qtbot, window, page, find, click, events):
    assert not find("enqueueButton").isVisible()
    click("trainButton")
    qtbot.waitUntil(lambda: any(isinstance(event, StepMetrics) for event in events), timeout=TIMEOUT)
    # What is set up now is the next training; the one under way does not mind.
    for seed in (1, 2, 3):
        page.setup.form.set_value("seed", seed)
        find("epochsSpin").setValue(1)
        click("enqueueButton")
    training = window.session.training
    assert [run.config.seed for run in training.queued()] == [1, 2, 3]
    assert find("queueButton").text() == "Queue (3)"
    click("queueButton")
    panel = find("queuePanel")
    qtbot.waitUntil(panel.isVisible)
    click("queueDown.0")
    assert [run.config.seed for run in training.queued()] == [2, 1, 3]
    click("queueNext.2")
    assert [run.config.seed for run in training.queued()] == [3, 2, 1]
    click("queueDrop.2")
    click("queueDrop.1")
    assert [run.config.seed for run in training.queued()] == [3]
    panel.hide()
    with qtbot.waitSignals([training.run_finished, training.run_started], timeout=TIMEOUT):
        click("cancelButton")
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT) as finished:
        pass
    assert (finished.args[0].status, finished.args[0].seed) == (RunState.COMPLETED, 3)
    assert page.watch.curves.epochs == [1.0]
    assert not training.queued()


def test_a_setting_that_does_not_fit_is_shown_where_it_stands(qtbot, window, page, find, click):
    page.setup.form.set_value("model.heads", 3)
    click("trainButton")
    assert not window.session.training.is_running
    form = page.setup.form
    qtbot.waitUntil(form.isVisible)
    assert "multiple of heads" in form._fault.text()
    assert {path for path, line in form._rows.items() if line._faulty} == {"model.hidden_size", "model.heads"}
    assert not find("problemDialog").isVisible()
    form.set_value("model.heads", 2)
    assert not any(line._faulty for line in form._rows.values())


@pytest.mark.parametrize("size", [(1280, 800), (960, 620)])
def test_train_is_never_cut_off(qtbot, window, page, find, size):
    window.resize(*size)
    button, card = find("trainButton"), page.panel

    def stands_inside():
        return button.height() >= 39 and button.mapTo(card, button.rect().bottomLeft()).y() < card.height() - 8

    for kind in ("one", "folds", "search"):
        page.setup.set_kind(kind)
        page.setup.form.set_value("ensemble.trees", kind == "folds")
        qtbot.waitUntil(stands_inside)
    # Nor where the note is a long fault.
    page.setup.form.set_value("model.heads", 3)
    qtbot.waitUntil(stands_inside)


def test_settings_can_be_searched_and_put_back(qtbot, page, find, click):
    form = page.setup.form
    click("allSettingsButton")
    qtbot.waitUntil(form.isVisible)
    form.search.setText("head drop")

    def seen():
        return {path for path, line in form._rows.items() if line.head.isVisible()}

    qtbot.waitUntil(lambda: seen() == {"model.head_dropout"})
    form.search.setText("no such thing")
    assert form._nothing.isVisible()
    form.search.clear()
    click("settingsChangedButton")
    assert seen() == {*(f"model.{name}" for name in TINY), "training.epochs", "baselines"}
    click("settingsResetButton")
    assert form.changed_paths() == []
    # Every field says what it is and in which range it may be.
    silent = [path for path, line in form._rows.items() if not line.spec.help]
    assert silent == []


def test_own_presets_are_files_that_can_be_chosen_and_deleted(qtbot, window, page, find, click, workspace):
    click("savePresetButton")
    dialog = find("savePresetDialog")
    assert not dialog.take.isEnabled()
    dialog.name.setText("My tiny one")
    dialog.summary.setText("For a test.")
    click("presetSaveButton")
    path = workspace / "presets" / "my-my-tiny-one.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content["settings"]["model"]["hidden_size"] == 16
    assert content["settings"]["training"]["epochs"] == 2000
    assert "data" not in content["settings"]
    presets = page.setup.presets
    assert presets.current_name() == "my-my-tiny-one"
    assert page.setup.form.changed_paths() == []
    presets.select("small")
    assert page.setup.form.value("model.hidden_size") != 16
    presets.select("my-my-tiny-one")
    assert page.setup.form.value("model.hidden_size") == 16
    assert page.setup.job().preset == "my-my-tiny-one"
    for answer in ("Cancel", "Delete"):
        click("deletePresetButton")
        question = next(one for one in window.findChildren(DeleteQuestion) if one.isVisible())
        assert "My tiny one" in question.text()
        assert path.exists()
        button = next(button for button in question.buttons() if answer in button.text())
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert path.exists() is (answer == "Cancel")
    assert presets.current_name() == DEFAULT_PRESET


def test_pinned_molecules_can_be_chosen(qtbot, page, find, click):
    before = page.watch.pinned.molecules
    assert [molecule.measured_words != "" for molecule in before] == [True, True]
    assert before[0].measured < before[1].measured
    click("choosePinnedButton")
    dialog = find("pinDialog")
    dialog.edit.setPlainText("CCO\nCCCCCCCCCCCCCC")
    click("pinTakeButton")
    assert page.watch.pinned.words() == ["– measured −0.90", "–"]
    assert page.setup.job(["CCO"]).pinned == ["CCO"]


def test_a_run_that_was_cut_off_is_offered_at_the_start_and_keeps_its_curves(qtbot, window, page, find, click, events):
    click("trainButton")
    qtbot.waitUntil(lambda: len(epochs_of(events)) >= 3, timeout=TIMEOUT)
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT):
        window.session.training.shutdown()
    reached = max(epochs_of(events))
    offer = find("resumeOffer")
    qtbot.waitUntil(lambda: not offer.isHidden(), timeout=TIMEOUT)
    events.clear()
    find("resumeOfferButton").click()
    qtbot.waitUntil(lambda: len(epochs_of(events)) >= 2, timeout=TIMEOUT)
    assert window.page("train").isVisible()
    assert offer.isHidden()
    # One line from the first epoch on.
    assert page.watch.curves.epochs == [float(number) for number in range(1, max(epochs_of(events)) + 1)]
    assert max(epochs_of(events)) > reached
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT):
        click("cancelButton")


def test_a_search_for_settings_shows_its_trials_and_then_trains(qtbot, window, page, find, click, events):
    page.setup.set_kind("search")
    assert "trials first" in find("kindButton").text()
    form = page.setup.form
    form.set_value("search.trials", 3)
    form.set_value("search.epochs", 1)
    form.editor("search.settings").setText("training.learning_rate, training.batch_size")
    form.editor("search.settings").editingFinished.emit()
    assert page.setup.job().search.settings == ["training.learning_rate", "training.batch_size"]
    find("epochsSpin").setValue(1)
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT) as finished:
        click("trainButton")
        assert find("trialsButton").isHidden()
        qtbot.waitUntil(lambda: bool(page.watch.search.trials), timeout=TIMEOUT)
        assert page.watch.search.isVisible()
        click("trialsCurvesButton")
        assert page.watch.loss.isVisible()
    assert finished.args[0].status is RunState.COMPLETED, finished.args[0].error
    search = page.watch.search
    assert [trial.number for trial in search.trials] == [1, 2, 3]
    assert search.best() is not None
    assert search.table.model().rowCount() == 3


def test_closing_with_a_queue_keeps_the_best_model_and_the_queue(qtbot, window, page, find, click, events, workspace):
    click("trainButton")
    qtbot.waitUntil(lambda: len(epochs_of(events)) >= 1, timeout=TIMEOUT)
    page.setup.form.set_value("seed", 5)
    click("enqueueButton")
    finished = []
    window.session.run_finished.connect(finished.append)
    window._ask_before_closing()
    question = find("closeQuestion")
    assert any("1 more training waits" in label.text() for label in question.findChildren(QLabel))
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT):
        find("closeKeepButton").click()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=TIMEOUT)
    # The one under way was judged and kept; the other one has not begun.
    assert [record.status for record in finished] == [RunState.COMPLETED]
    assert [run.config.seed for run in RunQueue(workspace / QUEUE_FILE).runs()] == [5]
