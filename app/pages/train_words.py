"""What is said of a job before it starts: who trains, who judges, and when there is too little of both."""

from __future__ import annotations

from app.services.open_dataset import OpenDataset
from app.text import counted
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind

FEW = 50
"""Training molecules below which a model is hardly more than a guess."""


def parts_words(dataset: OpenDataset, config: TrainConfig) -> str:
    """Return what the molecules of each part are there for in this job, as a sentence or two."""
    split, ensemble = dataset.split, config.ensemble
    train, validation, test = len(split.train), len(split.validation), len(split.test)
    said = [counted(train, "molecule trains", "molecules train")]
    if ensemble.kind == "folds":
        # Training and validation molecules are left out in turns; those of a validation file learn from none.
        train += validation - dataset.apart
        said = [f"{counted(train, 'molecule trains', 'molecules train')} in {ensemble.members} folds"]
    elif validation and config.training.keep == "last":
        said.append(f"{counted(validation, 'sets', 'set')} the intervals")
    elif validation:
        said.append(f"{counted(validation, 'chooses', 'choose')} the best epoch")
    said.append(f"{counted(test, 'judges', 'judge')} the model" if test else "none judges the model")
    few = f" Fewer than {FEW} train: take what the model says as a hint only." if train < FEW else ""
    return f"{', '.join(said)}.{few}"


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
