"""The applicability domain: whether a new molecule resembles those that the model was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from mole_engine.chem.elements import elements_of
from mole_engine.chem.fingerprints import BYTES, ecfp4, nearest_similarity
from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.data import fingerprints
from mole_engine.store.card import DomainReference

MAX_REFERENCES = 20_000
"""A larger training set is represented by a sample, which bounds the bundle's size and the time of a prediction."""

MAX_LEFT_OUT = 1_000
"""Molecules on which the threshold is measured."""

LOWEST_THRESHOLD = 0.2
"""Below this, two molecules share hardly more than chance bits, so nothing so far away counts as inside."""

PERCENTILE = 5.0


def fingerprints_of(smiles: Sequence[str], check: Callable[[], None] | None = None) -> npt.NDArray[np.uint8]:
    """Return (n, 256) packed ECFP4 fingerprints; all zero for a SMILES that cannot be read."""
    result = np.zeros((len(smiles), BYTES), dtype=np.uint8)
    for place, text in enumerate(smiles):
        if check is not None and place % 256 == 0:
            check()
        try:
            result[place] = ecfp4(parse_smiles(text))
        except UnreadableMolecule:
            continue
    return result


def own_fingerprints(smiles: Sequence[str], check: Callable[[], None] | None = None) -> npt.NDArray[np.uint8]:
    """Return the same of a run's own molecules, which the session remembers: several parts of a run ask for them."""
    return fingerprints.fingerprints_of(smiles, None if check is None else lambda *_: check())


def measure_domain(smiles: Sequence[str], *, seed: int = 0, check: Callable[[], None] | None = None) -> DomainReference:
    """Describe the domain of a model by its training molecules.

    The threshold is the 5th percentile of the similarity of training molecules to their nearest other training
    molecule: what is further away than 19 of 20 training molecules are from each other counts as outside, and what has
    an element that none of them has. Those that are the same to a fingerprint (repeats, mirror images) count once.

    Parameters
    ----------
    smiles
        Training molecules, standardised.
    seed
        Of the sample that is taken from a large set.
    check
        Called now and then; it may raise to stop the work.
    """
    generator = np.random.default_rng(seed)
    chosen: Sequence[str] = smiles
    if len(smiles) > MAX_REFERENCES:
        places = np.sort(generator.choice(len(smiles), MAX_REFERENCES, replace=False))
        chosen = [smiles[place] for place in places]
    references = own_fingerprints(chosen, check)
    # Where each has a twin, all would be at no distance from each other, and hardly any new molecule as near as that.
    different = references[np.sort(np.unique(references, axis=0, return_index=True)[1])]
    # The first molecules of a shuffled copy: leave-one-out needs queries at the places of their references.
    shuffled = different[generator.permutation(len(different))]
    threshold = LOWEST_THRESHOLD
    if len(different) > 1:
        nearest = nearest_similarity(shuffled[:MAX_LEFT_OUT], shuffled, skip_self=True, check=check)
        threshold = max(threshold, float(np.percentile(nearest, PERCENTILE)))
    return DomainReference(round(threshold, 4), references, len(smiles), _all_elements(smiles, check))


def _all_elements(smiles: Sequence[str], check: Callable[[], None] | None) -> frozenset[str]:
    found: set[str] = set()
    for place, text in enumerate(smiles):
        if check is not None and place % 4096 == 0:
            check()
        found |= elements_of(text)
    return frozenset(found)


def inside(
    domain: DomainReference, smiles: Sequence[str], similarity: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Return (n,) whether molecules lie in the domain.

    Parameters
    ----------
    smiles
        The molecules, standardised.
    similarity
        (n,) that of each to the nearest training molecule.
    """
    strange = [bool(unseen_elements(domain, text)) for text in smiles]
    return np.logical_and(similarity >= domain.threshold, np.logical_not(strange))


def unseen_elements(domain: DomainReference, smiles: str) -> tuple[str, ...]:
    """Return the elements of a molecule that no training molecule has; () where those are not known.

    However similar the rest is: a fingerprint of the whole molecule hardly notices a single atom, and the model has
    learnt nothing about it.
    """
    return () if domain.elements is None else tuple(sorted(elements_of(smiles) - domain.elements))
