"""From logits to what a user reads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import TargetScaler
from mole_engine.training.outputs import OutputLayout, Readout

R = TaskSpec("r", TaskKind.REGRESSION)
B = TaskSpec("b", TaskKind.CLASSIFICATION, classes=("no", "yes"))
M = TaskSpec("m", TaskKind.MULTICLASS, classes=("x", "y", "z"))


def test_each_task_has_its_columns():
    layout = OutputLayout([R, M, B])
    assert layout.size == 5
    assert layout.columns == (slice(0, 1), slice(1, 4), slice(4, 5))


def test_values_and_probabilities_stand_in_their_columns():
    values = 10 ** np.random.default_rng(0).normal(1, 1, (100, 1))
    table = np.hstack([values, np.zeros((100, 2))])
    scaler = TargetScaler.fit(table, [R, M, B], "log10")
    logits = torch.tensor([[0.5, 1.0, 2.0, 3.0, -1.0], [-0.5, 0.0, 0.0, 0.0, 2.0]])
    outputs = Readout([R, M, B], scaler)(logits)
    expected = scaler.inverse(np.array([[0.5, 0, 0], [-0.5, 0, 0]]))[:, 0]
    assert outputs[:, 0].numpy() == pytest.approx(expected, rel=1e-5)
    assert outputs[:, 1:4].sum(1).tolist() == pytest.approx([1.0, 1.0])
    assert outputs[1, 1:4].tolist() == pytest.approx([1 / 3] * 3)
    assert outputs[:, 4].tolist() == pytest.approx([0.268941, 0.880797], abs=1e-6)


def test_the_logits_are_left_as_they_were():
    logits = torch.ones(2, 5)
    Readout([R, M, B])(logits)
    assert logits.eq(1).all()


def test_without_a_scaler_values_are_values():
    assert Readout([R])(torch.tensor([[2.5]])).item() == 2.5
