"""What the engine that MolE was published with reached, measured elsewhere: it is not part of this repository.

Shares of a machine's ceiling travel from machine to machine, seconds do not. So its share of the ceiling there, times
the ceiling here, says what it would do here on the same molecules.
"""

from __future__ import annotations

from dataclasses import dataclass

DATA = "Half_Life_Obach"
"""The molecules of the measurement (training part, random batches of 32); its figures hold for no others."""

PADDING = 0.64
"""Part of its arithmetic that is spent on padding there: 29.5 tokens a molecule, batches padded to 84 (median)."""

SHARES: dict[tuple[str, str], tuple[float, float]] = {
    ("6x256", "training"): (0.45, 0.45),
    ("6x256", "inference"): (0.49, 0.49),
    ("12x768", "training"): (0.71, 0.77),
    ("12x768", "inference"): (0.81, 0.88),
}
"""(size, job) -> its share of the ceiling of fp32 matrix products, padding counted as work: lowest and highest.

Measured in November 2026 on an AMD EPYC (AVX2) with torch 2.13.0, in CPU time, the ceiling on the same machine."""


@dataclass(frozen=True)
class Derived:
    """The published engine on this machine, as its shares of the ceiling let expect.

    Attributes
    ----------
    share
        Of the ceiling, on real tokens: the middle of what was measured.
    rate
        Molecules a second.
    times
        How many times as fast ours is: against the middle, against its best, and against its worst.
    """

    share: float
    rate: float
    times: tuple[float, float, float]


def derive(size: str, job: str, ours: float, share: float) -> Derived | None:
    """Return what the published engine would do here; None for what was not measured.

    Parameters
    ----------
    size, job
        "6x256" and so on; "training" or "inference".
    ours, share
        Our molecules a second, and the share of the ceiling, on real tokens, that they are.
    """
    if (size, job) not in SHARES:
        return None
    low, high = (value * (1 - PADDING) for value in SHARES[size, job])
    middle = (low + high) / 2
    return Derived(middle, ours * middle / share, (share / middle, share / high, share / low))
