"""Simple models that the program does not fit itself, for the accuracy benchmark: LightGBM, and models on MolE vectors.

LightGBM comes with `pip install -e .[benchmarks]`; without it its rows are left out.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mole_engine.chem.descriptors import rdkit_descriptor_names
from mole_engine.contracts.dataset import Split, TaskKind, TaskSpec
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.scaling import TargetScaler
from mole_engine.training.metrics import compute_metrics
from mole_engine.training.tabular import column_medians, descriptor_table, forest, predict_task, without_gaps

FURTHER = {
    "lightgbm": "RDKit descriptors + LightGBM",
    "forest": "RDKit descriptors + random forest",
    "vectors-forest": "MolE vectors + random forest",
    "vectors-lightgbm": "MolE vectors and RDKit descriptors + LightGBM",
}
"""Name and title of each."""

TREES = 300
ROUNDS = 300

Table = np.ndarray[Any, np.dtype[np.float32]]


def is_possible(name: str) -> bool:
    """Return whether what a model needs is installed."""
    return "lightgbm" not in name or find_spec("lightgbm") is not None


def reads_weights(name: str) -> bool:
    """Return whether a model reads the shipped encoder's vectors."""
    return name.startswith("vectors")


def fit_further(
    name: str, dataset: CuratedDataset, split: Split, *, seed: int, threads: int, cache_dir: Path
) -> tuple[dict[str, float], Table]:
    """Fit on training and validation part; return metrics and outputs of the test part, (n, outputs)."""
    table = _features(name, list(dataset.smiles), cache_dir)
    train = np.asarray(sorted(split.train + split.validation), dtype=np.int64)
    test = np.asarray(split.test, dtype=np.int64)
    table = without_gaps(table, column_medians(table[train]))
    scaler = TargetScaler.fit(dataset.targets[train], dataset.tasks, "auto")
    columns = []
    for place, task in enumerate(dataset.tasks):
        labels = dataset.targets[train, place]
        known = ~np.isnan(labels)
        scale = scaler.scales[place]
        wanted = labels[known] if scale is None else scale.forward(labels[known])
        model = _model(name, task, seed, threads).fit(table[train[known]], wanted)
        predicted = predict_task(model, table[test], task)
        columns.append(predicted if scale is None else scale.inverse(predicted))
    outputs = np.concatenate(columns, axis=1)
    targets = dataset.targets[test]
    return compute_metrics(outputs, targets, ~np.isnan(targets), dataset.tasks), outputs


def _features(name: str, smiles: list[str], cache_dir: Path) -> Table:
    parts = []
    if reads_weights(name):
        from mole_engine.inference.predictor import load_model

        parts.append(load_model(str(files("resources") / "models" / "mole-small.mole"), "cpu").encode(smiles))
    if name != "vectors-forest":
        parts.append(descriptor_table(smiles, cache_dir=cache_dir)[:, : len(rdkit_descriptor_names())])
    return np.hstack(parts).astype(np.float32)


def _model(name: str, task: TaskSpec, seed: int, threads: int) -> Any:
    if "lightgbm" not in name:
        return forest("random", task.kind, trees=TREES, seed=seed, threads=threads)
    import lightgbm

    maker = lightgbm.LGBMRegressor if task.kind is TaskKind.REGRESSION else lightgbm.LGBMClassifier
    return maker(
        n_estimators=ROUNDS, learning_rate=0.05, colsample_bytree=0.3, random_state=seed, n_jobs=threads, verbose=-1
    )
