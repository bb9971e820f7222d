"""Which molecules train, which choose the best epoch, which judge the model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.config import SplitConfig
from mole_engine.contracts.dataset import Split, TaskKind
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted, counted_of
from mole_engine.data.clusters import cluster
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.fingerprints import fingerprints_of
from mole_engine.data.leakage import MAX_SCAFFOLDS_COMPARED, with_leakage
from mole_engine.data.profile import MARK_NAMES, part_of_word
from mole_engine.data.progress import Progress
from mole_engine.data.values import is_null, shown

MIN_MOLECULES = 3
_REASONS = 3
"""Rows left out that are named where too few remain."""
QUANTILE_BINS = 10
NO_FOLD = -1
Parts = tuple[list[int], list[int], list[int]]


class _Marks(NamedTuple):
    """The part that a column marks, and the part of every molecule, empty where its cell is."""

    part: str
    parts: list[str]


_PART_NAMES = {"train": "training part", "val": "validation part", "test": "test part"}
_MARKS = {"1": True, "true": True, "yes": True, "y": True, "0": False, "false": False, "no": False, "n": False}


def make_split(dataset: CuratedDataset, config: SplitConfig, seed: int, on_progress: Progress | None = None) -> Split:
    """Divide the molecules.

    The training part is never empty. Where the given parts have no validation, it is taken out of the training part;
    it is never the training data itself.

    Parameters
    ----------
    dataset
        Curated molecules.
    config
        How to divide, and the sizes of the parts.
    seed
        Of the random choices unless the configuration has its own; the scaffold split has none.
    on_progress
        Called with ("split", molecules done, molecules) where scaffolds are needed; may raise `Cancelled`.

    Raises
    ------
    InputError
        When there are fewer than three molecules, or the split column cannot be used.
    """
    if len(dataset) < MIN_MOLECULES:
        raise _too_few(dataset)
    seed = seed if config.seed < 0 else config.seed
    method = config.method
    if method == "auto":
        method = "column" if dataset.given_split is not None else "scaffold"
    if method == "scaffold" or len(dataset) <= MAX_SCAFFOLDS_COMPARED:
        dataset.compute_scaffolds(on_progress)
    rng = np.random.default_rng(seed)
    untouched = rng.bit_generator.state
    if method == "cluster":
        (train, validation, test), words = _cluster(dataset, config, rng, on_progress)
    else:
        (train, validation, test), words = _METHODS[method](dataset, config, rng)
    parts = [_ascending(part, len(dataset)) for part in (train, validation, test)]
    by_chance = rng.bit_generator.state != untouched
    split = Split(parts[0], parts[1], parts[2], method=words, by_chance=by_chance)
    return with_leakage(dataset, split, on_progress)


def _too_few(dataset: CuratedDataset) -> InputError:
    """Say how many molecules there are, and why others are none: what cannot be opened cannot be looked at."""
    dropped = [issue for issue in dataset.report.issues if issue.dropped]
    reasons = "; ".join(f"line {issue.line}: {issue.reason}" for issue in dropped[:_REASONS])
    remain = counted_of(len(dataset), dataset.report.total, "row", "remains", "remain")
    cause = f"{remain} after curation; {MIN_MOLECULES} are the least."
    if reasons:
        cause += f" Left out{', for example' if len(dropped) > _REASONS else ''}: {reasons}."
    remedy = "Add molecules, or correct the rows that were left out." if dropped else "Add molecules."
    remedy += " A model that you have predicts even one: paste it on the Predict page, or use 'mole predict'."
    return InputError(f"{dataset.info.name} has too few molecules to train on.", cause, remedy)


def _ascending(places: Sequence[int], size: int) -> tuple[int, ...]:
    """Put different positions into order; to sort a million would keep Python's lock for half a second."""
    chosen = np.zeros(size, bool)
    chosen[places] = True
    return tuple(np.flatnonzero(chosen).tolist())


