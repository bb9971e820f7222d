"""How accurate presets and simple models are, on sets with given parts; writes docs/accuracy.md.

    python benchmarks/accuracy.py --data FOLDER [--sets A,B] [--methods X,Y] [--seeds 3] [--state FOLDER]

FOLDER holds CSV files with a column `split` (train, val, test). Every finished cell (set, method, seed) is a JSON file
in the state folder, so the work can be done in pieces and by several processes; `--table` only writes the table. Cells
of presets are computed again when the shipped model has changed, those of chemprop when its version has. Every method
may learn from training and validation parts; chemprop, which runs with a Python of its own (`--chemprop`), picks its
epoch on the validation part. Test parts are read here and nowhere else: recipes and presets were chosen by
cross-validation on the others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_table import write_page
from chemprop_row import CHEMPROP, ChempropMissingError, chemprop_version, fit_chemprop, runner
from further_models import FURTHER, fit_further, is_possible, reads_weights

PRESETS = ("recommended", "quick-look", "small", "hybrid", "thorough")
BASELINES = ("mean", "neighbours", "fingerprints", "descriptors", "boosting")
METHODS = (*BASELINES, *FURTHER, *CHEMPROP, *PRESETS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, then write the table."""
    options = _options(arguments)
    state = Path(options.state)
    state.mkdir(parents=True, exist_ok=True)
    found = {path.stem: path for path in sorted(Path(options.data).glob("*.csv"), key=lambda path: path.stat().st_size)}
    sets = options.sets.split(",") if options.sets else list(found)
    if not options.table:
        methods = [method for method in options.methods.split(",") if _is_possible(method, options.chemprop)]
        for seed in range(options.seeds):
            for name in sets:
                for method in methods:
                    _cell(found[name], method, seed, options)
    page = write_page(state, Path(options.out))
    print(page)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of CSV files with a column split")
    parser.add_argument("--state", default=str(Path(tempfile.gettempdir()) / "mole-accuracy"), help="finished cells")
    parser.add_argument("--out", default="docs/accuracy.md", help="page to write")
    parser.add_argument("--sets", default="", help="names of sets; all by default, the smallest first")
    parser.add_argument("--methods", default=",".join(METHODS), help=f"among {', '.join(METHODS)}")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: chosen by the program")
    parser.add_argument("--chemprop", default=sys.executable, metavar="PYTHON", help="interpreter that has chemprop")
    parser.add_argument("--table", action="store_true", help="only write the table of what is finished")
    return parser.parse_args(arguments)


def _is_possible(method: str, chemprop: str) -> bool:
    """Return whether what a method needs is installed; say so where it is not."""
    if not is_possible(method):
        print(f"{method}: left out, its package is not installed", flush=True)
        return False
    if method in CHEMPROP:
        try:
            chemprop_version(chemprop)
        except ChempropMissingError as error:
            print(f"{method}: left out. {error}", flush=True)
            return False
    return True


def _cell(path: Path, method: str, seed: int, options: argparse.Namespace) -> None:
    """Compute one cell unless it is there, and write it whole."""
    state = Path(options.state)
    target = state / f"{path.stem}__{method}__{seed}.json"
    weights = _origin(method, options.chemprop)
    if target.is_file() and json.loads(target.read_text(encoding="utf-8")).get("weights", "") == weights:
        return
    began = time.monotonic()
    processor = _processor_time()
    result = _preset(path, method, seed, options.threads) if method in PRESETS else _model(path, method, seed, options)
    result |= {
        "set": path.stem,
        "method": method,
        "seed": seed,
        "weights": weights,
        "seconds": time.monotonic() - began,
        "cpu_seconds": _processor_time() - processor,
    }
    temporary = target.with_suffix(".tmp")
    temporary.write_text(json.dumps(result), encoding="utf-8")
    temporary.replace(target)
    print(f"{path.stem:18s} {method:14s} seed {seed}: {result['metrics']} in {result['seconds']:.0f} s", flush=True)


