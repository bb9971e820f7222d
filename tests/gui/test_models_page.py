"""The Models page: what is chosen in it, what becomes of an export, and rows on the clipboard."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from app.pages.predict_cells import model_words
from app.services import runs
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from tests.gui.test_predict_page import model_path

__all__ = ["model_path"]


def test_the_first_model_is_chosen_at_once_and_its_export_is_told(qtbot, window, model_path, tmp_path, monkeypatch):
    known = runs.read_model_info(model_path)
    monkeypatch.setattr(runs, "_models", lambda *_: [known])
    page = window.page("models")
    qtbot.waitUntil(lambda: bool(page._models))
    window.go_to("models")
    assert page._current() == known
    page.save_export(str(tmp_path / "copy.mole"))
    qtbot.waitUntil(
        lambda: "saved copy.mole" in [label.text() for label in page.header.findChildren(QLabel) if label.isVisible()]
    )
    assert (tmp_path / "copy.mole").is_file()


def test_copying_a_row_takes_its_words_rather_than_its_number(qtbot, window, predict_page, asked):
    asked("CCO")
    predict_page.table.choose(0)
    QTest.keyClick(predict_page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    titles, cells = (line.split("\t") for line in QGuiApplication.clipboard().text().splitlines())
    assert titles[:2] == ["row", "smiles"]
    assert cells[:2] == ["1", "CCO"]
    assert float(cells[2]) == float(cells[2])


def test_the_mean_over_several_targets_is_called_so_and_units_stand_once(qtbot, window, model_path, monkeypatch):
    tasks = tuple(TaskSpec(name, TaskKind.REGRESSION, unit) for name, unit in (("S (mol/L)", "mol/L"), ("t", "min")))
    several = replace(runs.read_model_info(model_path), tasks=tasks, metrics={"rmse": 3.1}, counts={"test": 20})
    monkeypatch.setattr(runs, "_models", lambda *_: [several])
    page = window.page("models")
    qtbot.waitUntil(lambda: bool(page._models))
    said = [label.text() for label in page.findChildren(QLabel)]
    assert {"S (mol/L)", "t (min)", "Test RMSE, mean of 2 targets"} <= set(said)
    assert model_words(several) == "Predicts S (mol/L), t in min · mean test RMSE 3.10"
    assert model_words(replace(several, tasks=tasks[1:])) == "Predicts t in min · test RMSE 3.10"


def test_the_card_says_which_molecules_are_which_and_how_the_file_is_called(qtbot, window, model_path, monkeypatch):
    path = f"/home/anna/{'projects/' * 12}solubility/model.mole"
    known = replace(runs.read_model_info(model_path), path=path, counts={"train": 1480, "val": 60, "test": 70})
    monkeypatch.setattr(runs, "_models", lambda *_: [known])
    window.resize(window.minimumSize())
    window.go_to("models")
    page = window.page("models")
    qtbot.waitUntil(lambda: bool(page._models))
    qtbot.waitUntil(lambda: any(label.text().endswith(".mole") for label in page.facts.findChildren(QLabel)))
    said = [label.text() for label in page.facts.findChildren(QLabel)]
    assert said[said.index("Train + val + test") + 1] == "1,480 + 60 + 70"
