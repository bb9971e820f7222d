"""What a finished run is worth: its test predictions, read from the run's folder as plain numbers and words."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from app.text import count, counted, fixed, number
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.records import RunRecord

FEW_MOLECULES = 30
"""With fewer test molecules a verdict hangs on chance, and is said to."""
FEW_OF_A_CLASS = 5
"""The same for the rarer of two classes, however many the other has."""


@dataclass(frozen=True, slots=True)
class TestMolecule:
    """A test molecule and one task's value for it.

    Attributes
    ----------
    measured, predicted
        Numbers; for two classes 0 or 1 and the probability of the positive class.
    lower, upper
        90% interval, NaN where unknown.
    measured_class, predicted_class
        Labels, "" for numbers.
    in_domain, similarity
        Whether it resembles the training molecules (None: not known), and how much the nearest does.
    """

    __test__ = False

    smiles: str
    measured: float
    predicted: float
    lower: float = math.nan
    upper: float = math.nan
    measured_class: str = ""
    predicted_class: str = ""
    in_domain: bool | None = None
    similarity: float = math.nan

    @property
    def error(self) -> float:
        """Predicted minus measured."""
        return self.predicted - self.measured


@dataclass(frozen=True, slots=True)
class TaskVerdict:
    """The test molecules of one task."""

    task: TaskSpec
    molecules: tuple[TestMolecule, ...]

    def worst(self) -> list[TestMolecule]:
        """Return the molecules, the farthest off first (for classes: only the wrong ones, the surest first)."""
        if self.task.kind is TaskKind.REGRESSION:
            return sorted(self.molecules, key=lambda molecule: -abs(molecule.error))
        wrong = [molecule for molecule in self.molecules if molecule.measured_class != molecule.predicted_class]
        return sorted(wrong, key=lambda molecule: -abs(molecule.error))

    def coverage(self) -> tuple[int, int]:
        """Return how many molecules lie in their 90% interval, of how many that have one."""
        known = [item for item in self.molecules if math.isfinite(item.lower) and math.isfinite(item.upper)]
        return sum(item.lower <= item.measured <= item.upper for item in known), len(known)

    def guess_rmse(self) -> float:
        """Return the RMSE of saying the mean of the test molecules for each of them, the best blind guess there is."""
        values = [molecule.measured for molecule in self.molecules]
        if not values:
            return math.nan
        mean = sum(values) / len(values)
        return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))

    def common_share(self) -> float:
        """Return the accuracy of always saying the most frequent class."""
        labels = [molecule.measured_class for molecule in self.molecules]
        return max(labels.count(label) for label in set(labels)) / len(labels) if labels else math.nan

    def roc(self) -> list[tuple[float, float]]:
        """Return the ROC curve as (false positive rate, true positive rate); empty with a single class."""
        positives, negatives = self._counts()
        if not positives or not negatives:
            return []
        points = [(0.0, 0.0)]
        for true, false in self._sweep():
            points.append((false / negatives, true / positives))
        return points

    def precision_recall(self) -> list[tuple[float, float]]:
        """Return the curve as (recall, precision); empty without positives."""
        positives, _ = self._counts()
        if not positives:
            return []
        return [(true / positives, true / (true + false)) for true, false in self._sweep()]

    def positive_share(self) -> float:
        """Return the share of positives, which is the precision of guessing."""
        positives, negatives = self._counts()
        return positives / (positives + negatives) if positives + negatives else math.nan

    def rarest(self) -> int:
        """Return how many molecules the rarer of two classes has; all of them where there are no two classes."""
        return min(self._counts()) if self.task.kind is TaskKind.CLASSIFICATION else len(self.molecules)

    def _counts(self) -> tuple[int, int]:
        positives = sum(molecule.measured == 1 for molecule in self.molecules)
        return positives, len(self.molecules) - positives

    def _sweep(self) -> list[tuple[int, int]]:
        """Return true and false positives while the threshold falls; equal scores are passed together."""
        ranked = sorted(self.molecules, key=lambda molecule: -molecule.predicted)
        steps: list[tuple[int, int]] = []
        true = false = 0
        for place, molecule in enumerate(ranked):
            true += molecule.measured == 1
            false += molecule.measured != 1
            if place + 1 == len(ranked) or ranked[place + 1].predicted != molecule.predicted:
                steps.append((true, false))
        return steps


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that the verdict's page shows."""

    record: RunRecord
    tasks: tuple[TaskVerdict, ...]
    monitor: str

    def judgement(self) -> tuple[str, str, str]:
        """Return headline, sentence and tone: whether the model beats guessing."""
        tested = [task for task in self.tasks if task.molecules]
        if not tested:
            words = "Give the split a test part to see how the model does on molecules that it has not met."
            return "No test molecules", words, ""
        if len(tested) > 1:
            return self._judge_together(tested)
        head, words, tone = _judge(tested[0])
        size, rare = len(tested[0].molecules), tested[0].rarest()
        if size < FEW_MOLECULES:
            words += f" With {counted(size, 'test molecule')} chance plays a large part."
            tone = "warning"
        elif 0 < rare < FEW_OF_A_CLASS:
            words += f" With {count(rare)} of the rarer class chance plays a large part."
            tone = "warning"
        return head, words, tone

    def _judge_together(self, tested: Sequence[TaskVerdict]) -> tuple[str, str, str]:
        """Say for how many targets the model beats guessing; each has its own numbers below."""
        judged = [task for task in tested if task.rarest() > 0]
        better = sum(_judge(task)[2] == "good" for task in judged)
        areas = [area_under(task.roc()) for task in judged if task.task.kind is TaskKind.CLASSIFICATION]
        mean = f"Mean AUROC {fixed(sum(areas) / len(areas))}; guessing gives {fixed(0.5)}." if areas else ""
        parts = [mean] if mean else []
        if single := len(tested) - len(judged):
            parts.append(f"{counted(single, 'target')} cannot be judged: one class only in the test part.")
        few = sum(len(task.molecules) < FEW_MOLECULES or task.rarest() < FEW_OF_A_CLASS for task in judged)
        if few:
            parts.append(f"For {count(few)} of {count(len(judged))} the test molecules are so few that chance decides.")
        tone = "good" if better > len(judged) / 2 and few <= len(judged) / 2 else "warning"
        return f"Better than guessing for {better} of {counted(len(judged), 'target')}", " ".join(parts), tone


