"""Dropout that costs little on a CPU.

PyTorch draws one random number per element and keeps it as a float for the backward pass. Here one 64-bit number
serves four elements, and the mask is drawn ready to multiply with. On a GPU, and where layers are compiled (which this
function could not be), PyTorch's own fused dropout is used.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 1 << 16


class _CheapDropout(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, probability: float) -> Tensor:
        kept = scaled_mask(values, probability)
        context.save_for_backward(kept)
        return values * kept

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (kept,) = context.saved_tensors
        return gradients[0] * kept, None


def scaled_mask(values: Tensor, probability: float) -> Tensor:
    """Return what dropout multiplies `values` (on the CPU) with: 0, or what the kept ones are scaled up by.

    Drawn as `dropout` draws: 16 random bits an element.
    """
    threshold = min(round(probability * _LEVELS), _LEVELS - 1)
    count = values.numel()
    bits = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    # Compared straight into the kind of number that is multiplied: a product with a bool takes several times as long.
    kept = torch.ge(
        bits.view(torch.int16)[:count].view(values.shape), threshold - _LEVELS // 2, out=torch.empty_like(values)
    )
    return kept.mul_(_LEVELS / (_LEVELS - threshold))


def dropout(values: Tensor, probability: float, training: bool) -> Tensor:
    """Zero elements with `probability` (to one part in 65,536) and scale up the others, in training only."""
    if not training or probability == 0.0:
        return values
    if values.device.type != "cpu" or torch.compiler.is_compiling() or round(probability * _LEVELS) == 0:
        return functional.dropout(values, probability, training)
    dropped: Tensor = _CheapDropout.apply(values.contiguous(), probability)  # type: ignore[no-untyped-call]
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
