"""What the parts of a data set share with one another, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from mole_engine.chem.fingerprints import nearest_similarity
from mole_engine.contracts.dataset import Nearness, Split
from mole_engine.contracts.wording import counted, counted_of
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.fingerprints import fingerprints_of
from mole_engine.data.progress import Progress, report

MAX_SCAFFOLDS_COMPARED = 20_000
"""Above this many molecules a split that did not need scaffolds does not compute them only to compare."""

MAX_JUDGED = 1_000
MAX_TRAINING = 10_000
"""Molecules of a part, and training molecules, that are compared for nearness: random samples of larger parts."""

CLOSE = 0.9
"""Tanimoto similarity from which two molecules are as good as the same."""

_TELLING_SHARE = 0.05


def with_leakage(dataset: CuratedDataset, split: Split, on_progress: Progress | None = None) -> Split:
    """Return the split with what is known about leakage: in words, and as nearness across the cut.

    Parameters
    ----------
    dataset, split
        The molecules and their parts.
    on_progress
        Called with stages "fingerprints" and "split"; may raise `Cancelled`.
    """
    nearness = measure_nearness(dataset, split, on_progress)
    words = (*describe_overlap(dataset, split), *_too_close(dataset, split, nearness))
    return replace(split, overlap=words, nearness=nearness)


def measure_nearness(
    dataset: CuratedDataset, split: Split, on_progress: Progress | None = None
) -> tuple[Nearness, ...]:
    """Measure how close the molecules that judge come to those that train; an entry for each part with molecules."""
    if not split.train:
        return ()
    parts = [(name, members) for name, members in (("validation", split.validation), ("test", split.test)) if members]
    train, judged = _compared(split)
    wanted = [dataset.smiles[position] for position in [*train, *(at for part in judged for at in part)]]
    fingerprints = fingerprints_of(wanted, on_progress)
    references, start = fingerprints[: len(train)], len(train)
    found = []
    for (name, members), sample in zip(parts, judged, strict=True):
        queries = fingerprints[start : start + len(sample)]
        start += len(sample)
        nearest = nearest_similarity(queries, references, check=lambda: report(on_progress, "split", 0, 0))
        low, median, high = np.quantile(nearest, [0.25, 0.5, 0.75])
        found.append(
            Nearness(
                part=name,
                molecules=len(members),
                compared=len(sample),
                training=len(split.train),
                references=len(train),
                median=float(median),
                low=float(low),
                high=float(high),
                close=int((nearest >= CLOSE).sum()),
                histogram=tuple(np.histogram(nearest, bins=10, range=(0, 1))[0].tolist()),
            )
        )
    return tuple(found)


def _compared(split: Split) -> tuple[list[int], list[list[int]]]:
    """Return the training molecules that are compared with, and those of each judging part that has any."""
    rng = np.random.default_rng(0)
    train = _sample(split.train, MAX_TRAINING, rng)
    return train, [_sample(members, MAX_JUDGED, rng) for members in (split.validation, split.test) if members]


def _sample(members: Sequence[int], limit: int, rng: np.random.Generator) -> list[int]:
    if len(members) <= limit:
        return list(members)
    return sorted(rng.choice(np.array(members), limit, replace=False).tolist())


def _too_close(dataset: CuratedDataset, split: Split, nearness: Sequence[Nearness]) -> list[str]:
    if not nearness:
        return []
    train, judged = _compared(split)
    trained = {dataset.smiles[position] for position in train}
    notes = []
    for part, sample in zip(nearness, judged, strict=True):
        # The very same structures are told in a sentence of their own. Of those that were compared alone: in a large
        # part there are more of them than close ones in its sample.
        same = sum(dataset.smiles[position] in trained for position in sample)
        if part.close > same and part.close >= _TELLING_SHARE * part.compared:
            like = counted_of(part.close, part.compared, f"{part.part} molecule", "is", "are")
            notes.append(f"{like} nearly the same as a training molecule (similarity {CLOSE} or more).")
    return notes


def describe_overlap(dataset: CuratedDataset, split: Split) -> tuple[str, ...]:
    """Return one sentence for each kind of leakage; empty when there is none.

    Parameters
    ----------
    dataset
        The molecules.
    split
        Its parts; validation and test are compared with training, and with each other: what chose the model is no
        judge of it either.
    """
    notes = _shared_words(dataset.smiles, split, ("structure stands", "structures stand"))
    known = "scaffolds" in dataset.__dict__
    if known or len(dataset) <= MAX_SCAFFOLDS_COMPARED:
        notes += _shared_words(dataset.scaffolds, split, ("scaffold stands", "scaffolds stand"))
    return tuple(notes)


def _shared_words(texts: Sequence[str], split: Split, stands: tuple[str, str]) -> list[str]:
    parts = (("train", split.train), ("validation", split.validation), ("test", split.test))
    notes = []
    for (one, members), (other, others) in combinations(parts, 2):
        if shared := _shared(texts, members, others):
            notes.append(f"{counted(shared, *stands)} in both {one} and {other}.")
    return notes


def _shared(texts: Sequence[str], one: Sequence[int], other: Sequence[int]) -> int:
    # The empty text (no ring, hence no scaffold) is nothing that two molecules share.
    return len({texts[position] for position in one} & {texts[position] for position in other} - {""})
