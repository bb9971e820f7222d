"""What a finished run is worth, as the window shows it: the engine's verdict, and the test molecules behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mole_engine.chem.elements import elements_of
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.records import RunRecord

if TYPE_CHECKING:
    from mole_engine.inference.bootstrap import Comparison
    from mole_engine.inference.diagnostics import Floats, Neighbour, ReliabilityBin, ScaffoldGroup, Uncertainty
    from mole_engine.inference.results import TaskResult


@dataclass(frozen=True, slots=True)
class TestMolecule:
    """A test molecule and one task's value for it.

    Attributes
    ----------
    measured, predicted
        Numbers; for two classes 0 or 1 and the probability of the positive class; for several classes 1 and the
        probability of the true one.
    lower, upper, std
        90% interval and standard deviation, NaN where unknown.
    measured_class, predicted_class
        Labels, "" for numbers.
    probability
        Of the positive one of two classes, of the predicted one of several; NaN for numbers.
    in_domain, similarity
        Whether it resembles the training molecules (None: not known), and how much the nearest does.
    strange
        Whether it has an element that no training molecule has.
    """

    __test__ = False

    smiles: str
    measured: float
    predicted: float
    lower: float = math.nan
    upper: float = math.nan
    std: float = math.nan
    measured_class: str = ""
    predicted_class: str = ""
    probability: float = math.nan
    in_domain: bool | None = None
    similarity: float = math.nan
    strange: bool = False

    @property
    def error(self) -> float:
        """Predicted minus measured."""
        return self.predicted - self.measured


@dataclass(frozen=True, slots=True)
class Against:
    """The model against one baseline, in words ready to be shown.

    Attributes
    ----------
    title
        How the baseline is called.
    comparison
        The numbers.
    """

    title: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class TaskVerdict:
    """The test molecules of one task.

    Attributes
    ----------
    task, molecules
        What is predicted, and of which molecules.
    against
        The baselines, the strongest first.
    uncertainty
        How good the intervals are; None where there are none.
    reliability
        Bins of predicted probability, for two classes.
    result
        The engine's arrays behind it, for what is worked out on demand.
    """

    task: TaskSpec
    molecules: tuple[TestMolecule, ...]
    against: tuple[Against, ...] = ()
    uncertainty: Uncertainty | None = None
    reliability: tuple[ReliabilityBin, ...] = ()
    result: TaskResult | None = field(default=None, repr=False, compare=False)

    def worst_first(self) -> list[int]:
        """Return the places of all molecules, the farthest off first (of classes: the surest of the wrong ones)."""
        return sorted(range(len(self.molecules)), key=lambda place: -abs(self.molecules[place].error))

    def roc(self) -> list[tuple[float, float]]:
        """Return the ROC curve as (false positive rate, true positive rate); empty with a single class."""
        from mole_engine.inference.diagnostics import roc_curve

        return roc_curve(self._steps()) if self.molecules else []

    def auroc(self) -> float:
        """Return the area under the ROC curve."""
        from mole_engine.inference.diagnostics import area_under

        return area_under(self.roc())

    def calibration_gap(self) -> float:
        """Return by how much probabilities and shares of positives differ on average; NaN without any."""
        from mole_engine.inference.diagnostics import calibration_error

        return calibration_error(self.reliability)

    def precision_recall(self) -> list[tuple[float, float]]:
        """Return the curve as (recall, precision); empty without positives."""
        from mole_engine.inference.diagnostics import precision_recall_curve

        return precision_recall_curve(self._steps()) if self.molecules else []

    def positive_share(self) -> float:
        """Return the share of positives, which is the precision of guessing."""
        positives, negatives = self._counts()
        return positives / (positives + negatives) if positives + negatives else math.nan

    def confusion(self, threshold: float = 0.5) -> list[list[int]]:
        """Return how many molecules of each measured class (row) are said to be of each class (column).

        For two classes a molecule is positive from `threshold` on; several classes have no threshold.
        """
        classes = self.task.classes
        table = [[0] * len(classes) for _ in classes]
        for item in self.molecules:
            said = classes.index(item.predicted_class) if item.predicted_class in classes else 0
            if self.task.kind is TaskKind.CLASSIFICATION:
                said = int(item.predicted >= threshold)
            table[classes.index(item.measured_class)][said] += 1
        return table

    def against_rest(self, place: int) -> TaskVerdict:
        """Return one of several classes, by its place, against all others, as the verdict of two classes."""
        return self if self.result is None else _task_verdict(self.result.against_rest(place), ())

    def _counts(self) -> tuple[int, int]:
        positives = sum(molecule.measured == 1 for molecule in self.molecules)
        return positives, len(self.molecules) - positives

    def _steps(self) -> Floats:
        import numpy as np

        from mole_engine.inference.diagnostics import threshold_steps

        truth, score = (np.array([getattr(one, name) for one in self.molecules]) for name in ("measured", "predicted"))
        return threshold_steps(truth, score)


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that the verdict's page shows.

    Attributes
    ----------
    headline, words, tone
        Whether the model beats the strongest baseline, by how much, how sure that is.
    """

    record: RunRecord
    tasks: tuple[TaskVerdict, ...]
    monitor: str
    headline: str = "No test molecules"
    words: str = ""
    tone: str = ""


