"""What remains of an ensemble when it is trained."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mole_engine.data.scaling import TargetScaler
from mole_engine.training.blend import Blend
from mole_engine.training.evaluation import Evaluation
from mole_engine.training.fitting import FitResult
from mole_engine.training.folds import Fold


@dataclass(frozen=True)
class EnsembleFit:
    """What remains of the networks and the simple models.

    Attributes
    ----------
    fit
        Of the networks together: epochs of one, seconds of all.
    members
        Weights of each network by name; fine-tuned ones behind those with a fixed encoder.
    tuned
        How many of them are fine-tuned.
    blend
        Weights and simple models.
    evaluations
        Of "train", "val" and "test". Where a molecule was left out by some network, it is predicted by those alone; the
        metrics of "val" are of molecules that no model learnt from which predicts them.
    calibration
        All molecules that were left out: what intervals are measured on.
    folds
        What the networks learnt from, and left out.
    scaler
        Of the targets, the same for all members.
    notes
        What a reader of the model's card has to know.
    """

    fit: FitResult
    members: tuple[dict[str, Tensor], ...]
    tuned: int
    blend: Blend
    evaluations: dict[str, Evaluation]
    calibration: Evaluation
    folds: tuple[Fold, ...]
    scaler: TargetScaler
    notes: tuple[str, ...] = ()
