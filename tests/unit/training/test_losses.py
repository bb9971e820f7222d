"""Losses: right where labels are there, silent where they are not."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from mole_engine.contracts.config import TrainingConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.data.scaling import TargetScaler
from mole_engine.training.losses import balanced_class_weights, build_criterion

R = TaskSpec("r", TaskKind.REGRESSION)
B = TaskSpec("b", TaskKind.CLASSIFICATION, classes=("no", "yes"))
M = TaskSpec("m", TaskKind.MULTICLASS, classes=("x", "y", "z"))
NAN = math.nan


def criterion(tasks, loss="auto", class_weights=None, scaler=None):
    return build_criterion(tasks, TrainingConfig(loss=loss), class_weights, scaler)


def evaluate(tasks, logits, targets, weights=None, **more):
    targets = torch.tensor(targets)
    return criterion(tasks, **more)(torch.tensor(logits), targets, ~targets.isnan(), weights)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("mse", (0.25 + 4.0) / 2), ("mae", (0.5 + 2.0) / 2), ("huber", (0.125 + 1.5) / 2), ("auto", 2.125)],
)
def test_regression(loss, expected):
    assert evaluate([R], [[1.0], [2.0]], [[1.5], [0.0]], loss=loss).item() == pytest.approx(expected)


def test_two_classes():
    expected = functional.binary_cross_entropy_with_logits(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))
    assert evaluate([B], [[1.0], [2.0]], [[1.0], [0.0]]).item() == pytest.approx(expected.item())


def test_several_classes_with_missing_labels():
    """The original took NaN for a class."""
    logits = [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [3.0, 1.0, 0.0]]
    expected = functional.cross_entropy(torch.tensor([logits[0], logits[2]]), torch.tensor([2, 0]))
    assert evaluate([M], logits, [[2.0], [NAN], [0.0]]).item() == pytest.approx(expected.item())


def test_focal_makes_easy_examples_count_less():
    easy, hard = [[4.0]], [[-1.0]]
    for tasks, wide in (([B], False), ([M], True)):
        label = [[1.0]] if not wide else [[0.0]]
        easy_logits = [[4.0, 0.0, 0.0]] if wide else easy
        hard_logits = [[-1.0, 0.0, 0.0]] if wide else hard
        ratios = [
            evaluate(tasks, logits, label, loss="focal") / evaluate(tasks, logits, label)
            for logits in (easy_logits, hard_logits)
        ]
        assert ratios[0] < 0.01 < ratios[1] < 1
    probability = torch.sigmoid(torch.tensor(4.0)).item()
    expected = -((1 - probability) ** 2) * math.log(probability)
    assert evaluate([B], easy, [[1.0]], loss="focal").item() == pytest.approx(expected, rel=1e-4)


def test_missing_labels_change_nothing():
    full = evaluate([R, R], [[1.0, 9.0], [2.0, 4.0]], [[0.0, NAN], [NAN, 1.0]]).item()
    assert full == pytest.approx((1.0 + 9.0) / 2)


@pytest.mark.parametrize("tasks", [[R], [B], [M], [R, B, M]])
def test_a_batch_without_labels_costs_nothing_and_spoils_nothing(tasks):
    """The original's loss, and then its weights, became NaN."""
    width = sum(task.outputs for task in tasks)
    logits = torch.randn(4, width, requires_grad=True)
    targets = torch.full((4, len(tasks)), NAN)
    loss = criterion(tasks)(logits, targets, torch.zeros(4, len(tasks), dtype=torch.bool), torch.ones(4))
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad.eq(0).all()


def test_gradients_of_missing_labels_are_zero_under_a_transform():
    values = 10 ** np.random.default_rng(0).normal(1, 1, (50, 1))
    scaler = TargetScaler.fit(values, [R], "log10")
    logits = torch.zeros(2, 1, requires_grad=True)
    loss = criterion([R], scaler=scaler)(logits, torch.tensor([[0.0], [10.0]]), torch.tensor([[False], [True]]))
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad[0].item() == 0.0
    assert logits.grad[1].item() != 0.0


def test_targets_are_compared_in_scaled_units():
    values = np.array([[10.0], [20.0], [30.0]])
    scaler = TargetScaler.fit(values, [R], "none")
    scaled = scaler.transform(values)
    assert evaluate([R], scaled.tolist(), values.tolist(), scaler=scaler).item() == pytest.approx(0, abs=1e-10)


