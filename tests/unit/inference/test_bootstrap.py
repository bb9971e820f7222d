"""The paired bootstrap against cases whose answer is known by other means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from mole_engine.contracts.dataset import TaskKind
from mole_engine.inference.bootstrap import compare, interval, statistic

RANDOM = np.random.default_rng(7)


def regression(size, gain, seed=0):
    """Return truth, a model and a baseline whose errors have standard deviations 1 - gain and 1."""
    random = np.random.default_rng(seed)
    truth = random.normal(size=size)
    return truth, truth + random.normal(scale=1 - gain, size=size), truth + random.normal(size=size)


def test_a_model_equal_to_the_baseline_never_beats_it():
    truth, model, _ = regression(200, 0.3)
    same = compare(TaskKind.REGRESSION, truth, model, model.copy())
    assert (same.difference, same.low, same.high) == (0.0, 0.0, 0.0)
    assert not same.beats
    assert not same.loses


def test_the_interval_agrees_with_the_delta_method():
    # For n molecules the variance of a difference of two RMSE is that of the influence of a molecule, divided by n.
    truth, model, baseline = regression(2000, 0.2)
    found = compare(TaskKind.REGRESSION, truth, model, baseline)
    squares = [(item - truth) ** 2 for item in (model, baseline)]
    influence = squares[1] / (2 * found.baseline) - squares[0] / (2 * found.model)
    error = influence.std(ddof=1) / math.sqrt(len(truth))
    assert found.beats
    assert found.low == pytest.approx(found.difference - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(found.difference + 1.96 * error, abs=0.15 * error)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    # The true difference of RMSE is 0.1; 19 of 20 intervals should hold it.
    held = 0
    for seed in range(60):
        found = compare(TaskKind.REGRESSION, *regression(150, 0.1, seed), resamples=300)
        held += found.low <= 0.1 <= found.high
    assert 51 <= held < 60


def test_pairing_sees_what_two_separate_intervals_would_not():
    # Molecules differ far more than the models do; the model is better by little on nearly every molecule.
    size = np.abs(RANDOM.normal(scale=5.0, size=80))
    found = compare(TaskKind.REGRESSION, np.zeros(80), size, size * 1.05)
    assert found.beats
    assert found.difference < 0.1 * found.model


@pytest.mark.parametrize("ties", [False, True])
def test_auroc_of_a_resample_is_that_of_the_repeated_molecules(ties):
    truth = (RANDOM.random(60) < 0.4).astype(float)
    score = RANDOM.normal(size=60) + truth
    score = np.round(score) if ties else score
    counts = RANDOM.multinomial(60, np.full(60, 1 / 60), size=5).astype(float)
    found = statistic(TaskKind.CLASSIFICATION, truth, score)(counts)
    for row, value in zip(counts.astype(int), found, strict=True):
        assert value == pytest.approx(sk.roc_auc_score(np.repeat(truth, row), np.repeat(score, row)))


def test_macro_f1_of_a_resample_is_that_of_the_repeated_molecules():
    truth = RANDOM.integers(0, 3, size=40)
    probability = RANDOM.dirichlet(np.ones(3), size=40)
    counts = RANDOM.multinomial(40, np.full(40, 1 / 40), size=4).astype(float)
    found = statistic(TaskKind.MULTICLASS, truth.astype(float), probability)(counts)
    for row, value in zip(counts.astype(int), found, strict=True):
        repeated = np.repeat(truth, row), np.repeat(probability.argmax(axis=1), row)
        assert value == pytest.approx(sk.f1_score(*repeated, average="macro"))


def test_one_class_or_few_molecules_give_no_interval():
    one = compare(TaskKind.CLASSIFICATION, np.ones(50), RANDOM.random(50), np.full(50, 0.5))
    assert math.isnan(one.difference)
    assert not one.beats
    few = compare(TaskKind.REGRESSION, np.zeros(9), np.zeros(9), np.ones(9))
    assert few.difference == 1.0
    assert math.isnan(few.low)
    assert not few.beats
    assert all(math.isnan(end) for end in interval(np.full(10, math.nan)))
