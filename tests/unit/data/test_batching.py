"""Batches: right content, like lengths, nobody left out, nobody twice, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.data.batching import BatchSource, Labels, LengthBatchSampler, collate
from mole_engine.data.features import featurise


def sampler(count, batch_size, lengths=None, **more):
    lengths = np.ones(count, np.int64) if lengths is None else lengths
    return LengthBatchSampler(np.arange(count), lengths, batch_size, **more)


@pytest.fixture(scope="module")
def features():
    return featurise(["CCO", "c1ccccc1", "?", "C"], Vocabulary.load())


def test_collate_pads_and_masks(features):
    targets = np.array([[1.0, np.nan], [2.0, 3.0], [0, 0], [np.nan, np.nan]])
    batch = collate(features, [3, 1], Labels(targets, np.array([1.0, 2.0, 3.0, 4.0])), pad_id=0)
    assert batch.tokens.shape == (2, 7)
    assert batch.tokens.dtype == torch.int64
    assert batch.mask.tolist() == [[True, True] + [False] * 5, [True] * 7]
    assert batch.tokens[0, 2:].eq(0).all()
    assert batch.tokens[1].tolist() == features.item(1)[0].tolist()
    assert batch.distances.dtype == torch.uint8
    assert batch.distances[0, 2:].eq(0).all()
    assert batch.distances[0, :, 2:].eq(0).all()
    assert np.array_equal(batch.distances[1].numpy(), features.item(1)[1])
    assert batch.targets.tolist() == [[0.0, 0.0], [2.0, 3.0]]
    assert batch.target_mask.tolist() == [[False, False], [True, True]]
    assert batch.weights.tolist() == [4.0, 2.0]
    assert batch.index.tolist() == [3, 1]
    assert batch.descriptors is None


def test_descriptors_travel_with_their_molecules(features):
    table = np.array([[0.0], [1.0], [2.0], [np.nan]])
    batch = BatchSource(features, Labels(np.zeros((4, 1)), descriptors=table))[[1, 0]]
    assert batch.descriptors.tolist() == [[1.0], [0.0]]


def test_a_molecule_without_features_cannot_be_batched(features):
    with pytest.raises(ValueError, match="features"):
        collate(features, [0, 2], Labels.none(4))


def test_moving_a_batch_keeps_everything(features):
    batch = collate(features, [0, 1], Labels.none(4, 2))
    moved = batch.to("cpu")
    assert len(moved) == 2
    assert moved.descriptors is None
    assert torch.equal(moved.distances, batch.distances)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 300),
    batch_size=st.integers(1, 64),
    accumulate=st.integers(1, 4),
    shuffle=st.booleans(),
    epoch=st.integers(0, 3),
)
def test_every_molecule_comes_exactly_once_and_batches_are_of_a_size(count, batch_size, accumulate, shuffle, epoch):
    lengths = np.random.default_rng(count).integers(2, 80, count)
    made = sampler(count, batch_size, lengths, accumulate=accumulate, shuffle=shuffle)
    made.set_epoch(epoch)
    batches = list(made)
    assert sorted(np.concatenate(batches).tolist()) == list(range(count))
    assert len(batches) == len(made)
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert len(made) % accumulate == 0 or len(made) == count


def test_one_molecule_over_makes_no_tiny_last_batch():
    assert sorted(len(batch) for batch in sampler(33, 32)) == [16, 17]


def test_seed_and_epoch_decide_the_order():
    lengths = np.random.default_rng(0).integers(2, 80, 200)

    def order(seed, epoch):
        made = sampler(200, 8, lengths, seed=seed)
        made.set_epoch(epoch)
        return [batch.tolist() for batch in made]

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


def test_little_is_spent_on_padding_and_company_changes():
    lengths = np.random.default_rng(0).gamma(4, 8, 2000).astype(np.int64) + 3
    made = sampler(2000, 32, lengths)
    partners = set()
    for epoch in range(1, 6):
        made.set_epoch(epoch)
        padded = sum(len(batch) * lengths[batch].max() for batch in made)
        assert padded / lengths.sum() < 1.25
        partners |= {other for batch in made if 7 in batch for other in batch.tolist()}
    assert len(partners) > 80


def test_the_order_of_batches_says_nothing_about_length():
    """No drift from short to long within an epoch."""
    lengths = np.random.default_rng(0).integers(5, 100, 4000)
    made = sampler(4000, 32, lengths)
    slopes = []
    for epoch in range(1, 9):
        made.set_epoch(epoch)
        means = np.array([lengths[batch].mean() for batch in made])
        slopes.append(np.corrcoef(means, np.arange(len(means)))[0, 1])
    assert abs(np.mean(slopes)) < 0.15


def test_the_first_batch_of_all_is_the_most_demanding():
    lengths = np.full(100, 10)
    lengths[57] = 200
    made = sampler(100, 8, lengths)
    assert 57 in next(iter(made))


def test_processes_share_every_batch():
    lengths = np.random.default_rng(0).integers(2, 80, 101)
    whole = list(sampler(101, 16, lengths, seed=3))
    shares = [list(sampler(101, 16, lengths, seed=3, rank=rank, world_size=4)) for rank in range(4)]
    assert {len(share) for share in shares} == {len(whole)}
    for place, batch in enumerate(whole):
        together = np.concatenate([share[place] for share in shares])
        assert sorted(together.tolist()) == sorted(batch.tolist())
        assert max(len(share[place]) for share in shares) - min(len(share[place]) for share in shares) <= 1


def test_fewer_molecules_than_processes_still_give_each_process_a_batch():
    shares = [list(sampler(2, 16, shuffle=False, rank=rank, world_size=4)) for rank in range(4)]
    assert [len(share) for share in shares] == [1, 1, 1, 1]
    assert {int(index) for share in shares for index in share[0]} == {0, 1}


def test_nothing_gives_no_batch():
    assert list(sampler(0, 8)) == []
    assert len(sampler(0, 8)) == 0
