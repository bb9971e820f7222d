"""Under autocast a CPU multiplies in 16 bits; what is added, normed and learnt stays as it was, but for rounding."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import pytest
import torch

from mole_engine.nn import bert, products

LENGTHS, WIDTH, HEADS = (12, 7, 9), 64, 2


def narrow() -> AbstractContextManager[object]:
    return torch.autocast("cpu", dtype=torch.bfloat16)


def stack() -> bert.BertEncoder:
    torch.manual_seed(3)
    layers = bert.BertEncoder(3, WIDTH, HEADS, 4 * WIDTH, 16)
    for parameter in layers.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=WIDTH**-0.5)
    return layers.train()


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(4)
    length = max(LENGTHS)
    mask = torch.arange(length) < torch.tensor(LENGTHS)[:, None]
    hidden = torch.randn(len(LENGTHS), length, WIDTH, requires_grad=True)
    return hidden, torch.randint(0, 12, (len(LENGTHS), length, length)), mask


def learnt(layers: bert.BertEncoder, around: AbstractContextManager[object]) -> dict[str, torch.Tensor]:
    """States of real tokens and all gradients, by name."""
    hidden, distances, mask = inputs()
    with around:
        states = layers(hidden, distances, mask)
    assert states.dtype == torch.float32
    states[mask].sin().sum().backward()
    found = {name: part.grad for name, part in layers.named_parameters() if part.grad is not None}
    layers.zero_grad()
    assert hidden.grad is not None
    return {**found, "states": states[mask].detach(), "hidden": hidden.grad[mask]}


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def test_states_and_gradients_are_those_of_32_bits_but_for_rounding() -> None:
    layers = stack()
    expected, found = learnt(layers, nullcontext()), learnt(layers, narrow())
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert found[name].dtype == torch.float32
        assert apart(found[name], values) < 0.03, name
    # They really were multiplied in fewer bits.
    assert apart(found["states"], expected["states"]) > 1e-4


def test_every_product_of_a_layer_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward: table, projection, output and two of the feed-forward block; backward: two for each of them."""
    seen: list[tuple[torch.dtype, torch.dtype]] = []
    whole = torch.mm

    def mm(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        seen.append((first.dtype, second.dtype))
        return whole(first, second)

    monkeypatch.setattr(products.torch, "mm", mm)
    learnt(stack(), narrow())
    assert len(seen) == 3 * 5 * 3
    assert set(seen) == {(torch.bfloat16, torch.bfloat16)}


def test_predicting_is_narrowed_alike() -> None:
    layers = stack().eval()
    expected = learnt(layers, narrow())["states"]
    hidden, distances, mask = inputs()
    with torch.no_grad(), narrow():
        states = layers(hidden, distances, mask)[mask]
        first = layers(hidden, distances, mask, first_only=True)
    torch.testing.assert_close(states, expected, atol=0.02, rtol=0.02)
    assert first.shape == (len(LENGTHS), 1, WIDTH)


def test_a_way_back_within_autocast_is_the_same() -> None:
    layers = stack()
    expected = learnt(layers, narrow())
    with narrow():
        found = learnt(layers, nullcontext())
    assert all(torch.equal(found[name], values) for name, values in expected.items())


def test_worked_out_twice_it_is_narrow_both_times(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = stack()
    expected = learnt(layers, narrow())
    monkeypatch.setattr(bert, "RECOMPUTE_BYTES", 0)
    found = learnt(layers, narrow())
    assert all(torch.equal(found[name], values) for name, values in expected.items())