def _sizes(total: int, config: SplitConfig) -> tuple[int, int]:
    """Return how many molecules validate and test: at least one where a part is wanted, never all."""
    test = max(1, round(total * config.test_fraction)) if config.test_fraction > 0 else 0
    validation = max(1, round(total * config.validation_fraction)) if config.validation_fraction > 0 else 0
    while validation + test >= total:
        if test >= validation:
            test -= 1
        else:
            validation -= 1
    return validation, test


def _random(dataset: CuratedDataset, config: SplitConfig, rng: np.random.Generator) -> tuple[Parts, str]:
    order = rng.permutation(len(dataset)).tolist()
    validation, test = _sizes(len(dataset), config)
    return (order[validation + test :], order[:validation], order[validation : validation + test]), "random"


def _scaffold(dataset: CuratedDataset, config: SplitConfig, rng: np.random.Generator) -> tuple[Parts, str]:
    parts = _by_groups(_scaffold_groups(dataset.scaffolds), dataset, config)
    if parts is None:
        return _random(dataset, config, rng)[0], "random (too few scaffolds to divide by them)"
    return parts, "scaffold"


def _cluster(
    dataset: CuratedDataset, config: SplitConfig, rng: np.random.Generator, on_progress: Progress | None
) -> tuple[Parts, str]:
    clusters = cluster(fingerprints_of(dataset.smiles, on_progress), config.cluster_similarity, on_progress)
    clusters.sort(key=lambda members: (-len(members), sha256(dataset.smiles[members[0]].encode()).digest()))
    parts = _by_groups(clusters, dataset, config)
    if parts is None:
        return _random(dataset, config, rng)[0], "random (too few clusters to divide by them)"
    return parts, f"{len(clusters)} clusters of similarity {config.cluster_similarity:g}"


def _by_groups(groups: Sequence[list[int]], dataset: CuratedDataset, config: SplitConfig) -> Parts | None:
    """Divide so that no group is torn apart; None when a part would stay empty.

    Large groups come first, so that the parts that judge get many small, unfamiliar ones.
    """
    validation_size, test_size = _sizes(len(dataset), config)
    train_size = len(dataset) - validation_size - test_size
    train, validation, test = list(groups[0]), list[int](), list[int]()
    for group in groups[1:]:
        # The emptier of the two comes first; a group that fits neither trains.
        room = {"val": validation_size - len(validation), "test": test_size - len(test)}
        if len(train) + len(group) <= train_size or len(group) > max(room.values()):
            train += group
        elif room["test"] >= room["val"]:
            test += group
        else:
            validation += group
    if (validation_size and not validation) or (test_size and not test):
        return None
    return train, validation, test


def _time(dataset: CuratedDataset, config: SplitConfig, rng: np.random.Generator) -> tuple[Parts, str]:
    if dataset.order is None:
        raise InputError(
            "There is no column to sort by.", f"None was named for {dataset.info.name}.", "Name a column with dates."
        )
    known = np.flatnonzero(np.isfinite(dataset.order))
    if len(known) < MIN_MOLECULES:
        raise InputError(
            f"The molecules cannot be sorted by '{dataset.roles.order}'.",
            f"Only {counted_of(len(known), len(dataset), 'molecule', 'has', 'have')} a date or number in it.",
            "Choose another column, or divide another way.",
        )
    order = known[np.argsort(dataset.order[known], kind="stable")].tolist()
    validation, test = _sizes(len(order), config)
    words = f"sorted by column '{dataset.roles.order}', the last ones test"
    left = len(dataset) - len(order)
    if left:
        words += f" ({counted(left, 'molecule without a date is', 'molecules without a date are')} left out)"
    first_judging = len(order) - validation - test
    return (order[:first_judging], order[first_judging : len(order) - test], order[len(order) - test :]), words


