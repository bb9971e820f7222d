"""Sample weights outside of the network's loss: which molecules count in a fit, and how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


def counting(weights: npt.NDArray[Any] | None, rows: Positions) -> tuple[Positions, Floats | None]:
    """Return those of the rows that count, and how much.

    Parameters
    ----------
    weights
        Of all molecules, not negative; None: all the same.
    rows
        Positions of those that are meant.

    Returns
    -------
    rows
        Without those of weight 0; all of them where none has another, as in the network's loss.
    weights
        Of these, 1 on average; None where they are the same, which is then as if there were no weights.
    """
    if weights is None:
        return rows, None
    own = np.asarray(weights, dtype=np.float64)[rows]
    if own.any():
        rows, own = rows[own > 0], own[own > 0]
    if not len(own) or np.ptp(own) == 0:
        return rows, None
    return rows, own / own.mean()
