"""Clusters of similar molecules (Taylor-Butina), for splits that keep look-alikes together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mole_engine.chem.fingerprints import Packed, similarities, similarity_to
from mole_engine.data.progress import Progress, report

MAX_EXACT = 8_000
"""Up to so many molecules all pairs are compared; above it spheres are drawn one after the other."""

_BLOCK = 512
_REPORT_EVERY = 64


def cluster(fingerprints: Packed, similarity: float, on_progress: Progress | None = None) -> list[list[int]]:
    """Group molecules around centres.

    Up to 8,000 molecules as in Butina, J. Chem. Inf. Comput. Sci. 1999, 39, 747: the molecule with most neighbours
    founds the first cluster, and so on among those that are left. Above that sphere exclusion: the centres come in a
    fixed order that has nothing to do with the file's.

    Parameters
    ----------
    fingerprints
        (n, 256) packed ECFP4.
    similarity
        Least Tanimoto similarity of a member to its centre.
    on_progress
        Called with ("split", molecules done, molecules); may raise `Cancelled`.

    Returns
    -------
    list of list of int
        Positions of each cluster, centre first; each molecule is in one cluster.
    """
    if len(fingerprints) <= MAX_EXACT:
        return _butina(_neighbours(fingerprints, similarity, on_progress))
    return _spheres(fingerprints, similarity, on_progress)


def _neighbours(fingerprints: Packed, similarity: float, on_progress: Progress | None) -> list[npt.NDArray[np.int64]]:
    found = []
    for start in range(0, len(fingerprints), _BLOCK):
        report(on_progress, "split", start, len(fingerprints))
        block = similarities(fingerprints[start : start + _BLOCK], fingerprints)
        found += [np.flatnonzero(row >= similarity) for row in block]
    return found


def _butina(neighbours: list[npt.NDArray[np.int64]]) -> list[list[int]]:
    left = np.ones(len(neighbours), bool)
    clusters = []
    # The plain variant: counts are not updated while clusters are taken away, as Butina described it.
    for centre in sorted(range(len(neighbours)), key=lambda position: -len(neighbours[position])):
        if not left[centre]:
            continue
        members = [int(other) for other in neighbours[centre] if left[other] and other != centre]
        left[[centre, *members]] = False
        clusters.append([centre, *members])
    return clusters


def _spheres(fingerprints: Packed, similarity: float, on_progress: Progress | None) -> list[list[int]]:
    left = np.random.default_rng(0).permutation(len(fingerprints))
    remaining = fingerprints[left]
    clusters: list[list[int]] = []
    while len(left):
        if len(clusters) % _REPORT_EVERY == 0:
            report(on_progress, "split", len(fingerprints) - len(left), len(fingerprints))
        inside = similarity_to(remaining[0], remaining) >= similarity
        inside[0] = True  # a molecule without any bits is like nobody, not even itself
        clusters.append([int(position) for position in left[inside]])
        left, remaining = left[~inside], remaining[~inside]
    return clusters
