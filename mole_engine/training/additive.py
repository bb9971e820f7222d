"""Ridge regression on counts of groups, descriptors and vectors: what adds up, atom by atom and group by group.

Group contributions are the oldest model of a molecule's property (Benson, 1958; Free and Wilson, 1964). In a blend the
straight line errs elsewhere than trees and Gaussian processes do, and goes on where those fall back to the mean. How
strongly its weights are held small is chosen by leaving whole groups of like molecules out: single ones that are left
out have analogues among the others, and would ask for far too little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mole_engine.training import lapack
from mole_engine.training.kernels import Standard, same_gaps

Arrays = dict[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Table = npt.NDArray[np.float32]

GROUPS = "groups"
"""Table of counts; the others are numbers, which are standardised."""

PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
MAX_CHOOSING = 1_000
"""Molecules on which the penalty is chosen."""

MAX_MOLECULES = 20_000
"""Of more there is a sample: the number of weights does not grow with them."""


@dataclass(frozen=True)
class LinearModel:
    """A fitted sum.

    Attributes
    ----------
    standards
        By table, but for the counts.
    weights
        By table (D, outputs), of standardised numbers and of square roots of counts.
    constant
        (outputs,)
    penalty
        Of squared weights, where all columns of a table together vary by one.
    """

    standards: dict[str, Standard]
    weights: dict[str, Floats]
    constant: Floats
    penalty: float

    def predict(self, tables: Mapping[str, Table]) -> Floats:
        """Return (n, outputs) predictions from raw tables by name."""
        total = sum(_columns(name, tables[name], self.standards) @ own for name, own in self.weights.items())
        return np.asarray(total + self.constant)

    def to_arrays(self, prefix: str) -> Arrays:
        """Return the arrays by name, each name starting with `prefix`."""
        arrays: Arrays = {
            f"{prefix}constant": self.constant.astype(np.float32),
            f"{prefix}penalty": np.array([self.penalty], dtype=np.float32),
        }
        for name, own in self.weights.items():
            arrays[f"{prefix}{name}.weights"] = own.astype(np.float32)
            if name != GROUPS:
                arrays[f"{prefix}{name}.mean"] = self.standards[name].mean
                arrays[f"{prefix}{name}.scale"] = self.standards[name].scale
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Self:
        """Rebuild what `to_arrays` wrote. Raises ValueError or KeyError when the arrays do not fit together."""
        ending = ".weights"
        names = [key[len(prefix) : -len(ending)] for key in arrays if key.startswith(prefix) and key.endswith(ending)]
        weights = {name: arrays[f"{prefix}{name}{ending}"].astype(np.float64) for name in names}
        constant = arrays[f"{prefix}constant"].astype(np.float64)
        standards = {
            name: Standard(arrays[f"{prefix}{name}.mean"], arrays[f"{prefix}{name}.scale"])
            for name in names
            if name != GROUPS
        }
        fits = all(own.ndim == 2 and own.shape[1:] == constant.shape for own in weights.values())
        if not names or not fits or any(len(item.mean) != len(weights[name]) for name, item in standards.items()):
            raise ValueError("its sums do not fit together")
        return cls(standards, weights, constant, float(arrays[f"{prefix}penalty"][0]))


def fit_linear(
    tables: Mapping[str, Table],
    targets: Floats,
    *,
    groups: Positions | None = None,
    weights: Floats | None = None,
    seed: int = 0,
    check: Callable[[], None] | None = None,
) -> LinearModel:
    """Fit a sum.

    Parameters
    ----------
    tables
        (n, D) raw features by name.
    targets
        (n, outputs), scaled or 0 and 1; NaN where there is no label.
    groups
        (n,) a number for each molecule, the same for those that are left out together when the penalty is chosen; None:
        each is left out by itself.
    weights
        (n,) above 0, 1 on average; None: all count the same.
    seed
        Of the samples that are taken from large sets.
    check
        Called now and then; it may raise to stop the work.
    """
    generator = np.random.default_rng(seed)
    rows = _sample(generator, np.arange(len(targets)), MAX_MOLECULES)
    targets = targets[rows]
    much = None if weights is None else weights[rows]
    standards = {name: Standard.fit(table[rows]) for name, table in tables.items() if name != GROUPS}
    columns = np.empty((len(rows), sum(table.shape[1] for table in tables.values())))
    edges = np.cumsum([table.shape[1] for table in tables.values()])
    scales = []
    for (name, table), end in zip(tables.items(), edges, strict=True):
        block = _columns(name, table[rows], standards)
        spread = float(np.mean(((block - block.mean(axis=0)) ** 2).sum(axis=1)))
        # Tables count alike, however many columns they have.
        scales.append(1 / np.sqrt(max(spread, 1e-12) * len(tables)))
        np.multiply(block, scales[-1], out=columns[:, end - block.shape[1] : end])
    del block
    penalty = _chosen(columns, targets, None if groups is None else groups[rows], much, generator, check)
    slopes, constant = np.zeros((columns.shape[1], targets.shape[1])), np.zeros(targets.shape[1])
    for own, same in same_gaps(targets):
        if check is not None:
            check()
        labels = targets[np.ix_(own, same)]
        whole = columns if own.all() else columns[own]
        slopes[:, same], constant[same] = _solved(whole, labels, penalty, None if much is None else much[own])
    parts = np.split(slopes, edges[:-1])
    scaled = {name: own * scale for name, own, scale in zip(tables, parts, scales, strict=True)}
    return LinearModel(standards, scaled, constant, penalty)


def _columns(name: str, table: Table, standards: Mapping[str, Standard]) -> Floats:
    own = np.sqrt(table) if name == GROUPS else standards[name].apply(table)
    return own.astype(np.float64)


def _sample(generator: np.random.Generator, rows: Positions, most: int) -> Positions:
    return rows if len(rows) <= most else np.sort(generator.choice(rows, most, replace=False))


def _chosen(
    columns: Floats,
    targets: Floats,
    groups: Positions | None,
    weights: Floats | None,
    generator: np.random.Generator,
    check: Callable[[], None] | None,
) -> float:
    """Return the penalty with the least error of left-out groups, for the output with the most labels."""
    output = int((~np.isnan(targets)).sum(axis=0).argmax())
    rows = _sample(generator, np.flatnonzero(~np.isnan(targets[:, output])), MAX_CHOOSING)
    labels = targets[rows, output]
    if len(rows) < 3 or not np.ptp(labels) > 0:
        return 0.1
    much = None if weights is None else weights[rows]
    some = columns[rows] - np.average(columns[rows], axis=0, weights=much)
    kernel, together = some @ some.T, _together(np.arange(len(rows)) if groups is None else groups[rows])
    errors = []
    for penalty in PENALTIES:
        if check is not None:
            check()
        errors.append(left_out_error(kernel, labels - np.average(labels, weights=much), penalty, together, much))
    return PENALTIES[int(np.argmin(errors))]


def _together(groups: Positions) -> list[Positions]:
    """Return the places of each group; where all are in one, each place by itself."""
    numbers = np.unique(groups)
    if len(numbers) < 2:
        return [np.array([place]) for place in range(len(groups))]
    return [np.flatnonzero(groups == number) for number in numbers]


def left_out_error(
    kernel: Floats, labels: Floats, penalty: float, together: list[Positions], weights: Floats | None = None
) -> float:
    """Return the mean squared error of molecules when their group is left out, in closed form.

    Parameters
    ----------
    kernel
        (n, n) products of the molecules' columns.
    labels
        (n,) around 0.
    penalty
        Of squared weights.
    together
        Places of the molecules that are left out at a time.
    weights
        (n,) of the molecules; None: all count the same.
    """
    from scipy import linalg

    # Whose error counts little has a label that is little believed.
    whole = kernel + penalty * (np.eye(len(kernel)) if weights is None else np.diag(1 / weights))
    root = lapack.inverse_root(whole)
    if root is None:
        return np.inf
    inverse = root @ root.T
    solved = inverse @ labels
    errors = [linalg.solve(inverse[np.ix_(own, own)], solved[own], assume_a="pos") for own in together]
    much = None if weights is None else np.concatenate([weights[own] for own in together])
    return float(np.average(np.concatenate(errors) ** 2, weights=much))


def _solved(columns: Floats, labels: Floats, penalty: float, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Return (D, outputs) weights and (outputs,) constants of ridge regression, by the smaller of two systems."""
    middle, mean = (np.average(part, axis=0, weights=weights) for part in (columns, labels))
    centred, wanted = columns - middle, labels - mean
    if weights is not None:
        root = np.sqrt(weights)[:, None]
        centred, wanted = root * centred, root * wanted
    rows, count = centred.shape
    if rows <= count:
        system = centred @ centred.T + penalty * np.eye(rows)
        slopes = centred.T @ lapack.solve(system, wanted)
    else:
        system = centred.T @ centred + penalty * np.eye(count)
        slopes = lapack.solve(system, centred.T @ wanted)
    return slopes, mean - middle @ slopes
