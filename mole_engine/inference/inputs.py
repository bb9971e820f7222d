"""Molecules to predict, cleaned as the training molecules were."""

from __future__ import annotations

from collections.abc import Sequence

from mole_engine.contracts.config import CurationConfig
from mole_engine.data.standardise import standardise

MAX_HEAVY_ATOMS = 1000
"""Training may leave out smaller molecules; a prediction is refused only where attention would ask for gigabytes."""


def standardised(smiles: Sequence[str], config: CurationConfig) -> tuple[list[str], dict[int, str]]:
    """Clean molecules with the steps that the training molecules went through.

    Returns
    -------
    tuple
        Canonical SMILES, "" where there is nothing to predict, and the reasons by position.
    """
    config = config.model_copy(update={"max_heavy_atoms": MAX_HEAVY_ATOMS})
    texts: list[str] = []
    errors: dict[int, str] = {}
    for place, text in enumerate(smiles):
        result = standardise(str(text), config)
        texts.append(result.smiles)
        if not result.smiles:
            errors[place] = next(finding.reason for finding in result.findings if finding.dropped)
    return texts, errors