def test_mixed_tasks_weigh_every_label_alike():
    logits = [[1.0, 0.5, 1.0, 2.0, 3.0]]
    parts = [
        evaluate([R], [[1.0]], [[3.0]]).item(),
        evaluate([B], [[0.5]], [[1.0]]).item(),
        evaluate([M], [[1.0, 2.0, 3.0]], [[1.0]]).item(),
    ]
    assert evaluate([R, B, M], logits, [[3.0, 1.0, 1.0]]).item() == pytest.approx(sum(parts) / 3)


def test_the_order_of_tasks_does_not_matter():
    one = evaluate([M, R, B], [[1.0, 2.0, 3.0, 1.0, 0.5]], [[1.0, 3.0, 1.0]]).item()
    other = evaluate([R, B, M], [[1.0, 0.5, 1.0, 2.0, 3.0]], [[3.0, 1.0, 1.0]]).item()
    assert one == pytest.approx(other)


def test_sample_weights_multiply():
    weights = torch.tensor([0.5, 1.5])
    loss = evaluate([R], [[1.0], [2.0]], [[0.0], [0.0]], weights)
    assert loss.item() == pytest.approx((0.5 * 1.0 + 1.5 * 4.0) / 2)


def test_class_weights_multiply_and_are_never_changed():
    """The original overwrote them in place, so that they shrank from batch to batch."""
    given = [np.array([0.5, 2.0]), np.array([1.0, 2.0, 3.0])]
    kept = [values.copy() for values in given]
    made = criterion([B, M], class_weights=given)
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0]])
    targets = torch.tensor([[1.0, 2.0]])
    mask = torch.tensor([[True, True]])
    first = made(logits, targets, mask)
    second = made(logits, targets, mask)
    assert first.item() == second.item() == pytest.approx((2.0 * math.log(2) + 3.0 * math.log(3)) / 2)
    assert all(np.array_equal(left, right) for left, right in zip(given, kept, strict=True))
    assert made.positive_weight.tolist() == [2.0]


def test_balanced_weights_give_classes_the_same_say():
    labels = np.array([[0, 0], [0, 1], [0, 2], [1, 2], [NAN, NAN]], dtype=float)
    binary, several, none = (
        *balanced_class_weights(labels, [B, M]),
        *balanced_class_weights(labels[:, :1], [R]),
    )
    assert none is None
    assert binary * [3, 1] == pytest.approx([2, 2])
    assert several * [1, 1, 2] == pytest.approx([4 / 3] * 3)


def test_balanced_weights_count_a_molecule_of_weight_two_twice():
    """The loss multiplies by both: positives that weigh twice had twice the say of all negatives."""
    labels, molecules = np.array([[0.0], [0.0], [0.0], [1.0]]), np.array([1.0, 1.0, 1.0, 2.0])
    twice = np.repeat(labels, [1, 1, 1, 2], axis=0)
    (weighted,) = balanced_class_weights(labels, [B], molecules / molecules.mean())
    assert weighted == pytest.approx(balanced_class_weights(twice, [B])[0])
    assert weighted * [3, 2] == pytest.approx([2.5, 2.5])


def test_a_class_without_labels_gets_a_finite_weight():
    assert balanced_class_weights(np.array([[0.0], [0.0]]), [M])[0].tolist() == [1.0, 1.0, 1.0]
    assert balanced_class_weights(np.array([[NAN]]), [B])[0].tolist() == [1.0, 1.0]


def test_a_loss_that_fits_no_task_is_refused():
    with pytest.raises(InputError, match="bce does not fit"):
        criterion([R], loss="bce")
    with pytest.raises(InputError, match=r"bce.*focal"):
        criterion([B], loss="mse")
    assert criterion([R, B], loss="mae").losses[TaskKind.CLASSIFICATION] == "bce"


def test_half_precision_logits_are_judged_in_full():
    logits = torch.tensor([[300.0]], dtype=torch.bfloat16)
    loss = criterion([R])(logits, torch.tensor([[0.0]]), torch.tensor([[True]]))
    assert loss.dtype == torch.float32
    assert loss.item() == 90000.0
