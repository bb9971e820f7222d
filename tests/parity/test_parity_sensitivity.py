"""The parity tests can fail: each mistake that one could make in the attention moves the logits far beyond them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from mole_engine.nn import bert, packed_layer
from mole_engine.nn.bert import BertEmbeddings, BertEncoder
from mole_engine.nn.disentangled_attention import DisentangledSelfAttention

if TYPE_CHECKING:
    from tests.parity.conftest import Golden

TOLERANCE = 2e-5
FAR = 10 * TOLERANCE

Patch = pytest.MonkeyPatch


def error_of(golden: Golden, packed: bool) -> float:
    """Largest deviation of our logits from the original's, the smaller one of both attention kernels."""
    bert.PACKED = packed
    model = golden.model()
    expected = torch.from_numpy(golden.vectors["logits"])
    with_gradient = (model(*golden.inputs).detach() - expected).abs().max()
    with torch.no_grad():
        without = (model(*golden.inputs) - expected).abs().max()
    return float(torch.minimum(with_gradient, without))


def clamp_at_63(patch: Patch) -> None:
    patch.setattr(BertEncoder, "rows_of", lambda self, distances: distances.long().clamp(max=63))


def one_too_far(patch: Patch) -> None:
    patch.setattr(BertEncoder, "rows_of", lambda self, distances: (distances.long() + 1).clamp(max=127))


def no_positions(patch: Patch) -> None:
    patch.setattr(BertEncoder, "rows_of", lambda self, distances: torch.zeros_like(distances.long()))


def negative_key_positions(patch: Patch) -> None:
    original = DisentangledSelfAttention._position_scores

    def broken(self: Any, query: Tensor, key: Tensor, table: Tensor, positions: Tensor) -> Tensor:
        both = original(self, query, key, table, positions)
        query_only = original(self, query, torch.zeros_like(key), table, positions)
        return 2 * query_only - both

    patch.setattr(DisentangledSelfAttention, "_position_scores", broken)
    rows_as_they_are = packed_layer.table_rows

    def rows(projected: Tensor, heads: int, scale: float) -> Tensor:
        signs = torch.tensor([1.0, -1.0]).repeat_interleave(heads).view(-1, 1, 1)
        return rows_as_they_are(projected, heads, scale) * signs

    patch.setattr(packed_layer, "table_rows", rows)


def mirrored_positions(patch: Patch) -> None:
    patch.setattr(BertEncoder, "rows_of", lambda self, distances: (128 - distances.long()).clamp(0, 127))


def padding_visible(patch: Patch) -> None:
    original = bert.attention_bias
    patch.setattr(bert, "attention_bias", lambda mask, span, dtype: original(torch.ones_like(mask), span, dtype))


def scale_of_one_term(patch: Patch) -> None:
    original = DisentangledSelfAttention.__init__

    def broken(self: Any, *arguments: Any, **keywords: Any) -> None:
        original(self, *arguments, **keywords)
        self.scale = self.head_size**-0.5

    patch.setattr(DisentangledSelfAttention, "__init__", broken)


MISTAKES = [
    clamp_at_63,
    one_too_far,
    no_positions,
    negative_key_positions,
    mirrored_positions,
    padding_visible,
    scale_of_one_term,
]


@pytest.fixture(autouse=True)
def _packing_put_back(monkeypatch: Patch) -> None:
    monkeypatch.setattr(bert, "PACKED", bert.PACKED)


@pytest.mark.parametrize("packed", [True, False])
def test_without_a_mistake_the_logits_agree(sharp: Golden, packed: bool) -> None:
    assert error_of(sharp, packed) < TOLERANCE


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_shows(sharp: Golden, monkeypatch: Patch, mistake: Callable[[Patch], None], packed: bool) -> None:
    mistake(monkeypatch)
    assert error_of(sharp, packed) > FAR


def test_unmasked_padding_embeddings_show(sharp: Golden, monkeypatch: Patch) -> None:
    forward = BertEmbeddings.forward
    monkeypatch.setattr(BertEmbeddings, "forward", lambda self, tokens, mask: forward(self, tokens, mask | True))
    seen: list[Tensor] = []
    model = sharp.model()
    model.encoder.embeddings.register_forward_hook(lambda _m, _i, output: seen.append(output))
    model(*sharp.inputs)
    assert seen[0][~sharp.mask].abs().max() > FAR
