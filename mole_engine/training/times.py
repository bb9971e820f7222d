"""How long what follows the last epoch takes; light to import, for who estimates before anything is loaded."""

from __future__ import annotations

BLEND_SECONDS, BLEND_PER_MOLECULE = 4.0, 0.008
"""What the simple models of a blend cost for each fold, and for each molecule that they learn from there."""


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
