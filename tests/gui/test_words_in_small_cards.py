"""Words of small cards are whole at every width: under the list of models, beside "Resume", below a structure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QLabel, QWidget

from app.services import runs
from app.theme import theme
from app.widgets.neighbour_card import Near, NeighbourCard
from app.widgets.resume_offer import ResumeOffer
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.runs import Workspace
from tests.gui.test_predict_page import model_path

__all__ = ["model_path"]

SIZES = [(1024, 700), (1440, 900)]


def is_whole(label):
    return label.height() >= label.heightForWidth(label.width()) > 0


@pytest.fixture
def gone(qapp, qtbot, window, predict_page, model_path, monkeypatch):
    """Return the Predict page whose model has been thrown away while another one is there."""
    theme.apply(qapp)
    other = replace(runs.read_model_info(model_path), path="/nowhere/other.mole", name="other")
    found = [runs.read_model_info(model_path), other]
    monkeypatch.setattr(runs, "_models", lambda *_: list(found))
    window.session.models_changed.emit()
    qtbot.waitUntil(lambda: predict_page.models.count() == 2)
    window.session.predictions.choose(other.path)
    qtbot.waitUntil(lambda: predict_page.models.currentText() == "other")
    window.go_to("runs")
    found.pop()
    window.session.models_changed.emit()
    qtbot.waitUntil(lambda: predict_page.models.currentIndex() == -1)
    window.go_to("predict")
    return predict_page


@pytest.mark.parametrize("size", SIZES)
def test_what_is_said_of_a_model_stands_clear_of_the_list(qtbot, window, gone, size):
    window.resize(*size)
    assert gone._about.text() == "The model that was asked before is gone. Choose another one."

    def clear():
        ends = [item.mapTo(gone, QPoint(0, 0)).y() for item in (gone.models, gone._about)]
        assert ends[0] + gone.models.height() <= ends[1]
        assert is_whole(gone._about)

    qtbot.waitUntil(lambda: window.width() == size[0])
    qtbot.waitUntil(clear)
    gone.models.setCurrentIndex(0)
    qtbot.waitUntil(clear)


def test_a_file_dropped_while_no_model_is_chosen_is_told_to_choose_one(qtbot, window, gone, molecules_csv):
    with qtbot.waitSignal(window.session.problem_raised) as raised:
        gone.predict_file(str(molecules_csv))
    words = raised.args[0].one_line()
    assert "No model is chosen" in words
    assert "Train one" not in words
    window._problem_dialog.close()


def test_without_any_model_a_dropped_file_is_told_to_train_one(qtbot, window, predict_page, molecules_csv):
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    with qtbot.waitSignal(window.session.problem_raised) as raised:
        predict_page.predict_file(str(molecules_csv))
    assert "Train one" in raised.args[0].one_line()
    window._problem_dialog.close()


@pytest.mark.parametrize("size", [(960, 620), *SIZES])
def test_the_offer_to_resume_is_read_whole(qtbot, window, size):
    window.resize(*size)
    name = "solubility of all the compounds of the last two years, second half, small networks"
    record = RunRecord(run_id="r", name=name, status=RunState.INTERRUPTED, created=1_800_000_000.0)
    Workspace(window.session.workspace).save(record)
    window.session.runs_changed.emit()
    offer = window.findChild(ResumeOffer)
    qtbot.waitUntil(offer.isVisible)
    labels = [item for item in offer.findChildren(QLabel) if item.text()]
    assert [item for item in labels if item.text().endswith("It can go on from its last saved epoch.")]
    assert not [item.text() for item in labels if "…" in item.text()]
    for item in labels:
        qtbot.waitUntil(lambda item=item: is_whole(item))
        assert offer.rect().contains(item.geometry())
    assert offer.rect().contains(offer.resume_button.geometry())


class _NoDrawings:
    def __init__(self, signal):
        self.drawn, self.asked = signal, []

    def get(self, smiles, width, height, **_more):
        self.asked.append((smiles, width))


@pytest.mark.parametrize("width", [290, 342, 372])
def test_the_nearest_training_molecules_are_drawn_whole(qtbot, shown, window, width):
    drawings = _NoDrawings(window.session.depictions.drawn)
    # Alone, the card would be as wide as it likes.
    holder = shown(QWidget(), width, 168)
    card = NeighbourCard(drawings, holder)
    card.resize(width, 168)
    card.show()
    card.show_neighbours([Near("C" * n, "a class with a long name", f"similarity 0.{n}7") for n in (1, 2, 3)])
    qtbot.waitUntil(lambda: all(place.isVisible() for place in card._places))
    card.grab()
    inside = card.layout().contentsRect()
    for place in card._places:
        for part in (place._view, place._value, place._similarity):
            left = part.mapTo(card, QPoint(0, 0)).x()
            assert inside.left() <= left
            assert left + part.width() <= inside.right() + 1
    assert {smiles for smiles, _ in drawings.asked} == {"C", "CC", "CCC"}
    assert all(wide == card._places[0]._view.width() >= 80 for _, wide in drawings.asked[-3:])
