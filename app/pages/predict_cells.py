"""Predictions in words: which columns their table has, and what stands in each cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypedDict

from app.pages.words import domain_words
from app.services.prediction_table import Predictions
from app.services.runs import ModelInfo
from app.text import count, counted, fixed, number, probability, says_unit
from app.widgets.cell_table import Cell, Column
from app.widgets.figures import main_metric, metric_words, places_for
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.records import SET_SEPARATOR, shown_metrics

_READABLE = 90
"""Fewer pixels of a SMILES say nothing; the structure stands beside it."""

_WIDEST_CLASS = 250

_VALUE_WIDTH, _MOST_TITLE = 150, 320
"""A longer name of a target gets as much as that where other columns can spare it."""

_NAME_WIDTH, _BESIDE_NAME, _ALONE = 98, 126, 140
"""Of a name, and of structures with and without one: a target and its note have room in a window of 1024 pixels."""

_ROOM_FOR = 2
"""Targets that can be seen beside the remark without scrolling."""


_UNREADABLE = -1.0


class _Weight(TypedDict):
    tone: str
    bold: bool


def prediction_columns(predictions: Predictions) -> list[Column]:
    """Return the columns of the table: row, name, structure, SMILES, one or two a task, what to be careful about."""
    named = bool(predictions.called)
    # Rows that have names can do without numbers.
    columns = [Column("row", "row", "number", 52, spare=int(named))]
    if named:
        columns.append(Column("name", predictions.called, "text", _NAME_WIDTH))
    columns.append(Column("structure", "structure", "structure", _BESIDE_NAME if named else _ALONE))
    columns.append(Column("smiles", "smiles", "code", least=_READABLE))
    remark = Column("remark", "note", "note", 176, "Whether the molecule is like those the model has seen")
    if len(predictions.tasks) > _ROOM_FOR:
        # Else it would stand beyond the right edge, where nobody sees why a row has no values.
        columns.append(remark)
    for place, task in enumerate(predictions.tasks):
        unit = f" ({task.unit})" if task.unit and not says_unit(task.name, task.unit) else ""
        title = f"{task.name}{unit}"
        if task.kind is TaskKind.REGRESSION:
            tip = f"{title}\nPredicted value, and the interval that holds the true one in 90 of 100 cases"
            columns.append(Column(f"value:{place}", title, "number", _VALUE_WIDTH, tip, most=_MOST_TITLE))
        else:
            tip = (
                f"{task.name}\nMost likely class, with those that cannot be ruled out either; and the model's "
                "probability: of the positive class where there are two"
            )
            wide = _class_width(task)
            columns.append(Column(f"class:{place}", task.name, "text", wide, tip, most=_MOST_TITLE))
    return columns if remark in columns else [*columns, remark]


def _class_width(task: TaskSpec) -> int:
    """Return pixels in which the probability of any class can be read, unless its name is very long."""
    longest = max((len(name) for name in task.classes), default=1)
    return min(_WIDEST_CLASS, max(150, 26 + 6 * (len("probability of : >0.99") + longest)))


def prediction_cell(predictions: Predictions, place: int, key: str) -> Cell:
    """Return what stands in one cell."""
    name, _, task = key.partition(":")
    if name in _PLAIN:
        return _PLAIN[name](predictions, place)
    if predictions.error(place):
        return Cell("–", "muted", order=math.nan)
    spec = predictions.tasks[int(task)]
    return _value(predictions, place, spec) if name == "value" else _class(predictions, place, spec)


def prediction_orders(predictions: Predictions, key: str) -> Sequence[float | str]:
    """Return what the cells of a column are ordered by, without making them: there may be very many."""
    name, _, task = key.partition(":")
    places = range(len(predictions))
    if name == "row":
        return places
    if name in {"smiles", "name"}:
        return [str(text) for text in (predictions.smiles if name == "smiles" else predictions.names)]
    if name == "remark":
        return [_nearness(predictions, place) for place in places]
    spec = predictions.tasks[int(task)]
    failed = {place for place in places if predictions.error(place)}
    order = _share if name == "class" else _number
    return [math.nan if place in failed else order(predictions, place, spec) for place in places]


def model_words(model: ModelInfo) -> str:
    """Return what a model predicts, and how well."""
    metrics, part = shown_metrics(model.metrics, model.validation_metrics, model.counts)
    main = main_metric(metrics)
    mean = "mean " if len(model.tasks) > 1 else ""
    result = f"{mean}{part} {metric_words(metrics, main)}" if main else ""
    targets = ", ".join(
        task.name if not task.unit or says_unit(task.name, task.unit) else f"{task.name} in {task.unit}"
        for task in model.tasks
    )
    return " · ".join(part for part in (f"Predicts {targets}", result) if part)


def empty_words(*, listed: bool, some: bool, chosen: bool) -> tuple[str, str]:
    """Return title and text of the place where predictions will stand: once models are listed, if there are some."""
    if not listed:
        return "Looking for models", ""
    if chosen:
        return "Ask the model", (
            "Paste SMILES at the left, or drop a file. Each molecule gets its value, a 90% interval where the "
            "model knows it, and a warning where it is unlike anything in the training set."
        )
    if some:
        return "No model is chosen", "Choose one at the left, or train another one."
    return "No model to ask yet", "Train a model first, or open a .mole file that somebody sent you."


def prediction_chips(predictions: Predictions, other: str = "") -> Sequence[tuple[str, str]]:
    """Return what is said of all predictions together, each a text and a tone.

    Parameters
    ----------
    other
        Name of the model that made them, where it is not the one that is chosen now.
    """
    chips = [(counted(len(predictions), "molecule"), "neutral")]
    if other:
        chips.insert(0, (f"by {other}", "warning"))
    far = sum(predictions.in_domain(place) is False for place in range(len(predictions)))
    if far:
        chips.append((f"{count(far)} unlike the training set", "warning"))
    if predictions.failed:
        chips.append((f"{count(predictions.failed)} unreadable", "danger"))
    if predictions.source:
        chips.append((predictions.source, "neutral"))
    return chips


def _row(_predictions: Predictions, place: int) -> Cell:
    return Cell(count(place + 1), "muted", order=place)


def _structure(predictions: Predictions, place: int) -> Cell:
    smiles = str(predictions.smiles[place])
    return Cell("" if predictions.error(place) else smiles, tip=smiles)


def _smiles(predictions: Predictions, place: int) -> Cell:
    return Cell(str(predictions.smiles[place]), "muted")


def _name(predictions: Predictions, place: int) -> Cell:
    if predictions.names[place].strip():
        return Cell(predictions.names[place])
    # The column of row numbers gives way in a narrow window, and that of SMILES too.
    row = f"row {count(place + 1)}"
    return Cell(order=math.nan, second=row, stands_for="row", tip=f"{row}, without a name")


def _nearness(predictions: Predictions, place: int) -> float:
    """Return by what notes are ordered: the similarity to the training molecules, which unreadable rows fall below."""
    return _UNREADABLE if predictions.error(place) else predictions.number("nearest_similarity", place)


def _number(predictions: Predictions, place: int, task: TaskSpec) -> float:
    return predictions.number(f"{task.name}_pred", place)


def _share(predictions: Predictions, place: int, task: TaskSpec) -> float:
    """Return the probability that stands below a class: of the positive one of two, else of the likeliest."""
    if task.kind is TaskKind.CLASSIFICATION:
        return _number(predictions, place, task)
    return predictions.number(f"{task.name}_prob_{predictions.text(f'{task.name}_class', place)}", place)


def _remark(predictions: Predictions, place: int) -> Cell:
    error, similarity = predictions.error(place), _nearness(predictions, place)
    if error:
        return Cell(f"cannot read: {error}", "danger", order=similarity, tip=error)
    words = domain_words(predictions.in_domain(place), similarity, strange=predictions.strange(place))
    near = f"similarity to the nearest training molecule: {fixed(similarity)}" if math.isfinite(similarity) else ""
    return Cell(words, "warning" if words else "muted", order=similarity, tip=near)


_PLAIN: dict[str, Callable[[Predictions, int], Cell]] = {
    "row": _row,
    "structure": _structure,
    "smiles": _smiles,
    "name": _name,
    "remark": _remark,
}
"""Cells that are the same whatever the model predicts."""


def _value(predictions: Predictions, place: int, task: TaskSpec) -> Cell:
    value = _number(predictions, place, task)
    low, high = (predictions.number(f"{task.name}_{end}", place) for end in ("lower", "upper"))
    weight = _weight(predictions, place)
    if not (math.isfinite(low) and math.isfinite(high)):
        return Cell(number(value), order=value, tip=f"{number(value, 5)} {task.unit}".strip(), **weight)
    # No more digits than the interval gives sense to.
    width = high - low
    places = places_for([10 * width if width < 1 else width])
    interval = f"{fixed(low, places)} to {fixed(high, places)}"
    tip = f"{number(value, 5)} {task.unit}".strip() + f", 90% interval {interval}"
    return Cell(fixed(value, places), order=value, second=f"90%: {interval}", tip=tip, **weight)


def _class(predictions: Predictions, place: int, task: TaskSpec) -> Cell:
    label, share = predictions.text(f"{task.name}_class", place), _share(predictions, place, task)
    # Of two, always the same one, so that rows can be compared whatever they are called.
    said = (task.classes or ("0", "1"))[-1] if task.kind is TaskKind.CLASSIFICATION else label
    words = f"probability of {said}: {probability(share)}" if math.isfinite(share) else ""
    names = predictions.text(f"{task.name}_set", place).split(SET_SEPARATOR)
    others = [name for name in names if name and name != label]
    weight, tip = _weight(predictions, place), f"{label}, {words}"
    if others:
        weight["bold"] = False
        tip += f"\nNot ruled out (in 90 of 100 cases the true class is among these): {', '.join(names)}"
        label += f", or {others[0]}" if len(others) == 1 else f", or {len(others)} others"
    return Cell(label or "–", order=share, second=words, tip=tip, **weight)


def _weight(predictions: Predictions, place: int) -> _Weight:
    """Return how a prediction is written: quietly where the model has seen nothing like the molecule."""
    far = predictions.in_domain(place) is False
    return {"tone": "muted" if far else "", "bold": not far}
