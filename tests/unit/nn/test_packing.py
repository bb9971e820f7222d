"""Without padding, and for CLS alone, the layers compute and learn the same."""

from __future__ import annotations

import pytest
import torch

from mole_engine.nn import bert, packing
from mole_engine.nn.packed_layer import DERIVATIVES
from mole_engine.nn.packing import like_lengths, pack

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


def in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the molecules attended to in three groups: of 9, of 7, and of 5 and 2 tokens."""
    monkeypatch.setattr(packing, "SPLIT_PAIRS", 25)


@pytest.mark.parametrize("activation", list(bert.ACTIVATIONS))
@pytest.mark.parametrize("first_only", [True, False])
@pytest.mark.parametrize("groups", [1, 3])
def test_states_and_gradients_are_those_of_padded_batches(
    monkeypatch: pytest.MonkeyPatch, activation: bert.Activation, first_only: bool, groups: int
) -> None:
    layers = stack(activation)
    if groups > 1:
        in_groups(monkeypatch)
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


@pytest.mark.parametrize("groups", [1, 3])
def test_dropout_acts_the_same_forward_and_backward(monkeypatch: pytest.MonkeyPatch, groups: int) -> None:
    """With the random numbers held, the gradient is the slope of what was computed."""
    if groups > 1:
        in_groups(monkeypatch)
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


@pytest.mark.parametrize("groups", [1, 3])
def test_a_packing_leads_there_and_back(monkeypatch: pytest.MonkeyPatch, groups: int) -> None:
    if groups > 1:
        in_groups(monkeypatch)
    hidden, distances, mask = inputs()
    found = pack(mask, distances, torch.zeros(len(LENGTHS), 1, LENGTH), HEADS)
    states = found.packed(hidden)
    assert len(found.groups) == groups
    assert [len(group.molecules) for group in found.groups] == ([4] if groups == 1 else [1, 1, 2])
    assert torch.equal(states, hidden[mask])
    assert torch.equal(found.padded(states), hidden * mask.unsqueeze(-1))
    first = [group.padded(states)[:, 0] for group in found.groups]
    assert torch.equal(found.in_order(first), hidden[:, 0])
    for group in found.groups:
        width = group.positions.shape[1]
        assert torch.equal(group.positions, distances[group.molecules, :width, :width])
        assert group.rows == int(group.positions.max()) + 1


def test_molecules_of_like_lengths_stay_together_in_their_order() -> None:
    (only,) = like_lengths(torch.tensor([29, 31, 30, 28] * 8))
    assert only.tolist() == list(range(32))
    assert [part.tolist() for part in like_lengths(torch.tensor([7]))] == [[0]]


def test_a_long_molecule_stands_alone() -> None:
    lengths = torch.full((32,), 30)
    lengths[5] = 400
    longest, others = like_lengths(lengths)
    assert longest.tolist() == [5]
    assert sorted(others.tolist()) == [place for place in range(32) if place != 5]


def test_no_group_of_several_has_more_pairs_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MOST_PAIRS", 10_000)
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 150, (300,), generator=generator)
    parts = like_lengths(lengths)
    assert sorted(torch.cat(parts).tolist()) == list(range(300))
    assert all(len(part) == 1 or len(part) * int(lengths[part].max()) ** 2 <= 10_000 for part in parts)
