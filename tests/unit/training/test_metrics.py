"""Metrics: once over the epoch, masked, named, and NaN where there is nothing to say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from mole_engine.contracts.config import TrainingConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.data.scaling import TargetScaler
from mole_engine.training.metrics import compute_metrics, monitor_of

R = TaskSpec("r", TaskKind.REGRESSION)
R2 = TaskSpec("r2", TaskKind.REGRESSION)
B = TaskSpec("b", TaskKind.CLASSIFICATION, classes=("no", "yes"))
M = TaskSpec("m", TaskKind.MULTICLASS, classes=("x", "y", "z"))
RNG = np.random.default_rng(0)


def measure(tasks, outputs, targets):
    targets = np.asarray(targets, dtype=float)
    return compute_metrics(np.asarray(outputs, dtype=float), targets, ~np.isnan(targets), tasks)


def test_regression_metrics():
    true = RNG.normal(size=200)
    predicted = true + RNG.normal(size=200)
    values = measure([R], predicted[:, None], true[:, None])
    assert values["rmse"] == pytest.approx(math.sqrt(sk.mean_squared_error(true, predicted)))
    assert values["mae"] == pytest.approx(sk.mean_absolute_error(true, predicted))
    assert values["r2"] == pytest.approx(sk.r2_score(true, predicted))
    assert values["pearson"] == pytest.approx(np.corrcoef(true, predicted)[0, 1])
    from scipy.stats import spearmanr

    assert values["spearman"] == pytest.approx(spearmanr(true, predicted).statistic)
    assert values["rmse/r"] == values["rmse"]


def test_two_class_metrics_take_probabilities():
    """The original compared logits with a threshold of one half."""
    true = RNG.integers(0, 2, 200).astype(float)
    probability = np.clip(true * 0.3 + RNG.uniform(0, 0.7, 200), 0, 1)
    values = measure([B], probability[:, None], true[:, None])
    chosen = probability >= 0.5
    expected = {
        "auroc": sk.roc_auc_score(true, probability),
        "auprc": sk.average_precision_score(true, probability),
        "accuracy": sk.accuracy_score(true, chosen),
        "balanced_accuracy": sk.balanced_accuracy_score(true, chosen),
        "f1": sk.f1_score(true, chosen),
        "mcc": sk.matthews_corrcoef(true, chosen),
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_several_class_metrics():
    true = RNG.integers(0, 3, 300).astype(float)
    probability = RNG.dirichlet([1, 1, 1], 300)
    probability[np.arange(300), true.astype(int)] += 0.5
    probability /= probability.sum(1, keepdims=True)
    values = measure([M], probability, true[:, None])
    chosen = probability.argmax(1)
    assert values["accuracy"] == pytest.approx(sk.accuracy_score(true, chosen))
    assert values["macro_f1"] == pytest.approx(sk.f1_score(true, chosen, average="macro"))
    assert values["auroc"] == pytest.approx(sk.roc_auc_score(true, probability, multi_class="ovr"))


def test_missing_labels_are_left_out_and_tasks_kept_apart():
    values = measure([R, R2], [[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]], [[1.0, np.nan], [2.0, 9.0], [np.nan, 9.0]])
    assert values["rmse/r"] == 0.0
    assert values["rmse/r2"] == pytest.approx(math.sqrt((9 + 4) / 2))
    assert values["rmse"] == pytest.approx(values["rmse/r2"] / 2)


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("tasks", [[R], [B], [M]])
def test_one_row_or_none_is_no_fault(tasks, rows):
    """The original's R2 raised on a batch of one row."""
    values = measure(tasks, np.full((rows, tasks[0].outputs), 0.5), np.zeros((rows, 1)))
    undefined = {"r2", "pearson", "spearman", "auroc", "auprc", "balanced_accuracy", "f1", "mcc"}
    for name, value in values.items():
        assert math.isnan(value) == (rows == 0 or name.partition("/")[0] in undefined)


def test_undefined_metrics_stay_out_of_the_mean():
    true = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    two = TaskSpec("c", TaskKind.CLASSIFICATION, classes=("no", "yes"))
    values = measure([B, two], [[0.1, 0.9], [0.8, 0.2], [0.3, 0.4]], true)
    assert math.isnan(values["auroc/c"])
    assert values["auroc"] == values["auroc/b"] == 1.0


def test_constant_predictions_have_no_correlation():
    values = measure([R], [[1.0]] * 3, [[1.0], [2.0], [3.0]])
    assert math.isnan(values["pearson"])
    assert math.isnan(values["spearman"])
    assert values["r2"] == pytest.approx(-1.5)


def test_constant_labels_have_no_r2():
    values = measure([R], [[1.0], [2.0]], [[5.0], [5.0]])
    assert math.isnan(values["r2"])
    assert values["mae"] == 3.5


def test_predictions_that_are_not_finite_give_nan():
    values = measure([R, B], [[math.inf, 0.5], [1.0, math.nan]], [[1.0, 0.0], [2.0, 1.0]])
    assert all(math.isnan(value) for value in values.values())


def test_a_class_that_validation_lacks_is_no_fault():
    values = measure([M], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]], [[0.0], [1.0], [0.0]])
    assert values["auroc"] == 1.0
    assert values["accuracy"] == 1.0


def test_tensors_are_taken_too():
    outputs = torch.tensor([[1.0], [2.0]], requires_grad=True)
    values = compute_metrics(outputs, torch.tensor([[1.0], [3.0]]), torch.ones(2, 1, dtype=torch.bool), [R])
    assert values["mae"] == 0.5


def test_the_monitor_by_default():
    config = TrainingConfig()
    assert monitor_of([R], config) == ("rmse", "min")
    assert monitor_of([B], config) == ("auroc", "max")
    assert monitor_of([B, B], config) == ("auroc", "max")
    assert monitor_of([M], config) == ("macro_f1", "max")


def test_an_rmse_does_not_judge_alone_where_it_hears_one_side_only():
    config = TrainingConfig()
    assert monitor_of([R, R2], config) == ("loss", "min")
    assert monitor_of([R, B], config) == ("loss", "min")
    heavy = TargetScaler.fit(10 ** RNG.normal(size=(50, 1)), [R], "log10")
    assert monitor_of([R], config, heavy) == ("loss", "min")


def test_a_chosen_monitor():
    assert monitor_of([R], TrainingConfig(monitor="spearman")) == ("spearman", "max")
    assert monitor_of([R, R2], TrainingConfig(monitor="mae/r2")) == ("mae/r2", "min")
    for name in ("auroc", "mae/unknown", "nonsense"):
        with pytest.raises(InputError, match="no metric"):
            monitor_of([R], TrainingConfig(monitor=name))
