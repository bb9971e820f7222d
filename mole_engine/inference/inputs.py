"""Molecules to predict, cleaned as the training molecules were."""

from __future__ import annotations

from collections.abc import Sequence

from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.many_molecules import standardise_texts

MAX_HEAVY_ATOMS = 1000
"""Training may leave out smaller molecules; a prediction is refused only where attention would ask for gigabytes."""


def standardised(
    smiles: Sequence[str], config: CurationConfig, on_progress: ProgressHandler | None = None
) -> tuple[list[str], dict[int, str]]:
    """Clean molecules with the steps that the training molecules went through.

    Parameters
    ----------
    smiles, config
        Texts, and the clean-up of the training job.
    on_progress
        Called with (stage, done, total) where the total is that of different texts; may raise `Cancelled`.

    Returns
    -------
    tuple
        Canonical SMILES, "" where there is nothing to predict, and the reasons by position.
    """
    config = config.model_copy(update={"max_heavy_atoms": MAX_HEAVY_ATOMS})
    results = standardise_texts([str(text) for text in smiles], config, on_progress)
    errors = {
        place: next(finding.reason for finding in result.findings if finding.dropped)
        for place, result in enumerate(results)
        if not result.smiles
    }
    return [result.smiles for result in results], errors
