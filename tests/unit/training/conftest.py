"""A small data set and job that the tests of training share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import ColumnRoles, CurationReport, Split, TableInfo, TaskKind, TaskSpec
from mole_engine.contracts.events import Event
from mole_engine.data.dataset import CuratedDataset
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.fitting import FitResult, fit_model
from mole_engine.training.setup import Prepared, prepare_model

ENDS = ("C", "CC", "CCC", "C(C)C", "CO", "CN", "C#N", "C=O", "CCl", "CF")
CORES = ("c1ccccc1{}", "C1CCCCC1{}", "c1ccncc1{}", "CC(=O)N{}", "CCO{}", "c1ccsc1{}")
MOLECULES = tuple(core.format(end) for core in CORES for end in ENDS)

REGRESSION = (TaskSpec("y", TaskKind.REGRESSION),)


def make_dataset(
    targets: np.ndarray, tasks: Sequence[TaskSpec] = REGRESSION, smiles: Sequence[str] = MOLECULES
) -> CuratedDataset:
    """Return a curated data set of `len(targets)` molecules without a file behind it."""
    count = len(targets)
    return CuratedDataset(
        info=TableInfo(path="", name="", rows=count, columns=()),
        roles=ColumnRoles(smiles="smiles", tasks=tuple(tasks)),
        report=CurationReport(total=count, kept=count),
        smiles=list(smiles[:count]),
        source_rows=np.arange(count),
        targets=np.asarray(targets, dtype=np.float64).reshape(count, len(tasks)),
        weights=np.ones(count),
        identifiers=[""] * count,
        given_split=None,
        row_molecules=np.arange(count),
    )


def split_of(train: int, validation: int = 0, test: int = 0) -> Split:
    """Return a split of consecutive positions."""
    edges = np.cumsum([0, train, validation, test])
    parts = [tuple(range(start, end)) for start, end in itertools.pairwise(edges)]
    return Split(*parts, method="given")


def tiny_config(**training: Any) -> TrainConfig:
    """Return a job for a very small network without dropout."""
    return TrainConfig.from_dict(
        {
            "model": {
                "layers": 1,
                "hidden_size": 16,
                "heads": 2,
                "intermediate_size": 32,
                "hidden_dropout": 0.0,
                "attention_dropout": 0.0,
                "head_dropout": 0.0,
            },
            "training": {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, **training},
            "runtime": {"device": "cpu", "threads": 1},
        }
    )


def sizes(count: int) -> np.ndarray:
    """Return a target that can be learnt: the number of characters, and whether there is a ring."""
    return np.array([[len(text) + 3.0 * ("c1" in text)] for text in MOLECULES[:count]])


class Job:
    """One training job whose events are collected."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.emitter = EventEmitter("run", self.events.append)
        self.prepared: Prepared | None = None

    def prepare(self, config: TrainConfig, dataset: CuratedDataset, split: Split) -> Prepared:
        self.prepared = prepare_model(config, dataset, split, Vocabulary.load())
        return self.prepared

    def run(self, config: TrainConfig, dataset: CuratedDataset, split: Split, **more: Any) -> FitResult:
        return fit_model(config, self.prepare(config, dataset, split), self.folder, self.emitter, **more)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Return a job that writes into a folder of its own."""
    return Job(tmp_path / "run")


@pytest.fixture
def new_job(tmp_path: Path) -> Callable[[str], Job]:
    """Return a maker of several jobs."""
    return lambda name: Job(tmp_path / name)


@pytest.fixture
def helpers() -> Any:
    """Return the makers of data sets, splits and configurations (conftest cannot be imported)."""

    class Helpers:
        molecules = MOLECULES
        dataset = staticmethod(make_dataset)
        split = staticmethod(split_of)
        config = staticmethod(tiny_config)
        sizes = staticmethod(sizes)

    return Helpers
