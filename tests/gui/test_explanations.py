"""What a model looked at, in the window: on the Predict page and in a verdict, by real clicks, with a real model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent, QImage
from PySide6.QtWidgets import QApplication, QToolTip, QWidget

from app.pages.explaining import PAUSE_MS, strongest_words, value_words
from app.services.runs import ModelInfo, RunStory
from app.services.verdict import Verdict, _task_verdict
from app.theme import theme
from app.widgets.explanation_card import ExplanationCard
from app.widgets.explanation_picture import AtomPicture, ExplanationPicture
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.explanations import ExplainedAtom, Explanation, TaskExplanation
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

LOGS = TaskSpec("logS", TaskKind.REGRESSION)
TOXIC = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))
SALT = "CC(=O)[O-].[Na+]"
NEVER_MS = 600_000
"""A pause that no test waits for."""


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny trained model of two targets, made once."""
    from mole_engine.train import train

    folder = tmp_path_factory.mktemp("model")
    data = folder / "chains.csv"
    rows = [f"{'C' * n}{end},{n - 2 * len(end)},{n / 4}\n" for n in range(1, 9) for end in ("O", "N", "F", "C#N", "OC")]
    data.write_text("smiles,logS,size\n" + "".join(rows), encoding="utf-8")
    job = {
        "name": "chains",
        "out": str(folder / "run"),
        "data": {"path": str(data), "targets": ["logS", "size"]},
        "split": {"method": "random"},
        "model": {"layers": 1, "hidden_size": 16, "heads": 2, "intermediate_size": 32},
        "training": {"epochs": 1},
        "runtime": {"device": "cpu", "threads": 1},
        "baselines": False,
    }
    record = train(TrainConfig.from_dict(job))
    assert record.status is RunState.COMPLETED
    return record.model_path


@pytest.fixture
def click_row(qtbot, predict_page):
    def clicker(row):
        cell = predict_page.table.visualRect(predict_page.table.cells.index(predict_page.table.cells.place_of(row), 2))
        qtbot.mouseClick(predict_page.table.viewport(), Qt.MouseButton.LeftButton, pos=cell.center())

    return clicker


def shown(qtbot, predict_page, smiles):
    """Wait until the card shows a molecule; return what it shows."""
    qtbot.waitUntil(
        lambda: (
            predict_page.explaining.answer is not None
            and predict_page.explaining.answer.smiles == smiles
            and predict_page.explanation.picture.picture is not None
        )
    )
    return predict_page.explaining.answer


def test_a_row_that_is_clicked_is_explained(qtbot, predict_page, asked, click_row):
    asked("CCCO\nCCCCN\n")
    assert not predict_page.explanation.isVisible()
    assert predict_page.answer.hint.isVisible()
    click_row(1)
    found = shown(qtbot, predict_page, "CCCCN")
    card = predict_page.explanation
    assert card.isVisible()
    assert not predict_page.answer.hint.isVisible()
    assert [atom.symbol for atom in found.atoms] == ["C", "C", "C", "C", "N"]
    assert card.objectName() == "explanationCard"
    assert card.words()[0].startswith("logS ")
    assert card.bar.ends() == found.tasks[0].ends()
    assert "not always the cause" in card.words()[3]
    drawn = card.picture.picture.light
    click_row(0)
    shown(qtbot, predict_page, "CCCO")
    assert card.picture.picture.light != drawn


def test_numbers_are_under_the_pointer_and_in_the_accessible_words(qtbot, predict_page, asked, click_row):
    asked("CCCO\n")
    click_row(0)
    found = shown(qtbot, predict_page, "CCCO")
    picture = predict_page.explanation.picture
    words = f"O4: {found.tasks[0].words(found.tasks[0].contributions[3])}"
    at = picture.place_of(3)
    assert picture.words_at(at) == words
    QApplication.sendEvent(picture, QHelpEvent(QEvent.Type.ToolTip, at, picture.mapToGlobal(at)))
    assert QToolTip.text() == words
    assert words in picture.accessibleDescription()
    assert picture.words_at(QPoint(1, 1)) == ""
    QToolTip.hideText()