def _scaffold_groups(scaffolds: Sequence[str]) -> list[list[int]]:
    """Positions of each scaffold, largest group first; equal ones in an order that has nothing to do with the file's.

    Files are often sorted by activity: in file order, the last, single scaffolds would all be inactive ones.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position, scaffold in enumerate(scaffolds):
        groups[scaffold].append(position)
    order = sorted(groups, key=lambda scaffold: (-len(groups[scaffold]), sha256(scaffold.encode()).digest()))
    return [groups[scaffold] for scaffold in order]


def _stratified(dataset: CuratedDataset, config: SplitConfig, rng: np.random.Generator) -> tuple[Parts, str]:
    strata = _strata(dataset)
    order = rng.permutation(len(dataset))
    order = order[np.argsort(strata[order], kind="stable")]
    validation_size, test_size = _sizes(len(dataset), config)
    test = _spread(order, test_size, rng)
    taken = set(test)
    rest = np.array([position for position in order.tolist() if position not in taken], np.int64)
    validation = _spread(rest, validation_size, rng)
    taken.update(validation)
    train = [position for position in order.tolist() if position not in taken]
    return (train, validation, test), "stratified"


def _strata(dataset: CuratedDataset) -> npt.NDArray[np.int64]:
    """(n,) stratum of each molecule: its classes, or the quantile bin of its first target; unlabelled ones apart."""
    if not dataset.tasks:
        return np.zeros(len(dataset), np.int64)
    values = dataset.targets[:, 0]
    if dataset.tasks[0].kind is TaskKind.REGRESSION:
        known = values[np.isfinite(values)]
        if not len(known):
            return np.zeros(len(dataset), np.int64)
        edges = np.unique(np.quantile(known, np.linspace(0, 1, QUANTILE_BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, values, side="right").astype(np.int64)
        return np.where(np.isfinite(values), bins, -1)
    # All class targets together, so that rare labels of each task are spread.
    _, strata = np.unique(np.nan_to_num(dataset.targets, nan=-1.0), axis=0, return_inverse=True)
    return strata.reshape(-1).astype(np.int64)


def _spread(order: npt.NDArray[np.int64], size: int, rng: np.random.Generator) -> list[int]:
    """Pick `size` positions at even distances from an ordered list, starting at random."""
    if size == 0:
        return []
    step = len(order) / size
    picks = (rng.random() * step + np.arange(size) * step).astype(np.int64)
    return [int(order[min(pick, len(order) - 1)]) for pick in picks]


def _column(dataset: CuratedDataset, config: SplitConfig, rng: np.random.Generator) -> tuple[Parts, str]:
    if dataset.given_split is None:
        raise InputError(
            "There is no split column.", f"None was found in {dataset.info.name}.", "Name it, or divide another way."
        )
    words = f"column '{dataset.roles.split}'" if dataset.roles.split else "given files"
    marks = _marked_part(dataset)
    folds = _folds_of(dataset.given_split) if marks is None else None
    if folds is not None:
        return _from_folds(dataset, config, folds, rng, words)
    parts = _given_parts(dataset) if marks is None else marks.parts
    words += "" if marks is None else f" (it marks the {_PART_NAMES[marks.part]})"
    members = {name: [i for i, part in enumerate(parts) if part == name] for name in ("train", "val", "test", "")}
    train, validation, test = members["train"], members["val"], members["test"]
    if members[""]:
        left = counted(len(members[""]), "molecule without a part is", "molecules without a part are")
        words += f" ({left} left out)"
    if not train:
        raise InputError(
            f"The split column '{dataset.roles.split}' has no training molecules.",
            f"Its values are {shown(sorted(set(dataset.given_split)), 5)}.",
            "Mark training rows with 'train', or divide another way.",
        )
    if not validation:
        train, validation = _take_validation(train, config, rng)
        words += ", validation taken from training" if validation else ""
    return (train, validation, test), words


def _given_parts(dataset: CuratedDataset) -> list[str]:
    given = dataset.given_split or []
    unknown = [text for text in dict.fromkeys(given) if not part_of_word(text) and not is_null(text)]
    if unknown:
        row = int(dataset.source_rows[given.index(unknown[0])])
        raise InputError(
            f"The split column '{dataset.roles.split}' has values that are no parts.",
            f"It has {shown(unknown)} (first in data row {row + 1}).",
            "Use train, val and test, or whole numbers for folds.",
        )
    return [part_of_word(text) for text in given]


def _marked_part(dataset: CuratedDataset) -> _Marks | None:
    """Read a column such as "is_test" or "in_train" that marks one part with yes or no, 1 or 0; None for others.

    Without its name, 0 and 1 would be two folds, and the first one, the molecules to learn from, the test part.
    """
    given = dataset.given_split or []
    match = MARK_NAMES.fullmatch((dataset.roles.split or "").strip())
    marks = [_MARKS.get(text.strip().removesuffix(".0").casefold()) for text in given]
    if match is None or any(mark is None and not is_null(text) for mark, text in zip(marks, given, strict=True)):
        return None
    marked = part_of_word(match["part"])
    other = "test" if marked == "train" else "train"
    return _Marks(marked, ["" if mark is None else marked if mark else other for mark in marks])


def _folds_of(given: Iterable[str]) -> list[int] | None:
    """Return fold numbers, -1 for an empty cell, or None when the texts are not all whole numbers."""
    folds = []
    for text in given:
        number = text.strip().removesuffix(".0")
        if not number.isdecimal() and not is_null(text):
            return None
        folds.append(int(number) if number.isdecimal() else NO_FOLD)
    return folds if any(fold != NO_FOLD for fold in folds) else None


def _from_folds(
    dataset: CuratedDataset, config: SplitConfig, folds: list[int], rng: np.random.Generator, words: str
) -> tuple[Parts, str]:
    numbers = sorted(set(folds) - {NO_FOLD})
    if len(numbers) < 2 or len(numbers) > len(dataset) // 2 + 1:
        raise InputError(
            f"The split column '{dataset.roles.split}' does not hold folds.",
            f"It has {counted(len(numbers), 'different number')}.",
            "Choose a column with a few fold numbers, or divide another way.",
        )
    if config.fold >= len(numbers):
        raise InputError(
            f"There is no fold {config.fold}.", f"The file has {counted(len(numbers), 'fold')}.", "Count folds from 0."
        )
    chosen = numbers[config.fold]
    test = [position for position, fold in enumerate(folds) if fold == chosen]
    others = [position for position, fold in enumerate(folds) if fold not in (chosen, NO_FOLD)]
    train, validation = _take_validation(others, config, rng)
    words += f", fold {chosen} as test"
    if left := folds.count(NO_FOLD):
        words += f" ({counted(left, 'molecule without a fold is', 'molecules without a fold are')} left out)"
    return (train, validation, test), words


def _kfold(dataset: CuratedDataset, config: SplitConfig, rng: np.random.Generator) -> tuple[Parts, str]:
    if dataset.given_split is not None and _folds_of(dataset.given_split) is not None:
        return _column(dataset, config, rng)
    if config.fold >= config.folds or config.folds > len(dataset):
        raise InputError(
            f"Fold {config.fold} of {config.folds} cannot be made from {counted(len(dataset), 'molecule')}.",
            "",
            "Choose a fold below the number of folds, and no more folds than molecules.",
        )
    order = rng.permutation(len(dataset))
    test = np.array_split(order, config.folds)[config.fold].tolist()
    chosen = set(test)
    rest = [int(position) for position in order if int(position) not in chosen]
    train, validation = _take_validation(rest, config, rng)
    return (train, validation, test), f"fold {config.fold + 1} of {config.folds}"


def _take_validation(train: list[int], config: SplitConfig, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Move a validation part out of the training part."""
    if config.validation_fraction <= 0 or len(train) < 2:
        return train, []
    size = min(len(train) - 1, max(1, round(len(train) * config.validation_fraction)))
    chosen = set(rng.permutation(np.array(sorted(train)))[:size].tolist())
    return [position for position in train if position not in chosen], sorted(chosen)


_Method = Callable[[CuratedDataset, SplitConfig, np.random.Generator], tuple[Parts, str]]
_METHODS: dict[str, _Method] = {
    "random": _random,
    "scaffold": _scaffold,
    "stratified": _stratified,
    "column": _column,
    "kfold": _kfold,
    "time": _time,
}
