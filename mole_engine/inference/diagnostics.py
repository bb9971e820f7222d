"""Where a model is wrong, and whether it knows: scaffolds, reliability, coverage, deviations, neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.dataset import TaskKind
from mole_engine.data.scaling import TaskScale
from mole_engine.inference.learnt_scale import scale_words
from mole_engine.inference.results import TaskResult
from mole_engine.inference.uncertainty import COVERAGE

Floats = npt.NDArray[np.float64]

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Nominal coverages at which intervals are checked."""
_BINS = 10

_ENDS = {"logit": (np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).eps)}
_POSITIVE = (np.finfo(np.float64).tiny, np.inf)
"""Where those scales end; a measured value beyond, such as 0, lies at their very end."""

_FARTHEST = 1e100
"""Of such an end. Sums and squares of it are still numbers."""


@dataclass(frozen=True, slots=True)
class ScaffoldGroup:
    """Test molecules with one ring system.

    Attributes
    ----------
    scaffold
        SMILES, "" for molecules without rings.
    molecules
        How many there are.
    mean_error
        Mean of predicted - measured (regression): whether the group is over- or underestimated.
    badness
        Root mean square error, or share of wrong classes.
    """

    scaffold: str
    molecules: int
    mean_error: float
    badness: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Molecules with like predicted probabilities: what was said on average, how often it came true, how many."""

    said: float
    came_true: float
    molecules: int


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Whether the model knows how sure it is.

    Attributes
    ----------
    held, known
        How many measured values lie in their 90% interval, of how many molecules that have one; of classes, how many
        measured ones were not ruled out, of how many molecules that have a set.
    levels, coverage
        Nominal shares, and the shares of molecules within intervals that should hold as many.
    correlation
        Spearman's rank correlation of standard deviation and absolute error; NaN where all deviations are alike.
    single
        Of classes: how many sets name one class alone.
    scale
        In words, of what that is one: "logarithms" where these were learnt, since what is as uncertain as all others,
        by a factor, has a larger deviation and a larger error in its unit where it is large itself. Empty where the
        target was learnt as it stands.
    """

    held: int
    known: int
    levels: tuple[float, ...]
    coverage: tuple[float, ...]
    correlation: float
    single: int = 0
    scale: str = ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training molecule that resembles a test molecule; `value` is a number or the place of its class."""

    smiles: str
    value: float
    similarity: float


def by_scaffold(result: TaskResult, scaffolds: Sequence[str], fewest: int = 2) -> list[ScaffoldGroup]:
    """Return the groups of at least `fewest` molecules, the worst first.

    Parameters
    ----------
    result
        Test molecules of a task.
    scaffolds
        (n) of them, in the same order.
    """
    places: dict[str, list[int]] = {}
    for place, scaffold in enumerate(scaffolds):
        places.setdefault(scaffold, []).append(place)
    groups = []
    for scaffold, members in places.items():
        if len(members) < fewest:
            continue
        mean, bad = _badness(result, np.array(members))
        groups.append(ScaffoldGroup(scaffold, len(members), mean, bad))
    return sorted(groups, key=lambda group: -group.badness)


def scaffolds_of(smiles: Sequence[str]) -> list[str]:
    """Return the Bemis-Murcko scaffold of each molecule, "" where there is none or the molecule cannot be read."""
    from mole_engine.chem.molecules import UnreadableMolecule
    from mole_engine.chem.scaffolds import murcko_scaffold

    found = []
    for text in smiles:
        try:
            found.append(murcko_scaffold(text))
        except UnreadableMolecule:
            found.append("")
    return found


def reliability(truth: Floats, probability: Floats) -> list[ReliabilityBin]:
    """Return equally wide bins of predicted probability that hold any molecule.

    Parameters
    ----------
    truth
        (n,) 0 or 1.
    probability
        (n,) of the positive class.
    """
    places = np.minimum((probability * _BINS).astype(np.int64), _BINS - 1)
    found = []
    for place in range(_BINS):
        inside = places == place
        if inside.any():
            said, true = float(probability[inside].mean()), float(truth[inside].mean())
            found.append(ReliabilityBin(said, true, int(inside.sum())))
    return found


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the expected calibration error (Guo et al., ICML 2017): the mean gap of the bins by their molecules."""
    total = sum(item.molecules for item in bins)
    gaps = sum(item.molecules * abs(item.said - item.came_true) for item in bins)
    return gaps / total if total else math.nan


def threshold_steps(truth: Floats, score: Floats) -> Floats:
    """Return (k, 2) true and false positives while the threshold falls, from none to all.

    Parameters
    ----------
    truth
        (n,) 0 or 1.
    score
        (n,) by which molecules are ranked; equal ones are passed together.
    """
    order = np.argsort(-score, kind="stable")
    hits, ranked = np.cumsum(truth[order] == 1), score[order]
    ends = np.flatnonzero(np.diff(ranked, append=np.nan) != 0)
    steps = np.column_stack([hits[ends], ends + 1 - hits[ends]])
    return np.vstack([np.zeros((1, 2)), steps]).astype(np.float64)