def test_another_target_is_chosen(qtbot, predict_page, asked, click_row):
    asked("CCCO\n")
    click_row(0)
    found = shown(qtbot, predict_page, "CCCO")
    card = predict_page.explanation
    assert card.task_picker.isVisible()
    assert [card.task_picker.itemText(place) for place in range(2)] == ["logS", "size"]
    card.task_picker.setFocus()
    qtbot.keyClick(card.task_picker, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: card.words()[0].startswith("size "))
    assert card.bar.ends() == found.tasks[1].ends()
    # The next molecule is looked at for the same target.
    asked("CCCO\nCCCN")
    click_row(1)
    shown(qtbot, predict_page, "CCCN")
    assert card.words()[0].startswith("size ")


def test_salts_and_unreadable_ones_are_told(qtbot, predict_page, asked, click_row):
    asked(f"{SALT}\nC1CC\n")
    click_row(0)
    shown(qtbot, predict_page, SALT)
    assert predict_page.explanation.words()[3].startswith("Drawn as the model read it, after clean-up.")
    click_row(1)
    assert predict_page.explanation.words() == ("It cannot be read: ring 1 is never closed.",)
    assert predict_page.explanation.picture.picture is None
    assert not predict_page.explanation.menu_button.isEnabled()


def test_closing_brings_the_hint_back_and_the_same_row_opens_again(qtbot, predict_page, asked, click_row):
    asked("CCCO\nCCCF\n")
    click_row(0)
    shown(qtbot, predict_page, "CCCO")
    qtbot.mouseClick(predict_page.explanation.close_button, Qt.MouseButton.LeftButton)
    assert not predict_page.explanation.isVisible()
    assert predict_page.answer.hint.isVisible()
    click_row(0)
    shown(qtbot, predict_page, "CCCO")
    # Another prediction is another table: the card would speak of a molecule that is not there.
    asked("CCCN\nCCCF\n")
    assert not predict_page.explanation.isVisible()


