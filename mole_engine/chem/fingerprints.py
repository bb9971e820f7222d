"""Fingerprints: ECFP4 packed to bytes with the Tanimoto similarity between them, and counts of environments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

BITS = 2048
BYTES = BITS // 8

GROUP_BITS = 1024

Packed = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

# Bounds the memory of one block of similarities: 256 x 20480 floats (20 MiB), and 20480 unpacked references (40 MiB).
_QUERY_BLOCK = 256
_REFERENCE_BLOCK = 20_480

_COMMON_BITS = 192
"""Bits counted by a matrix product; each other one is set in so few molecules that going through those is quicker."""

_FEW = 64
"""Up to so many queries, sorting the references would take longer than comparing with them as they are."""


@cache
def _generator(radius: int = 2) -> Any:
    return rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=BITS if radius == 2 else GROUP_BITS)


def ecfp4(mol: Chem.Mol) -> Packed:
    """Return the ECFP4 fingerprint (Morgan, radius 2, 2048 bits) of one molecule.

    Returns
    -------
    numpy.ndarray
        (256,) uint8, the lowest bit of each byte first.
    """
    text = DataStructs.BitVectToBinaryText(_generator().GetFingerprint(mol))
    return np.frombuffer(text, dtype=np.uint8).copy()


def ecfp4_counts(mol: Chem.Mol) -> npt.NDArray[np.uint8]:
    """Return how often each environment of ECFP4 occurs in one molecule: (2048,) uint8, at most 255 each."""
    counts: npt.NDArray[np.uint32] = _generator().GetCountFingerprintAsNumPy(mol)
    return np.minimum(counts, 255).astype(np.uint8)


def group_counts(mol: Chem.Mol) -> npt.NDArray[np.uint8]:
    """Return how often each atom with its neighbours (ECFP2) occurs in one molecule: (1024,) uint8, at most 255."""
    counts: npt.NDArray[np.uint32] = _generator(1).GetCountFingerprintAsNumPy(mol)
    return np.minimum(counts, 255).astype(np.uint8)


def counts_without(mol: Chem.Mol, hidden: Sequence[Collection[int]], radius: int = 2) -> Floats:
    """Return the counts of environments that touch none of the hidden atoms.

    Parameters
    ----------
    mol
        A sanitised molecule.
    hidden
        One set of atoms a row; an empty one gives `ecfp4_counts` or `group_counts`.
    radius
        2 for ECFP4, 1 for groups.

    Returns
    -------
    numpy.ndarray
        (len(hidden), 2048 or 1024) float32, at most 255 each.
    """
    output = rdFingerprintGenerator.AdditionalOutput()
    output.AllocateBitInfoMap()
    whole = _generator(radius).GetCountFingerprintAsNumPy(mol, additionalOutput=output).astype(np.int64)
    distances = Chem.GetDistanceMatrix(mol)
    gone = np.zeros((len(hidden), mol.GetNumAtoms()), dtype=bool)
    for row, atoms in enumerate(hidden):
        gone[row, list(atoms)] = True
    counts = np.tile(whole, (len(hidden), 1))
    for bit, environments in output.GetBitInfoMap().items():
        for centre, reach in environments:
            counts[:, bit] -= gone[:, distances[centre] <= reach].any(axis=1)
    return np.asarray(np.minimum(counts, 255), dtype=np.float32)


def nearest_similarity(
    queries: Packed, references: Packed, *, skip_self: bool = False, check: Callable[[], None] | None = None
) -> Floats:
    """Return each query's highest Tanimoto similarity to the references.

    Parameters
    ----------
    queries
        (n, 256) packed fingerprints.
    references
        (m, 256) packed fingerprints; with `m == 0` every similarity is 0.
    skip_self
        Query i *is* reference i and is not compared with itself (leave-one-out). The queries may be fewer.
    check
        Called between blocks; it may raise to stop the work.

    Returns
    -------
    numpy.ndarray
        (n,) float32 between 0 and 1.
    """
    check = check or _nothing
    nearest = np.zeros(len(queries), dtype=np.float32)
    if not len(references):
        return nearest
    if len(queries) <= _FEW:
        for place, query in enumerate(queries):
            check()
            similarity = similarity_to(query, references)
            if skip_self:
                similarity[place] = 0.0
            nearest[place] = similarity.max()
        return nearest
    for start in range(0, len(references), _REFERENCE_BLOCK):
        block = _Block(references[start : start + _REFERENCE_BLOCK])
        for first in range(0, len(queries), _QUERY_BLOCK):
            check()
            part = nearest[first : first + _QUERY_BLOCK]
            found = block.nearest(queries[first : first + len(part)], first - start if skip_self else None)
            np.maximum(part, found, out=part)
    return nearest


def _nothing() -> None:
    """Check nothing."""


class _Block:
    """References, made ready for the search for the nearest one.

    They are sorted by their number of bits: among those of one number, the one that shares most bits is the nearest, so
    that similarities are computed once for each number. Of all bits that are set, more than half are the 192 commonest:
    a product of matrices counts those, and lists of the molecules that hold them all others.
    """

    def __init__(self, packed: Packed) -> None:
        bits = np.unpackbits(packed, axis=1, bitorder="little")
        counts = bits.sum(axis=1, dtype=np.int64)
        order = np.argsort(counts, kind="stable")
        bits, counts = bits[order], counts[order]
        self._place = np.argsort(order)
        self._starts = np.flatnonzero(np.diff(counts, prepend=-1))
        self._counts = counts[self._starts].astype(np.float32)
        columns = np.argsort(-bits.sum(axis=0, dtype=np.int64), kind="stable")
        self._common, self._rare = columns[:_COMMON_BITS], columns[_COMMON_BITS:]
        self._table = np.ascontiguousarray(bits[:, self._common].T, dtype=np.float32)
        self._holders = [np.flatnonzero(column) for column in np.ascontiguousarray(bits[:, self._rare].T)]

    def nearest(self, packed: Packed, offset: int | None) -> Floats:
        """Return each query's highest similarity; `offset`: query i is reference i + offset, which does not count."""
        bits = np.unpackbits(packed, axis=1, bitorder="little")
        shared: Floats = bits[:, self._common].astype(np.float32) @ self._table
        queries, rare = np.nonzero(bits[:, self._rare])
        for query, bit in zip(queries.tolist(), rare.tolist(), strict=True):
            shared[query][self._holders[bit]] += 1.0
        if offset is not None:
            rows = np.arange(len(bits))
            rows = rows[(rows + offset >= 0) & (rows + offset < len(self._place))]
            shared[rows, self._place[rows + offset]] = 0.0
        most = np.maximum.reduceat(shared, self._starts, axis=1)
        union = bits.sum(axis=1, dtype=np.float32)[:, None] + self._counts - most
        # Two empty fingerprints (no atoms) share nothing rather than everything.
        return np.asarray((most / np.maximum(union, 1.0)).max(axis=1), dtype=np.float32)


