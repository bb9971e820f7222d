"""What the training part shares with the parts that judge, in words."""

from __future__ import annotations

from collections.abc import Sequence

from mole_engine.contracts.dataset import Split
from mole_engine.data.dataset import CuratedDataset

MAX_SCAFFOLDS_COMPARED = 20_000
"""Above this many molecules a split that did not need scaffolds does not compute them only to compare."""


def describe_overlap(dataset: CuratedDataset, split: Split) -> tuple[str, ...]:
    """Return one sentence for each kind of leakage; empty when there is none.

    Parameters
    ----------
    dataset
        The molecules.
    split
        Its parts; validation and test are each compared with training.
    """
    notes = []
    parts = (("validation", split.validation), ("test", split.test))
    for name, members in parts:
        shared = _shared(dataset.smiles, split.train, members)
        if shared:
            notes.append(f"{_count(shared, 'structure stands', 'structures stand')} in both train and {name}.")
    known = "scaffolds" in dataset.__dict__
    if not known and len(dataset) > MAX_SCAFFOLDS_COMPARED:
        return tuple(notes)
    for name, members in parts:
        shared = _shared(dataset.scaffolds, split.train, members)
        if shared:
            notes.append(f"{_count(shared, 'scaffold stands', 'scaffolds stand')} in both train and {name}.")
    return tuple(notes)


def _shared(texts: Sequence[str], one: Sequence[int], other: Sequence[int]) -> int:
    # The empty text (no ring, hence no scaffold) is nothing that two molecules share.
    return len({texts[position] for position in one} & {texts[position] for position in other} - {""})


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
