"""Products of matrices on a CPU, in 16 bits where autocast asks for them; sums, norms and everything else in 32.

Processors with instructions for bfloat16 multiply matrices several times as fast as in 32 bits, and do little else
faster: so only what goes into a product is narrowed, and what comes out is widened at once.
"""

from __future__ import annotations

import torch
from torch import Tensor


def product_type() -> torch.dtype | None:
    """Return what factors are narrowed to: autocast's type where it is on for the CPU, None where they stay."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None


def narrowed(factor: Tensor, kind: torch.dtype | None) -> Tensor:
    """Return what goes into a product, of any shape, as `kind`."""
    return factor if kind is None else factor.to(kind)


def product(first: Tensor, second: Tensor, kind: torch.dtype) -> Tensor:
    """Return first (n, i) x second (i, o), (n, o), as wide as `kind`; the factors are narrowed."""
    return torch.mm(first, second).to(kind)


def linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return inputs (n, i) x weight (o, i) + bias, (n, o), as wide as the bias; the factors are narrowed."""
    if inputs.dtype == bias.dtype:
        return torch.addmm(bias, inputs, weight.t())
    return product(inputs, weight.t(), bias.dtype).add_(bias)


def plus_product(total: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return total (n, o) + first (n, i) x second (i, o), as wide as the total; the factors are narrowed."""
    if first.dtype == total.dtype:
        return torch.addmm(total, first, second)
    return product(first, second, total.dtype).add_(total)
