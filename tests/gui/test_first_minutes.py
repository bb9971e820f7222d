"""What a newcomer with a strange file is told: what was unusual, why nothing can be learned, what the parts do."""

from __future__ import annotations

import time

import pytest
from PySide6.QtWidgets import QComboBox, QLabel, QListWidget, QPushButton

from app.pages.train_words import parts_words
from app.services import runs
from app.widgets.run_panel import RunPanel
from mole_engine.contracts.presets import load_preset

ALCOHOLS = [f"{'C' * (number + 1)}O" for number in range(12)]


def write(path, header, cells):
    path.write_text("\n".join([header, *cells]) + "\n")
    return path


def told(window):
    return window.findChild(QLabel, "readSummary").text()


@pytest.mark.parametrize(
    ("header", "cell", "why"),
    [
        ("smiles,y", "{smiles},5.3", "'y' is always '5.3'"),
        ("smiles,y", "{smiles},{first}", "'y' has one value alone"),
        ("smiles,name", "{smiles},alcohol {place}", "'name' holds texts such as 'alcohol 0'"),
        ("smiles", "{smiles}", "It has only structures. A model can predict for them on the Predict page."),
    ],
)
def test_a_file_with_nothing_to_learn_says_why(window, open_file, tmp_path, header, cell, why):
    rows = [
        cell.format(smiles=smiles, place=place, first="" if place else "5.3") for place, smiles in enumerate(ALCOHOLS)
    ]
    open_file(write(tmp_path / "library.csv", header, rows))
    from html import escape

    assert escape(why) in told(window)
    window.go_to("train")
    panel = window.page("train").findChild(RunPanel)
    assert not panel.train_button.isEnabled()
    assert any(why in words.text() for words in panel.findChildren(QLabel))

    # The next file is not shown through what was corrected of this one.
    open_file(write(tmp_path / "good.csv", "smiles,y", [f"{smiles},{len(smiles)}.5" for smiles in ALCOHOLS]))
    window.go_to("data")
    assert not window.findChild(QListWidget, "targetColumnsList").isVisible()
    assert window.data_page.side.column.chosen == "y"


def test_what_was_unusual_in_a_file_is_told_without_asking(window, open_file, tmp_path):
    rows = [f"{smiles},{len(smiles)}.5" for smiles in ALCOHOLS]
    rows[3] += ",what,is,this"
    open_file(write(tmp_path / "ragged.csv", "smiles,y", rows))
    assert "1 row has more cells than the header (line 5)" in told(window)


def test_a_column_chosen_by_hand_stays_while_the_file_is_the_same(qtbot, window, open_file, molecules_csv):
    open_file(molecules_csv)
    side = window.data_page.side
    side.column.choose("name")
    with qtbot.waitSignal(window.session.dataset_changed):
        box = window.findChild(QComboBox, "splitCombo")
        box.setCurrentIndex(box.findData("random"))
    assert side.column.chosen == "name"


def test_the_parts_are_said_to_do_what_they_do(window, open_file, tmp_path):
    open_file(write(tmp_path / "good.csv", "smiles,y", [f"{smiles},{len(smiles)}.5" for smiles in ALCOHOLS]))
    dataset = window.session.dataset
    hint = "Fewer than 50 train: take what the model says as a hint only."
    words = {name: parts_words(dataset, load_preset(name).config()) for name in ("recommended", "quick-look", "base")}
    assert words["recommended"] == f"11 molecules train in 5 folds, 1 judges the model. {hint}"
    hint = f"Intervals need at least nine validation molecules. {hint}"
    assert words["quick-look"] == f"10 molecules train, 1 validates, 1 judges the model. {hint}"
    assert words["base"] == f"10 molecules train, 1 chooses the best epoch, 1 judges the model. {hint}"


@pytest.mark.parametrize(("name", "reader"), [("runs", "_records"), ("models", "_models")])
def test_a_list_that_is_not_read_yet_is_not_called_empty(qtbot, window, monkeypatch, name, reader):
    read = getattr(runs, reader)

    def slow(*given, **more):
        time.sleep(0.5)
        return read(*given, **more)

    monkeypatch.setattr(runs, reader, slow)
    window.go_to(name)
    page = window.page(name)
    assert page._nothing.title.text() == f"Looking for {name}"
    assert not [button for button in page._nothing.findChildren(QPushButton) if button.isVisible()]
    qtbot.waitUntil(lambda: page._nothing.title.text() == f"No {name} yet")
    assert [button for button in page._nothing.findChildren(QPushButton) if button.isVisible()]