def roc_curve(steps: Floats) -> list[tuple[float, float]]:
    """Return (false positive rate, true positive rate) of `threshold_steps`; empty where there is one class only."""
    positives, negatives = steps[-1].tolist()
    return [(false / negatives, true / positives) for true, false in steps.tolist()] if positives and negatives else []


def precision_recall_curve(steps: Floats) -> list[tuple[float, float]]:
    """Return (recall, precision) of `threshold_steps`; empty without positives."""
    positives = float(steps[-1, 0])
    return [(true / positives, true / (true + false)) for true, false in steps[1:].tolist()] if positives else []


def area_under(curve: Sequence[tuple[float, float]]) -> float:
    """Return the area under a curve of straight pieces."""
    return float(np.trapezoid([y for _, y in curve], [x for x, _ in curve]))


def uncertainty(result: TaskResult) -> Uncertainty | None:
    """Return how good the intervals or sets of classes of a task are; None where the model gives none.

    Errors and intervals are compared on the scale on which the target was learnt (`result.scale`): intervals reach as
    far up as down there, and those of other levels have the same shape.
    """
    if result.task.kind is not TaskKind.REGRESSION:
        return _of_sets(result)
    bounded = np.isfinite(result.lower) & np.isfinite(result.upper)
    inside = bounded & (result.lower <= result.truth) & (result.truth <= result.upper)
    sure = np.isfinite(result.std) & (result.std > 0)
    if not bounded.any() and not sure.any():
        return None
    held, known = int(inside.sum()), int(bounded.sum())
    if not known:
        errors, std = np.abs(result.output - result.truth)[sure], result.std[sure]
        return Uncertainty(held, known, LEVELS, _coverage(errors, std), _rank_correlation(std, errors))
    sides = [part[bounded] for part in (result.truth, result.output, result.lower, result.upper)]
    scale = result.scale
    words = scale_words(scale)
    if scale is not None and words:
        sides = [_on_scale(values, scale) for values in sides]
    truth, output, lower, upper = sides
    errors = np.abs(output - truth)
    # A model gives intervals of 90%; those of other levels are as much wider or narrower.
    reach = np.where(truth < output, output - lower, upper - output) / NormalDist().inv_cdf((1 + COVERAGE) / 2)
    if words:
        rank = _rank_correlation(upper - lower, errors)
    else:
        rank = _rank_correlation(result.std[sure], np.abs(result.output - result.truth)[sure])
    return Uncertainty(held, known, LEVELS, _coverage(errors, reach), rank, scale=words)


def _coverage(errors: Floats, reach: Floats) -> tuple[float, ...]:
    """Return the share of molecules within the intervals of each level, as wide as a normal distribution says."""
    times = [NormalDist().inv_cdf((1 + level) / 2) for level in LEVELS]
    # A bound itself is inside, whatever dividing and multiplying makes of its last digit.
    return tuple(float((errors <= factor * reach * (1 + 1e-9)).mean()) for factor in times)


def _on_scale(values: Floats, scale: TaskScale) -> Floats:
    """Return values as they were learnt; beyond the training labels, too, which `TaskScale.forward` leaves out."""
    low, high = _ENDS.get(scale.transform, _POSITIVE)
    with np.errstate(over="ignore"):
        learnt = replace(scale, low=float(low), high=float(high)).forward(values)
    return np.clip(learnt, -_FARTHEST, _FARTHEST)


def _of_sets(result: TaskResult) -> Uncertainty | None:
    pairs = [(own, int(true)) for own, true in zip(result.sets, result.truth, strict=False) if own]
    if not pairs:
        return None
    held, single = sum(true in own for own, true in pairs), sum(len(own) == 1 for own, _ in pairs)
    return Uncertainty(held, len(pairs), (), (), math.nan, single)


def neighbours(result: TaskResult, smiles: str, most: int = 3) -> list[Neighbour]:
    """Return the training molecules of a task that resemble `smiles` most (Tanimoto, ECFP4), the nearest first."""
    from mole_engine.chem.fingerprints import similarity_to
    from mole_engine.inference.domain import fingerprints_of

    if not result.training_smiles:
        return []
    found = similarity_to(fingerprints_of([smiles])[0], result.training_fingerprints())
    ranked = np.argsort(-found, kind="stable")[:most]
    return [
        Neighbour(result.training_smiles[place], float(result.training_values[place]), float(found[place]))
        for place in ranked
    ]


def _badness(result: TaskResult, members: npt.NDArray[np.int64]) -> tuple[float, float]:
    if result.task.kind is TaskKind.REGRESSION:
        errors = (result.output - result.truth)[members]
        return float(errors.mean()), float(np.sqrt((errors**2).mean()))
    wrong = result.predicted_class[members] != result.truth[members]
    return math.nan, float(wrong.mean())


def _rank_correlation(std: Floats, errors: Floats) -> float:
    # A spread that only rounding makes is no opinion about single molecules.
    if len(std) < 3 or np.ptp(std) <= 1e-6 * float(std.max()) or np.ptp(errors) == 0:
        return math.nan
    from scipy.stats import spearmanr

    return float(spearmanr(std, errors).statistic)
