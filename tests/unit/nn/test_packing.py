"""Without padding, and for CLS alone, the layers compute and learn the same."""

from __future__ import annotations

import pytest
import torch

from mole_engine.nn import bert
from mole_engine.nn.packed_layer import DERIVATIVES
from mole_engine.nn.packing import pack

LENGTHS = (5, 9, 2, 7)
LENGTH, WIDTH, HEADS = 9, 16, 2


def stack(activation: bert.Activation = "gelu", dropout: float = 0.0) -> bert.BertEncoder:
    torch.manual_seed(3)
    layers = bert.BertEncoder(3, WIDTH, HEADS, 24, 6, activation, dropout, dropout)
    for parameter in layers.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layers.double().train()


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(4)
    mask = torch.arange(LENGTH) < torch.tensor(LENGTHS)[:, None]
    hidden = torch.randn(len(LENGTHS), LENGTH, WIDTH, dtype=torch.float64, requires_grad=True)
    # Not symmetric, so that the direction of each term shows; some lie beyond the end of the table.
    return hidden, torch.randint(0, 9, (len(LENGTHS), LENGTH, LENGTH)), mask


def learnt(layers: bert.BertEncoder, span: torch.Tensor | None, first_only: bool) -> dict[str, torch.Tensor]:
    """States of CLS and all gradients, by name."""
    hidden, distances, mask = inputs()
    states = layers(hidden, distances, mask, span, first_only)[:, 0]
    states.sin().sum().backward()
    found = {name: part.grad for name, part in layers.named_parameters() if part.grad is not None}
    layers.zero_grad()
    assert hidden.grad is not None
    return {**found, "states": states.detach(), "hidden": hidden.grad[mask]}


@pytest.mark.parametrize("activation", list(bert.ACTIVATIONS))
@pytest.mark.parametrize("first_only", [True, False])
def test_states_and_gradients_are_those_of_padded_batches(
    monkeypatch: pytest.MonkeyPatch, activation: bert.Activation, first_only: bool
) -> None:
    layers = stack(activation)
    span = None
    if activation == "gelu":
        span = torch.rand(len(LENGTHS), LENGTH, LENGTH) < 0.7
        span[:, :, 0] = True
    found = learnt(layers, span, first_only)
    monkeypatch.setattr(bert, "PACKED", False)
    expected = learnt(layers, span, first_only=False)
    assert set(found) == set(expected)
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, atol=1e-11, rtol=1e-9, msg=lambda text, name=name: name + text)


def test_every_activation_has_its_derivative() -> None:
    assert set(DERIVATIVES) == set(bert.ACTIVATIONS.values())


def test_dropout_acts_the_same_forward_and_backward() -> None:
    """With the random numbers held, the gradient is the slope of what was computed."""
    layers = stack(dropout=0.3)
    hidden, distances, mask = inputs()

    def total(states: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(5)
        return layers(states, distances, mask)[mask].sin().sum()

    value = total(hidden)
    (slope,) = torch.autograd.grad(value, hidden)
    step = torch.randn_like(hidden) * mask.unsqueeze(-1)
    with torch.no_grad():
        rise = (total(hidden + 1e-6 * step) - total(hidden - 1e-6 * step)) / 2e-6
    assert float(rise) == pytest.approx(float((slope * step).detach().sum()), rel=1e-6)
    layers.eval()
    assert total(hidden).detach() != pytest.approx(float(value.detach()))


def test_fixed_parts_get_no_gradient_and_the_others_the_same() -> None:
    layers = stack()
    everything = learnt(layers, None, first_only=True)
    layers.layers[1].attention.requires_grad_(False)
    layers.layers[0].expand.requires_grad_(False)
    layers.relative.requires_grad_(False)
    some = learnt(layers, None, first_only=True)
    assert 0 < len(some) < len(everything)
    for name, values in some.items():
        torch.testing.assert_close(values, everything[name], atol=1e-12, rtol=1e-9)


def test_a_packing_leads_there_and_back() -> None:
    hidden, distances, mask = inputs()
    packing = pack(mask, distances, torch.zeros(len(LENGTHS), 1, LENGTH), HEADS)
    states = packing.packed(hidden)
    assert torch.equal(states, hidden[mask])
    assert torch.equal(packing.padded(states), hidden * mask.unsqueeze(-1))
