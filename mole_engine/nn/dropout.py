"""Dropout that costs little on a CPU.

PyTorch draws one random number per element and keeps it as a float for the backward pass. Here one 64-bit number
serves four elements, and a byte per element is kept. On a GPU, PyTorch's own fused dropout is used.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 1 << 16


class _CheapDropout(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, threshold: int) -> Tensor:
        count = values.numel()
        bits = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        kept = (bits.view(torch.int16)[:count] >= threshold - _LEVELS // 2).view(values.shape)
        context.save_for_backward(kept)
        context.scale = _LEVELS / (_LEVELS - threshold)
        return (values * kept).mul_(context.scale)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (kept,) = context.saved_tensors
        return (gradients[0] * kept).mul_(context.scale), None


def dropout(values: Tensor, probability: float, training: bool) -> Tensor:
    """Zero elements with `probability` (to one part in 65,536) and scale up the others, in training only."""
    if not training or probability == 0.0:
        return values
    threshold = min(round(probability * _LEVELS), _LEVELS - 1)
    if values.device.type != "cpu" or threshold == 0:
        return functional.dropout(values, probability, training)
    dropped: Tensor = _CheapDropout.apply(values.contiguous(), threshold)  # type: ignore[no-untyped-call]
    return dropped


class Dropout(nn.Module):
    """`dropout` as a module.

    Parameters
    ----------
    probability
        Of zeroing an element, in training.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values: Tensor) -> Tensor:
        """Return `values` with some elements zeroed in training, unchanged otherwise."""
        return dropout(values, self.probability, self.training)

    def extra_repr(self) -> str:
        """Describe the module in print-outs."""
        return f"probability={self.probability}"
