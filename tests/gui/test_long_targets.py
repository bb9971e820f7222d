"""Targets with long names: what is said of them is cut where it must be, their values never."""

from __future__ import annotations

import pytest

from app.pages.explaining import value_words
from app.widgets.explanation_card import ExplanationCard
from app.widgets.explanation_picture import AtomPicture
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.explanations import ExplainedAtom, Explanation, TaskExplanation

LONG = (
    "Very long name of an aqueous thermodynamic solubility assay at pH 7.4 and 25 °C, shake flask, mean of three "
    "independent measurements (log10 mol/L)"
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50"/>'


def value_of(name, unit="log10 mol/L"):
    task = TaskExplanation(TaskSpec(name, TaskKind.REGRESSION, unit), 1.584, (0.5,), 0.5)
    return value_words(Explanation("C", "C", (ExplainedAtom("C", 0),), (task,)), task)


def told(card, value):
    picture = AtomPicture(SVG, SVG, 100, 50, ((50, 25),), ("C1: +1",))
    card.show_explanation(picture, ("raises", "lowers"), value, "Strongest: C1", "What the model relies on.")


@pytest.mark.parametrize(("wide", "size"), [(True, (563, 250)), (True, (980, 250)), (False, (255, 400))])
def test_a_long_name_is_cut_and_its_value_stands_whole(qtbot, shown, wide, size):
    card = shown(ExplanationCard(wide=wide), *size)
    told(card, value_of(LONG))
    said = card._value
    qtbot.waitUntil(lambda: said.text().endswith("\n1.58 log10 mol/L"))
    name = said.text().partition("\n")[0]
    assert name.startswith("Very long")
    assert "…" in name
    assert said.toolTip() == LONG.removesuffix(" (log10 mol/L)")
    # Two lines of letters, and nothing of them cut.
    qtbot.waitUntil(lambda: said.height() >= 2 * said.fontMetrics().height())
    assert max(map(said.fontMetrics().horizontalAdvance, said.text().split("\n"))) <= said.width()
    assert said.geometry().bottom() <= said.parentWidget().height()
    assert card.words()[0] == f"{LONG.removesuffix(' (log10 mol/L)')} 1.58 log10 mol/L"


def test_a_short_name_stands_beside_its_value(qtbot, shown):
    card = shown(ExplanationCard(wide=True), 563, 250)
    told(card, value_of("logS", "mol"))
    qtbot.waitUntil(lambda: card._value.text() == "logS 1.58 mol")
    assert card._value.toolTip() == ""


def test_the_unit_of_an_explained_value_is_said_once():
    assert value_of("solubility (log(mol/L))", "log(mol/L)")[:2] == ("solubility", "1.58 log(mol/L)")
    assert value_of("IC50 [nM]", "nM")[:2] == ("IC50", "1.58 nM")
    assert value_of("(nM)", "nM")[:2] == ("(nM)", "1.58 nM")
    assert value_of("solubility", "")[:2] == ("solubility", "1.58")
