"""Gaussian-process regression on descriptors, embeddings and fingerprints: smooth where trees are stepwise.

A sum of kernels, one a table: exp(-width * squared distance / columns) on standardised numbers, and the count form of
Tanimoto's coefficient on fingerprints. What weighs how much, how wide the kernels are and how noisy the labels, is
chosen by the leave-one-out error of the training molecules, which a Gaussian process gives in closed form (Rasmussen
and Williams, Gaussian Processes for Machine Learning, 2006, section 5.4.2). Classes are regressed as 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mole_engine.training import lapack

Arrays = dict[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Table = npt.NDArray[np.float32]

COUNTS = "counts"
LIMIT = 4.0
"""Standardised numbers are clipped here: a single outlier must not stretch all distances."""

WIDTHS = (0.1, 0.25, 0.6)
NOISES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
MAX_CHOOSING = 1_000
"""Molecules on which the settings are chosen."""

_BLOCK = 512
_LEVELS = 8
"""Of counts that are told apart."""


@dataclass(frozen=True)
class Standard:
    """How the columns of a table are brought to like ranges, fitted on training molecules."""

    mean: Table
    scale: Table

    @classmethod
    def fit(cls, table: Table) -> Self:
        """Fit on (n, D), NaN left aside; the outer hundredths do not count, constant columns become 0."""
        known = np.where(np.isfinite(table), table.astype(np.float64), np.nan)
        empty = ~np.isfinite(known).any(axis=0)
        known[:, empty] = 0.0
        low, high = np.nanpercentile(known, [1, 99], axis=0)
        clipped = np.clip(known, low, high)
        # A column that differs in fewer than one molecule of a hundred: its own spread.
        spread = np.where(high > low, np.nanstd(clipped, axis=0), np.nanstd(known, axis=0))
        mean = np.asarray(np.where(high > low, np.nanmean(clipped, axis=0), np.nanmean(known, axis=0)))
        varies = spread > 1e-9 * np.maximum(1.0, np.abs(mean))
        scale = np.where(varies, spread, np.inf)
        return cls(mean.astype(np.float32), scale.astype(np.float32))

    def apply(self, table: Table) -> Table:
        """Return (n, D) standardised and clipped, 0 where a value is missing."""
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = (table - self.mean) / self.scale
        return np.asarray(np.clip(np.nan_to_num(scaled, nan=0.0), -LIMIT, LIMIT), dtype=np.float32)


@dataclass(frozen=True)
class Settings:
    """What is chosen: a share for each table, one width for all, the noise beside a kernel of 1."""

    shares: dict[str, float]
    width: float
    noise: float


@dataclass(frozen=True)
class KernelModel:
    """A fitted Gaussian process.

    Attributes
    ----------
    settings
        Chosen on the training molecules.
    references
        Standardised tables of the training molecules; counts as they are.
    standards
        By table, but for the counts.
    alpha
        (n, outputs) weights of the training molecules.
    mean
        (outputs,) added.
    """

    settings: Settings
    references: dict[str, npt.NDArray[Any]]
    standards: dict[str, Standard]
    alpha: Floats
    mean: Floats

    def predict(self, tables: Mapping[str, Table]) -> Floats:
        """Return (n, outputs) predictions from raw tables by name."""
        own = {name: self._standardised(name, tables[name]) for name in self.settings.shares}
        count = len(next(iter(own.values())))
        result = np.empty((count, self.alpha.shape[1]))
        for start in range(0, count, _BLOCK):
            rows = slice(start, start + _BLOCK)
            kernel = _kernel({name: part[rows] for name, part in own.items()}, self.references, self.settings)
            result[rows] = kernel @ self.alpha
        return result + self.mean

    def _standardised(self, name: str, table: Table) -> npt.NDArray[Any]:
        return table if name == COUNTS else self.standards[name].apply(table)

    def to_arrays(self, prefix: str) -> Arrays:
        """Return the arrays by name, each name starting with `prefix`."""
        arrays: Arrays = {
            f"{prefix}alpha": self.alpha.astype(np.float32),
            f"{prefix}mean": self.mean.astype(np.float32),
            f"{prefix}settings": np.array([self.settings.width, self.settings.noise], dtype=np.float32),
        }
        for name, share in self.settings.shares.items():
            arrays[f"{prefix}{name}.share"] = np.array([share], dtype=np.float32)
            kind = np.uint8 if name == COUNTS else np.float32
            arrays[f"{prefix}{name}.references"] = self.references[name].astype(kind)
            if name != COUNTS:
                arrays[f"{prefix}{name}.mean"] = self.standards[name].mean
                arrays[f"{prefix}{name}.scale"] = self.standards[name].scale
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Self:
        """Rebuild what `to_arrays` wrote. Raises ValueError or KeyError when the arrays do not fit together."""
        names = [key[len(prefix) : -6] for key in arrays if key.startswith(prefix) and key.endswith(".share")]
        shares = {name: float(arrays[f"{prefix}{name}.share"][0]) for name in names}
        width, noise = arrays[f"{prefix}settings"].tolist()
        references = {name: arrays[f"{prefix}{name}.references"].astype(np.float32) for name in names}
        standards = {
            name: Standard(arrays[f"{prefix}{name}.mean"], arrays[f"{prefix}{name}.scale"])
            for name in names
            if name != COUNTS
        }
        alpha, mean = (arrays[prefix + name].astype(np.float64) for name in ("alpha", "mean"))
        if not names or alpha.ndim != 2 or any(len(table) != len(alpha) for table in references.values()):
            raise ValueError("its kernels do not fit together")
        return cls(Settings(shares, width, noise), references, standards, alpha, mean)


def fit_kernels(
    tables: Mapping[str, Table],
    targets: Floats,
    *,
    weights: Floats | None = None,
    structures: Positions | None = None,
    seed: int = 0,
    check: Callable[[], None] | None = None,
) -> KernelModel:
    """Fit a Gaussian process.

    Parameters
    ----------
    tables
        (n, D) raw features by name; that called "counts" holds fingerprints.
    targets
        (n, outputs), scaled or 0 and 1; NaN where there is no label.
    weights
        (n,) above 0, 1 on average: a label's noise is divided by its weight; None: all count the same.
    structures
        (n,) a number for each molecule, the same for those that the tables cannot tell apart: the settings are chosen
        with these left out together; None: each is left out by itself.
    seed
        Of the sample on which the settings of a large set are chosen.
    check
        Called now and then; it may raise to stop the work.
    """
    standards = {name: Standard.fit(table) for name, table in tables.items() if name != COUNTS}
    own: dict[str, npt.NDArray[Any]] = {
        name: table if name == COUNTS else standards[name].apply(table) for name, table in tables.items()
    }
    settings = _chosen(own, targets, weights, structures, np.random.default_rng(seed), check)
    used = {name: own[name] for name, share in settings.shares.items() if share > 0}
    settings = Settings({name: settings.shares[name] for name in used}, settings.width, settings.noise)
    alpha = np.zeros(targets.shape)
    mean = np.zeros(targets.shape[1])
    kernel = _kernel(used, used, settings)
    for rows, columns in same_gaps(targets):
        if check is not None:
            check()
        labels = targets[np.ix_(rows, columns)]
        much = None if weights is None else weights[rows]
        mean[columns] = np.average(labels, axis=0, weights=much)
        part = kernel[np.ix_(rows, rows)]
        part[np.diag_indices_from(part)] += settings.noise if much is None else settings.noise / much
        alpha[np.ix_(rows, columns)] = lapack.solve(part, labels - mean[columns])
    return KernelModel(settings, used, {name: standards[name] for name in used if name != COUNTS}, alpha, mean)


def same_gaps(targets: Floats) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]]:
    """Yield where there are labels, (n,), and the outputs of which that is so: they share one solution.

    Parameters
    ----------
    targets
        (n, outputs), NaN where there is no label; outputs without any are passed over.
    """
    known = ~np.isnan(targets)
    for key, rows in {column.tobytes(): column for column in known.T}.items():
        if rows.any():
            yield rows, np.flatnonzero([column.tobytes() == key for column in known.T])


def _chosen(
    tables: Mapping[str, npt.NDArray[Any]],
    targets: Floats,
    weights: Floats | None,
    structures: Positions | None,
    generator: np.random.Generator,
    check: Callable[[], None] | None,
) -> Settings:
    """Return the settings with the least leave-one-out error of the output with the most labels.

    The errors of a mixture of tables lie in a valley over widths and noises; the search for its lowest point starts
    near the neighbour's, so that a third of all errors are computed.
    """
    output = int((~np.isnan(targets)).sum(axis=0).argmax())
    rows = np.flatnonzero(~np.isnan(targets[:, output]))
    if len(rows) > MAX_CHOOSING:
        rows = np.sort(generator.choice(rows, MAX_CHOOSING, replace=False))
    labels = targets[rows, output]
    much = None if weights is None else weights[rows]
    together = [] if structures is None else repeats(structures[rows])
    parts = {name: table[rows] for name, table in tables.items()}
    best, least = Settings(dict.fromkeys(tables, 1 / len(tables)), WIDTHS[1], NOISES[2]), np.inf
    if len(rows) < 3 or not np.ptp(labels) > 0:
        return best
    blocks = {
        (name, width): _one(name, part, part, width)
        for name, part in parts.items()
        for width in (WIDTHS[:1] if name == COUNTS else WIDTHS)
    }
    # In the middle, where nothing is known yet.
    place = (1, 2)
    for shares in _mixtures(list(tables)):
        # Fingerprints have no width.
        widths = WIDTHS[:1] if set(shares) == {COUNTS} else WIDTHS
        valley = _Valley(shares, widths, blocks, labels, much, together, check)
        place, error = valley.lowest((min(place[0], len(widths) - 1), place[1]))
        if error < least:
            best, least = Settings(shares, widths[place[0]], NOISES[place[1]]), error
    return best


class _Valley:
    """Errors of one mixture of tables over widths and noises, each computed when it is asked for."""

    def __init__(
        self,
        shares: dict[str, float],
        widths: Sequence[float],
        blocks: Mapping[tuple[str, float], npt.NDArray[Any]],
        labels: Floats,
        weights: Floats | None,
        together: Sequence[Positions],
        check: Callable[[], None] | None,
    ) -> None:
        self.shares, self.widths, self.blocks = shares, widths, blocks
        self.labels, self.weights, self.together, self.check = labels, weights, together, check
        self._kernels: dict[int, Floats] = {}
        self._errors: dict[tuple[int, int], float] = {}

    def lowest(self, place: tuple[int, int]) -> tuple[tuple[int, int], float]:
        """Go downhill from a width and a noise, by their places, and return where it ends and the error there."""
        while True:
            width, noise = place
            ways = [(width, noise - 1), (width, noise + 1), (width - 1, noise), (width + 1, noise)]
            there = [way for way in ways if 0 <= way[0] < len(self.widths) and 0 <= way[1] < len(NOISES)]
            # Where no error can be told, more noise helps.
            best = min([place, *there], key=lambda way: (self._error(way), -way[1]))
            if best == place:
                return place, self._error(place)
            place = best

    def _error(self, place: tuple[int, int]) -> float:
        if place not in self._errors:
            if self.check is not None:
                self.check()
            kernel = self._kernel(place[0])
            self._errors[place] = _left_out_error(kernel, self.labels, NOISES[place[1]], self.weights, self.together)
        return self._errors[place]

    def _kernel(self, width: int) -> Floats:
        if width not in self._kernels:
            own = self.widths[width]
            parts = (
                share * self.blocks[name, WIDTHS[0] if name == COUNTS else own] for name, share in self.shares.items()
            )
            self._kernels[width] = np.asarray(sum(parts))
        return self._kernels[width]


def _mixtures(names: Sequence[str]) -> list[dict[str, float]]:
    """Return shares of the tables in quarters, each with at least one table; neighbours differ in a quarter."""
    return [
        {name: part / 4 for name, part in zip(names, parts, strict=True) if part} for parts in _quarters(len(names), 4)
    ]


def _quarters(tables: int, left: int) -> list[tuple[int, ...]]:
    if tables == 1:
        return [(left,)]
    found: list[tuple[int, ...]] = []
    for first in range(left + 1):
        others = _quarters(tables - 1, left - first)
        found += [(first, *own) for own in (reversed(others) if first % 2 else others)]
    return found


def repeats(numbers: Positions) -> list[Positions]:
    """Return the places of each number that stands more than once."""
    order = np.argsort(numbers, kind="stable")
    places = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    return [own for own in places if len(own) > 1]


def _left_out_error(
    kernel: Floats,
    labels: Floats,
    noise: float,
    weights: Floats | None = None,
    together: Sequence[Positions] = (),
) -> float:
    """Return the mean squared error of each molecule predicted from all others; infinite where none can be told.

    The places in `together` are left out at a time: what stays behind of a molecule would only be read off.
    """
    whole = kernel.astype(np.float64)
    whole[np.diag_indices_from(whole)] += noise if weights is None else noise / weights
    # By half the arithmetic of a general inverse.
    root = lapack.inverse_root(whole)
    if root is None:
        return np.inf
    solved = root @ (root.T @ (labels - np.average(labels, weights=weights)))
    residuals = solved / (root**2).sum(axis=1)
    for own in together:
        residuals[own] = np.linalg.solve(root[own] @ root[own].T, solved[own])
    return float(np.average(residuals**2, weights=weights))


def _kernel(left: Mapping[str, npt.NDArray[Any]], right: Mapping[str, npt.NDArray[Any]], settings: Settings) -> Floats:
    total: Any = 0.0
    for name, share in settings.shares.items():
        total = total + share * _one(name, left[name], right[name], settings.width)
    return np.asarray(total, dtype=np.float64)


def _one(name: str, left: npt.NDArray[Any], right: npt.NDArray[Any], width: float) -> npt.NDArray[Any]:
    if name == COUNTS:
        return count_tanimoto(left, right)
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2 * left @ right.T
    return np.asarray(np.exp(-width / left.shape[1] * np.maximum(squares, 0.0)))


def count_tanimoto(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Table:
    """Return (n, m) sums of the smaller over sums of the larger counts; counts beyond 8 count as 8."""
    shared = np.zeros((len(left), len(right)), dtype=np.float32)
    left, right = np.minimum(left, _LEVELS), np.minimum(right, _LEVELS)
    for level in range(1, _LEVELS + 1):
        columns = np.flatnonzero((left >= level).any(axis=0) & (right >= level).any(axis=0))
        if not len(columns):
            break
        shared += (left[:, columns] >= level).astype(np.float32) @ (right[:, columns] >= level).astype(np.float32).T
    total = left.sum(axis=1, dtype=np.float32)[:, None] + right.sum(axis=1, dtype=np.float32)[None, :]
    return np.asarray(shared / np.maximum(total - shared, 1.0), dtype=np.float32)
