"""Properties of many molecules, as columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mole_engine.chem.properties import PROPERTIES, properties_of
from mole_engine.contracts.errors import InputError
from mole_engine.data.many_molecules import map_texts
from mole_engine.data.progress import Progress

STAGE = "properties"


def properties(
    smiles: Sequence[str], names: Sequence[str] | None = None, on_progress: Progress | None = None
) -> pd.DataFrame:
    """Compute properties, each different molecule once, on several cores where there are many.

    Parameters
    ----------
    smiles
        (n) SMILES; unreadable ones get NaN.
    names
        Keys of `mole_engine.chem.properties.PROPERTIES`; by default all of them.
    on_progress
        Called with ("properties", done, total); may raise `Cancelled`.

    Returns
    -------
    pandas.DataFrame
        (n, len(names)) float64, one row a molecule, in order.

    Raises
    ------
    InputError
        When a name is not known.
    """
    names = tuple(PROPERTIES if names is None else names)
    unknown = [name for name in names if name not in PROPERTIES]
    if unknown:
        raise InputError(f"There is no property '{unknown[0]}'.", "", f"Known are {', '.join(PROPERTIES)}.")
    values = map_texts(properties_chunk, smiles, names, STAGE, on_progress)
    table = np.array(values, dtype=np.float64).reshape(len(smiles), len(names))
    return pd.DataFrame(table, columns=pd.Index(names, dtype="str"))


def properties_chunk(smiles: Sequence[str], names: tuple[str, ...]) -> list[list[float]]:
    """Compute the properties of some molecules; runs in a helper process too."""
    return [properties_of(text, names) for text in smiles]
