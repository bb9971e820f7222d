"""What stands in the tables and cards of a verdict, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.pages.words import network_words, preset_title
from app.services.runs import RunStory
from app.services.verdict import Against, TestMolecule
from app.text import count, duration, fixed, probability
from app.widgets.cell_table import Cell, Column
from app.widgets.figures import metric_title, places_for, signed
from mole_engine.contracts.dataset import TaskKind, TaskSpec

_BARS = 19
_STRUCTURE = Column("structure", "structure", "structure", needs=110)
"""With less, atoms run into each other: what can be told from the other columns gives way."""

NUMBER_COLUMNS = (
    _STRUCTURE,
    Column("measured", "measured", "number", 80),
    Column("predicted", "predicted", "number", 80),
    Column("error", "error", "number", 66, spare=1),
)


def class_columns(task: TaskSpec) -> tuple[Column, ...]:
    """Return the columns of the test molecules of a task with classes; the last says which one it gives a share to."""
    two = task.kind is TaskKind.CLASSIFICATION
    if two:
        title, tip = (
            f"prob. of {task.classes[-1]}",
            f"The model's probability of the positive class, {task.classes[-1]}",
        )
    else:
        title, tip = "its prob.", "The model's probability of the predicted class"
    return (
        _STRUCTURE,
        Column("measured_class", "measured", width=80),
        Column("predicted_class", "predicted", width=74, spare=int(two)),
        Column("probability", title, "number", 82, tip),
    )


def group_columns(*, numbers: bool) -> tuple[Column, ...]:
    """Return the columns of the ring systems; where it is narrow, the mean error stands below the RMSE."""
    shared = (
        Column("structure", "rings", "structure", needs=54),
        Column("molecules", "molecules", "number", 80),
    )
    if not numbers:
        return (*shared, Column("bad", "wrong", "number", 66))
    tip = "Mean of predicted minus measured: whether the group comes out too high or too low"
    return (*shared, Column("mean", "mean error", "number", 88, tip, spare=1), Column("bad", "RMSE", "number", 88))


def against_words(shown: Sequence[Against], unit: str) -> tuple[str, str]:
    """Return what the card of the baselines notes, and its tool tip with the figures as measured."""
    known = [item.comparison for item in shown]
    scale = f" of {known[0].scale}" if known and known[0].scale else ""
    note = f"model's gain in {metric_title(known[0].metric)}{scale}" if known else ""
    tip = (
        "How much better this model is than each baseline (below zero: worse), in brackets the 95% interval "
        "(paired bootstrap over the test molecules); at the right the baseline's own value"
    )
    if scale:
        values = [known[0].raw_model, *(item.raw_baseline for item in known)]
        names = ["this model", *(item.title for item in shown)]
        places = places_for(values)
        told = ", ".join(f"{name} {fixed(value, places)}" for name, value in zip(names, values, strict=True))
        measured = known[0].as_measured
        tip += f". {measured[0].upper()}{measured[1:]}, RMSE{f' in {unit}' if unit else ''}: {told}"
    return note, tip


def against_row(item: Against) -> tuple[str, str, str, str]:
    """Return a baseline's name, its value, the gain of the model with its interval, and the tone of that."""
    known = item.comparison
    places = places_for([known.model, known.baseline])
    words = signed(known.difference, places)
    if math.isfinite(known.low):
        words = f"{words} ({fixed(known.low, places)} to {fixed(known.high, places)})"
    tone = "good" if known.beats else "danger" if known.loses else "warning"
    if signed(known.difference, places) == fixed(0.0, places):
        # A difference that is too small to be written is no merit, however sure it is.
        tone = "muted"
    return item.title[:1].upper() + item.title[1:], fixed(known.baseline, places), words, tone


def story_facts(story: RunStory) -> tuple[tuple[str, str], ...]:
    """Return how a run was made, as names and values."""
    record, model = story.record, story.model
    # Records of older runs do not know how many networks there are; their models do.
    networks, tuned = (model.networks, model.tuned) if model is not None else (record.networks, 0)
    kept = f"{count(record.epochs)}, kept {count(record.best_epoch)}" if record.best_epoch and networks <= 1 else ""
    parts = [record.counts.get(name, 0) for name in ("train", "val", "test")]
    return (
        ("Data", record.data_name),
        ("Preset", preset_title(record.preset)),
        ("Molecules (train + validation + test)", " + ".join(count(part) for part in parts) if any(parts) else ""),
        ("Split", model.split if model is not None else ""),
        ("Epochs", kept),
        ("Networks", network_words(networks, tuned)),
        ("Parameters", count(record.parameters) if record.parameters else ""),
        ("Device", record.device),
        ("Seed", str(record.seed)),
        ("Time", duration(record.seconds)),
        ("Folder", record.run_dir),
    )


def molecule_cell(item: TestMolecule, key: str, places: int) -> Cell:
    """Return what stands in one cell of the table of test molecules."""
    if key == "structure":
        return Cell(item.smiles, tip=item.smiles)
    wrong = item.measured_class != item.predicted_class
    if key == "measured_class":
        return Cell(item.measured_class)
    if key == "predicted_class":
        return Cell(item.predicted_class, "danger" if wrong else _tone(item))
    if key == "probability":
        return Cell(probability(item.probability), "danger" if wrong else _tone(item), order=item.probability)
    value = {"measured": item.measured, "predicted": item.predicted, "error": item.error}[key]
    if key == "error":
        return Cell(signed(value, places), "danger", order=abs(value))
    return Cell(fixed(value, places), order=value)


def _tone(item: TestMolecule) -> str:
    """Write what is said of a molecule unlike the training set quietly."""
    return "muted" if item.in_domain is False else ""


def bars(values: list[float], low: float, high: float) -> list[int]:
    """Return how many values fall into each of the equally wide bars from `low` to `high`."""
    counts = [0] * _BARS
    for value in values:
        counts[min(_BARS - 1, int((value - low) / (high - low) * _BARS))] += 1
    return counts