def similarities(queries: Packed, references: Packed) -> Floats:
    """Return the Tanimoto similarity of each query to each reference, (n, m) float32."""
    result = np.empty((len(queries), len(references)), dtype=np.float32)
    left = _unpacked(queries)
    for start in range(0, len(references), _REFERENCE_BLOCK):
        block = _unpacked(references[start : start + _REFERENCE_BLOCK])
        result[:, start : start + len(block)] = _tanimoto(left, block)
    return result


def similarity_to(query: Packed, references: Packed) -> Floats:
    """Return the Tanimoto similarity of every reference to one query, without unpacking any bits.

    Parameters
    ----------
    query
        (256,) packed fingerprint.
    references
        (n, 256) packed fingerprints.
    """
    # Words of eight bytes: an eighth of the elements to count. A copy only where the memory is not aligned.
    words = np.ascontiguousarray(references).view(np.uint64)
    mine = np.ascontiguousarray(query).view(np.uint64)
    similarity = np.zeros(len(references), dtype=np.float32)
    own = int(np.bitwise_count(mine).sum())
    for start in range(0, len(words), _REFERENCE_BLOCK):
        block = words[start : start + _REFERENCE_BLOCK]
        shared = np.bitwise_count(block & mine).sum(axis=1, dtype=np.float32)
        union = np.bitwise_count(block).sum(axis=1, dtype=np.float32) + own - shared
        similarity[start : start + len(block)] = shared / np.maximum(union, 1.0)
    return similarity


def _unpacked(packed: Packed) -> Floats:
    return np.unpackbits(packed, axis=1, bitorder="little").astype(np.float32)


def _tanimoto(left: Floats, right: Floats) -> Floats:
    shared: Floats = left @ right.T
    union = left.sum(axis=1)[:, None] + right.sum(axis=1)[None, :] - shared
    # Two empty fingerprints (no atoms) share nothing rather than everything.
    np.divide(shared, np.maximum(union, 1.0), out=shared)
    return shared
