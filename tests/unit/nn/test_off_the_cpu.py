"""What only GPUs and compiled layers do, tried on a CPU: the same states and gradients."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.utils import counters
from tqdm import tqdm

from mole_engine.chem.distances import relative_positions
from mole_engine.chem.molecules import parse_smiles
from mole_engine.nn import bert

WIDTH, HEADS, TABLE = 16, 2, 40

compiles = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
"""Dynamo looks at the gradients of all that comes into a graph."""


@pytest.fixture(autouse=True)
def padded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bert, "PACKED", False)
    # The compiler's progress bars are watched by a thread that would stay.
    monkeypatch.setattr(tqdm, "monitor_interval", 0)


def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bert, "_is_cheap_to_ask", lambda positions: False)


def stack(dtype: torch.dtype = torch.float64, dropout: float = 0.0) -> bert.BertEncoder:
    torch.manual_seed(3)
    layers = bert.BertEncoder(3, WIDTH, HEADS, 24, TABLE, hidden_dropout=dropout, attention_dropout=dropout)
    for parameter in layers.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return layers.to(dtype).train()


def inputs(batch: int, length: int, beyond: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """States, distances up to the largest that so many tokens can have, and the mask."""
    generator = torch.Generator().manual_seed(length)
    hidden = torch.randn(batch, length, WIDTH, generator=generator, dtype=torch.float64)
    distances = torch.randint(0, length + beyond, (batch, length, length), generator=generator, dtype=torch.uint8)
    distances[0, 1, 2] = length - 1 + beyond
    mask = torch.arange(length) < torch.randint(2, length + 1, (batch, 1), generator=generator)
    mask[0] = True
    return hidden, distances, mask


def learnt(layers: bert.BertEncoder, batch: int, length: int, beyond: int = 0) -> dict[str, torch.Tensor]:
    """States of CLS and all gradients, by name."""
    hidden, distances, mask = inputs(batch, length, beyond)
    hidden = hidden.to(layers.relative.weight.dtype).requires_grad_()
    states = layers(hidden, distances, mask, first_only=True)
    states.float().sin().sum().backward()
    found = {name: part.grad for name, part in layers.named_parameters() if part.grad is not None}
    layers.zero_grad()
    assert hidden.grad is not None
    return {**found, "states": states.detach(), "hidden": hidden.grad}


@pytest.mark.parametrize("length", [3, 16, 17, 39])
def test_without_asking_for_the_largest_position_the_rows_suffice(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    layers = stack()
    expected = learnt(layers, 2, length)
    as_on_a_gpu(monkeypatch)
    asked: list[int | None] = []
    whole = bert.BertEncoder.relative_table

    def table(self: bert.BertEncoder, rows: int | None = None) -> torch.Tensor:
        asked.append(rows)
        return whole(self, rows)

    monkeypatch.setattr(bert.BertEncoder, "relative_table", table)
    found = learnt(layers, 2, length)
    assert asked == [min(TABLE, {3: 8, 16: 16, 17: 24, 39: 40}[length])]
    assert set(found) == set(expected)
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, atol=1e-11, rtol=1e-9)


@pytest.mark.parametrize("smiles", ["C", "CCCCCCC", "C" * 31, "CCCC.CCCCO", "c1ccccc1"])
def test_the_rows_hold_the_positions_of_every_molecule(smiles: str) -> None:
    positions = relative_positions(parse_smiles(smiles))
    assert positions.max() < len(positions) <= bert.rows_at_most(len(positions)) < len(positions) + 8


def test_foreign_distances_stay_within_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    as_on_a_gpu(monkeypatch)
    positions, table = stack()._places_in_table(inputs(2, 9, beyond=100)[1])
    assert int(positions.max()) == len(table) - 1 == 15


def test_under_autocast_the_bias_is_as_narrow_as_the_scores_and_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers = stack(torch.float32)
    types: list[torch.dtype] = []
    whole = bert.attention_bias

    def bias(mask: torch.Tensor, span: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor:
        types.append(dtype)
        return whole(mask, span, dtype)

    monkeypatch.setattr(bert, "attention_bias", bias)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = learnt(layers, 3, 11)
        monkeypatch.setattr(bert, "_dtype_of_scores", lambda hidden: hidden.dtype)
        expected = learnt(layers, 3, 11)
    assert types == [torch.bfloat16, torch.float32]
    assert all(torch.equal(values, expected[name]) for name, values in found.items())


@compiles
def test_one_compilation_serves_all_layers_and_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    """One graph for the layers, one for the last, which reads CLS alone."""
    as_on_a_gpu(monkeypatch)
    layers, shapes = stack(), ((5, 17), (6, 23), (5, 38))
    expected = [learnt(layers, *shape) for shape in shapes]
    torch._dynamo.reset()
    monkeypatch.setitem(counters["stats"], "unique_graphs", 0)
    for layer in layers.layers:
        layer.compile(backend="aot_eager", dynamic=True, fullgraph=True)
    for shape, values in zip(shapes, expected, strict=True):
        for name, found in learnt(layers, *shape).items():
            torch.testing.assert_close(found, values[name], atol=1e-11, rtol=1e-9)
    assert counters["stats"]["unique_graphs"] == 2
    torch._dynamo.reset()


@compiles
def test_compiled_layers_drop_out() -> None:
    layers = stack(dropout=0.3)
    for layer in layers.layers:
        layer.compile(backend="aot_eager", dynamic=True, fullgraph=True)
    hidden, distances, mask = inputs(3, 9)
    assert not torch.equal(layers(hidden, distances, mask), layers(hidden, distances, mask))
    layers.eval()
    assert torch.equal(layers(hidden, distances, mask), layers(hidden, distances, mask))
    torch._dynamo.reset()