def test_who_goes_down_the_list_asks_only_about_the_last(qtbot, window, predict_page, asked, click_row, monkeypatch):
    asked("\n".join("C" * length + "O" for length in range(1, 7)))
    asks: list[str] = []
    explain = window.session.explanations._asker.explain

    def watched(path, smiles, progress):
        asks.append(smiles)
        return explain(path, smiles, progress)

    monkeypatch.setattr(window.session.explanations._asker, "explain", watched)
    pause = predict_page.explaining._pause
    assert pause.interval() == PAUSE_MS
    # However slow the machine: the keys come within the pause, and the pause ends when the test says so.
    pause.setInterval(NEVER_MS)
    click_row(0)
    for _ in range(4):
        qtbot.keyClick(predict_page.table, Qt.Key.Key_Down)
        qtbot.wait(PAUSE_MS // 10)
        assert pause.isActive()
        assert pause.interval() == NEVER_MS
    assert asks == []
    pause.setInterval(0)
    shown(qtbot, predict_page, "CCCCCO")
    assert asks == ["CCCCCO"]
    assert not pause.isActive()


def test_a_molecule_alone_is_explained_and_put_away_with_the_keys(qtbot, window, predict_page, asked):
    asked("CCCO")
    window.activateWindow()
    table, card = predict_page.table, predict_page.explaining.card
    table.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(table.hasFocus)
    # The first time, it is explained without being asked about.
    for _ in range(2):
        assert card.isVisible()
        assert table.selectionModel().hasSelection()
        button = card.findChild(QWidget, "explanationClose")
        button.setFocus()
        qtbot.keyClick(button, Qt.Key.Key_Space)
        assert not card.isVisible()
        assert table.hasFocus()
        qtbot.keyClick(table, Qt.Key.Key_Return)


def test_an_answer_that_comes_too_late_is_dropped(qtbot, window, predict_page, asked, click_row, monkeypatch):
    import threading

    asked("CCCO\nCCCN")
    begun, go_on, cancelled = threading.Event(), threading.Event(), []
    explain = window.session.explanations._asker.explain

    def slow(path, smiles, progress):
        if smiles == "CCCO":
            begun.set()
            go_on.wait(30)
            cancelled.append(progress.is_cancelled)
        return explain(path, smiles, lambda *told: None)

    monkeypatch.setattr(window.session.explanations._asker, "explain", slow)
    click_row(0)
    qtbot.waitUntil(begun.is_set)
    click_row(1)
    shown(qtbot, predict_page, "CCCN")
    go_on.set()
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    assert cancelled == [True]
    assert predict_page.explaining.answer.smiles == "CCCN"


def test_the_same_question_is_answered_from_memory(qtbot, window, predict_page, asked, click_row, monkeypatch):
    asked("CCCO\nCCCN")
    click_row(0)
    shown(qtbot, predict_page, "CCCO")
    click_row(1)
    shown(qtbot, predict_page, "CCCN")
    monkeypatch.setattr("mole_engine.inference.predictor.LoadedModel.explain", lambda *a, **k: pytest.fail("again"))
    click_row(0)
    shown(qtbot, predict_page, "CCCO")


def test_a_model_that_has_gone_is_told_on_the_card(qtbot, window, predict_page, asked, click_row, model_path, tmp_path):
    asked("CCCO\n")
    predict_page.answer.predictions = replace(predict_page.answer.predictions, model_path=str(tmp_path / "gone.mole"))
    click_row(0)
    qtbot.waitUntil(lambda: "gone.mole" in predict_page.explanation.words()[0])
    assert not window._problem_dialog.isVisible()


def test_the_picture_is_copied_and_saved(qtbot, window, predict_page, asked, click_row, tmp_path):
    asked("CCCO\n")
    click_row(0)
    shown(qtbot, predict_page, "CCCO")
    copy, save = predict_page.explanation.menu_button.menu().actions()
    QGuiApplication.clipboard().setText("before")
    copy.trigger()
    qtbot.waitUntil(lambda: not QGuiApplication.clipboard().text())
    copied = QImage.fromData(QGuiApplication.clipboard().mimeData().data("image/png"))
    assert copied.width() > 1000
    assert len({copied.pixel(x, y) for x in range(0, copied.width(), 9) for y in range(0, copied.height(), 9)}) > 3
    predict_page.explaining.save(str(tmp_path / "o.svg"))
    qtbot.waitUntil((tmp_path / "o.svg").is_file)
    assert "raises" in (tmp_path / "o.svg").read_text(encoding="utf-8")
    predict_page.explaining.save(str(tmp_path / "o.png"))
    qtbot.waitUntil((tmp_path / "o.png").is_file)
    with qtbot.waitSignal(window.session.problem_raised) as raised:
        predict_page.explaining.save(str(tmp_path / "o.docx"))
    assert "o.docx" in raised.args[0].one_line()
    window._problem_dialog.close()
    assert save.text().startswith("Save")


def test_a_test_molecule_of_a_verdict_is_explained(qtbot, window, model_path):
    size = 12
    truth = np.arange(size, dtype=float)
    from mole_engine.inference.results import TaskResult

    smiles = ["C" * (2 + place) + "O" for place in range(size)]
    nothing = np.full(size, np.nan)
    known = (LOGS, smiles, truth, truth + 0.5, truth - 1, truth + 1, nothing, nothing, ["CCCO"], np.array([1.0]))
    verdict = _task_verdict(TaskResult(*known), ())
    record = RunRecord(run_id="r", name="chains", status=RunState.COMPLETED, counts={"test": size})
    info = ModelInfo(model_path, "chains", (LOGS,), 0.0, {}, {}, 1, "", "a.csv", {}, "random")
    window.go_to("runs")
    runs = window.page("runs")
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    told = RunStory(record, (), Verdict(record, (verdict,), "rmse"), info)
    runs._story = told
    runs.verdict.show_story(told)
    runs._go(2)
    view = runs.verdict
    view.worst.setFocus()
    assert view.worst.chosen() >= 0
    # The focus alone is no question; a click is, on the row that has it too.
    assert not view.explanation.isVisible()
    assert view._errors.isVisible()
    cell = view.worst.visualRect(view.worst.cells.index(0, 0))
    qtbot.mouseClick(view.worst.viewport(), Qt.MouseButton.LeftButton, pos=cell.center())
    chosen = smiles[view.worst.chosen()]
    qtbot.waitUntil(lambda: view.explaining.answer is not None and view.explanation.picture.picture is not None)
    assert view.explaining.answer.smiles == chosen
    assert view.explanation.isVisible()
    assert not view._errors.isVisible()
    assert not view.explanation.task_picker.isVisible()
    qtbot.mouseClick(view.explanation.close_button, Qt.MouseButton.LeftButton)
    assert view._errors.isVisible()
    assert not view.explanation.isVisible()
    # A model that is no longer there leaves the verdict as it was.
    runs.verdict.show_story(replace(told, model=None))
    qtbot.mouseClick(view.worst.viewport(), Qt.MouseButton.LeftButton, pos=cell.center())
    assert not view.explanation.isVisible()


# Words and widgets alone ------------------------------------------------------------------------------------------


def explained(task: TaskExplanation, **more: Any) -> Explanation:
    atoms = tuple(ExplainedAtom("C", place) for place in range(len(task.contributions)))
    return Explanation("CC", "CC", atoms, (task,), **more)


def test_the_value_in_words():
    number = TaskExplanation(replace(LOGS, unit="mol"), 1.234, (0.5, 0.0), 0.5, lower=0.9, upper=1.6)
    assert value_words(explained(number, similarity=0.4), number) == (
        "logS",
        "1.23 mol",
        "90%: 0.90 to 1.60 · similarity to the training set 0.40",
    )
    assert value_words(explained(number, similarity=0.2, in_domain=False), number)[2].endswith(
        "far from the training set (0.20)"
    )
    strange = explained(number, similarity=0.9, in_domain=False, unseen=("B",))
    assert value_words(strange, number)[2].endswith("has an element that no training molecule has")
    classes = TaskExplanation(TOXIC, 0.82, (0.0, 0.0), 0.02, label="yes")
    assert value_words(explained(classes), classes) == ("toxic,", "probability of yes: 0.82", "")
    assert strongest_words(explained(number), number) == "Strongest: C1\u00a0+0.50"
    assert strongest_words(explained(classes), classes) == "No atom makes a difference worth naming."


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_picture_is_painted_in_the_colours_of_the_scheme(shown: Any, mode: Any, qapp: Any) -> None:
    theme.apply(qapp)
    theme.set_mode(mode)
    picture = ExplanationPicture()
    disc = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50"><rect width="100" height="50" fill="{}"/></svg>'
    )
    picture.show_picture(AtomPicture(disc.format("#ff0000"), disc.format("#00ff00"), 100, 50, ((50, 25),), ("C1: +1",)))
    shown(picture, 300, 200)
    middle = picture.grab().toImage().pixelColor(150, 100)
    assert (middle.red() > 200) == (mode == "light")
    assert (middle.green() > 200) == (mode == "dark")
    assert picture.place_of(0) == QPoint(150, 100)
    theme.set_mode("system")


