"""The Predict page while its model goes, or while a question is under way."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton

from app.services import runs
from mole_engine.contracts.errors import KnownError
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from tests.gui.test_predict_page import TIMEOUT, model_path

__all__ = ["model_path"]


def test_a_model_that_was_thrown_away_is_not_replaced_and_raises_no_problem(
    qtbot, window, predict_page, asked, model_path, tmp_path
):
    problems = []
    window.session.problem_raised.connect(problems.append)
    copy = tmp_path / "copy.mole"
    shutil.copyfile(model_path, copy)
    window.session.predictions.choose(str(copy))
    qtbot.waitUntil(lambda: predict_page.models.currentData() == str(copy))
    window.findChild(QPlainTextEdit, "predictSmilesEdit").setPlainText("CCO")
    copy.unlink()
    window.session.models_changed.emit()
    button = window.findChild(QPushButton, "predictButton")
    qtbot.waitUntil(lambda: not button.isEnabled())
    assert predict_page.models.currentIndex() == -1
    assert window.session.predictions.model_path == ""
    window.session.models_changed.emit()
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    assert predict_page.models.currentIndex() == -1
    assert problems == []
    window.session.predictions.choose(model_path)
    qtbot.waitUntil(button.isEnabled)


def ended(window, model, folder):
    """Let the window hear of a run that ended with this model."""
    record = RunRecord("r", "r", RunState.COMPLETED, model_path=str(model), run_dir=str(folder))
    window.session.training.run_finished.emit(record)


def test_a_run_that_ends_takes_no_model_from_who_is_asking(qtbot, window, predict_page, asked, model_path, tmp_path):
    copy = tmp_path / "copy.mole"
    shutil.copyfile(model_path, copy)
    ended(window, copy, tmp_path)
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    assert predict_page.models.currentData() == model_path
    window.go_to("data")
    ended(window, copy, tmp_path)
    qtbot.waitUntil(lambda: predict_page.models.currentData() == str(copy))


def test_a_file_that_is_no_model_is_told_once(qtbot, window, predict_page, asked, model_path, tmp_path):
    problems = []
    window.session.problem_raised.connect(problems.append)
    broken = tmp_path / "broken.mole"
    broken.write_bytes(b"not a bundle")
    window.session.predictions.choose(str(broken))
    qtbot.waitUntil(lambda: len(problems) == 1)
    window._problem_dialog.close()
    window.session.models_changed.emit()
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    assert len(problems) == 1


def test_a_damaged_guest_does_not_hide_the_other_models(qtbot, window, model_path, tmp_path):
    problems = []
    window.session.problem_raised.connect(problems.append)
    copy = tmp_path / "copy.mole"
    shutil.copyfile(model_path, copy)
    page = window.page("models")
    for path in (str(copy), model_path):
        window.open_path(path)
        qtbot.waitUntil(lambda path=path: path in [model.path for model in page._models])
    copy.write_bytes(b"not a bundle")
    window.session.models_changed.emit()
    qtbot.waitUntil(lambda: [model.path for model in page._models] == [model_path])


def test_a_question_under_way_stays_in_sight_when_another_one_is_asked(qtbot, window, predict_page, asked, tmp_path):
    asked("CCO")
    window.findChild(QPlainTextEdit, "predictSmilesEdit").setPlainText("CCCCO\n" * 30_000)
    qtbot.mouseClick(window.findChild(QPushButton, "predictButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.predictions.is_busy)
    data = tmp_path / "molecules.csv"
    data.write_text("smiles\nCCO\n", encoding="utf-8")
    with qtbot.waitSignal(window.session.problem_raised, timeout=TIMEOUT) as raised:
        predict_page.predict_file(str(data))
    assert "already under way" in raised.args[0].one_line()
    assert predict_page._loading.isVisible()
    window._problem_dialog.close()
    window.session.predictions.cancel()
    qtbot.waitUntil(lambda: not predict_page._loading.isVisible())


def chips(page):
    return [label.text() for label in page.header.findChildren(QLabel) if label.text()]


def test_predictions_say_whose_they_are_once_another_model_is_chosen(
    qtbot, window, predict_page, asked, model_path, tmp_path
):
    asked("CCO")
    assert not [words for words in chips(predict_page) if words.startswith("by ")]
    copy = tmp_path / "copy.mole"
    shutil.copyfile(model_path, copy)
    window.session.predictions.choose(str(copy))
    qtbot.waitUntil(lambda: predict_page.models.currentData() == str(copy))
    assert "by chains" in chips(predict_page)
    asked("CCN")
    assert "by chains" not in chips(predict_page)


def test_predictions_of_a_file_name_it(qtbot, window, predict_page, asked, tmp_path):
    asked("CCO")
    data = tmp_path / "library.csv"
    data.write_text("smiles\nCCO\n", encoding="utf-8")
    with qtbot.waitSignal(window.session.predictions_ready):
        predict_page.predict_file(str(data))
    assert "library.csv" in chips(predict_page)


def test_a_file_dropped_before_the_models_are_listed_waits_for_them(qtbot, window, model_path, tmp_path, monkeypatch):
    known, problems = runs.read_model_info(model_path), []

    def slow(*_):
        time.sleep(0.5)
        return [known]

    monkeypatch.setattr(runs, "_models", slow)
    window.session.problem_raised.connect(problems.append)
    window.go_to("predict")
    page = window.page("predict")
    assert "no model" not in page._about.text()
    assert not page.train.isVisible()
    data = tmp_path / "library.csv"
    data.write_text("smiles\nCCO\n", encoding="utf-8")
    with qtbot.waitSignal(window.session.predictions_ready):
        page.predict_file(str(data))
    assert problems == []


@pytest.fixture
def slow_models(monkeypatch):
    """Let the list of models take its time."""
    listed = runs._models

    def slow(*given):
        time.sleep(0.5)
        return listed(*given)

    monkeypatch.setattr(runs, "_models", slow)


def test_a_model_just_chosen_is_the_one_that_is_asked(
    qtbot, window, predict_page, asked, model_path, tmp_path, slow_models
):
    asked("CCO")
    copy = shutil.copyfile(model_path, tmp_path / "copy.mole")
    data = tmp_path / "library.csv"
    data.write_text("smiles\nCCO\n", encoding="utf-8")
    window.session.predictions.choose(str(copy))
    with qtbot.waitSignal(window.session.predictions_ready) as ready:
        predict_page.predict_file(str(data))
        assert predict_page._loading.isVisible()
    assert ready.args[0].model_path == str(copy)
    window.session.predictions.choose(model_path)
    with qtbot.waitSignal(window.session.predictions_ready) as ready:
        qtbot.mouseClick(window.findChild(QPushButton, "predictButton"), Qt.MouseButton.LeftButton)
    assert ready.args[0].model_path == model_path


def test_a_file_that_waits_for_its_model_can_be_called_off(
    qtbot, window, predict_page, model_path, tmp_path, slow_models
):
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    ready, problems = [], []
    window.session.predictions_ready.connect(ready.append)
    window.session.problem_raised.connect(problems.append)
    window.session.predictions.choose(model_path)
    predict_page.predict_file(str(tmp_path / "library.csv"))
    assert predict_page._loading.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not predict_page._loading.isVisible()
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    assert predict_page.models.currentData() == model_path
    assert ready == problems == []


def test_who_asks_during_a_look_that_fails_again_is_told_why_there_is_no_answer(
    qtbot, window, predict_page, tmp_path, monkeypatch
):
    def idle():
        qtbot.waitUntil(lambda: not window.session.tasks._tasks and not window.looks.is_asked)

    def failing(*_):
        time.sleep(0.3)
        raise KnownError("The list of runs cannot be read.", "", "")

    window.looks.pause_ms = 1
    idle()
    problems = []
    window.session.problem_raised.connect(problems.append)
    monkeypatch.setattr(runs, "_models", failing)
    for _ in range(2):
        window.looks.ask()
        idle()
    assert len(problems) == 1
    window.looks.ask()
    predict_page.predict_file(str(tmp_path / "library.csv"))
    assert predict_page._loading.isVisible()
    idle()
    assert len(problems) == 2
    assert not predict_page._loading.isVisible()


def test_what_is_under_way_stays_in_sight_when_models_are_listed_anew(qtbot, window, predict_page, asked):
    window.findChild(QPlainTextEdit, "predictSmilesEdit").setPlainText("CCCCO\n" * 30_000)
    qtbot.mouseClick(window.findChild(QPushButton, "predictButton"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.predictions.is_busy)
    known = predict_page._known
    window.session.models_changed.emit()
    qtbot.waitUntil(lambda: predict_page._known > known)
    assert predict_page._loading.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not predict_page._loading.isVisible())


def test_esc_gives_up_a_file_that_is_being_written(qtbot, window, predict_page, asked, tmp_path):
    predictions, place = asked("CCCCO"), tmp_path / "mine.sdf"
    place.write_text("as it was", encoding="utf-8")
    whole = predict_page.answer.predictions
    long = replace(predictions, frame=predictions.frame.loc[[0] * 20_000].reset_index(drop=True))
    predict_page.answer.predictions = long
    predict_page.save(str(place))
    qtbot.waitUntil(lambda: len(list(tmp_path.glob("*mine.sdf*"))) > 1)
    assert "saving mine.sdf (Esc stops it)" in shown_chips(predict_page)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: "mine.sdf was not saved" in shown_chips(predict_page))
    assert [path.name for path in tmp_path.glob("*mine.sdf*")] == ["mine.sdf"]
    assert place.read_text(encoding="utf-8") == "as it was"
    predict_page.answer.predictions = whole
    predict_page.save(str(place))
    qtbot.waitUntil(lambda: "saved mine.sdf" in shown_chips(predict_page))
    assert place.read_text(encoding="utf-8") != "as it was"


def shown_chips(page):
    return [chip.text() for chip in page.header.findChildren(QLabel) if chip.isVisible()]


def test_a_long_sdf_is_given_up_when_the_window_closes(qtbot, window, asked, tmp_path):
    predictions, place = asked("CCCCO"), tmp_path / "mine.sdf"
    place.write_text("as it was", encoding="utf-8")
    long = replace(predictions, frame=predictions.frame.loc[[0] * 20_000].reset_index(drop=True))
    window.session.start_task(window.session.predictions.save(long, str(place)))
    qtbot.waitUntil(lambda: len(list(tmp_path.glob("*mine.sdf*"))) > 1)
    window.close()
    assert [path.name for path in tmp_path.glob("*mine.sdf*")] == ["mine.sdf"]
    assert place.read_text(encoding="utf-8") == "as it was"
