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
from mole_engine.nn.products import linear, narrowed, plus_product, product, product_type

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
    kind: torch.dtype | None


class _AttentionBlock(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, hidden: Tensor, table: Tensor, packing: Packing, settings: _Settings, *weights: Tensor
    ) -> Tensor:
        weight, bias, out_weight, out_bias, gain, shift = weights
        # What the way back multiplies as well is kept as narrow as it is multiplied.
        inputs, weight, out_weight = (narrowed(factor, settings.kind) for factor in (hidden, weight, out_weight))
        table = narrowed(table, settings.kind)
        both = 2 * hidden.shape[1]
        rows = table_rows(linear(table, weight[:both], bias[:both]), settings.heads, settings.scale)
        values, mixed = mix(linear(inputs, weight, bias), rows, packing, settings.scale, settings.attention_dropout)
        values = narrowed(values, settings.kind)
        change = linear(values, out_weight, out_bias)
        states, kept, total, mean, rstd = _add_and_norm(hidden, change, gain, shift, settings)
        # The packing is the batch's own; all layers share it.
        context.settings, context.packing = settings, packing
        saved = (inputs, table, weight, out_weight, gain, shift, kept, total, mean, rstd, rows, values)
        context.save_for_backward(*saved, *itertools.chain(*mixed))
        return states

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        with _plain():
            return _attention_gradients(context, gradient)


class _FeedForwardBlock(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, hidden: Tensor, activation: nn.Module, settings: _Settings, *weights: Tensor) -> Tensor:
        weight, bias, out_weight, out_bias, gain, shift = weights
        inputs, weight, out_weight = (narrowed(factor, settings.kind) for factor in (hidden, weight, out_weight))
        before = linear(inputs, weight, bias)
        after = narrowed(activation(before), settings.kind)
        change = linear(after, out_weight, out_bias)
        states, kept, total, mean, rstd = _add_and_norm(hidden, change, gain, shift, settings)
        context.derivative, context.kind = DERIVATIVES[type(activation)], settings.kind
        context.save_for_backward(inputs, weight, out_weight, gain, shift, before, after, kept, total, mean, rstd)
        return states

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        with _plain():
            return _feed_forward_gradients(context, gradient)


def _attention_gradients(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    settings, packing, needed = context.settings, context.packing, context.needs_input_grad
    saved = context.saved_tensors
    inputs, table, weight, out_weight, gain, shift, kept, total, mean, rstd, rows, values = saved[:12]
    mixed = [Mixed(*saved[place : place + 3]) for place in range(12, len(saved), 3)]
    by_total, by_gain, by_shift = _norm_gradient(gradient, total, mean, rstd, gain, shift, needed[8:10])
    by_change = by_total if kept is None else by_total * kept
    narrow = narrowed(by_change, settings.kind)
    by_out_weight, by_out_bias = _linear_gradients(by_change, narrow, values, needed[6:8])
    by_values = product(narrow, out_weight, gradient.dtype)
    by_projected, by_rows = mix_gradient(by_values, mixed, rows, packing, settings.scale)
    by_table_projection = table_gradient(by_rows, settings.scale)
    both = by_table_projection.shape[1]
    narrow = narrowed(by_projected, settings.kind)
    by_weight, by_bias = _linear_gradients(by_projected, narrow, inputs, needed[4:6])
    narrow_table = narrowed(by_table_projection, settings.kind)
    if by_weight is not None:
        by_weight[:both] += product(narrow_table.t(), table, gradient.dtype)
    if by_bias is not None:
        by_bias[:both] += by_table_projection.sum(0)
    by_table = product(narrow_table, weight[:both], gradient.dtype) if needed[1] else None
    by_hidden = plus_product(by_total, narrow, weight) if needed[0] else None
    by_weights = (by_weight, by_bias, by_out_weight, by_out_bias, by_gain, by_shift)
    return by_hidden, by_table, None, None, *by_weights


def _feed_forward_gradients(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    needed = context.needs_input_grad
    inputs, weight, out_weight, gain, shift, before, after, kept, total, mean, rstd = context.saved_tensors
    by_total, by_gain, by_shift = _norm_gradient(gradient, total, mean, rstd, gain, shift, needed[7:9])
    by_change = by_total if kept is None else by_total * kept
    narrow = narrowed(by_change, context.kind)
    by_out_weight, by_out_bias = _linear_gradients(by_change, narrow, after, needed[5:7])
    by_before = context.derivative(product(narrow, out_weight, gradient.dtype), before)
    narrow = narrowed(by_before, context.kind)
    by_weight, by_bias = _linear_gradients(by_before, narrow, inputs, needed[3:5])
    by_hidden = plus_product(by_total, narrow, weight) if needed[0] else None
    return by_hidden, None, None, by_weight, by_bias, by_out_weight, by_out_bias, by_gain, by_shift


def _plain() -> torch.autocast:
    """Return the context of what narrows its factors by itself."""
    return torch.autocast("cpu", enabled=False)


def packed_layer(layer: BertLayer, hidden: Tensor, table: Tensor, packing: Packing) -> Tensor:
    """Return the (T, H) states after a layer; what `layer` computes on padded states.

    Parameters
    ----------
    hidden
        (T, H) states of the real tokens.
    table
        (R, H) layer-normed relative positions.
    """
    settings = _settings(layer)
    with _plain():
        if torch.is_grad_enabled():
            return _with_gradient(layer, hidden, table, packing, settings)
        return _without_gradient(layer, hidden, table, packing, settings)


def _with_gradient(layer: BertLayer, hidden: Tensor, table: Tensor, packing: Packing, settings: _Settings) -> Tensor:
    attention = layer.attention
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
    attention, kind = layer.attention, settings.kind
    weight, bias = narrowed(attention.mix.projection.weight, kind), attention.mix.projection.bias
    both = 2 * hidden.shape[1]
    rows = table_rows(linear(narrowed(table, kind), weight[:both], bias[:both]), settings.heads, settings.scale)
    projected = linear(narrowed(hidden, kind), weight, bias)
    if settings.attention_dropout:
        values = mix(projected, rows, packing, settings.scale, settings.attention_dropout)[0]
    else:
        values = mix_without_gradient(projected, rows, packing, settings.scale)
    hidden = attention.norm(attention.dropout(_through(attention.output, values, kind)).add_(hidden))
    change = _through(layer.contract, layer.activation(_through(layer.expand, hidden, kind)), kind)
    states: Tensor = layer.norm(layer.dropout(change).add_(hidden))
    return states


def _through(layer: nn.Linear, inputs: Tensor, kind: torch.dtype | None) -> Tensor:
    return linear(narrowed(inputs, kind), narrowed(layer.weight, kind), layer.bias)


def _settings(layer: BertLayer) -> _Settings:
    attention: BertAttention = layer.attention
    return _Settings(
        scale=attention.mix.scale,
        heads=attention.mix.heads,
        attention_dropout=attention.mix.dropout if attention.mix.training else 0.0,
        hidden_dropout=layer.dropout.probability if layer.training else 0.0,
        eps=layer.norm.eps,
        kind=product_type(),
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
    gradient: Tensor, narrow: Tensor, inputs: Tensor, needed: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of weight and bias of a linear layer, as far as they are needed.

    `narrow` is the gradient as it goes into a product, like `inputs`.
    """
    by_weight = product(narrow.t(), inputs, gradient.dtype) if needed[0] else None
    # As a product with ones: a sum over rows takes twice as long.
    by_bias = torch.mv(gradient.t(), gradient.new_ones(len(gradient))) if needed[1] else None
    return by_weight, by_bias
