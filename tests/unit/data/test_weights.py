"""Sample weights: which rows count, and how much."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import TargetScaler
from mole_engine.data.weights import counting

ROWS = np.array([1, 2, 4])


def test_rows_of_weight_0_are_left_out_and_the_others_average_1() -> None:
    rows, weights = counting(np.array([9.0, 1.0, 3.0, 9.0, 0.0]), ROWS)
    assert rows.tolist() == [1, 2]
    assert weights is not None
    assert weights.tolist() == [0.5, 1.5]


@pytest.mark.parametrize("weights", [None, np.full(5, 2.0), np.zeros(5)], ids=["none", "alike", "all-zero"])
def test_weights_that_are_the_same_are_none(weights: np.ndarray | None) -> None:
    rows, own = counting(weights, ROWS)
    assert rows.tolist() == ROWS.tolist()
    assert own is None


def test_scaling_hears_weights() -> None:
    labels = np.array([[1.0], [3.0], [100.0]])
    scale = TargetScaler.fit(labels, [TaskSpec("y", TaskKind.REGRESSION)], "none", np.array([1.0, 1.0, 1e-12])).scales[
        0
    ]
    assert scale is not None
    assert (scale.mean, scale.std) == (pytest.approx(2.0), pytest.approx(1.0))
