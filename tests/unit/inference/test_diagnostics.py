"""Where a model is wrong and whether it knows, on cases whose answer can be seen."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import TaskScale
from mole_engine.inference.diagnostics import (
    by_scaffold,
    calibration_error,
    neighbours,
    reliability,
    scaffolds_of,
    uncertainty,
)
from mole_engine.inference.results import TaskResult

LOGS = TaskSpec("logS", TaskKind.REGRESSION)
TOXIC = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))


def result(truth, output, std=math.nan, task=LOGS, **more):
    size = len(truth)
    truth, output = np.asarray(truth, float), np.asarray(output, float)
    std = np.broadcast_to(np.asarray(std, float), size)
    fields = {"smiles": ["C"] * size, "training_smiles": [], "training_values": np.zeros(0)}
    fields |= {"lower": output - 1.645 * std, "upper": output + 1.645 * std, "std": std, "similarity": std * math.nan}
    return TaskResult(task=task, truth=truth, output=output, **{**fields, **more})


def test_groups_of_a_scaffold_are_ordered_by_their_error():
    smiles = ["Cc1ccccc1", "Oc1ccccc1", "CC", "CCC", "C1CCCCC1", "broken"]
    scaffolds = scaffolds_of(smiles)
    assert scaffolds == ["c1ccccc1", "c1ccccc1", "", "", "C1CCCCC1", ""]
    groups = by_scaffold(result([0] * 6, [2, 4, 1, -1, 9, 0]), scaffolds)
    assert [(item.scaffold, item.molecules, item.mean_error) for item in groups] == [("c1ccccc1", 2, 3.0), ("", 3, 0.0)]
    assert groups[0].badness == pytest.approx(math.sqrt(10))
    wrong = by_scaffold(result([1, 0, 1, 1, 0, 0], [0.1, 0.9, 0.9, 0.2, 0, 0], task=TOXIC), scaffolds)
    assert [item.badness for item in wrong] == [1.0, pytest.approx(1 / 3)]


def test_a_calibrated_model_lies_on_the_diagonal_and_a_boasting_one_does_not():
    random = np.random.default_rng(0)
    said = random.random(20_000)
    honest = reliability((random.random(20_000) < said).astype(float), said)
    assert len(honest) == 10
    assert calibration_error(honest) < 0.02
    boasting = reliability((random.random(20_000) < 0.5).astype(float), np.where(said > 0.5, 0.99, 0.01))
    assert [item.molecules for item in boasting] == [(said <= 0.5).sum(), (said > 0.5).sum()]
    assert calibration_error(boasting) == pytest.approx(0.49, abs=0.02)
    assert math.isnan(calibration_error([]))


def test_coverage_of_true_deviations_is_what_it_should_be():
    random = np.random.default_rng(1)
    std = random.uniform(0.5, 3.0, size=20_000)
    found = uncertainty(result(random.normal(scale=std), np.zeros(20_000), std))
    assert np.abs(np.array(found.coverage) - found.levels).max() < 0.02
    assert found.held / found.known == pytest.approx(0.9, abs=0.02)
    assert found.correlation > 0.3


def test_the_curve_of_intervals_says_of_nine_in_ten_what_the_intervals_do():
    """They come from left-out errors and are wider than deviations say where a few errors are large."""
    truth, wide = np.array([0.0, 1.0, 2.0, 3.0]), np.full(4, 2.5)
    found = uncertainty(result(truth, np.zeros(4), 1.0, lower=-0.5 * wide, upper=wide))
    assert found.coverage[found.levels.index(0.9)] == found.held / found.known == 0.75
    # The side on which a value lies counts.
    low = uncertainty(result(-truth, np.zeros(4), 1.0, lower=-0.5 * wide, upper=wide))
    assert low.coverage[low.levels.index(0.9)] == low.held / low.known == 0.5


SCALES = {
    "logarithms": TaskScale("log10", mean=2.0, std=0.5, low=0.1),
    "logits": TaskScale("logit", mean=1.0, std=1.5, low=1e-3, high=0.999),
    "Box-Cox powers": TaskScale("box-cox", mean=20.0, std=2.0, low=0.1, exponent=0.5),
}


@pytest.mark.parametrize("words", list(SCALES))
@pytest.mark.parametrize("width", [0.3, 1.5])
def test_intervals_are_judged_on_the_scale_that_was_learnt(words, width):
    """Equally wide ones of right size lie on the diagonal, and know nothing of single molecules."""
    random, scale = np.random.default_rng(2), SCALES[words]
    said = random.normal(0.0, 1.0, 20_000)
    truth = said + random.normal(0.0, width / 1.645, 20_000)
    lower, upper = scale.inverse(said - width), scale.inverse(said + width)
    known = {"lower": lower, "upper": upper, "scale": scale}
    found = uncertainty(result(scale.inverse(truth), scale.inverse(said), (upper - lower) / 3.29, **known))
    assert np.abs(np.array(found.coverage) - found.levels).max() < 0.02
    assert found.scale == words
    assert math.isnan(found.correlation)


def test_a_target_that_was_learnt_as_it_stands_is_judged_so_whatever_its_intervals_look_like():
    said = np.array([1.0, 10.0, 100.0, 1000.0])
    for scale in (None, TaskScale(mean=5.0, std=2.0)):
        found = uncertainty(result([2.0, 30.0, 50.0, 900.0], said, said, lower=said / 3, upper=said * 3, scale=scale))
        assert (found.scale, found.held) == ("", 4)


def test_a_value_without_a_logarithm_lies_outside_of_its_interval():
    said, scale = np.array([1.0, 10.0, 100.0, 1000.0]), SCALES["logarithms"]
    known = {"lower": said / 3, "upper": said * 3, "scale": scale}
    found = uncertainty(result([0.0, 10.0, 200.0, -5.0], said, said, **known))
    assert found.scale == "logarithms"
    assert found.held == 2
    assert found.coverage[-1] == 0.5


def test_one_bound_of_zero_changes_nothing_for_the_others():
    said, scale = np.array([1.0, 10.0, 100.0, 1000.0, 10.0]), SCALES["logarithms"]
    known = {"lower": np.append(said[:-1] / 3, 0.0), "upper": said * 3, "scale": scale}
    found = uncertainty(result([2.9, 11.0, 35.0, 5000.0, 0.0], said, said, **known))
    assert found.scale == "logarithms"
    assert found.held == 4
    assert found.coverage[found.levels.index(0.9)] == 0.8


def test_one_deviation_for_all_says_nothing_about_single_molecules():
    found = uncertainty(result([0.0, 1, 2, 3], [0.0, 0, 0, 0], 2.0))
    assert math.isnan(found.correlation)
    assert (found.held, found.known) == (4, 4)
    assert uncertainty(result([0.0], [0.0])) is None
    assert uncertainty(result([1.0], [0.5], task=TOXIC)) is None


def test_the_nearest_training_molecules_come_with_their_values():
    known = {"training_smiles": ["CCCCCC", "Cc1ccccc1O", "Oc1ccccc1"], "training_values": np.array([1.0, 2.0, 3.0])}
    near = neighbours(result([0.0], [0.0], **known), "Oc1ccccc1", most=2)
    assert [(item.smiles, item.value) for item in near] == [("Oc1ccccc1", 3.0), ("Cc1ccccc1O", 2.0)]
    assert near[0].similarity == pytest.approx(1.0)
    assert near[1].similarity < 1.0
    assert neighbours(dataclasses.replace(result([0.0], [0.0])), "CCO") == []
