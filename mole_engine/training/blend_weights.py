"""What weighs how much in a blend, chosen on molecules that none of its models was fitted on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import optimize

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.training.blend import NETWORK, TUNED
from mole_engine.training.outputs import OutputLayout

Floats = npt.NDArray[np.float64]

SHRINKAGE = 0.3
"""How strongly weights are drawn towards equal ones, in units of the equally weighted models' mean squared error.

On a few hundred molecules with noisy labels the best weights are mostly chance: in cross-validation, equal ones beat
free ones. Where the models are nearly right, what they differ in is no noise, and the pull is as small as their error.
"""

FULL_PULL_UP_TO = 500
"""Labels of a task up to which the pull is that strong; on more it fades in proportion, as chance does."""

CHANCE = {NETWORK: 0.09, TUNED: 0.15}
"""Of the squared error of one network, the share that is chance of its own: of the mean of K, it is a K-th of that."""

MANY_LABELS = 2000, 3000
"""From how many labels of a task on weights know of what averaging takes away, and from how many on of all of it.

On fewer, simple models gain as much: they are fitted once more on all molecules, networks are not.
"""

_SUM_WEIGHT, _FLAT = 1e3, 1e-9


def choose_weights(
    predictions: Mapping[str, Floats],
    labels: Floats,
    tasks: Sequence[TaskSpec],
    molecules: Floats | None = None,
    averaged: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Return weights, not negative and 1 in all, with the least squared error; drawn a little towards equal ones.

    Parameters
    ----------
    predictions
        By name (n, outputs) values of molecules that the model was not fitted on.
    labels
        (n, T) scaled targets, classes as 0..k-1, NaN where there is none.
    tasks
        The T tasks; each weighs the same, however many labels it has.
    molecules
        (n,) sample weights above 0; None: all count the same.
    averaged
        By name, which share of the squared error averaging takes away from what a model says of new molecules; none of
        those that are not named.
    """
    names = list(predictions)
    equal = np.full(len(names), 1 / len(names))
    errors, counts = _errors(predictions, labels, tasks, molecules)
    if not counts:
        return dict(zip(names, equal.tolist(), strict=True))
    products = errors.T @ errors
    labels_each = float(np.mean(counts))
    pull = SHRINKAGE * min(1.0, FULL_PULL_UP_TO / labels_each) * float(equal @ products @ equal)
    gone = np.array([(averaged or {}).get(name, 0.0) for name in names]) * np.interp(labels_each, MANY_LABELS, (0, 1))
    weights = _least(products - np.diag(gone * np.diag(products)), pull)
    return dict(zip(names, weights.tolist(), strict=True))


def averaged_away(networks: Iterable[tuple[str, int]]) -> dict[str, float]:
    """Return by kind which share of the squared error is gone where all networks speak, not only those of one fold.

    Parameters
    ----------
    networks
        Kind of each network, and the number of the fold that it leaves out.
    """
    folds: dict[str, list[int]] = {}
    for kind, fold in networks:
        folds.setdefault(kind, []).append(fold)
    return {kind: CHANCE[kind] * (len(set(numbers)) - 1) / len(numbers) for kind, numbers in folds.items()}


def _errors(
    predictions: Mapping[str, Floats], labels: Floats, tasks: Sequence[TaskSpec], molecules: Floats | None
) -> tuple[Floats, list[int]]:
    """Return how far each model is off, scaled so that each task weighs the same, and the labels of each task.

    The errors are (outputs with a label, models); tasks in which all molecules have one value are in neither.
    """
    errors, counts = [np.empty((0, len(predictions)))], []
    for place, (task, part) in enumerate(zip(tasks, OutputLayout(tasks).columns, strict=True)):
        known = ~np.isnan(labels[:, place])
        truth = labels[known, place]
        much = np.ones(len(truth)) if molecules is None else molecules[known]
        if molecules is not None and len(truth):
            much = much / much.mean()
        if task.kind is TaskKind.MULTICLASS:
            truth = (truth[:, None] == np.arange(task.outputs)).astype(np.float64).ravel()
            much = np.repeat(much, task.outputs)
        spread = float(truth.std()) if len(truth) else 0.0
        if not spread > 0:
            continue
        scales = np.sqrt(much / (len(truth) * len(tasks))) / spread
        said = np.column_stack([values[known][:, part].ravel() for values in predictions.values()])
        errors.append((said - truth[:, None]) * scales[:, None])
        counts.append(int(known.sum()))
    return np.concatenate(errors), counts


def _least(products: Floats, pull: float) -> Floats:
    """Return (models,) weights of the least squared error by (models, models) products of errors, drawn to equal."""
    count = len(products)
    squares, axes = np.linalg.eigh(products + pull * np.eye(count))
    # What averaging takes away is an estimate: no mixture can be better than right.
    lengths = np.sqrt(squares.clip(max(_FLAT * squares.max(), _FLAT)))
    # |root w - goal|^2 is w'(products + pull)w - 2 pull w/count, but for what does not depend on w.
    root = lengths[:, None] * axes.T
    goal = (axes.T @ np.full(count, pull / count)) / lengths
    weights = optimize.nnls(np.vstack([root, np.full((1, count), _SUM_WEIGHT)]), np.append(goal, _SUM_WEIGHT))[0]
    return np.asarray(weights / weights.sum())
