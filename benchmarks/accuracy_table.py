"""The page of the accuracy benchmark: means over seeds, and paired bootstraps over test molecules."""

from __future__ import annotations

import json
import platform
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

METRIC = {
    "HIA_Hou": "auroc",
    "BACE": "auroc",
    "BBBP": "auroc",
    "Tox21": "auroc",
    "Half_Life_Obach": "spearman",
    "ESOL": "rmse",
    "FreeSolv": "rmse",
    "Lipophilicity": "rmse",
}
"""The metric by which MoleculeNet and TDC judge each set; others: AUROC for classes, RMSE for numbers."""

NOTES = "\n## Notes\n"
LOWER = ("rmse", "mae")
RESAMPLES = 1_000
TITLES = {
    "mean": "mean of the training molecules",
    "neighbours": "5 most similar training molecules",
    "fingerprints": "ECFP4 + random forest",
    "descriptors": "RDKit descriptors + extra trees",
    "boosting": "RDKit descriptors + gradient boosting",
    "lightgbm": "RDKit descriptors + LightGBM",
    "forest": "RDKit descriptors + random forest",
    "chemprop": "chemprop",
    "chemprop-descriptors": "chemprop with RDKit descriptors",
    "vectors-forest": "MolE vectors + random forest",
    "vectors-lightgbm": "MolE vectors and RDKit descriptors + LightGBM",
}
OTHERS = (
    "neighbours",
    "fingerprints",
    "descriptors",
    "boosting",
    "lightgbm",
    "forest",
    "chemprop",
    "chemprop-descriptors",
)
"""What somebody would use instead: simple models, and chemprop. Those on MolE vectors are ours."""

Cells = dict[str, dict[str, list[dict[str, Any]]]]


def write_page(state: Path, out: Path) -> str:
    """Write the page of all finished cells, and return it."""
    cells: Cells = defaultdict(lambda: defaultdict(list))
    for path in sorted(state.glob("*__*__*.json")):
        cell = json.loads(path.read_text(encoding="utf-8"))
        cells[cell["set"]][cell["method"]].append(cell)
    notes = _notes(out)
    text = "\n".join([_introduction(), *_tables(cells), _against(cells), _times(cells), _machine(cells)]) + "\n" + notes
    out.write_text(text, encoding="utf-8")
    return text


def _notes(out: Path) -> str:
    """Return what a person has written below the tables: it stays."""
    _, mark, notes = out.read_text(encoding="utf-8").partition(NOTES) if out.is_file() else ("", "", "")
    return f"{mark}{notes}"


def score(cell: dict[str, Any], name: str) -> float:
    """Return a cell's metric on the test part, averaged over its tasks."""
    return _score(*_arrays(cell), name)


def _arrays(cell: dict[str, Any]) -> tuple[Any, Any]:
    targets = [[np.nan if value is None else value for value in row] for row in cell["targets"]]
    return np.asarray(targets, dtype=float), np.asarray(cell["outputs"], dtype=float)


def _score(targets: Any, outputs: Any, name: str) -> float:
    values = [_metric(name, true, predicted) for true, predicted in zip(targets.T, outputs.T, strict=True)]
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _metric(name: str, true: Any, predicted: Any) -> float:
    known = ~np.isnan(true)
    true, predicted = true[known], predicted[known]
    if name == "rmse":
        return float(np.sqrt(np.mean((true - predicted) ** 2)))
    if len(np.unique(true)) < 2:
        return float("nan")
    if name == "spearman":
        return float(np.corrcoef(stats.rankdata(true), stats.rankdata(predicted))[0, 1])
    return float(roc_auc_score(true, predicted))


def _metric_of(name: str, methods: dict[str, list[dict[str, Any]]]) -> str:
    kind = next(iter(methods.values()))[0]["kind"]
    return METRIC.get(name, "rmse" if kind == "regression" else "auroc")


def _introduction() -> str:
    return (
        "# How accurate it is\n\n"
        "Made by `python benchmarks/accuracy.py --data FOLDER`. Test parts of the sets' given divisions (by scaffold); "
        "every method learns from training and validation parts. Means over seeds, with their spread where there are "
        "several. Recipes and presets were chosen by cross-validation on training and validation parts and on "
        "molecules held out of the pretraining; **no choice was made by a figure on a test part**; "
        "where one had been seen before a choice, the notes say so.\n\n"
        "chemprop fits its network on the training part alone and picks the best of its 50 epochs on the validation "
        "part: its own defaults, one network, no search for settings. So it fits fewer molecules than the others, "
        "which use both parts.\n\n"
        "The baselines' 217 descriptors, fingerprints and trees are those that the program fits beside every training."
    )


