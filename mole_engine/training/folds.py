"""Which molecules each network of an ensemble learns from, and which it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mole_engine.chem.molecules import UnreadableMolecule, flat_smiles
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind
from mole_engine.data.data_modules import MolDataModule
from mole_engine.data.scaling import TargetScaler
from mole_engine.data.weights import counting
from mole_engine.training.kernels import repeats

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


def pool_of(data: MolDataModule) -> Positions:
    """Return what an ensemble learns from in the end: training and validation part, but for a validation file.

    Whoever names a file of their own to validate with has set its molecules apart.
    """
    validation = of_main_file(data.dataset, data.positions("val"))
    return np.sort(np.concatenate([data.positions("train"), validation]))


def common_scaler(config: TrainConfig, data: MolDataModule, own: TargetScaler) -> TargetScaler:
    """Return the one scale in which all networks of an ensemble speak: of what all learn from; without folds `own`."""
    if config.ensemble.kind != "folds":
        return own
    rows, weights = counting(data.dataset.weights, pool_of(data))
    tasks, transform = data.dataset.roles.tasks, config.data.target_transform
    return TargetScaler.fit(data.labels.targets[rows], tasks, transform, weights)


def of_main_file(dataset: object, positions: Positions) -> Positions:
    """Return those of the positions that stand in the main file, not in a separate one."""
    files = getattr(dataset, "file_of", None)
    return positions if files is None else positions[files[positions] == 0]


@dataclass(frozen=True, eq=False)
class Fold:
    """One division: positions that train and positions that are left out; how many networks learn from it."""

    number: int
    train: Positions
    held: Positions
    members: int = 1


def make_folds(config: TrainConfig, data: MolDataModule) -> list[Fold]:
    """Return the folds of a job: several, or the given split as the only one.

    Molecules of one scaffold stay together, unless they were divided at random; then the folds are random too. Rows of
    one structure and stereoisomers stay together in both.
    """
    train, validation = data.positions("train"), data.positions("val")
    ensemble = config.ensemble
    if ensemble.kind != "folds":
        return [Fold(0, train, validation, ensemble.members if ensemble.kind == "seeds" else 1)]
    return folds_of_numbers(config, data, numbers_of_folds(config, data))


def numbers_of_folds(config: TrainConfig, data: MolDataModule, *, twins_together: bool = True) -> Positions:
    """Return for each molecule of a job's pool which of its folds leaves it out."""
    pool = pool_of(data)
    return fold_numbers(config, data, pool, min(config.ensemble.members, len(pool)), twins_together=twins_together)


def folds_of_numbers(config: TrainConfig, data: MolDataModule, numbers: Positions) -> list[Fold]:
    """Return the folds that the numbers of a job's pool make, but for those that leave out nothing or all."""
    pool, repeated = pool_of(data), config.ensemble.repeats
    parts = [(number, numbers == number) for number in range(numbers.max(initial=-1) + 1)]
    folds = [Fold(number, pool[~held], pool[held], repeated) for number, held in parts]
    return [fold for fold in folds if len(fold.held) and len(fold.train)]


def fold_numbers(
    config: TrainConfig, data: MolDataModule, pool: Positions, count: int, *, twins_together: bool = True
) -> Positions:
    """Return for each molecule of the pool which of `count` folds leaves it out; stereoisomers share theirs.

    Unless they are not `twins_together`, as the versions before had it.
    """
    generator = np.random.default_rng(config.seed)
    smiles = [data.dataset.smiles[place] for place in pool]
    groups = _numbered(smiles)
    if config.ensemble.folds_by(data.split.method) == "scaffold":
        groups = _without_giants(_groups(data, pool), groups, len(pool) / count)
    sizes = np.bincount(groups)
    # Large groups first, each into the fold that has least of its kind; a little chance among equals.
    kinds = _kinds(data, pool)
    filled = np.zeros((count, kinds.max() + 1))
    fold_of = np.zeros(len(sizes), dtype=np.int64)
    members: list[list[int]] = [[] for _ in sizes]
    for place, group in enumerate(groups):
        members[group].append(place)
    for group in sorted(generator.permutation(len(sizes)), key=lambda item: -sizes[item]):
        own = np.bincount(kinds[members[group]], minlength=filled.shape[1])
        best = _emptiest(filled, own)
        fold_of[group] = best
        filled[best] += own
    numbers = np.asarray(fold_of[groups])
    return _with_twins(numbers, structure_numbers(smiles), groups, kinds, count) if twins_together else numbers