def read_verdict(record: RunRecord, run_dir: str | Path, tasks: Sequence[TaskSpec] = (), monitor: str = "") -> Verdict:
    """Judge a run by what its folder holds; blocking. Missing or damaged files give a verdict without molecules.

    Parameters
    ----------
    record, run_dir
        The run and its folder.
    tasks
        What it predicts; by default what its `dataset.json` says.
    monitor
        The metric that chose its epoch.
    """
    from mole_engine.inference.results import read_tasks
    from mole_engine.inference.verdict import judge_folder
    from mole_engine.store.run_folder import RunFolder

    folder = RunFolder(run_dir)
    judgement, results = judge_folder(folder, tasks or read_tasks(folder.dataset))
    judged = {item.task.name: item for item in judgement.tasks}
    verdicts = []
    for result in results:
        known = judged.get(result.task.name)
        pairs = known.comparisons.items() if known is not None else ()
        against = tuple(Against(judgement.title_of(name), item) for name, item in pairs)
        verdicts.append(_task_verdict(result, against))
    return Verdict(record, tuple(verdicts), monitor, judgement.headline, judgement.words, judgement.tone)


def _task_verdict(result: TaskResult, against: tuple[Against, ...]) -> TaskVerdict:
    from mole_engine.inference.diagnostics import reliability, uncertainty

    two = result.task.kind is TaskKind.CLASSIFICATION and len(result) > 0
    bins = tuple(reliability(result.truth, result.output)) if two else ()
    known = uncertainty(result) if len(result) else None
    trained = frozenset[str]().union(*map(elements_of, set(result.training_smiles)))
    strange = [bool(trained and elements_of(smiles) - trained) for smiles in result.smiles]
    # All at once: each asked for alone would look through all of them.
    places = [0] * len(result) if result.task.kind is TaskKind.REGRESSION else result.predicted_class.tolist()
    molecules = tuple(
        replace(_molecule(result, place, said), strange=strange[place]) for place, said in enumerate(places)
    )
    return TaskVerdict(result.task, molecules, against, known, bins, result)


def _molecule(result: TaskResult, place: int, said_class: int) -> TestMolecule:
    task, truth = result.task, float(result.truth[place])
    common = (float(result.lower[place]), float(result.upper[place]), float(result.std[place]))
    inside, similarity = result.in_domain[place], float(result.similarity[place])
    smiles = result.smiles[place]
    if task.kind is TaskKind.REGRESSION:
        said = float(result.output[place])
        return TestMolecule(smiles, truth, said, *common, in_domain=inside, similarity=similarity)
    measured = task.classes[int(truth)]
    label = task.classes[said_class]
    if task.kind is TaskKind.CLASSIFICATION:
        value, said = truth, float(result.output[place])
        share = said
    else:
        value, said = 1.0, float(result.output[place, int(truth)])
        share = float(result.output[place].max())
    return TestMolecule(smiles, value, said, *common, measured, label, share, inside, similarity)


def scaffold_groups(verdict: TaskVerdict) -> list[ScaffoldGroup]:
    """Return the test molecules by ring system, the worst first; blocking, about a millisecond a molecule."""
    from mole_engine.inference.diagnostics import by_scaffold, scaffolds_of

    result = verdict.result
    return by_scaffold(result, scaffolds_of(result.smiles)) if result is not None else []


def nearest_training(verdict: TaskVerdict, smiles: str) -> list[Neighbour]:
    """Return the training molecules most like a test molecule; blocking."""
    from mole_engine.inference.diagnostics import neighbours

    return neighbours(verdict.result, smiles) if verdict.result is not None else []
