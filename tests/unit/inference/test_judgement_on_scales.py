"""Numbers that were learnt as their logarithm are judged on logarithms, and said to be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import TargetScaler, TaskScale
from mole_engine.export.report_tasks import task_sections
from mole_engine.inference.learnt_scale import compare_as_learnt
from mole_engine.inference.results import TaskResult
from mole_engine.inference.verdict import judge

IC50 = TaskSpec("IC50", TaskKind.REGRESSION, "nM")
GENERATOR = np.random.default_rng(5)
TRUTH = 10 ** GENERATOR.uniform(0, 5, 100)
GOOD, BAD = (TRUTH * 10 ** (size * GENERATOR.normal(size=100)) for size in (0.2, 0.6))


def scale_of(values, transform="log10"):
    return TargetScaler.fit(values[:, None], (IC50,), transform).scales[0]


def result_of(model, scale, truth=TRUTH, training=TRUTH, **baselines):
    nothing = np.full(len(truth), math.nan)
    smiles = ["C"] * len(truth)
    result = TaskResult(IC50, smiles, truth, model, *[nothing] * 4, ["C"] * len(training), training, scale=scale)
    result.baselines.update(baselines)
    return result


def one_large_value():
    """Return a model that is off by a factor of two for the largest value alone, which its rival hits."""
    largest, model, rival = int(TRUTH.argmax()), TRUTH * 1.02, BAD.copy()
    model[largest], rival[largest] = TRUTH[largest] * 8, TRUTH[largest]
    rival[TRUTH > 1e4] = TRUTH[TRUTH > 1e4]
    return result_of(model, scale_of(TRUTH), forest=rival)


def test_one_large_value_does_not_decide_what_was_learnt_on_logarithms():
    result = one_large_value()
    judged = judge([result])
    (known,) = judged.tasks[0].comparisons.values()
    errors = np.log10(result.output) - np.log10(TRUTH)
    assert known.model == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert known.beats
    assert known.raw_model > known.raw_baseline
    assert judged.headline == f"Beats the baseline by {known.difference:.3f} RMSE of logarithms"
    assert judged.words.startswith(f"RMSE of logarithms {known.model:.3f} against {known.baseline:.3f} for forest, on")
    raw = f"RMSE {known.raw_model:,.0f} nM against {known.raw_baseline:,.0f}."
    assert judged.words.endswith(f" It is judged as it was learnt; as measured, where the largest values decide: {raw}")


def test_of_fractions_the_largest_values_are_not_said_to_decide():
    share = np.linspace(0.01, 0.99, 100)
    result = result_of(share**1.1, scale_of(share, "logit"), share, share, forest=share**2)
    words = judge([result]).words
    assert "RMSE of logits" in words
    assert "as it was learnt; as measured: RMSE 0." in words


@pytest.mark.parametrize("scale", [None, TaskScale()])
def test_what_was_learnt_as_it_stands_is_judged_as_it_stands(scale):
    known = compare_as_learnt(result_of(GOOD, scale, forest=BAD))["forest"]
    assert (known.scale, known.model) == ("", pytest.approx(np.sqrt(np.mean((GOOD - TRUTH) ** 2))))
    assert math.isnan(known.raw_model)
    assert "logarithms" not in judge([result_of(GOOD, scale, forest=BAD)]).words


def test_a_value_without_a_logarithm_does_not_drown_the_others():
    truth = TRUTH.copy()
    truth[3] = 0.0
    known = compare_as_learnt(result_of(GOOD, scale_of(TRUTH), truth=truth, forest=BAD))["forest"]
    assert known.beats
    assert known.baseline < 1


def test_the_mean_of_what_was_learnt_is_not_that_of_the_values():
    known = compare_as_learnt(result_of(GOOD, scale_of(TRUTH), mean=np.full(100, TRUTH.mean())))["mean"]
    assert known.baseline == pytest.approx(np.log10(TRUTH).std())
    assert known.raw_baseline == pytest.approx(TRUTH.std())


def test_several_targets_say_for_how_many_it_was_so():
    words = judge([one_large_value(), one_large_value(), result_of(GOOD, None, forest=BAD)]).words
    assert "2 targets are judged on the logarithms that were learnt." in words


def test_the_report_has_both_figures_side_by_side():
    result = one_large_value()
    text = "".join(task_sections(judge([result]), [result]))
    assert "its RMSE of logarithms" in text
    assert "its RMSE as measured (nM)" in text
    plain = result_of(GOOD, None, forest=BAD)
    assert "measured (nM)</th>" not in "".join(task_sections(judge([plain]), [plain]))
