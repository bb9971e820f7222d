"""Folds: what is alike is left out together, as far as a fold can hold it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.training.folds import Fold, make_folds
from mole_engine.training.setup import prepare_model
from tests.unit.training.conftest import make_dataset, split_of, tiny_config


def folds_of(smiles: list[str], method: str = "scaffold", active: list[int] | None = None) -> list[Fold]:
    """Return five folds of molecules that are numbers, or some of which are active."""
    config = tiny_config().updated({"ensemble": {"kind": "folds", "members": 5}})
    if active is None:
        dataset = make_dataset(np.arange(len(smiles), dtype=float), smiles=smiles)
    else:
        tasks = [TaskSpec("y", TaskKind.CLASSIFICATION, ("0", "1"))]
        dataset = make_dataset(np.isin(np.arange(len(smiles)), active).astype(float), tasks, smiles)
    split = replace(split_of(len(smiles) - 10, 10), method=method)
    return make_folds(config, prepare_model(config, dataset, split, Vocabulary.load()).data)


def rings(core: str, count: int) -> list[str]:
    return [core + "C" * length for length in range(1, count + 1)]


def holders(folds: list[Fold], positions: range) -> list[int]:
    """Return the folds that leave out any of these molecules."""
    return [fold.number for fold in folds if np.isin(fold.held, positions).any()]


def test_every_molecule_is_left_out_once_and_learnt_from_otherwise():
    folds = folds_of(rings("c1ccccc1", 9) + rings("C1CCCCC1", 9) + rings("c1ccncc1", 9) + rings("C", 23))
    assert sorted(np.concatenate([fold.held for fold in folds])) == list(range(50))
    for fold in folds:
        assert sorted([*fold.train, *fold.held]) == list(range(50))


def test_molecules_of_one_scaffold_are_left_out_together():
    """A sixth of the set each: they fit into a fifth of it."""
    smiles = rings("c1ccccc1", 9) + rings("C1CCCCC1", 9) + rings("c1ccncc1", 9) + rings("C", 23)
    folds = folds_of(smiles)
    assert [len(holders(folds, range(start, start + 9))) for start in (0, 9, 18)] == [1, 1, 1]
    assert max(len(fold.held) for fold in folds) <= 11


def test_a_scaffold_too_large_for_a_fold_is_divided_and_the_others_are_not():
    folds = folds_of(rings("c1ccccc1", 30) + rings("C1CCCCC1", 10) + rings("c1ccncc1", 10))
    assert len(holders(folds, range(30))) >= 3
    assert [len(holders(folds, range(start, start + 10))) for start in (30, 40)] == [1, 1]
    assert max(len(fold.held) for fold in folds) == 10


def test_a_job_that_was_divided_at_random_has_random_folds():
    folds = folds_of(rings("c1ccccc1", 25) + rings("C1CCCCC1", 25), method="random")
    assert holders(folds, range(25)) == holders(folds, range(25, 50)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("method", ["random", "scaffold"])
def test_rows_of_one_structure_are_left_out_together(method):
    """As a table has them whose duplicates are kept, or stand in given parts; acyclic ones have no scaffold."""
    once = rings("C", 20)
    folds = folds_of([*once, *once], method=method)
    assert all(holders(folds, range(at, at + 1)) == holders(folds, range(at + 20, at + 21)) for at in range(20))


def test_a_scaffold_that_is_divided_keeps_its_structures_whole():
    once = rings("c1ccccc1", 20)
    folds = folds_of([*once, *once])
    assert all(holders(folds, range(at, at + 1)) == holders(folds, range(at + 20, at + 21)) for at in range(20))


def test_one_part_of_a_random_division_into_k_has_random_folds():
    folds = folds_of(rings("c1ccccc1", 25) + rings("C1CCCCC1", 25), method="fold 1 of 5")
    assert holders(folds, range(25)) == holders(folds, range(25, 50)) == [0, 1, 2, 3, 4]


ISOMERS = [f"C[C@H](O)C{'C' * size}N" for size in range(10)], [f"C[C@@H](O)C{'C' * size}N" for size in range(10)]


@pytest.mark.parametrize("method", ["random", "scaffold"])
def test_stereoisomers_are_left_out_together_whether_or_not_they_have_rings(method):
    folds = folds_of([*ISOMERS[0], *rings("C", 20), *ISOMERS[1]], method=method)
    assert all(holders(folds, range(at, at + 1)) == holders(folds, range(at + 30, at + 31)) for at in range(10))


def test_other_molecules_are_divided_as_they_would_be_without_stereoisomers():
    """What stands in the place of a mirror image has no part in it: only such pairs are moved."""
    others = [f"{'C' * size}CS" for size in range(10)]
    with_isomers = folds_of([*ISOMERS[0], *rings("C", 20), *ISOMERS[1]])
    without = folds_of([*ISOMERS[0], *rings("C", 20), *others])
    assert all(holders(with_isomers, range(at, at + 1)) == holders(without, range(at, at + 1)) for at in range(10, 30))


def test_folds_of_mirror_images_are_alike_in_size_and_have_all_classes():
    """Each pair went where its first molecule had been: folds of 8 and of 30, some without an active molecule."""
    pairs = [f"C[{mark}H](F){'C' * size}O" for size in range(1, 51) for mark in ("C@", "C@@")]
    folds = folds_of(pairs, method="random", active=list(range(90, 100)))
    assert {len(fold.held) for fold in folds} == {20}
    assert all(len(np.intersect1d(fold.held, range(90, 100))) for fold in folds)


def test_stereoisomers_that_no_fold_could_hold_are_divided():
    sugars = ["O=C" + "".join(f"[{mark}H](O)" for mark in marks) + "CO" for marks in product(("C@", "C@@"), repeat=6)]
    folds = folds_of([*sugars, *rings("C", 36)], method="random")
    assert {len(fold.held) for fold in folds} == {20}
