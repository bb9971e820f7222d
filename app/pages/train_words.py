"""What is said of a job before it starts: who trains, who judges, and when there is too little of both."""

from __future__ import annotations

from app.services.open_dataset import OpenDataset
from app.text import counted
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind
from mole_engine.contracts.wording import counted_of

FEW = 50
"""Training molecules below which a model is hardly more than a guess."""

_FEWEST_LEFT_OUT = 9
"""Left-out molecules below which there is no 90% interval, of each class below which none is ruled out."""


def parts_words(dataset: OpenDataset, config: TrainConfig) -> str:
    """Return what the molecules of each part are there for in this job, as a sentence or two."""
    split, ensemble = dataset.split, config.ensemble
    train, validation, test = len(split.train), len(split.validation), len(split.test)
    said = [counted(train, "molecule trains", "molecules train")]
    if ensemble.kind == "folds":
        # Training and validation molecules are left out in turns; those of a validation file learn from none.
        train += validation - dataset.apart
        said = [f"{counted(train, 'molecule trains', 'molecules train')} in {ensemble.members} folds"]
    elif validation:
        said.append(_validation_words(dataset, config))
    said.append(f"{counted(test, 'judges', 'judge')} the model" if test else "none judges the model")
    few = f" Fewer than {FEW} train: take what the model says as a hint only." if train < FEW else ""
    return f"{', '.join(said)}.{_unsure_words(dataset, config)}{few}"


def _validation_words(dataset: OpenDataset, config: TrainConfig) -> str:
    many = len(dataset.split.validation)
    if config.training.keep == "best":
        return f"{counted(many, 'chooses', 'choose')} the best epoch"
    if _too_few(dataset, config) == len(dataset.tasks):
        return counted(many, "validates", "validate")
    if dataset.tasks[0].classes:
        return f"{counted(many, 'says', 'say')} which classes are ruled out"
    return f"{counted(many, 'sets', 'set')} the intervals"


def _unsure_words(dataset: OpenDataset, config: TrainConfig) -> str:
    """Return that predictions will have no interval, or no classes ruled out; "" where those of all targets will."""
    short, targets = _too_few(dataset, config), len(dataset.tasks)
    if not short:
        return ""
    asked = "molecules" if config.ensemble.kind == "folds" else "validation molecules"
    words = f"Intervals need at least nine {asked}"
    if dataset.tasks[0].classes:
        words = f"Classes are ruled out only where each has at least nine {asked}"
    if short < targets:
        words += f": {counted_of(short, targets, 'target', 'has', 'have')} fewer"
    return f" {words}."


def _too_few(dataset: OpenDataset, config: TrainConfig) -> int:
    """Count the targets for which too few molecules are left out to measure how sure a prediction is."""
    if config.ensemble.kind == "folds" and 0 < dataset.apart < len(dataset.split.validation):
        # Nobody has counted which of the validation part's labels are the main file's.
        return 0
    # Folds leave out all molecules of the file once.
    parts = slice(1, 2) if config.ensemble.kind != "folds" else slice(0, 1) if dataset.apart else slice(0, 2)
    short = 0
    for summary in dataset.summaries:
        bars = [sum(bar) for bar in zip(*summary.counts[parts], strict=True)]
        short += (min(bars, default=0) if summary.labels else sum(bars)) < _FEWEST_LEFT_OUT
    return short


def unit_of(config: TrainConfig, dataset: OpenDataset | None) -> str:
    """Return the unit in which a job's first target is measured, "" where it is a class or not known.

    Parameters
    ----------
    config
        The job.
    dataset
        What is open, if the job learns from it.
    """
    wanted = config.data.targets[0] if config.data.targets else ""
    if dataset is None:
        return config.data.units.get(wanted, "")
    tasks = dataset.roles.tasks
    task = next((task for task in tasks if task.name == wanted), tasks[0] if tasks and not wanted else None)
    if task is None:
        return config.data.units.get(wanted, "")
    return task.unit if task.kind is TaskKind.REGRESSION else ""
