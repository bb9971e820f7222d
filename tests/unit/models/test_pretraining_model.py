"""The pretraining model: three losses, gaps left aside, and a span mask that really reaches attention."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from mole_engine.contracts.config import ModelConfig
from mole_engine.contracts.pretrain_config import ObjectivesConfig
from mole_engine.data.pretraining_batches import IGNORED, PretrainingBatch
from mole_engine.models.pretraining import PretrainingModel, asked_states, padded_states

ATOMS, CLASSES = 6, 5


def objectives(**changes: float) -> ObjectivesConfig:
    return ObjectivesConfig.model_validate({"tasks": 0.5, "descriptors": 0.25, **changes})


def model(layers: int = 1, **changes: float) -> PretrainingModel:
    torch.manual_seed(0)
    config = ModelConfig(
        layers=layers, hidden_size=16, heads=2, vocabulary_size=20, initializer_range=0.4, pooling="cls+mean"
    )
    return PretrainingModel(
        config, objectives(**changes), environments=CLASSES, binary=[True, False], descriptors=3
    ).eval()


def chain(asked: int = 2) -> PretrainingBatch:
    """Two copies of CLS and a chain of atoms, of which number `asked` (from 1) is to be guessed."""
    places = torch.arange(ATOMS)
    distances = torch.zeros(2, ATOMS + 1, ATOMS + 1, dtype=torch.uint8)
    distances[:, 1:, 1:] = ((places[:, None] - places[None, :]).abs() + 1).to(torch.uint8)
    hidden = torch.zeros(2, ATOMS + 1, dtype=torch.bool)
    hidden[:, asked] = True
    return PretrainingBatch(
        tokens=torch.arange(2, ATOMS + 3).repeat(2, 1),
        distances=distances,
        mask=torch.ones(2, ATOMS + 1, dtype=torch.bool),
        asked=hidden,
        environments=torch.where(hidden, 3, IGNORED),
        targets=torch.tensor([[1.0, 0.5], [float("nan"), float("nan")]]),
        descriptors=torch.tensor([[0.1, float("nan"), -2.0], [0.0, 0.0, 1.0]]),
        index=torch.arange(2),
    )


def state_of(network: PretrainingModel, batch: PretrainingBatch, atom: int) -> torch.Tensor:
    with torch.no_grad():
        states = network.encoder(batch.tokens, batch.distances, batch.mask, network.span(batch))
    return states[0, atom]


@pytest.mark.parametrize("neighbour", [1, 2, 3, 4, 5, 6])
def test_a_masked_atom_does_not_see_what_it_is_asked_for(neighbour: int) -> None:
    network, batch = model(), chain(asked=2)
    before = state_of(network, batch, 2)
    batch.tokens[:, neighbour] = 15
    if neighbour == 2:
        return
    is_hidden = abs(neighbour - 2) <= 2
    assert torch.equal(before, state_of(network, batch, 2)) == is_hidden


def test_without_the_span_mask_it_would() -> None:
    network, batch = model(hidden_radius=-1), chain(asked=2)
    before = state_of(network, batch, 2)
    batch.tokens[:, 3] = 15
    assert network.span(batch) is None
    assert not torch.equal(before, state_of(network, batch, 2))


def test_neighbours_do_not_see_the_masked_atom_either() -> None:
    network, batch = model(), chain(asked=2)
    before = [state_of(network, batch, atom) for atom in (1, 3, 4, 5)]
    batch.tokens[:, 2] = 15
    after = [state_of(network, batch, atom) for atom in (1, 3, 4, 5)]
    assert [torch.equal(*pair) for pair in zip(before, after, strict=True)] == [True, True, True, False]


def test_each_loss_is_the_mean_over_what_is_known() -> None:
    network, batch = model(), chain()
    found = {name: (float(total.detach()), int(count)) for name, (total, count) in network.losses(batch).items()}
    assert {name: count for name, (_, count) in found.items()} == {
        "atoms": 2,
        "accuracy": 2,
        "tasks": 2,
        "descriptors": 5,
    }
    with torch.no_grad():
        hidden = network.encoder(batch.tokens, batch.distances, batch.mask, network.span(batch))
        logits = network.heads["atoms"](hidden[:, 2])
        expected = functional.cross_entropy(logits, torch.tensor([3, 3]), reduction="sum")
    assert found["atoms"][0] == pytest.approx(float(expected), rel=1e-5)


def test_the_total_is_the_weighted_sum() -> None:
    network, batch = model(), chain()
    with torch.no_grad():
        found = network.losses(batch)
        means = {name: float(total / count) for name, (total, count) in found.items()}
        expected = means["atoms"] + 0.5 * means["tasks"] + 0.25 * means["descriptors"]
        assert float(network.total(found)) == pytest.approx(expected, rel=1e-6)


def test_binary_tasks_are_judged_as_classes_and_numbers_as_numbers() -> None:
    network = model()
    terms = network._task_terms(torch.tensor([[2.0, 2.0]]), torch.tensor([[1.0, 1.0]]))
    expected = functional.binary_cross_entropy_with_logits(torch.tensor(2.0), torch.tensor(1.0))
    assert terms[0].tolist() == pytest.approx([float(expected), 1.0])


def test_a_batch_without_anything_known_gives_a_finite_loss() -> None:
    network, batch = model(), chain()
    batch.environments[:] = IGNORED
    batch.targets[:] = float("nan")
    batch.descriptors[:] = float("nan")
    loss = network.total(network.losses(batch))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert all(torch.isfinite(item.grad).all() for item in network.parameters() if item.grad is not None)


@pytest.mark.parametrize("only", ["atoms", "tasks", "descriptors"])
def test_an_objective_without_weight_is_left_out(only: str) -> None:
    weights = {name: float(name == only) for name in ("atoms", "tasks", "descriptors")}
    network = model(**weights)
    assert list(network.heads) == [only]
    assert set(network.losses(chain())) - {"accuracy"} == {only}
    assert (network.span(chain()) is not None) == (only == "atoms")


def test_at_least_one_objective_is_needed() -> None:
    with pytest.raises(ValueError, match="at least one"):
        objectives(atoms=0.0, tasks=0.0, descriptors=0.0)


def test_as_many_states_of_each_molecule_hold_the_same_as_those_asked_for() -> None:
    hidden, classes = torch.randn(2, 7, 4), torch.full((2, 7), IGNORED)
    classes[0, 3], classes[1, 2], classes[1, 6] = 1, 0, 4
    wanted, known = asked_states(hidden, classes, 0.15)
    states, padded = padded_states(hidden, classes, 0.15)
    assert states.shape == (4, 4)
    order = {int(number): row for row, number in zip(states, padded, strict=True) if number >= 0}
    assert sorted(order) == sorted(known.tolist()) == [0, 1, 4]
    for row, number in zip(wanted, known, strict=True):
        assert torch.equal(order[int(number)], row)


class NoDoubles(TorchDispatchMode):
    """A device that computes in at most 32 bits, as Apple's GPUs do."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.device.type != "cpu":
            assert result.dtype != torch.float64, f"{func} asks for 64 bits"
        return result


def test_validation_asks_a_gpu_for_no_64_bits() -> None:
    batch = chain()
    moved = PretrainingBatch(**{item.name: getattr(batch, item.name).to("meta") for item in fields(batch)})
    with NoDoubles(), torch.no_grad():
        model().to("meta").validation_step(moved, 0)