def _origin(method: str, chemprop: str) -> str:
    """Return what a cell rests on: when it changes, the cell is computed again."""
    if method in CHEMPROP:
        return chemprop_version(chemprop)
    return _shipped_weights() if method in PRESETS or reads_weights(method) else ""


def _processor_time() -> float:
    """Return the seconds of this process and of the programs that it has run to their end."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _shipped_weights() -> str:
    """Return a digest of the model that presets start from."""
    return hashlib.sha256((files("resources") / "models" / "mole-small.mole").read_bytes()).hexdigest()[:16]


def _model(path: Path, method: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Fit another method than a preset on training and validation part, and predict the test part."""
    from dataclasses import replace

    from mole_engine.contracts.config import TrainConfig
    from mole_engine.data.assemble import load_training_data
    from mole_engine.training.baselines import fit_baseline

    dataset, split = load_training_data(TrainConfig.from_dict({"data": {"path": str(path)}}))
    threads, cache = max(1, options.threads), Path(options.state) / "cache"
    if method in CHEMPROP:
        run = runner(options.chemprop, options.threads)
        metrics, outputs = fit_chemprop(method, dataset, split, seed=seed, run=run)
    elif method in FURTHER:
        metrics, outputs = fit_further(method, dataset, split, seed=seed, threads=threads, cache_dir=cache)
    else:
        whole = replace(split, train=tuple(sorted(split.train + split.validation)), validation=())
        fitted = fit_baseline(method, dataset, whole, seed=seed, threads=threads, cache_dir=cache)
        metrics, outputs = fitted.test_metrics, fitted.test_outputs
    kinds = [task.kind.value for task in dataset.tasks]
    return _result(metrics, outputs, dataset.targets[list(split.test)], kinds)


def _preset(path: Path, method: str, seed: int, threads: int) -> dict[str, Any]:
    """Train a preset as a user would, and read what it says of the test part."""
    import pandas as pd

    from mole_engine.contracts.presets import load_preset
    from mole_engine.store.bundle import read_card
    from mole_engine.train import train

    with tempfile.TemporaryDirectory() as folder:
        changes = {
            "seed": seed,
            "out": folder,
            "baselines": False,
            "data": {"path": str(path)},
            "runtime": {"threads": threads},
        }
        record = train(load_preset(method).config(changes))
        tasks = read_card(record.model_path).tasks
        table = pd.read_csv(Path(record.run_dir) / "predictions.csv")
    table = table[table["part"] == "test"]
    outputs = table[[f"{task.name}_pred" for task in tasks]].to_numpy(dtype=np.float64)
    truth = np.column_stack(
        [
            table[f"{task.name}_true"].map(lambda label, task=task: _number(label, task.classes)).to_numpy(dtype=float)
            for task in tasks
        ]
    )
    return _result(record.metrics, outputs, truth, [task.kind.value for task in tasks])


def _number(label: Any, classes: Sequence[str]) -> float:
    """Return a true value as a number: a class as its place."""
    if label is None or label != label:  # noqa: PLR0124 - NaN
        return float("nan")
    if not classes:
        return float(label)
    text = str(label)
    return float(classes.index(text) if text in classes else classes.index(str(int(float(text)))))


def _result(metrics: dict[str, float], outputs: Any, targets: Any, kinds: list[str]) -> dict[str, Any]:
    main_metrics = ("auroc", "auprc") if kinds[0] != "regression" else ("rmse", "mae", "spearman")
    return {
        "metrics": {name: round(metrics[name], 5) for name in main_metrics if name in metrics},
        "kind": kinds[0],
        "outputs": np.round(np.asarray(outputs, dtype=float), 6).tolist(),
        "targets": [[None if value != value else value for value in row] for row in np.asarray(targets).tolist()],  # noqa: PLR0124
    }


if __name__ == "__main__":
    main()
