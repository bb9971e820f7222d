#!/usr/bin/env python3
"""Judges encoders by linear probes: cross-validated ridge and logistic regression on their frozen vectors.

python benchmarks/probe.py --data FOLDER [--sets ESOL,FreeSolv] MODEL.mole [MODEL.mole ...]

FOLDER holds one CSV a set, with the columns smiles, a target and split; only its train and val rows are used. Beside
the encoders stand the same network with random weights (the control) and RDKit's descriptors alone.
"""

from __future__ import annotations

import argparse
import platform
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler

from mole_engine.chem.descriptors import compute_descriptors, rdkit_descriptor_names
from mole_engine.inference.predictor import LoadedModel, load_model
from mole_engine.store.bundle import read_bundle

FOLDS = 5
LIMIT = 5.0
ALPHAS = np.logspace(-1, 5, 13)
LOG_TARGETS = ("Half_Life",)
"""Sets whose target spans decades and is probed as log10."""

Table = np.ndarray[Any, np.dtype[Any]]


def main() -> None:
    """Probe and print."""
    options = parse()
    torch.set_num_threads(options.threads)
    print(f"{platform.system()} {platform.release()}, Python {platform.python_version()}, torch {torch.__version__}")
    print(f"{FOLDS}-fold cross-validation over train + val, seed {options.seed}; RMSE, or AUROC for classes\n")
    models = {Path(path).stem: load_model(path, "cpu") for path in options.models}
    models["random weights"] = shuffled(options.models[0])
    rows = {}
    for name in options.sets.split(","):
        smiles, target = read(Path(options.data) / f"{name}.csv", name)
        described = tamed(compute_descriptors(smiles, names=rdkit_descriptor_names()))
        column = {"descriptors alone": probe(described, target, options.seed)}
        for title, model in models.items():
            vectors = model.encode(smiles)
            column[title] = probe(vectors, target, options.seed)
            column[f"{title} + descriptors"] = probe(np.hstack([vectors, described]), target, options.seed)
        rows[name] = column
        print(pd.DataFrame(rows).round(3).to_string(), "\n", flush=True)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL.mole")
    parser.add_argument("--data", required=True, metavar="FOLDER")
    parser.add_argument("--sets", default="ESOL,FreeSolv,HIA_Hou,Half_Life_Obach,BACE,Lipophilicity")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read(path: Path, name: str) -> tuple[list[str], Table]:
    """Return the structures and the target of the train and val rows."""
    frame = pd.read_csv(path)
    frame = frame[frame["split"].isin(["train", "val"])]
    target = frame["Y"].to_numpy(np.float64)
    return frame["smiles"].tolist(), np.log10(target) if name.startswith(LOG_TARGETS) else target


def shuffled(path: str) -> LoadedModel:
    """Return the model at `path` with random weights."""
    bundle = read_bundle(path)
    generator = torch.Generator().manual_seed(0)
    tensors = {
        name: torch.randn(value.shape, generator=generator) * 0.05 if value.ndim > 1 else value
        for name, value in bundle.tensors.items()
    }
    return LoadedModel(replace(bundle, tensors=tensors), "cpu")


def tamed(table: Table) -> Table:
    """Bring descriptors of wild scales near zero: robustly scaled, clipped, gaps filled with zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        scaled = RobustScaler(quantile_range=(10, 90)).fit_transform(np.where(np.isfinite(table), table, np.nan))
    return np.clip(np.nan_to_num(scaled), -LIMIT, LIMIT)


def probe(vectors: Table, target: Table, seed: int) -> float:
    """Return RMSE of ridge regression, or AUROC of logistic regression, each row predicted by the other folds."""
    vectors = np.nan_to_num(vectors)
    if set(np.unique(target)) <= {0.0, 1.0}:
        folds: Any = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
        model = make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=[1e-4, 1e-3, 1e-2, 1e-1], cv=3, max_iter=300))
        found = cross_val_predict(model, vectors, target, cv=folds, method="predict_proba")[:, 1]
        return float(roc_auc_score(target, found))
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    found = cross_val_predict(make_pipeline(StandardScaler(), RidgeCV(ALPHAS)), vectors, target, cv=folds)
    return float(np.sqrt(np.mean((found - target) ** 2)))


if __name__ == "__main__":
    main()
