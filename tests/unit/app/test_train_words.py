"""What is said before a training of how sure its predictions will be."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from app.pages.train_words import parts_words
from app.summaries import PartsSummary
from mole_engine.contracts.dataset import Split, TaskKind, TaskSpec
from mole_engine.contracts.presets import load_preset
from mole_engine.inference.uncertainty import conformal_half_width

CONFIGS = {name: load_preset(name).config() for name in ("recommended", "quick-look", "base")}


def opened(*targets, apart=0, classes=()):
    """Return a data set whose targets have these counts, (training bars, validation bars)."""
    kind = TaskKind.CLASSIFICATION if classes else TaskKind.REGRESSION
    tasks = tuple(TaskSpec(f"y{place}", kind, "", classes) for place in range(len(targets)))
    summaries = tuple(
        PartsSummary(task.name, "", (train, validation, (10,)), (), classes)
        for task, (train, validation) in zip(tasks, targets, strict=True)
    )
    train, validation = (max(sum(part) for part in parts) for parts in zip(*targets, strict=True))
    split = Split(
        train=tuple(range(train)),
        validation=tuple(range(train, train + validation)),
        test=tuple(range(train + validation, train + validation + 10)),
        method="random",
    )
    return SimpleNamespace(split=split, tasks=tasks, summaries=summaries, apart=apart)


@pytest.mark.parametrize("held", [8, 9])
def test_intervals_are_promised_only_where_there_will_be_some(held):
    widths = conformal_half_width(np.linspace(0.1, 1.0, held))
    words = parts_words(opened(((60, 40), (held - 3, 3))), CONFIGS["quick-look"])
    assert (f"{held} set the intervals" in words) == math.isfinite(widths)
    assert ("Intervals need at least nine validation molecules." in words) == math.isnan(widths)
    chosen = parts_words(opened(((60, 40), (held - 3, 3))), CONFIGS["base"])
    assert f"{held} choose the best epoch" in chosen
    assert ("Intervals need" in chosen) == math.isnan(widths)


def test_classes_need_molecules_of_each_to_be_ruled_out():
    few, many = ((60, 40), (30, 8)), ((60, 40), (30, 9))
    needed = "Classes are ruled out only where each has at least nine validation molecules"
    quick = CONFIGS["quick-look"]
    assert "39 say which classes are ruled out, 10 judge the model." in parts_words(opened(many, classes="01"), quick)
    alone = parts_words(opened(few, classes="01"), quick)
    assert alone == f"100 molecules train, 38 validate, 10 judge the model. {needed}."
    both = parts_words(opened(few, many, classes="01"), quick)
    assert "39 say which classes are ruled out" in both
    assert both.endswith(f"{needed}: 1 of 2 targets has fewer.")


def test_folds_leave_out_all_molecules_but_those_of_a_validation_file():
    folds = CONFIGS["recommended"]
    assert "Intervals" not in parts_words(opened(((6,), (3,))), folds)
    assert "Intervals need at least nine molecules." in parts_words(opened(((5,), (3,))), folds)
    assert "Intervals need at least nine molecules." in parts_words(opened(((8,), (20,)), apart=20), folds)
    assert "Classes" not in parts_words(opened(((60, 5), (30, 4)), classes="01"), folds)
