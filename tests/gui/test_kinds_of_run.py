"""Several networks instead of one, chosen with the mouse on the Train page and trained to the end."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QSpinBox

from app.services.runs import read_model_info
from mole_engine.contracts.events import EpochMetrics, StateChanged
from mole_engine.contracts.run_state import RunState

TIMEOUT = 120_000
TINY = {"layers": 1, "hidden_size": 16, "heads": 2, "intermediate_size": 32, "descriptors": False, "pooling": "cls"}


@pytest.fixture
def setup(window, find, open_file, tmp_path):
    """Return the Train page's settings: a tiny network from random numbers, one epoch, two networks where several."""
    path = tmp_path / "chains.csv"
    rows = [f"{'C' * chain}{group},{chain + len(group)}" for chain in range(1, 8) for group in ("O", "N", "F", "Cl")]
    path.write_text("smiles,y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    open_file(path)
    window.go_to("train")
    made = window.page("train").setup
    made.presets.select("base")
    for name, value in TINY.items():
        made.form.set_value(f"model.{name}", value)
    made.form.set_value("baselines", False)
    made.form.set_value("ensemble.members", 2)
    find("epochsSpin", QSpinBox).setValue(1)
    return made


def choose_kind(qtbot, find, kind: str) -> None:
    """Open the menu below the estimate and click on one of its lines."""
    menu = find("kindButton", QPushButton).menu()
    line = next(action for action in menu.actions() if action.data() == kind)
    menu.popup(find("kindButton").mapToGlobal(find("kindButton").rect().bottomLeft()))
    qtbot.waitUntil(menu.isVisible)
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(line).center())
    qtbot.waitUntil(lambda: not menu.isVisible())


def test_folds_and_seeds_are_chosen_by_hand_and_train_several_networks(qtbot, window, find, click, setup):
    kinds = {}
    for kind, words in (("folds", "2 networks (folds) ▾"), ("seeds", "2 networks (seeds) ▾"), ("one", "One network ▾")):
        choose_kind(qtbot, find, kind)
        assert find("kindButton", QPushButton).text() == words
        events = []
        window.session.run_event.connect(events.append)
        with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT) as finished:
            click("trainButton")
        window.session.run_event.disconnect(events.append)
        record = finished.args[0]
        assert record.status is RunState.COMPLETED, record.error
        kinds[kind] = (record, [event.epoch for event in events if isinstance(event, EpochMetrics)])
        window.go_to("train")
        again = window.findChild(QPushButton, "trainButton")
        qtbot.waitUntil(again.isEnabled, timeout=TIMEOUT)
    assert [epochs for _, epochs in kinds.values()] == [[1, 2], [1, 2], [1]]
    # Folds learn from the validation molecules as well, in turns; seeds from the same molecules.
    assert kinds["folds"][0].parameters >= kinds["one"][0].parameters
    runs = window.page("runs")
    qtbot.waitUntil(lambda: len(runs.list.records()) == 3, timeout=TIMEOUT)
    assert window.findChild(QLabel, "etaLabel") is not None
    known = [read_model_info(record.model_path) for record, _ in kinds.values()]
    assert [(model.networks, model.epochs) for model in known] == [(2, 1), (2, 1), (1, 1)]


def test_the_line_below_the_estimate_counts_networks_as_the_training_does(find, setup):
    setup.presets.select("recommended")
    button = find("kindButton", QPushButton)
    assert button.text() == "15 networks (5 folds), blended \u25be", "three random starts of each fold on few molecules"
    setup.form.set_value("ensemble.fine_tune_from", 10)
    assert button.text() == "10 networks (5 folds), blended \u25be", "one fixed and one fine-tuned"


def test_a_run_says_that_it_learns_from_what_the_page_has_said(qtbot, window, find, click, setup):
    choose_kind(qtbot, find, "folds")
    remark = window.page("train").panel._remark.text()
    events = []
    window.session.run_event.connect(events.append)
    click("trainButton")
    said = []
    qtbot.waitUntil(lambda: bool(said.extend(words_of_training(events)) or said), timeout=TIMEOUT)
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT):
        click("cancelButton")
    numbers = re.match(r"(\d+) molecules train in (\d) folds, (\d+) judge the model", remark).groups()
    assert numbers == re.match(r"Training on (\d+) molecules in (\d) folds, test on (\d+) molecules;", said[0]).groups()


def words_of_training(events):
    """Return what the events say at the beginning of the training."""
    return [event.message for event in events if isinstance(event, StateChanged) and event.state is RunState.TRAINING]