def _emptiest(filled: Floats, own: Positions) -> int:
    """Return the fold that has least of the kinds of a group, then least of all: `filled` is (folds, kinds)."""
    load = filled[:, own > 0].sum(axis=1) + 1e-3 * filled.sum(axis=1) if own.any() else filled.sum(axis=1)
    return int(load.argmin())


def _with_twins(numbers: Positions, alike: Positions, groups: Positions, kinds: Positions, count: int) -> Positions:
    """Return the folds with all stereoisomers of a molecule in one.

    No model tells stereoisomers apart: one that has learnt the mirror image has learnt the molecule. They are moved at
    the end, so that all others are divided as they would be without them; the largest families first, each to where
    its kind is rarest, so that folds stay alike, but to one of theirs where others of a group are in it. A family that
    no fold could hold stays divided.
    """
    families = [own for own in repeats(alike) if len(own) <= len(alike) / count and np.ptp(numbers[own])]
    moved, filled, sizes = numbers.copy(), np.zeros((count, kinds.max() + 1)), np.bincount(groups)
    stays = np.ones(len(alike), dtype=bool)
    stays[[place for own in families for place in own]] = False
    np.add.at(filled, (numbers[stays], kinds[stays]), 1)
    for own in sorted(families, key=lambda item: -len(item)):
        is_alone = sizes[np.unique(groups[own])].sum() == len(own)
        homes = np.arange(count) if is_alone else np.unique(numbers[own])
        what = np.bincount(kinds[own], minlength=filled.shape[1])
        home = homes[_emptiest(filled[homes], what)]
        moved[own] = home
        filled[home] += what
    return moved


def structure_numbers(smiles: Sequence[str]) -> Positions:
    """Return a number for each molecule, the same for rows of one structure and for its stereoisomers."""
    return _numbered([_flat(one) for one in smiles])


def _flat(smiles: str) -> str:
    try:
        return flat_smiles(smiles)
    except UnreadableMolecule:
        return smiles


def _groups(data: MolDataModule, pool: Positions) -> Positions:
    """Return a number for each molecule, the same for those of one scaffold; acyclic ones stand alone."""
    scaffolds = getattr(data.dataset, "scaffolds", None)
    if scaffolds is None:
        return _numbered([data.dataset.smiles[place] for place in pool])
    first: dict[str, int] = {}
    alone = [first.setdefault(data.dataset.smiles[place], place) for place in pool]
    names = [scaffolds[place] or f"alone {own}" for place, own in zip(pool, alone, strict=True)]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _numbered(smiles: Sequence[str]) -> Positions:
    """Return a number for each molecule, the same for those of one structure, in the order of the first of each."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(one, len(numbers)) for one in smiles], dtype=np.int64)


def _without_giants(groups: Positions, structures: Positions, most: float) -> Positions:
    """Return the groups with those of more than `most` molecules, which no fold could hold, taken apart."""
    giant = np.bincount(groups)[groups] > most
    own = np.where(giant, groups.max() + 1 + structures, groups)
    return np.unique(own, return_inverse=True)[1].astype(np.int64)


def _kinds(data: MolDataModule, pool: Positions) -> Positions:
    """Return the class of each molecule in the first task with classes, so that folds have all of them; else zeros."""
    for place, task in enumerate(data.dataset.roles.tasks):
        if task.kind is not TaskKind.REGRESSION:
            labels = data.labels.targets[pool, place]
            return np.where(np.isnan(labels), task.outputs + 1, labels).astype(np.int64)
    return np.zeros(len(pool), dtype=np.int64)
