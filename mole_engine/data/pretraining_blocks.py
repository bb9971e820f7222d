"""Blocks of a pretraining file: molecules featurised once, on several cores, and kept on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mole_engine.chem.descriptors import compute_descriptors
from mole_engine.chem.distances import relative_positions
from mole_engine.chem.environments import atom_environments
from mole_engine.chem.molecules import UnreadableMolecule
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.pretrain_config import ObjectivesConfig
from mole_engine.data.feature_cache import Arrays, FeatureCache, content_key
from mole_engine.data.features import FeaturisedDataset
from mole_engine.data.pretraining_labels import LabelTable, scaled
from mole_engine.data.pretraining_survey import Survey, molecule_to_learn
from mole_engine.data.smiles_stream import Block
from mole_engine.data.workers import map_in_processes, worker_count

IGNORED = -100
"""Class of atoms that are not asked for, or whose environment is not among those told apart."""

DESCRIPTOR_LIMIT = 5.0

PIECE_ROWS = 4096
"""Rows that are kept on disk together."""

CHUNK_ROWS = 256
"""Rows that a worker process does at a time; divides `PIECE_ROWS`."""

MOST_WORKERS = 64


@dataclass(frozen=True)
class PreparedBlock:
    """A block's molecules that are learnt from, in memory.

    Attributes
    ----------
    features
        Tokens and distances.
    environments
        Flat, aligned with the tokens: int32 class of each atom's environment, `IGNORED` where it is none.
    rows, descriptors
        (n) int64 rows of the file, (n, D) float16 standardised descriptors.
    own_targets
        (n, t) float32, the file's own columns of labels.
    """

    features: FeaturisedDataset
    environments: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int64]
    own_targets: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.features)

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        own = (self.environments, self.rows, self.own_targets, self.descriptors)
        return sum(array.nbytes for array in (*own, self.features.tokens, self.features.distances))


@dataclass(frozen=True)
class Recipe:
    """All that a worker process must know to prepare molecules.

    Attributes
    ----------
    vocabulary
        As JSON.
    radius, environments
        Bonds around an atom, and the environments that are told apart.
    max_heavy_atoms
        Of molecules that are learnt from.
    descriptor_names, mean, deviation
        The descriptors that are learnt, and their scale.
    """

    vocabulary: str
    radius: int
    max_heavy_atoms: int
    environments: tuple[int, ...]
    descriptor_names: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


class BlockPreparer:
    """Turns blocks of a file into molecules in memory.

    Parameters
    ----------
    vocabulary, survey, objectives
        What atoms are called, what is told apart, what is learnt.
    labels
        Table of labels beside the file's own columns, or None.
    cache
        Folder for prepared molecules, so that later passes and jobs need not compute them again; None: no cache.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        survey: Survey,
        objectives: ObjectivesConfig,
        labels: LabelTable | None = None,
        cache: Path | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.survey = survey
        self.labels = labels
        self._recipe = Recipe(
            vocabulary=json.dumps(vocabulary.to_dict()),
            radius=objectives.radius,
            max_heavy_atoms=survey.max_heavy_atoms,
            environments=survey.environments,
            descriptor_names=survey.descriptor_names,
            mean=survey.descriptor_mean,
            deviation=survey.descriptor_std,
        )
        self._cache = FeatureCache(cache) if cache is not None else None
        asked = [
            objectives.radius,
            survey.max_heavy_atoms,
            survey.environments,
            survey.descriptor_names,
            survey.descriptor_mean,
        ]
        self._content = f"{vocabulary.fingerprint} pretraining {json.dumps(asked)}"

    def prepare(self, block: Block) -> PreparedBlock:
        """Featurise the molecules of a block that are learnt from, or take them from the cache."""
        starts = range(0, len(block), PIECE_ROWS)
        parts = self._pieces([block.smiles[start : start + PIECE_ROWS] for start in starts])
        kept = np.concatenate([start + part["kept"] for start, part in zip(starts, parts, strict=True)])
        return PreparedBlock(
            features=FeaturisedDataset(
                tokens=_joined(parts, "tokens"),
                distances=_joined(parts, "distances"),
                lengths=_joined(parts, "lengths"),
            ),
            environments=_joined(parts, "environments"),
            rows=block.start + kept,
            own_targets=block.targets[kept],
            descriptors=_joined(parts, "descriptors"),
        )

    def _pieces(self, texts: list[list[str]]) -> list[Arrays]:
        """Return what is known of each piece's molecules, from the cache or computed."""
        keys = [content_key(piece, self._content) if self._cache else "" for piece in texts]
        found = [self._cache.load(key) if self._cache else None for key in keys]
        parts = [stored[0] if stored is not None else None for stored in found]
        missing = [place for place, part in enumerate(parts) if part is None]
        for place, part in zip(missing, self._computed([texts[place] for place in missing]), strict=True):
            parts[place] = part
            if self._cache:
                self._cache.save(keys[place], part, {})
        return [part for part in parts if part is not None]

    def _computed(self, texts: list[list[str]]) -> list[Arrays]:
        workers = worker_count(MOST_WORKERS, spared=1)
        # One piece is done before workers would have started.
        if workers < 2 or len(texts) < 2:
            return [compute_piece(piece, self._recipe) for piece in texts]
        flat = [text for piece in texts for text in piece]
        chunks = map_in_processes(compute_piece, flat, self._recipe, workers=workers, chunk=CHUNK_ROWS)
        # Only the last piece of a block can be short, so chunks never reach over the end of a piece.
        ends = np.cumsum([-(-len(piece) // CHUNK_ROWS) for piece in texts])
        return [_together(chunks[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    def targets(self, block: PreparedBlock) -> npt.NDArray[np.float32]:
        """Return the (n, T) standardised labels of a block's molecules, NaN where there is none.

        They are put together for each pass: hundreds of tasks, nearly all without a label, take more memory than the
        molecules.
        """
        if not self.survey.tasks or not len(block):
            return np.zeros((len(block), len(self.survey.tasks)), dtype=np.float32)
        parts = [block.own_targets]
        if self.labels is not None:
            first, last = int(block.rows[0]), int(block.rows[-1])
            parts.append(self.labels.dense(first, last - first + 1)[block.rows - first])
        return scaled(np.concatenate(parts, axis=1), self.survey.tasks)


def compute_piece(texts: Sequence[str], recipe: Recipe) -> Arrays:
    """Return what is known of the molecules to learn from among `texts`, compact enough to be kept on disk."""
    vocabulary, class_of = _vocabulary(recipe.vocabulary), _classes(recipe.environments)
    items, classes, kept = [], [], []
    for place, text in enumerate(texts):
        try:
            mol = molecule_to_learn(text, recipe.max_heavy_atoms)
        except UnreadableMolecule:
            continue
        items.append((vocabulary.tokens(mol), relative_positions(mol)))
        found = atom_environments(mol, recipe.radius).tolist()
        classes += [IGNORED, *(class_of.get(identifier, IGNORED) for identifier in found)]
        kept.append(place)
    features = FeaturisedDataset.from_items(items)
    return {
        "tokens": features.tokens,
        "distances": features.distances,
        "lengths": features.lengths,
        "environments": np.array(classes, dtype=np.int32),
        "descriptors": _descriptors([texts[place] for place in kept], recipe),
        "kept": np.array(kept, dtype=np.int64),
    }


def _descriptors(smiles: list[str], recipe: Recipe) -> npt.NDArray[np.float16]:
    if not recipe.mean:
        return np.zeros((len(smiles), 0), dtype=np.float16)
    values = compute_descriptors(smiles, names=recipe.descriptor_names).astype(np.float64)
    values -= np.array(recipe.mean)
    values /= np.array(recipe.deviation)
    standard: npt.NDArray[np.float16] = values.clip(-DESCRIPTOR_LIMIT, DESCRIPTOR_LIMIT).astype(np.float16)
    return standard


def _together(chunks: list[Arrays]) -> Arrays:
    """Put the chunks of a piece one after the other."""
    part = {name: _joined(chunks, name) for name in chunks[0]}
    part["kept"] = np.concatenate([place * CHUNK_ROWS + chunk["kept"] for place, chunk in enumerate(chunks)])
    return part


def _joined(parts: Sequence[Arrays], name: str) -> npt.NDArray[Any]:
    return np.concatenate([part[name] for part in parts])


@lru_cache(maxsize=1)
def _vocabulary(text: str) -> Vocabulary:
    return Vocabulary.from_dict(json.loads(text))


@lru_cache(maxsize=1)
def _classes(environments: tuple[int, ...]) -> dict[int, int]:
    return {identifier: place for place, identifier in enumerate(environments)}
