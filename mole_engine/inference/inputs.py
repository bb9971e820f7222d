"""Molecules to predict, cleaned as the training molecules were."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.data.many_molecules import standardise_texts
from mole_engine.data.standardise import Standardised

MAX_HEAVY_ATOMS = 1000
"""Training may leave out smaller molecules; a prediction is refused only where attention would ask for gigabytes."""


def as_texts(smiles: Iterable[object]) -> list[str]:
    """Return a list of texts, whatever holds them: a list, an array, a column of a table, or one SMILES alone.

    Raises
    ------
    InputError
        For a table, whose columns' names would pass for molecules.
    """
    if isinstance(smiles, str):
        return [smiles]
    if hasattr(smiles, "columns"):
        raise InputError("A whole table was given in the place of SMILES.", "", 'Give a column: table["smiles"].')
    return [text if isinstance(text, str) else "" if _is_missing(text) else str(text) for text in smiles]


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) == "<NA>"


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
    results = cleaned(smiles, config, on_progress)
    errors = {
        place: next(finding.reason for finding in result.findings if finding.dropped)
        for place, result in enumerate(results)
        if not result.smiles
    }
    return [result.smiles for result in results], errors


def cleaned(
    smiles: Sequence[str], config: CurationConfig, on_progress: ProgressHandler | None = None
) -> list[Standardised]:
    """Clean molecules as `standardised` does, and tell what was done to each."""
    config = config.model_copy(update={"max_heavy_atoms": MAX_HEAVY_ATOMS})
    return standardise_texts(list(smiles), config, on_progress)
