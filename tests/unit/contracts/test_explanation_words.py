"""Contributions in words: signs, digits that fit the scale, factors, atoms by name."""

from __future__ import annotations

import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.explanations import LOG10, ExplainedAtom, Explanation, TaskExplanation, places_for_reach

LOGS = TaskSpec("logS", TaskKind.REGRESSION, "log mol/L")


def explained(*contributions: float, reach: float = 1.0, scale: str = "") -> TaskExplanation:
    return TaskExplanation(LOGS, 0.0, contributions, reach, scale)


@pytest.mark.parametrize(
    ("value", "reach", "words"),
    [
        (0.424, 0.5, "+0.42"),
        (-0.31, 0.5, "\u22120.31"),
        (0.001, 0.5, "0.00"),
        (1234.0, 2000.0, "+1,234"),
        (0, 1, "0.0"),
    ],
)
def test_signs_and_digits(value, reach, words):
    assert explained(value, reach=reach).words(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "×1.00"), (1.0, "×10.0"), (-1.0, "÷10.0"), (2.5, "×316"), (-0.1, "÷1.26")]
)
def test_factors(value, words):
    assert explained(value, scale=LOG10).words(value) == words


def test_units_and_meaning():
    assert explained(0.1).meaning() == "Change of the prediction that the atom brings about, in log mol/L."
    assert "Factor" in explained(0.1, scale=LOG10).meaning()
    classes = TaskExplanation(TaskSpec("t", TaskKind.CLASSIFICATION, "x"), 0.5, (0.1,), 0.1, label="yes")
    assert "probability of 'yes'" in classes.meaning()
    assert (explained(0.1).unit, explained(0.1, scale=LOG10).unit, classes.unit) == ("log mol/L", "", "")


def test_the_strongest_come_first_and_noise_not_at_all():
    task = explained(0.01, -0.9, 0.3, 0.0)
    atoms = (ExplainedAtom("C", 5), ExplainedAtom("N", 3), ExplainedAtom("O", None), ExplainedAtom("C", 0))
    explanation = Explanation("x", "y", atoms, (task,))
    assert explanation.strongest(task) == [1, 2]
    assert [explanation.atom_name(place) for place in (1, 2)] == ["N4", "O3"]


@pytest.mark.parametrize(("reach", "places"), [(0.5, 2), (1.0, 1), (20.0, 0), (0.03, 3), (0.0, 2), (float("nan"), 2)])
def test_decimals_fit_the_scale(reach, places):
    assert places_for_reach(reach) == places