def test_the_atoms_that_the_words_name_are_named_in_the_picture(shown: Any) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50"/>'
    plain, named = (
        AtomPicture(svg, svg, 100, 50, ((10, 25), (99, 2)), ("C1: +1", "O28: +2"), names) for names in ({}, {1: "O28"})
    )
    picture = shown(ExplanationPicture(), 200, 100)
    picture.show_picture(plain)
    before = picture.grab().toImage()
    picture.show_picture(named)
    after = picture.grab().toImage()
    changed = [(x, y) for x in range(200) for y in range(100) if before.pixel(x, y) != after.pixel(x, y)]
    # Beside the atom, and inside the picture although the atom lies in its corner.
    assert changed
    assert all(x > 150 and y < 30 for x, y in changed)


@pytest.mark.parametrize(("wide", "size"), [(True, (700, 250)), (False, (272, 340)), (False, (229, 380))])
def test_no_words_are_cut(shown: Any, qtbot: Any, wide: bool, size: tuple[int, int], tmp_path: Path) -> None:
    card = shown(ExplanationCard(wide=wide), *size)
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50"/>'
    card.show_explanation(
        AtomPicture(svg, svg, 100, 50, ((50, 25),), ("C1: +1",)),
        ("raises ×12.3", "lowers ÷12.3"),
        ("half-life of the parent compound", "12.3 h", "90%: 10.9 to 15.2 · far from the training set (0.24)"),
        "Strongest: C11\u00a0−0.72 · C17\u00a0+0.35 · Br18\u00a0+0.30",
        "What the model relies on, which is not always the cause.",
    )
    qtbot.waitUntil(lambda: card._notes.height() > 0)
    for words in card._said():
        assert words.height() >= words.heightForWidth(words.width()) > 0
    for child in card.findChildren(QWidget):
        if child.isVisible() and child.parentWidget() is not None:
            assert child.geometry().bottom() <= child.parentWidget().height()