def _tables(cells: Cells) -> list[str]:
    names = list(cells)
    methods = list(dict.fromkeys(method for found in cells.values() for method in found))
    order = [*TITLES, "quick-look", "small", "hybrid", "recommended", "thorough"]
    methods.sort(key=lambda method: order.index(method) if method in order else len(order))
    lines = ["\n## Figures on the test parts\n"]
    lines.append("| method | " + " | ".join(f"{name} ({_metric_of(name, cells[name])})" for name in names) + " |")
    lines.append("|---" * (len(names) + 1) + "|")
    for method in methods:
        values = [_figure(cells[name].get(method, []), _metric_of(name, cells[name])) for name in names]
        title = TITLES.get(method, f"preset `{method}`")
        lines.append(f"| {title} | " + " | ".join(values) + " |")
    return lines


def _figure(found: list[dict[str, Any]], metric: str) -> str:
    if not found:
        return "-"
    values = [score(cell, metric) for cell in found]
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread} ({len(values)})"


def _against(cells: Cells) -> str:
    lines = [
        "\n## The recommended preset against the best of the others\n",
        f"Paired bootstrap over test molecules ({RESAMPLES:,} resamples; outputs averaged over seeds): difference of "
        "the metric, positive where the preset is better, with its 95% interval. The others are the simple models and "
        "chemprop; the best of them is chosen by the test part, to the preset's disadvantage.\n",
        "| set | best of the others | difference | 95% interval | verdict |",
        "|---|---|---|---|---|",
    ]
    for name, methods in cells.items():
        others = {method: methods[method] for method in OTHERS if method in methods}
        if "recommended" not in methods or not others:
            continue
        metric = _metric_of(name, methods)
        sign = -1.0 if metric in LOWER else 1.0
        best = max(others, key=lambda method: sign * np.mean([score(cell, metric) for cell in others[method]]))
        low, middle, high = _bootstrap(_averaged(methods["recommended"]), _averaged(others[best]), metric, sign)
        verdict = "better" if low > 0 else "worse" if high < 0 else "within noise"
        lines.append(f"| {name} ({metric}) | {TITLES[best]} | {middle:+.3f} | {low:+.3f} to {high:+.3f} | {verdict} |")
    return "\n".join(lines)


def _averaged(found: list[dict[str, Any]]) -> dict[str, Any]:
    outputs = np.mean([np.asarray(cell["outputs"], dtype=float) for cell in found], axis=0)
    return {**found[0], "outputs": outputs.tolist()}


def _bootstrap(one: dict[str, Any], other: dict[str, Any], metric: str, sign: float) -> tuple[float, float, float]:
    generator = np.random.default_rng(0)
    (targets, left), (_, right) = _arrays(one), _arrays(other)
    differences = []
    for _ in range(RESAMPLES):
        rows = generator.integers(0, len(targets), len(targets))
        differences.append(
            sign * (_score(targets[rows], left[rows], metric) - _score(targets[rows], right[rows], metric))
        )
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    return float(low), sign * (score(one, metric) - score(other, metric)), float(high)


def _times(cells: Cells) -> str:
    methods = list(dict.fromkeys(method for found in cells.values() for method in found))
    lines = ["\n## Time\n", "Seconds of processor time of a whole run, mean over seeds.\n"]
    lines.append("| method | " + " | ".join(cells) + " |")
    lines.append("|---" * (len(cells) + 1) + "|")
    for method in methods:
        values = []
        for found in cells.values():
            seconds = [cell["cpu_seconds"] for cell in found.get(method, [])]
            values.append(f"{np.mean(seconds):.0f}" if seconds else "-")
        lines.append(f"| {method} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def _machine(cells: Cells) -> str:
    import os

    libraries = ("torch", "scikit-learn", "rdkit", "numpy")
    runs = [cell.get("weights", "") for found in cells.values() for method in found for cell in found[method]]
    programs = sorted({origin for origin in runs if origin.startswith("chemprop ")})
    words = ", ".join([*(f"{name} {version(name)}" for name in libraries), *programs])
    return (
        f"\n## Machine and versions\n\n{os.cpu_count()} CPU cores, {platform.machine()}, {platform.system()}; "
        f"Python {platform.python_version()}, {words}.\n"
        "Without a machine to itself: the times are upper bounds."
    )
