"""Masks: padding, attention span, and the bias they become."""

from __future__ import annotations

import torch

from mole_engine.nn.masks import attention_bias, attention_span_mask, padding_mask


def chain(atoms: int) -> torch.Tensor:
    """Relative positions of CLS and a chain of atoms, (1, atoms + 1, atoms + 1)."""
    places = torch.arange(atoms)
    positions = torch.zeros(1, atoms + 1, atoms + 1, dtype=torch.uint8)
    positions[0, 1:, 1:] = (places[:, None] - places[None, :]).abs() + 1
    return positions


def test_padding_mask() -> None:
    assert padding_mask(torch.tensor([[5, 1, 0], [5, 0, 0]])).tolist() == [[True, True, False], [True, False, False]]


def test_a_masked_atom_sees_nothing_within_the_radius_and_everything_beyond() -> None:
    masked = torch.tensor([[False, False, True, False, False, False]])
    span = attention_span_mask(chain(5), masked, radius=2)[0]
    assert span[2].tolist() == [True, False, False, False, False, True]


def test_the_cut_holds_in_both_directions() -> None:
    masked = torch.tensor([[False, True, False, False, True, False]])
    span = attention_span_mask(chain(5), masked, radius=1)
    assert torch.equal(span, span.transpose(1, 2))


def test_atoms_far_from_any_masked_atom_keep_their_neighbours() -> None:
    masked = torch.tensor([[False, True, False, False, False, False]])
    span = attention_span_mask(chain(5), masked, radius=2)[0]
    assert span[4, 3:].all()


def test_cls_and_other_fragments_stay_visible() -> None:
    span = attention_span_mask(
        torch.tensor([[[0, 0, 0], [0, 1, 0], [0, 0, 1]]]), torch.tensor([[False, True, False]]), 2
    )
    assert span[0].tolist() == [[True, True, True], [True, False, True], [True, True, True]]


def test_bias_hides_padding_and_cut_pairs() -> None:
    mask = torch.tensor([[True, True, False]])
    assert attention_bias(mask, None, torch.float32).tolist() == [[[0.0, 0.0, float("-inf")]]]
    span = torch.tensor([[[True, True, True], [True, False, True], [True, True, True]]])
    bias = attention_bias(mask, span, torch.float32)[0]
    assert torch.isinf(bias).tolist() == [[False, False, True], [False, True, True], [False, False, True]]
