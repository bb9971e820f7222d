"""Maps of chemical space: each molecule a point, alike molecules close together."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from mole_engine.chem.fingerprints import Packed
from mole_engine.contracts.errors import InputError
from mole_engine.data.fingerprints import fingerprints_of
from mole_engine.data.progress import Progress, report

Points = npt.NDArray[np.float32]

STAGE = "map"
MAX_LANDMARKS = 3_000
"""A neighbour map is fitted on at most this many molecules; the others are placed beside their nearest ones."""

_MAPS = {"pca": "Principal components (PCA)", "tsne": "Neighbours (t-SNE)", "umap": "Neighbours (UMAP)"}
_NEIGHBOURS = 3
_COMPONENTS = 50


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
    return _placed(_bits(fingerprints_of(smiles, on_progress)), method, on_progress)


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
    return _placed(np.where(np.isfinite(vectors), vectors, middle).astype(np.float32), method, on_progress)


def _check(method: str) -> None:
    if method not in _MAPS:
        raise InputError(f"There is no map '{method}'.", "", f"Known are {', '.join(_MAPS)}.")
    if method not in available_maps():
        raise InputError(
            "UMAP is not installed.", "The package umap-learn is missing.", "Use 'tsne', or pip install umap-learn."
        )


def _bits(packed: Packed) -> Any:
    """Return the fingerprints as a sparse (n, 2048) matrix: some fifty of the bits are set."""
    from scipy import sparse

    bits = [
        sparse.csr_matrix(np.unpackbits(packed[at : at + 4096], axis=1), dtype=np.float32) for at in _starts(packed)
    ]
    return sparse.vstack(bits, format="csr") if bits else sparse.csr_matrix((0, packed.shape[1] * 8), dtype=np.float32)


def _starts(packed: Packed) -> range:
    return range(0, len(packed), 4096)


def _placed(matrix: Any, method: str, on_progress: Progress | None) -> Points:
    report(on_progress, STAGE, 0, 0)
    if matrix.shape[0] < 4:
        # Too few to speak of directions or neighbours: side by side.
        return np.stack([np.arange(matrix.shape[0]), np.zeros(matrix.shape[0])], axis=1).astype(np.float32)
    points = _components(matrix, 2) if method == "pca" else _neighbour_map(matrix, method, on_progress)
    report(on_progress, STAGE, matrix.shape[0], matrix.shape[0])
    return np.ascontiguousarray(points, dtype=np.float32)


def _components(matrix: Any, wanted: int) -> npt.NDArray[np.float64]:
    """Return (n, wanted) principal components; columns of zeros where the molecules span fewer directions."""
    from sklearn.decomposition import PCA

    count = min(wanted, min(matrix.shape) - 1)
    found = PCA(count, svd_solver="arpack", random_state=0).fit_transform(matrix)
    return np.pad(np.nan_to_num(found), ((0, 0), (0, wanted - count)))


def _neighbour_map(matrix: Any, method: str, on_progress: Progress | None) -> npt.NDArray[np.float64]:
    coordinates = _components(matrix, min(_COMPONENTS, min(matrix.shape) - 1))
    rows = len(coordinates)
    if rows <= MAX_LANDMARKS:
        return _fitted(coordinates, method)
    from sklearn.neighbors import NearestNeighbors

    chosen = np.sort(np.random.default_rng(0).permutation(rows)[:MAX_LANDMARKS])
    landmarks = _fitted(coordinates[chosen], method)
    report(on_progress, STAGE, MAX_LANDMARKS, rows)
    distances, nearest = NearestNeighbors(n_neighbors=_NEIGHBOURS).fit(coordinates[chosen]).kneighbors(coordinates)
    weights = 1.0 / (distances + 1e-6)
    placed = (landmarks[nearest] * weights[:, :, None]).sum(axis=1) / weights.sum(axis=1)[:, None]
    return np.asarray(placed)


def _fitted(coordinates: npt.NDArray[np.float64], method: str) -> npt.NDArray[np.float64]:
    rows = len(coordinates)
    if method == "umap":
        import umap

        return np.asarray(umap.UMAP(n_neighbors=min(15, rows - 1), random_state=0, n_jobs=1).fit_transform(coordinates))
    from sklearn.manifold import TSNE

    start = coordinates[:, :2] / max(1e-12, float(coordinates[:, 0].std())) * 1e-4
    found = TSNE(perplexity=min(30.0, (rows - 1) / 3), init=start.astype(np.float32), random_state=0, n_jobs=1)
    return np.asarray(found.fit_transform(coordinates.astype(np.float32)))
