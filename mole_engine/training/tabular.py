"""Molecules as tables of numbers, and the simple models that read them: what baselines and blends share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mole_engine.chem.fingerprints import BITS, GROUP_BITS, ecfp4_counts, group_counts
from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.descriptor_tables import describe

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Table = npt.NDArray[np.float32]

CHECK_EVERY = 256
TREES_AT_A_TIME = 25
"""Trees between two looks at whether the user has cancelled."""

ROWS_AT_A_TIME = 4_096
"""Molecules that are predicted at a time, which bounds the memory."""


def count_table(smiles: Sequence[str]) -> Table:
    """Return (n, 2048) counts of ECFP4 environments, float32; zeros where a SMILES cannot be read."""
    return _counted(smiles, ecfp4_counts, BITS)


def group_table(smiles: Sequence[str]) -> Table:
    """Return (n, 1024) counts of atoms with their neighbours, likewise."""
    return _counted(smiles, group_counts, GROUP_BITS)


def small_count_table(smiles: Sequence[str], check: Callable[[], None] | None = None) -> Any:
    """Return what `count_table` does as a sparse table: some hundred bytes a molecule instead of eight thousand."""
    return _small(smiles, count_table, BITS, check)


def small_group_table(smiles: Sequence[str], check: Callable[[], None] | None = None) -> Any:
    """Return what `group_table` does as a sparse table."""
    return _small(smiles, group_table, GROUP_BITS, check)


def _small(
    smiles: Sequence[str], make: Callable[[Sequence[str]], Table], columns: int, check: Callable[[], None] | None
) -> Any:
    from scipy import sparse

    parts = [sparse.csr_array((0, columns), dtype=np.uint8)]
    for start in range(0, len(smiles), CHECK_EVERY):
        if check is not None:
            check()
        # Counts end at 255.
        parts.append(sparse.csr_array(make(smiles[start : start + CHECK_EVERY]).astype(np.uint8)))
    return sparse.vstack(parts, format="csr")


def written_out(table: Any, rows: Positions) -> Table:
    """Return some rows of a table as models read them, float32, whether the table is sparse or not."""
    found = table[rows]
    return found if isinstance(found, np.ndarray) else np.asarray(found.astype(np.float32).toarray())


def _counted(smiles: Sequence[str], count: Callable[[Any], Any], columns: int) -> Table:
    table = np.zeros((len(smiles), columns), dtype=np.float32)
    for row, text in enumerate(smiles):
        try:
            table[row] = count(parse_smiles(text))
        except UnreadableMolecule:
            continue
    return table


def descriptor_table(
    smiles: Sequence[str], *, cache_dir: str | Path | None = None, on_progress: ProgressHandler | None = None
) -> Table:
    """Return (n, D) RDKit descriptors, float32, NaN where one cannot be computed."""
    return describe(smiles, cache_dir=cache_dir, on_progress=on_progress)


def column_medians(table: Table) -> Table:
    """Return (D,) medians of the known values; 0 for a column without any."""
    filled = np.zeros(table.shape[1], dtype=np.float32)
    for column in range(table.shape[1]):
        known = table[:, column]
        known = known[np.isfinite(known)]
        if len(known):
            filled[column] = np.median(known)
    return filled


def without_gaps(table: Table, filling: Table) -> Table:
    """Return the table with `filling` (D,) where a value is missing."""
    return np.where(np.isfinite(table), table, filling).astype(np.float32, copy=False)


def forest(name: str, kind: TaskKind, *, trees: int, seed: int, threads: int) -> Any:
    """Return an untrained forest of scikit-learn: "extra" (extremely randomised trees) or "random".

    A third of the columns is looked at for a split in regression, the square root in classification, as Breiman
    advises.
    """
    from sklearn import ensemble

    number = kind is TaskKind.REGRESSION
    makers = {
        ("extra", True): ensemble.ExtraTreesRegressor,
        ("extra", False): ensemble.ExtraTreesClassifier,
        ("random", True): ensemble.RandomForestRegressor,
        ("random", False): ensemble.RandomForestClassifier,
    }
    return makers[name, number](
        n_estimators=trees, max_features=1 / 3 if number else "sqrt", random_state=seed, n_jobs=threads
    )


def boosting(kind: TaskKind, *, rounds: int, seed: int) -> Any:
    """Return an untrained histogram gradient boosting of scikit-learn."""
    from sklearn import ensemble

    maker = (
        ensemble.HistGradientBoostingRegressor
        if kind is TaskKind.REGRESSION
        else ensemble.HistGradientBoostingClassifier
    )
    return maker(
        max_iter=rounds,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=10,
        l2_regularization=1.0,
        max_features=0.3,
        early_stopping=False,
        random_state=seed,
    )


def fit_in_steps(
    model: Any,
    features: Any,
    labels: Floats,
    check: Callable[[], None] | None = None,
    weights: Floats | None = None,
) -> Any:
    """Fit a forest a few trees at a time, so that cancelling does not wait for all of them; others at once.

    Features are a table, or a sparse one where the model reads such.
    """
    wanted = getattr(model, "n_estimators", 0)
    if not wanted:
        return _fit(model, features, labels, weights)
    model.set_params(warm_start=True)
    for trees in [*range(TREES_AT_A_TIME, wanted, TREES_AT_A_TIME), wanted]:
        if check is not None:
            check()
        _fit(model.set_params(n_estimators=trees), features, labels, weights)
    return model


def _fit(model: Any, features: Any, labels: Floats, weights: Floats | None) -> Any:
    # Threads of scikit-learn empty the process's list of warning filters and put theirs back in any order; what is
    # left of it would hold for all that follows, and an empty list has it warn of each tree.
    with warnings.catch_warnings():
        return model.fit(features, labels, sample_weight=weights)


def predict_task(model: Any, features: Any, task: TaskSpec) -> Floats:
    """Return (n, task.outputs) predictions of a fitted model: scaled values, or probabilities.

    A class that had no training molecule gets probability 0.
    """
    with warnings.catch_warnings():  # as in `_fit`
        if task.kind is TaskKind.REGRESSION:
            return np.asarray(model.predict(features), dtype=np.float64)[:, None]
        known = np.asarray(model.predict_proba(features), dtype=np.float64)
    whole = np.zeros((len(known), max(2, len(task.classes))))
    whole[:, np.asarray(model.classes_, dtype=np.int64)] = known
    return whole[:, 1:2] if task.kind is TaskKind.CLASSIFICATION else whole
