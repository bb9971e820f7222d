"""The data module: right parts in the right loaders."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import ColumnRoles, Split
from mole_engine.contracts.errors import InputError
from mole_engine.data.data_modules import MolDataModule

SMILES = ["C" * (place + 1) for place in range(12)]


def module(train=range(8), validation=(8, 9), test=(10, 11), smiles=SMILES, weights=None, **settings):
    dataset = SimpleNamespace(
        roles=ColumnRoles(smiles="smiles"),
        smiles=smiles,
        targets=np.arange(float(len(smiles)))[:, None],
        weights=np.ones(len(smiles)) if weights is None else weights,
    )
    split = Split(tuple(train), tuple(validation), tuple(test), method="given")
    config = TrainConfig.from_dict({"training": {"batch_size": 4, **settings}})
    made = MolDataModule(dataset, split, Vocabulary.load(), config)
    made.setup()
    return made


def members(loader) -> list[int]:
    return [index for batch in loader for index in batch.index.tolist()]


def test_each_loader_has_its_part_and_only_that():
    data = module()
    assert sorted(members(data.train_dataloader())) == list(range(8))
    assert sorted(members(data.val_dataloader())) == [8, 9]
    assert sorted(members(data.test_dataloader())) == [10, 11]
    assert sorted(members(data.predict_dataloader())) == list(range(12))


def test_without_a_validation_part_there_is_no_validation_loader():
    """The original validated on the training molecules in that case."""
    data = module(validation=(), test=())
    assert data.val_dataloader() == []
    assert data.test_dataloader() == []


def test_labels_stay_with_their_molecules():
    for batch in module().train_dataloader():
        assert batch.targets[:, 0].tolist() == batch.index.tolist()
        assert (batch.mask.sum(1) - 2).tolist() == batch.index.tolist()


def test_an_unreadable_molecule_is_in_no_loader():
    data = module(smiles=[*SMILES[:3], "?", *SMILES[4:]])
    assert 3 not in members(data.train_dataloader())
    assert 3 not in members(data.predict_dataloader())


def test_nothing_to_train_on_is_said():
    with pytest.raises(InputError, match="nothing to train on"):
        module(train=(), validation=range(12), test=())


def test_weights_are_relative_to_the_training_part():
    weights = np.full(12, 50.0)
    weights[0] = 250.0
    weights[11] = 1e9
    data = module(weights=weights)
    assert data.labels.weights[data.positions("train")].mean() == pytest.approx(1.0)
    assert data.labels.weights[0] == pytest.approx(5 * data.labels.weights[1])


def test_halving_doubles_the_accumulation_until_one_is_left():
    data = module(batch_size=5, accumulate_batches=3)
    assert data.halve_batches()
    assert (data.batch_size, data.accumulate) == (3, 6)
    assert data.halve_batches()
    assert data.halve_batches()
    assert data.batch_size == 1
    assert not data.halve_batches()


def test_steps_of_an_epoch():
    assert module().steps_per_epoch() == 2
    assert module(batch_size=3).steps_per_epoch() == 3
    assert module(batch_size=2, accumulate_batches=2).steps_per_epoch() == 2


def test_epochs_differ_and_evaluation_is_always_the_same():
    data = module(train=range(12), validation=(), test=(), batch_size=3)
    loader = data.train_dataloader()
    loader.sampler.set_epoch(1)
    first = members(loader)
    loader.sampler.set_epoch(2)
    assert members(loader) != first
    assert members(data.predict_dataloader()) == members(data.predict_dataloader())


def test_asking_before_setup_is_a_fault_of_the_caller():
    data = module()
    fresh = MolDataModule(data.dataset, data.split, data.vocabulary, data.config)
    with pytest.raises(RuntimeError, match="setup"):
        fresh.train_dataloader()
