"""Words for metrics, errors, estimates and moments; plain numbers are in `app.text`."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from app.text import DASH, fixed, number

METRIC_TITLES = {
    "rmse": "RMSE",
    "mae": "MAE",
    "mse": "MSE",
    "r2": "R²",
    "pearson": "Pearson",
    "spearman": "Spearman",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1": "F1",
    "mcc": "MCC",
    "macro_f1": "Macro F1",
    "macro_auroc": "Macro AUROC",
}
"""How the engine's metric names are written; an unknown one is shown with its underscores as spaces."""

IN_UNITS = frozenset({"rmse", "mae"})
"""Metrics that carry the unit of the target."""

LOWER_IS_BETTER = frozenset({"rmse", "mae", "mse", "loss", "val_loss", "brier", "log_loss", "ece"})
"""Metrics of which less is better."""

RESULT_TIP = "Of the test molecules; where there are none, of the validation molecules, and then it says so"
"""What a column of results holds."""


def signed(value: float, places: int = 2) -> str:
    """Return `value` like `fixed`, with a plus sign where it is positive."""
    text = fixed(value, places)
    return f"+{text}" if value > 0 and text != fixed(0, places) else text


def places_for(values: list[float]) -> int:
    """Return how many decimals show these values (of one column) with about three digits."""
    sizes = [abs(value) for value in values if math.isfinite(value) and value]
    if not sizes:
        return 2
    return min(4, max(0, 2 - math.floor(math.log10(max(sizes)))))


def rough_duration(seconds: float) -> str:
    """Return an estimate, rounded as estimates deserve: "about 20 s", "about 4 min"."""
    if not math.isfinite(seconds):
        return ""
    if seconds < 55:
        return f"about {max(5, round(seconds / 5) * 5)} s"
    if seconds < 570:
        return f"about {max(1, round(seconds / 60))} min"
    if seconds < 5400:
        return f"about {round(seconds / 300) * 5} min"
    hours = seconds / 3600
    return f"about {hours:.1f} h".replace(".0 h", " h") if hours < 10 else f"about {round(hours)} h"


def rough_memory(amount: float) -> str:
    """Return an estimate of memory as a sentence: "About 1.5 GB of memory."; "" where it is not known."""
    if not math.isfinite(amount):
        return ""
    giga = amount / 1e9
    return f"About {giga:.1f} GB of memory." if giga < 9.5 else f"About {giga:.0f} GB of memory."


def clock(moment: float) -> str:
    """Return the time of day of `moment` (seconds since the epoch), in the user's zone."""
    return time.strftime("%H:%M:%S", time.localtime(moment))


def day_and_time(moment: float) -> str:
    """Return "23 Nov 2026, 16:02"."""
    return time.strftime("%d %b %Y, %H:%M", time.localtime(moment)).lstrip("0") if moment else DASH


def metric_title(name: str) -> str:
    """Return how a metric is written, with its task where it has one: "RMSE", "RMSE, logP"."""
    metric, _, task = name.partition("/")
    title = METRIC_TITLES.get(metric, metric.replace("_", " ").capitalize())
    return f"{title}, {task}" if task else title


def lower_is_better(name: str) -> bool:
    """Whether less of this metric is better."""
    return name.partition("/")[0] in LOWER_IS_BETTER


MAIN_METRICS = ("rmse", "macro_f1", "auroc", "mae", "accuracy")
"""Which metric stands for a run where it names none itself, in order: the one that its verdict is about."""

SHOWN_METRICS = ("rmse", "mae", "r2", "pearson", "spearman", "auroc", "auprc", "accuracy", "balanced_accuracy", "f1")
"""Metrics worth a line beside the main one, in order."""


def main_metric(metrics: Mapping[str, float], monitor: str = "") -> str:
    """Return the name of the metric that stands for a run, or "" where there is none."""
    known = [name for name, value in metrics.items() if math.isfinite(value)]
    for name in (monitor, *MAIN_METRICS):
        if name in known:
            return name
    return known[0] if known else ""


def metric_words(metrics: Mapping[str, float], name: str) -> str:
    """Return "RMSE 0.68", or a dash."""
    return f"{metric_title(name)} {number(metrics[name])}" if name in metrics else DASH


def part_words(part: str) -> str:
    """Return the part that a metric is of where that has to be said: only the test goes without saying."""
    return "" if part == "test" else part


def other_metrics(metrics: Mapping[str, float], main: str, task: str = "") -> str:
    """Return up to four metrics beside the main one as one line: "MAE 0.51 · R² 0.87"."""
    suffix = f"/{task}" if task else ""
    words = []
    for name in SHOWN_METRICS:
        value = metrics.get(name + suffix, metrics.get(name, math.nan))
        if name != main.partition("/")[0] and math.isfinite(value):
            words.append(f"{metric_title(name)} {fixed(value)}")
    return " · ".join(words[:4])
