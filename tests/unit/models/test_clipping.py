"""Gradients that are too large are scaled down, whatever the precision and however the model is divided."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mole_engine.models.clipping import ClippedModule


class Part(ClippedModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1, bias=False)
        self.layer.weight.grad = torch.tensor([[3.0, 4.0]])


@pytest.mark.parametrize(("largest", "left"), [(1.0, 1.0), (0.0, 5.0), (None, 5.0), (9.0, 5.0)])
def test_gradients_are_scaled_down_to_the_norm(largest, left):
    part = Part()
    part.trainer = SimpleNamespace(model=part)
    part.configure_gradient_clipping(None, largest)
    assert float(part.layer.weight.grad.norm()) == pytest.approx(left, rel=1e-4)


def test_what_is_divided_among_devices_clips_itself():
    asked = []
    part = Part()
    part.trainer = SimpleNamespace(model=SimpleNamespace(clip_grad_norm_=asked.append))
    part.configure_gradient_clipping(None, 2.0)
    assert asked == [2.0]
    assert float(part.layer.weight.grad.norm()) == 5.0
