"""How long what follows the last epoch takes; light to import, for who estimates before anything is loaded."""

from __future__ import annotations

BLEND_SECONDS, BLEND_PER_MOLECULE = 4.0, 0.008
"""What the simple models of a blend cost for each fold, and for each molecule that they learn from there."""

ONE_THREAD = 1.2
"""Processor time beside the time that several threads take."""

CORE_SPEED, SPEED_UP = 3e10, 0.6
"""Operations a second that one core does in training, and the power of the number of threads by which it grows."""


def blend_seconds(folds: int, molecules: int) -> float:
    """Return about how long the simple models of a blend take.

    Parameters
    ----------
    folds
        Or networks from different starts; 1 for a single network.
    molecules
        That the simple models of one of them learn from.
    """
    return folds * (BLEND_SECONDS + BLEND_PER_MOLECULE * molecules)


def simple_seconds(folds: int, molecules: int) -> float:
    """Return about how much processor time the simple models of a blend take, as `blend_seconds`."""
    return ONE_THREAD * blend_seconds(folds, molecules)


def network_seconds(weights: int, tokens: float, epochs: int, threads: int) -> float:
    """Return about how long it takes on a CPU to train a network.

    Parameters
    ----------
    weights
        In the products of its layers.
    tokens
        Of all molecules that it learns from.
    epochs, threads
        How often, and with how many threads.
    """
    return float(6 * weights * tokens * epochs / (CORE_SPEED * threads**SPEED_UP))
