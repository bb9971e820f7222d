"""Words that give way: whole where there is room, cut with an ellipsis where there is not."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton

from app.widgets.basic import Card


def test_a_cards_note_gives_way_before_its_title_and_comes_back(qtbot):
    card = Card("Predicted vs measured", "molecules of the test set")
    card.header.addWidget(QPushButton("a button"))
    qtbot.addWidget(card)
    card.resize(700, 120)
    card.show()
    assert (card._title.shown(), card._note.shown()) == ("Predicted vs measured", "molecules of the test set")
    card.resize(card.minimumSizeHint().width() + 40, 120)
    qtbot.waitUntil(lambda: card._note.toolTip() == "molecules of the test set")
    assert card._title.shown().startswith("Pred")
    assert card._title.shown().endswith("…")
    assert card._title.text() == "Predicted vs measured"
    # Two letters of a note say nothing.
    assert card._note.shown() == ""
    card.resize(700, 120)
    qtbot.waitUntil(lambda: card._note.toolTip() == "")
    assert card._note.shown() == "molecules of the test set"
