"""What networks say of molecules they left out, and which molecules are predicted by models that learnt from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.wording import counted, counted_of
from mole_engine.training.folds import Fold

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def left_out_values(folds: Sequence[Fold], said: Sequence[tuple[Fold, Floats]], like: Floats) -> Floats:
    """Return (n, outputs) of each molecule by the networks that left it out; NaN where there are none.

    Parameters
    ----------
    folds
        The divisions of which networks are used.
    said
        Of each network: what it learnt from, and its (n, outputs) values of all molecules.
    like
        Of the result's shape.
    """
    result = np.full_like(like, np.nan)
    for fold in folds:
        own = [values[fold.held] for learnt, values in said if learnt is fold]
        if own and len(fold.held):
            result[fold.held] = np.mean(own, axis=0)
    return result


def fitted_on(gaps: Flags, learnt: Iterable[Positions]) -> Flags:
    """Return (n,) which molecules are predicted by models that learnt from them.

    Parameters
    ----------
    gaps
        (n,) molecules that not every model left out, so that all models predict them.
    learnt
        Positions that each of the models learnt from.
    """
    known = np.zeros_like(gaps)
    for positions in learnt:
        known[positions] = True
    return np.asarray(gaps & known)


def fold_notes(fitted: Flags, divided: Positions, *, apart: bool) -> list[str]:
    """Return what a reader of figures has to know of a division into folds.

    Parameters
    ----------
    fitted
        (n,) as `fitted_on` returns it.
    divided
        Positions that the folds divide.
    apart
        Whether the validation part is a file of its own, which is not divided.
    """
    parts = "Training molecules" if apart else "Training and validation molecules"
    missed = int(fitted[divided].sum())
    if missed:
        left = counted_of(len(divided) - missed, len(divided), "molecule", "was", "were")
        notes = [
            f"{parts} were divided into folds, but training ended before all had their turn: {left} left out by "
            "the models that are used, and intervals are measured on those alone."
        ]
    else:
        them = "them" if apart else "both parts"
        notes = [
            f"{parts} were divided into folds; figures and intervals of {them} come from models that left "
            "the molecule out."
        ]
    if apart:
        notes.append("No model learnt from molecules of the validation file, and none was weighed by them.")
    return notes


def partly_judged(fitted: Flags, validation: Positions) -> str:
    """Return what is said where not all validation molecules can be judged; "" where all can."""
    missed = int(fitted[validation].sum())
    if not missed:
        return ""
    if missed == len(validation):
        return f"There are no validation figures: the models that are used learnt from {_all(missed)}."
    rest = len(validation) - missed
    left = counted_of(rest, len(validation), "validation molecule", "was", "were")
    those = "that one" if rest == 1 else "those"
    return f"Only {left} left out by the models that are used: validation figures are of {those} alone."


def _all(count: int) -> str:
    return "the only validation molecule" if count == 1 else f"all {counted(count, 'validation molecule')}"
