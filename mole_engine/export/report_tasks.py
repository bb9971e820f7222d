"""What a report says of each target: figures, worst molecules, ring systems, uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from mole_engine.chem.molecules import UnreadableMolecule
from mole_engine.contracts.dataset import TaskKind
from mole_engine.export.drawings import parity_chart, scatter_chart, share_chart
from mole_engine.export.page import Cell, Raw, facts, figure, number, table
from mole_engine.inference.diagnostics import (
    area_under,
    by_scaffold,
    calibration_error,
    neighbours,
    precision_recall_curve,
    reliability,
    roc_curve,
    scaffolds_of,
    threshold_steps,
    uncertainty,
)
from mole_engine.inference.results import Floats, TaskResult
from mole_engine.inference.verdict import Judgement, TaskJudgement, metric_words, places_of
from mole_engine.inference.verdict import figure as plain

MOST_TASKS = 12
MOST_WORST, MOST_GROUPS, MOST_CLASSES = 8, 6, 6
_DRAWN = (150, 84)
_ROC = ("false positive rate", "true positive rate")


def task_sections(judgement: Judgement, results: Sequence[TaskResult]) -> Iterator[str]:
    """Yield the sections of the targets that have test molecules."""
    judged = {item.task.name: item for item in judgement.tasks}
    shown = [item for item in results if len(item)]
    for result in shown[:MOST_TASKS]:
        yield f"<h2>{escape(result.task.name)}</h2>"
        if result.task.name in judged:
            yield from _against(judgement, judged[result.task.name])
        yield from _figures(result)
        yield from _uncertainty(result)
        yield from _worst(result)
        yield from _scaffolds(result)
    if len(shown) > MOST_TASKS:
        yield f'<p class="muted">{len(shown) - MOST_TASKS} more targets are in predictions.csv.</p>'


def _against(judgement: Judgement, judged: TaskJudgement) -> Iterator[str]:
    rows: list[Sequence[Cell]] = []
    metric = ""
    for name, item in judged.comparisons.items():
        places = places_of(item)
        metric = metric_words(item)
        tone = "good" if item.beats else "danger" if item.loses else "warning"
        ends = f"{plain(item.low, places)} to {plain(item.high, places)}" if math.isfinite(item.low) else "–"
        gain = (plain(item.difference, places), tone)
        raw = (plain(item.raw_baseline), plain(item.raw_model)) if item.scale else ()
        title, own, model = judgement.title_of(name), plain(item.baseline, places), plain(item.model, places)
        rows.append((title, own, model, gain, ends, *raw))
    if rows:
        head: tuple[str, ...] = ("baseline", f"its {metric}", f"model's {metric}", "gain of the model", "95% interval")
        if len(rows[0]) > len(head):
            unit = f" ({judged.task.unit})" if judged.task.unit else ""
            head += (f"its RMSE as measured{unit}", "model's")
        yield from table(head, rows, numbers=range(1, len(head)))
        yield '<p class="muted">A gain above zero means that the model is better; paired bootstrap over molecules.</p>'


def _figures(result: TaskResult) -> Iterator[str]:
    kind = result.task.kind
    if kind is TaskKind.REGRESSION:
        yield from _number_figures(result)
    elif kind is TaskKind.CLASSIFICATION:
        yield from _two_class_figures(result)
    else:
        yield from _several_class_figures(result)
    if kind is not TaskKind.REGRESSION:
        yield from _confusion(result)


def _number_figures(result: TaskResult) -> Iterator[str]:
    name, unit = result.task.name, f" ({result.task.unit})" if result.task.unit else ""
    truth, said = result.truth.tolist(), result.output.tolist()
    yield figure(parity_chart(truth, said), f"{name}{unit}: predicted against measured, test molecules.")
    errors = (result.output - result.truth).tolist()
    titles = (f"measured{unit}", "predicted − measured")
    yield figure(scatter_chart(truth, errors, titles, "zero", "Errors by value"), "Errors by measured value.")
    known = uncertainty(result)
    if known is not None and known.levels:
        points = list(zip(known.levels, known.coverage, strict=True))
        titles = ("share that should lie inside", "share that does")
        words = "Coverage of intervals: below the diagonal they are too narrow, above it too wide."
        yield figure(share_chart(points, titles, dots=True, name="Coverage of intervals"), words)


def _two_class_figures(result: TaskResult) -> Iterator[str]:
    steps = threshold_steps(result.truth, result.output)
    if roc := roc_curve(steps):
        yield figure(share_chart(roc, _ROC, name="ROC curve"), "ROC curve, test molecules.")
    if curve := precision_recall_curve(steps):
        level = float(steps[-1, 0]) / len(result)
        drawn = share_chart(curve, ("recall", "precision"), level=level, name="Precision and recall")
        yield figure(drawn, "Precision and recall; dashed: guessing.")
    bins = reliability(result.truth, result.output)
    points = [(item.said, item.came_true) for item in bins]
    titles = ("predicted probability", "share that is positive")
    words = f"Calibration: mean gap {plain(calibration_error(bins))}."
    yield figure(share_chart(points, titles, dots=True, name="Calibration"), words)


def _several_class_figures(result: TaskResult) -> Iterator[str]:
    """Draw a ROC curve of each class against all others; of many classes, of those with most test molecules."""
    counts = np.bincount(result.truth.astype(np.int64), minlength=len(result.task.classes))
    for place in np.argsort(-counts, kind="stable")[:MOST_CLASSES]:
        single = result.against_rest(int(place))
        if curve := roc_curve(threshold_steps(single.truth, single.output)):
            label = result.task.classes[place]
            drawn = share_chart(curve, _ROC, name=f"ROC curve of {label}")
            share = f"{counts[place]} of {len(result)} test molecules"
            yield figure(drawn, f"{label} ({share}) against all others: ROC curve, AUROC {plain(area_under(curve))}.")


def _confusion(result: TaskResult) -> Iterator[str]:
    classes = result.task.classes
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (result.truth.astype(np.int64), result.predicted_class), 1)
    rows = [(f"measured {name}", *(str(value) for value in counts[place])) for place, name in enumerate(classes)]
    yield "<h3>Confusion matrix</h3>"
    head = ("", *(f"predicted {name}" for name in classes))
    yield from table(head, rows, numbers=range(1, len(classes) + 1))


def _uncertainty(result: TaskResult) -> Iterator[str]:
    known = uncertainty(result)
    if known is None or not known.known:
        return
    share = 100 * known.held / known.known
    yield "<h3>Uncertainty</h3>"
    of_all = f"{share:.0f}% of the test molecules ({known.held} of {known.known})"
    if result.task.kind is not TaskKind.REGRESSION:
        alone = f"{100 * known.single / known.known:.0f}% ({known.single} of {known.known})"
        yield from facts([("Sets that hold the measured class", of_all), ("Sets of one class", alone)])
        return
    rank = "all molecules have the same deviation" if math.isnan(known.correlation) else number(known.correlation)
    scale = f" ({known.scale})" if known.scale else ""
    yield from facts([("90% intervals hold", of_all), (f"Rank correlation of deviation and error{scale}", rank)])


def badness(result: TaskResult) -> Floats:
    """Return (n,) how badly each molecule is predicted: of classes the surest of the wrong first, of the right last."""
    if result.task.kind is TaskKind.REGRESSION:
        return np.abs(result.output - result.truth)
    sure = np.abs(result.output - 0.5) + 0.5 if result.output.ndim == 1 else result.output.max(axis=1)
    return np.where(result.predicted_class != result.truth, 1 + sure, 1 - sure)


def _worst(result: TaskResult) -> Iterator[str]:
    numbers = result.task.kind is TaskKind.REGRESSION
    errors = badness(result)
    wrong = errors > 0 if numbers else result.predicted_class != result.truth
    places = [place for place in np.argsort(-errors, kind="stable")[:MOST_WORST] if wrong[place]]
    if not places:
        return
    yield "<h3>Worst molecules</h3>"
    rows: list[Sequence[Cell]] = []
    for place in places:
        near = neighbours(result, result.smiles[place], most=1)
        known: Cell = drawing(near[0].smiles) if near else ""
        value = _value(result, near[0].value) if near else ""
        shown = (_value(result, float(result.truth[place])), _said(result, int(place)))
        similar = number(near[0].similarity) if near else ""
        rows.append((drawing(result.smiles[place]), *shown, known, value, similar))
    head = ("structure", "measured", "predicted", "nearest training molecule", "its value", "similarity")
    yield from table(head, rows, numbers=(1, 2, 4, 5) if numbers else ())


def _scaffolds(result: TaskResult) -> Iterator[str]:
    groups = by_scaffold(result, scaffolds_of(result.smiles), fewest=3)[:MOST_GROUPS]
    if not groups:
        return
    numbers = result.task.kind is TaskKind.REGRESSION
    yield "<h3>Errors by ring system</h3>"
    rows: list[Sequence[Cell]] = []
    for item in groups:
        bad = number(item.badness) if numbers else f"{100 * item.badness:.0f}%"
        structure: Cell = drawing(item.scaffold) if item.scaffold else "no rings"
        # Classes have no mean error, and need no column without a title for it.
        means = (number(item.mean_error),) if numbers else ()
        rows.append((structure, str(item.molecules), *means, bad))
    head = ("ring system", "molecules", *(("mean error", "RMSE") if numbers else ("wrong",)))
    yield from table(head, rows, numbers=range(1, len(head)))


def drawing(smiles: str) -> Raw | str:
    """Return a structure as inline SVG, or its SMILES where it cannot be drawn."""
    try:
        # What draws needs a library of X, which a bare server does not have.
        from mole_engine.chem.depict import svg_of

        svg = svg_of(smiles, *_DRAWN)
    except (UnreadableMolecule, ImportError):
        return smiles
    return Raw(svg[svg.index("<svg") :])


def _value(result: TaskResult, value: float) -> str:
    return result.task.classes[int(value)] if result.task.classes else number(value)


def _said(result: TaskResult, place: int) -> str:
    if result.task.kind is TaskKind.REGRESSION:
        return number(float(result.output[place]))
    label = result.task.classes[int(result.predicted_class[place])]
    two = result.output.ndim == 1
    share = float(result.output[place] if two else result.output[place].max())
    return f"{label} (probability of {result.task.classes[-1] if two else label}: {share:.2f})"
