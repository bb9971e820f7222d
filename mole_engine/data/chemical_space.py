"""Maps of chemical space: each molecule a point, alike molecules close together."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mole_engine.chem.fingerprints import Packed, similarities
from mole_engine.contracts.errors import InputError
from mole_engine.data.fingerprints import fingerprints_of
from mole_engine.data.progress import Progress, report

Points = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

STAGE = "map"
MAX_LANDMARKS = 2_000
"""A neighbour map is fitted on at most this many molecules; the others are placed beside their nearest ones."""

_MAPS = {"pca": "Principal components (PCA)", "tsne": "Neighbours (t-SNE)", "umap": "Neighbours (UMAP)"}
_NEIGHBOURS = 3
_BLOCK = 4096


def available_maps() -> dict[str, str]:
    """Return the titles of the maps that can be drawn here, by method; UMAP needs the extra "maps"."""
    return {name: title for name, title in _MAPS.items() if name != "umap" or find_spec("umap") is not None}


def project(smiles: Sequence[str], method: str = "pca", on_progress: Progress | None = None) -> Points:
    """Place molecules on a plane by their ECFP4 fingerprints.

    Parameters
    ----------
    smiles
        (n) molecules; one that cannot be read stands where a molecule without any bits would.
    method
        "pca": the two directions of largest variance; distances far apart mean something. "tsne", "umap": neighbours
        stay neighbours; distances between groups mean little.
    on_progress
        Called with ("fingerprints", done, total), then ("map", done, total); may raise `Cancelled`.

    Returns
    -------
    numpy.ndarray
        (n, 2) float32; the same molecules always give the same map.

    Raises
    ------
    InputError
        When the method is not known or not installed.
    """
    _check(method)
    return _placed(_Fingerprints(fingerprints_of(smiles, on_progress)), method, on_progress)


def project_vectors(
    vectors: npt.NDArray[np.float32], method: str = "pca", on_progress: Progress | None = None
) -> Points:
    """Place molecules on a plane by any vectors, such as the embeddings of a model.

    Parameters
    ----------
    vectors
        (n, d); a row with NaN (an unreadable molecule) stands in the middle.
    method, on_progress
        As in `project`.

    Returns
    -------
    numpy.ndarray
        (n, 2) float32.
    """
    _check(method)
    middle = np.nan_to_num(np.nanmean(vectors, axis=0)) if np.isfinite(vectors).any() else np.zeros(vectors.shape[1])
    return _placed(_Vectors(np.where(np.isfinite(vectors), vectors, middle)), method, on_progress)


def _check(method: str) -> None:
    if method not in _MAPS:
        raise InputError(f"There is no map '{method}'.", "", f"Known are {', '.join(_MAPS)}.")
    if method not in available_maps():
        raise InputError(
            "UMAP is not installed.", "The package umap-learn is missing.", "Use 'tsne', or pip install umap-learn."
        )


class _Space(Protocol):
    """Molecules between which there are distances."""

    def __len__(self) -> int: ...

    def matrix(self) -> Any:
        """Return what principal components are taken of: (n, d), dense or sparse."""
        ...

    def distances(self, queries: Indices, references: Indices) -> npt.NDArray[np.float32]:
        """Return (q, r) distances, rounded so that they are the same on every run."""
        ...


class _Fingerprints:
    def __init__(self, packed: Packed) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed)

    def matrix(self) -> Any:
        """Return a sparse matrix: some fifty of the 2,048 bits are set."""
        from scipy import sparse

        starts = range(0, len(self._packed), _BLOCK)
        bits = [np.unpackbits(self._packed[start : start + _BLOCK], axis=1) for start in starts]
        return sparse.vstack([sparse.csr_matrix(part, dtype=np.float32) for part in bits], format="csr")

    def distances(self, queries: Indices, references: Indices) -> npt.NDArray[np.float32]:
        found = 1.0 - similarities(self._packed[queries], self._packed[references])
        return np.asarray(np.maximum(found, 0.0), dtype=np.float32)


class _Vectors:
    def __init__(self, vectors: npt.NDArray[np.floating[Any]]) -> None:
        self._vectors = vectors.astype(np.float64)

    def __len__(self) -> int:
        return len(self._vectors)

    def matrix(self) -> Any:
        return self._vectors

    def distances(self, queries: Indices, references: Indices) -> npt.NDArray[np.float32]:
        from scipy.spatial.distance import cdist

        found = cdist(self._vectors[queries], self._vectors[references])
        return np.asarray(np.round(found, 5), dtype=np.float32)


def _placed(space: _Space, method: str, on_progress: Progress | None) -> Points:
    report(on_progress, STAGE, 0, 0)
    if len(space) < 4:
        # Too few to speak of directions or neighbours: side by side.
        return np.stack([np.arange(len(space)), np.zeros(len(space))], axis=1).astype(np.float32)
    points = _components(space) if method == "pca" else _neighbour_map(space, method, on_progress)
    report(on_progress, STAGE, len(space), len(space))
    return np.ascontiguousarray(points, dtype=np.float32)


def _components(space: _Space) -> npt.NDArray[np.float64]:
    """Return (n, 2) principal components; zeros where the molecules span fewer directions."""
    from sklearn.decomposition import PCA

    matrix = space.matrix()
    count = min(2, min(matrix.shape) - 1)
    found = PCA(count, svd_solver="arpack", random_state=0).fit_transform(matrix)
    return np.pad(np.nan_to_num(found), ((0, 0), (0, 2 - count)))


def _neighbour_map(space: _Space, method: str, on_progress: Progress | None) -> npt.NDArray[np.float64]:
    rows = len(space)
    chosen = np.sort(np.random.default_rng(0).permutation(rows)[:MAX_LANDMARKS])
    # Rounded, since the smallest difference at the start grows into another map.
    start = np.round(_components(space)[chosen], 3)
    landmarks = _fitted(space.distances(chosen, chosen), start, method)
    if rows == len(chosen):
        return landmarks
    placed = np.empty((rows, 2))
    for first in range(0, rows, _BLOCK):
        report(on_progress, STAGE, first, rows)
        queries = np.arange(first, min(first + _BLOCK, rows))
        placed[queries] = _beside(space.distances(queries, chosen), landmarks)
    placed[chosen] = landmarks
    return placed


def _beside(distances: npt.NDArray[np.float32], landmarks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weighted middle of each molecule's nearest landmarks."""
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :_NEIGHBOURS]
    weights = 1.0 / (np.take_along_axis(distances, nearest, axis=1).astype(np.float64) ** 2 + 1e-6)
    placed = (landmarks[nearest] * weights[:, :, None]).sum(axis=1) / weights.sum(axis=1)[:, None]
    return np.asarray(placed, dtype=np.float64)


def _fitted(distances: npt.NDArray[np.float32], start: npt.NDArray[np.float64], method: str) -> npt.NDArray[np.float64]:
    rows = len(distances)
    np.fill_diagonal(distances, 0.0)
    if method == "umap":
        import umap

        reducer = umap.UMAP(n_neighbors=min(15, rows - 1), metric="precomputed", random_state=0, n_jobs=1)
        return np.asarray(reducer.fit_transform(distances), dtype=np.float64)
    from sklearn.manifold import TSNE

    small = start / max(1e-12, float(start[:, 0].std())) * 1e-4
    found = TSNE(
        perplexity=min(30.0, (rows - 1) / 3),
        metric="precomputed",
        init=small.astype(np.float32),
        random_state=0,
        n_jobs=1,
    )
    return np.asarray(found.fit_transform(distances), dtype=np.float64)
