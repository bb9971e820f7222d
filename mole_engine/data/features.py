"""Features: the tokens and relative positions of many molecules, computed once and kept compact."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mole_engine.chem.distances import relative_positions
from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.feature_cache import FeatureCache, content_key
from mole_engine.data.workers import map_in_processes, worker_count

Tokens = npt.NDArray[np.uint16]
Positions = npt.NDArray[np.uint8]
Lengths = npt.NDArray[np.int64]

STAGE = "Preparing molecules"
PROGRESS_EVERY = 64
PARALLEL_FROM = 20_000
"""Fewer molecules are done before workers would have started."""


@dataclass(frozen=True)
class FeaturisedDataset:
    """Features of many molecules in three flat arrays.

    Attributes
    ----------
    tokens
        (sum of lengths,) uint16; the tokens of all molecules one after the other, CLS first in each.
    distances
        (sum of squared lengths,) uint8; the relative positions, row by row.
    lengths
        (n,) int64; tokens of each molecule, 0 for one that cannot be read.
    errors
        Why a molecule has no features, by position.
    """

    tokens: Tokens
    distances: Positions
    lengths: Lengths
    errors: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.lengths.sum() != len(self.tokens) or (self.lengths**2).sum() != len(self.distances):
            raise ValueError("the features' lengths do not fit their arrays")
        object.__setattr__(self, "token_offsets", np.concatenate([[0], np.cumsum(self.lengths)]))
        object.__setattr__(self, "distance_offsets", np.concatenate([[0], np.cumsum(self.lengths**2)]))

    token_offsets: Lengths = field(init=False, repr=False)
    distance_offsets: Lengths = field(init=False, repr=False)

    def __len__(self) -> int:
        return len(self.lengths)

    def item(self, position: int) -> tuple[Tokens, Positions]:
        """Return one molecule's tokens (N,) and relative positions (N, N); both empty if it cannot be read."""
        length = int(self.lengths[position])
        start, square = self.token_offsets[position], self.distance_offsets[position]
        tokens = self.tokens[start : start + length]
        return tokens, self.distances[square : square + length * length].reshape(length, length)

    @classmethod
    def from_items(cls, items: Iterable[tuple[Tokens, Positions] | str]) -> Self:
        """Join molecules one after the other; a text instead of features says why there are none."""
        tokens: list[Tokens] = []
        distances: list[Positions] = []
        lengths: list[int] = []
        errors: dict[int, str] = {}
        for position, item in enumerate(items):
            if isinstance(item, str):
                errors[position] = item
                lengths.append(0)
                continue
            tokens.append(item[0])
            distances.append(item[1].ravel())
            lengths.append(len(item[0]))
        return cls(
            tokens=np.concatenate(tokens) if tokens else np.zeros(0, dtype=np.uint16),
            distances=np.concatenate(distances) if distances else np.zeros(0, dtype=np.uint8),
            lengths=np.array(lengths, dtype=np.int64),
            errors=errors,
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put data sets one after the other."""
        starts = np.cumsum([0, *(len(part) for part in parts)])
        return cls(
            tokens=np.concatenate([part.tokens for part in parts]),
            distances=np.concatenate([part.distances for part in parts]),
            lengths=np.concatenate([part.lengths for part in parts]),
            errors={
                int(start) + position: reason
                for start, part in zip(starts, parts, strict=False)
                for position, reason in part.errors.items()
            },
        )


def features_of(smiles: str, vocabulary: Vocabulary) -> tuple[Tokens, Positions] | str:
    """Return tokens (N,) and relative positions (N, N) of one molecule, or why it has none."""
    try:
        mol = parse_smiles(smiles)
    except UnreadableMolecule as error:
        return error.reason
    return vocabulary.tokens(mol), relative_positions(mol)


def featurise(
    smiles: Sequence[str],
    vocabulary: Vocabulary,
    *,
    cache_dir: str | Path | None = None,
    on_progress: ProgressHandler | None = None,
) -> FeaturisedDataset:
    """Compute the features of molecules, or take them from the cache.

    Parameters
    ----------
    smiles
        One SMILES a molecule. Unreadable ones go to `errors` and have an empty item; the order is kept.
    vocabulary
        Gives each atom environment its token.
    cache_dir
        Folder for features of earlier runs, found again by content; None: no cache.
    on_progress
        Told how far the work is; may raise `Cancelled`.
    """
    cache = FeatureCache(Path(cache_dir)) if cache_dir is not None else None
    key = content_key(smiles, vocabulary.fingerprint) if cache else ""
    if cache:
        arrays = cache.load(key)
        if arrays is not None:
            features = _from_cache(arrays, len(smiles), vocabulary)
            if features is not None:
                return features
    features = _compute(smiles, vocabulary, on_progress)
    if cache:
        cache.save(
            key,
            {"tokens": features.tokens, "distances": features.distances, "lengths": features.lengths},
            features.errors,
        )
    return features


def _compute(smiles: Sequence[str], vocabulary: Vocabulary, on_progress: ProgressHandler | None) -> FeaturisedDataset:
    workers = worker_count() if len(smiles) >= PARALLEL_FROM else 1

    def tell(done: int) -> None:
        if on_progress is not None:
            on_progress(STAGE, done, len(smiles))

    tell(0)
    if workers > 1:
        parts = map_in_processes(featurise_chunk, smiles, vocabulary.to_dict(), workers=workers, on_done=tell)
        return FeaturisedDataset.joined(parts)
    items: list[tuple[Tokens, Positions] | str] = []
    for done, text in enumerate(smiles, start=1):
        items.append(features_of(text, vocabulary))
        if done % PROGRESS_EVERY == 0 or done == len(smiles):
            tell(done)
    return FeaturisedDataset.from_items(items)


def featurise_chunk(smiles: Sequence[str], vocabulary: dict[str, Any]) -> FeaturisedDataset:
    """Compute the features of some molecules in a worker; the vocabulary comes as `Vocabulary.to_dict` wrote it."""
    known = _vocabulary(json.dumps(vocabulary))
    return FeaturisedDataset.from_items(features_of(text, known) for text in smiles)


@lru_cache(maxsize=1)
def _vocabulary(text: str) -> Vocabulary:
    return Vocabulary.from_dict(json.loads(text))


def _from_cache(
    cached: tuple[dict[str, npt.NDArray[np.generic]], dict[int, str]], size: int, vocabulary: Vocabulary
) -> FeaturisedDataset | None:
    arrays, errors = cached
    try:
        features = FeaturisedDataset(
            tokens=arrays["tokens"].astype(np.uint16, casting="safe", copy=False),
            distances=arrays["distances"].astype(np.uint8, casting="safe", copy=False),
            lengths=arrays["lengths"].astype(np.int64, casting="safe", copy=False),
            errors=errors,
        )
    except (KeyError, TypeError, ValueError):
        return None
    fits = len(features) == size and (not len(features.tokens) or int(features.tokens.max()) < vocabulary.size)
    return features if fits else None