def read_verdict(record: RunRecord, path: Path, tasks: Sequence[TaskSpec], monitor: str = "") -> Verdict:
    """Read the test predictions of a run; a missing or damaged file gives a verdict without molecules."""
    rows = _rows(path)
    verdicts = tuple(TaskVerdict(task, tuple(_molecules(rows, task))) for task in tasks)
    return Verdict(record, verdicts, monitor)


def _judge(verdict: TaskVerdict) -> tuple[str, str, str]:
    """Return headline, sentence and tone for one target."""
    judges = {TaskKind.REGRESSION: _judge_numbers, TaskKind.CLASSIFICATION: _judge_two_classes}
    return judges.get(verdict.task.kind, _judge_classes)(verdict)


def _judge_numbers(verdict: TaskVerdict) -> tuple[str, str, str]:
    errors = [molecule.error for molecule in verdict.molecules]
    rmse = math.sqrt(sum(error * error for error in errors) / len(errors))
    guess = verdict.guess_rmse()
    unit = f" {verdict.task.unit}" if verdict.task.unit else ""
    size = counted(len(errors), "test molecule")
    words = f"RMSE {number(rmse)}{unit} against {number(guess)} for always saying the mean, on {size}."
    return _head(rmse < 0.95 * guess, rmse < 0.6 * guess, words)


def _judge_two_classes(verdict: TaskVerdict) -> tuple[str, str, str]:
    size = counted(len(verdict.molecules), "test molecule")
    curve = verdict.roc()
    if not curve:
        return "Only one class in the test part", f"All of {size} belong to the same class.", "warning"
    area = area_under(curve)
    words = f"AUROC {fixed(area)} on {size}; guessing gives {fixed(0.5)}."
    return _head(area > 0.55, area > 0.75, words)


def _judge_classes(verdict: TaskVerdict) -> tuple[str, str, str]:
    size = len(verdict.molecules)
    right = sum(molecule.measured_class == molecule.predicted_class for molecule in verdict.molecules) / size
    guess = verdict.common_share()
    words = (
        f"{100 * right:.0f}% of {counted(size, 'test molecule')} are right; "
        f"always saying the most frequent class gives {100 * guess:.0f}%."
    )
    return _head(right > guess, right > guess + 0.15, words)


def _head(better: bool, clearly: bool, words: str) -> tuple[str, str, str]:
    if clearly:
        return "Clearly better than guessing", words, "good"
    if better:
        return "Better than guessing", words, "good"
    return "No better than guessing", words, "warning"


def area_under(curve: Sequence[tuple[float, float]]) -> float:
    """Return the area under a curve of straight pieces."""
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(curve))


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [row for row in csv.DictReader(stream) if row.get("part", "test") == "test"]
    except (OSError, ValueError, csv.Error):
        return []


def _molecules(rows: Sequence[Mapping[str, str]], task: TaskSpec) -> Iterator[TestMolecule]:
    for row in rows:
        truth = row.get(f"{task.name}_true") or ""
        measured, measured_class = _truth(truth, task)
        predicted, predicted_class = _prediction(row, task, measured_class)
        if math.isnan(measured) or math.isnan(predicted):
            continue
        yield TestMolecule(
            smiles=row.get("smiles") or "",
            measured=measured,
            predicted=predicted,
            lower=_float(row.get(f"{task.name}_lower")),
            upper=_float(row.get(f"{task.name}_upper")),
            measured_class=measured_class,
            predicted_class=predicted_class,
            in_domain={"true": True, "false": False}.get((row.get("in_domain") or "").lower()),
            similarity=_float(row.get("nearest_similarity")),
        )


def _truth(text: str, task: TaskSpec) -> tuple[float, str]:
    """Return the measured value as a number (of a class, its place) and as a label."""
    if task.kind is TaskKind.REGRESSION:
        return _float(text), ""
    if text in task.classes:
        return float(task.classes.index(text)), text
    place = _float(text)
    if math.isfinite(place) and 0 <= int(place) < len(task.classes):
        return place, task.classes[int(place)]
    return math.nan, ""


def _prediction(row: Mapping[str, str], task: TaskSpec, measured_class: str) -> tuple[float, str]:
    """Return the predicted number and class; of several classes the number is the probability of the true one."""
    label = row.get(f"{task.name}_class") or ""
    if task.kind is TaskKind.MULTICLASS:
        return _float(row.get(f"{task.name}_prob_{measured_class}")), label
    return _float(row.get(f"{task.name}_pred")), label


def _float(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
