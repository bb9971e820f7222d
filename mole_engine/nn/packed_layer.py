"""One layer of the encoder on packed tokens, forward and backward by hand, for CPUs.

Each block is one step for autograd: what it keeps is what the derivative reads, gradients that meet are added inside
the matrix products, and dropout multiplies with a mask that is drawn ready to use.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mole_engine.nn.dropout import scaled_mask
from mole_engine.nn.packed_attention import Mixed, mix, mix_gradient, mix_without_gradient, table_gradient, table_rows
from mole_engine.nn.packing import Packing

if TYPE_CHECKING:
    from mole_engine.nn.bert import BertAttention, BertLayer

_aten = torch.ops.aten

Derivative = Callable[[Tensor, Tensor], Tensor]
"""(gradient, value before the activation) -> gradient before the activation."""

DERIVATIVES: dict[type[nn.Module], Derivative] = {
    nn.GELU: _aten.gelu_backward,
    nn.ReLU: lambda gradient, before: _aten.threshold_backward(gradient, before, 0),
    nn.SiLU: _aten.silu_backward,
    nn.Tanh: lambda gradient, before: _aten.tanh_backward(gradient, before.tanh()),
}
"""The activations that the feed-forward block can be differentiated through."""


class _Settings(NamedTuple):
    scale: float
    heads: int
    attention_dropout: float
    hidden_dropout: float
    eps: float


class _AttentionBlock(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, hidden: Tensor, table: Tensor, packing: Packing, settings: _Settings, *weights: Tensor
    ) -> Tensor:
        weight, bias, out_weight, out_bias, gain, shift = weights
        both = 2 * hidden.shape[1]
        rows = table_rows(torch.addmm(bias[:both], table, weight[:both].t()), settings.heads, settings.scale)
        projected = torch.addmm(bias, hidden, weight.t())
        values, mixed = mix(projected, rows, packing, settings.scale, settings.attention_dropout)
        change = torch.addmm(out_bias, values, out_weight.t())
        states, kept, total, mean, rstd = _add_and_norm(hidden, change, gain, shift, settings)
        # The packing is the batch's own; all layers share it.
        context.settings, context.packing = settings, packing
        saved = (hidden, table, weight, out_weight, gain, shift, kept, total, mean, rstd, rows, values)
        context.save_for_backward(*saved, *itertools.chain(*mixed))
        return states

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        settings, packing, needed = context.settings, context.packing, context.needs_input_grad
        saved = context.saved_tensors
        hidden, table, weight, out_weight, gain, shift, kept, total, mean, rstd, rows, values = saved[:12]
        mixed = [Mixed(*saved[place : place + 3]) for place in range(12, len(saved), 3)]
        by_total, by_gain, by_shift = _norm_gradient(gradient, total, mean, rstd, gain, shift, needed[8:10])
        by_change = by_total if kept is None else by_total * kept
        by_out_weight, by_out_bias = _linear_gradients(by_change, values, needed[6:8])
        by_projected, by_rows = mix_gradient(by_change @ out_weight, mixed, rows, packing, settings.scale)
        by_table_projection = table_gradient(by_rows, settings.scale)
        both = by_table_projection.shape[1]
        by_weight, by_bias = _linear_gradients(by_projected, hidden, needed[4:6])
        if by_weight is not None:
            by_weight[:both].addmm_(by_table_projection.t(), table)
        if by_bias is not None:
            by_bias[:both] += by_table_projection.sum(0)
        by_table = by_table_projection @ weight[:both] if needed[1] else None
        by_hidden = torch.addmm(by_total, by_projected, weight) if needed[0] else None
        by_weights = (by_weight, by_bias, by_out_weight, by_out_bias, by_gain, by_shift)
        return by_hidden, by_table, None, None, *by_weights


class _FeedForwardBlock(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, hidden: Tensor, activation: nn.Module, settings: _Settings, *weights: Tensor) -> Tensor:
        weight, bias, out_weight, out_bias, gain, shift = weights
        before = torch.addmm(bias, hidden, weight.t())
        after = activation(before)
        change = torch.addmm(out_bias, after, out_weight.t())
        states, kept, total, mean, rstd = _add_and_norm(hidden, change, gain, shift, settings)
        context.derivative = DERIVATIVES[type(activation)]
        context.save_for_backward(hidden, weight, out_weight, gain, shift, before, after, kept, total, mean, rstd)
        return states

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        needed = context.needs_input_grad
        hidden, weight, out_weight, gain, shift, before, after, kept, total, mean, rstd = context.saved_tensors
        by_total, by_gain, by_shift = _norm_gradient(gradient, total, mean, rstd, gain, shift, needed[7:9])
        by_change = by_total if kept is None else by_total * kept
        by_out_weight, by_out_bias = _linear_gradients(by_change, after, needed[5:7])
        by_before = context.derivative(by_change @ out_weight, before)
        by_weight, by_bias = _linear_gradients(by_before, hidden, needed[3:5])
        by_hidden = torch.addmm(by_total, by_before, weight) if needed[0] else None
        return by_hidden, None, None, by_weight, by_bias, by_out_weight, by_out_bias, by_gain, by_shift


def packed_layer(layer: BertLayer, hidden: Tensor, table: Tensor, packing: Packing) -> Tensor:
    """Return the (T, H) states after a layer; what `layer` computes on padded states.

    Parameters
    ----------
    hidden
        (T, H) states of the real tokens.
    table
        (R, H) layer-normed relative positions.
    """
    attention, settings = layer.attention, _settings(layer)
    if not torch.is_grad_enabled():
        return _without_gradient(layer, hidden, table, packing, settings)
    states: Tensor = _AttentionBlock.apply(  # type: ignore[no-untyped-call]
        hidden,
        table,
        packing,
        settings._replace(eps=attention.norm.eps),
        *_weights(attention.mix.projection, attention.output, attention.norm),
    )
    weights = _weights(layer.expand, layer.contract, layer.norm)
    changed: Tensor = _FeedForwardBlock.apply(states, layer.activation, settings, *weights)  # type: ignore[no-untyped-call]
    return changed


def _weights(*parts: nn.Linear | nn.LayerNorm) -> tuple[Tensor, ...]:
    return tuple(values for part in parts for values in (part.weight, part.bias))


def _without_gradient(layer: BertLayer, hidden: Tensor, table: Tensor, packing: Packing, settings: _Settings) -> Tensor:
    attention = layer.attention
    weight, bias = attention.mix.projection.weight, attention.mix.projection.bias
    both = 2 * hidden.shape[1]
    rows = table_rows(torch.addmm(bias[:both], table, weight[:both].t()), settings.heads, settings.scale)
    projected = torch.addmm(bias, hidden, weight.t())
    if settings.attention_dropout:
        values = mix(projected, rows, packing, settings.scale, settings.attention_dropout)[0]
    else:
        values = mix_without_gradient(projected, rows, packing, settings.scale)
    hidden = attention.norm(attention.dropout(attention.output(values)).add_(hidden))
    change = layer.contract(layer.activation(layer.expand(hidden)))
    states: Tensor = layer.norm(layer.dropout(change).add_(hidden))
    return states


def _settings(layer: BertLayer) -> _Settings:
    attention: BertAttention = layer.attention
    return _Settings(
        scale=attention.mix.scale,
        heads=attention.mix.heads,
        attention_dropout=attention.mix.dropout if attention.mix.training else 0.0,
        hidden_dropout=layer.dropout.probability if layer.training else 0.0,
        eps=layer.norm.eps,
    )


def _add_and_norm(
    hidden: Tensor, change: Tensor, gain: Tensor, shift: Tensor, settings: _Settings
) -> tuple[Tensor, Tensor | None, Tensor, Tensor, Tensor]:
    """Return norm(hidden + dropout(change)), what dropout multiplied with, the sum, its mean and 1 / deviation."""
    kept = scaled_mask(change, settings.hidden_dropout) if settings.hidden_dropout else None
    total = change.add_(hidden) if kept is None else torch.addcmul(hidden, change, kept)
    states, mean, rstd = torch.native_layer_norm(total, [total.shape[1]], gain, shift, settings.eps)
    return states, kept, total, mean, rstd


def _norm_gradient(
    gradient: Tensor, total: Tensor, mean: Tensor, rstd: Tensor, gain: Tensor, shift: Tensor, needed: tuple[bool, bool]
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return the gradients of a layer norm's input, gain and shift."""
    found: tuple[Tensor, Tensor | None, Tensor | None] = _aten.native_layer_norm_backward(
        gradient.contiguous(), total, [total.shape[1]], mean, rstd, gain, shift, [True, *needed]
    )
    return found


def _linear_gradients(
    gradient: Tensor, inputs: Tensor, needed: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of weight and bias of a linear layer, as far as they are needed."""
    by_weight = gradient.t() @ inputs if needed[0] else None
    # As a product with ones: a sum over rows takes twice as long.
    by_bias = torch.mv(gradient.t(), gradient.new_ones(len(gradient))) if needed[1] else None
    return by_weight, by_bias
