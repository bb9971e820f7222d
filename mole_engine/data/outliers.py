"""Values that lie far from all others of their column."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mole_engine.data.scaling import propose_transform

MIN_VALUES = 20
"""Of fewer values nobody can say which one is odd."""

_MAD_TO_STD = 1.4826
_FAR = 1e6


def find_outliers(values: npt.NDArray[np.float64], distance: float) -> dict[int, str]:
    """Return why a value is an outlier, by position.

    The distance from the median is counted in robust standard deviations (1.4826 times the median absolute deviation),
    on a logarithmic scale where the values call for one (see `scaling.propose_transform`).

    Parameters
    ----------
    values
        (n,), NaN where there is none.
    distance
        Robust standard deviations that are still usual.
    """
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < MIN_VALUES:
        return {}
    logarithmic = propose_transform(values[known]) == "log10"
    scaled = np.log10(values[known]) if logarithmic else values[known]
    middle = float(np.median(scaled))
    spread = _MAD_TO_STD * float(np.median(np.abs(scaled - middle)))
    if spread <= 1e-12 * max(1.0, abs(middle)):
        return {}  # more than half of the values are the same: there is no usual distance
    away = np.abs(scaled - middle) / spread
    usual = 10**middle if logarithmic else middle
    scale = " on a logarithmic scale" if logarithmic else ""
    return {
        int(known[place]): (
            f"{values[known[place]]:g} lies {_told(away[place])} robust standard deviations{scale} "
            f"from the median ({usual:.4g})"
        )
        for place in np.flatnonzero(away > distance)
    }


def _told(times: float) -> str:
    # A mistyped exponent lies so far off that its digits would fill the line.
    return f"{times:.1f}" if times < _FAR else f"{times:.1e}"
