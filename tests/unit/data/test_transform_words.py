"""Whoever gives concentrations is told on which scale they are learnt, and what keeps them from it."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.transform_words import transform_words

TASKS = (TaskSpec("IC50", TaskKind.REGRESSION), TaskSpec("active", TaskKind.CLASSIFICATION, classes=("no", "yes")))


def labels(*first):
    values = 10 ** np.random.default_rng(0).normal(2, 1.5, 60)
    values[: len(first)] = first
    return np.column_stack([values, np.arange(60) % 2])


def test_a_scale_that_the_data_proposed_is_told():
    ((words, level),) = transform_words(labels(), TASKS, "auto")
    assert "'IC50' is learnt as its logarithm (log10)" in words
    assert "data.target_transform=none" in words
    assert level == "info"


@pytest.mark.parametrize(
    ("first", "words"), [((0.0,), "1 value of 60 is not"), ((-1.0, 0.0), "2 values of 60 are not")]
)
def test_a_few_values_that_keep_a_target_from_its_logarithm_are_told(first, words):
    """Without it the largest values count alone, and nobody knows why the model is bad."""
    ((said, level),) = transform_words(labels(*first), TASKS, "auto")
    assert words in said
    assert level == "warning"


def test_nothing_is_said_of_what_needs_no_scale_or_was_chosen():
    plain = np.column_stack([np.random.default_rng(0).normal(size=60), np.zeros(60)])
    assert transform_words(plain, TASKS, "auto") == []
    assert transform_words(labels(), TASKS, "log10") == []
    # Many negative values: not a slip.
    assert transform_words(labels(*[-5.0] * 20), TASKS, "auto") == []
