"""Whether a text is a structure; a quick, cached answer for the many cells that sniffing looks at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.data.values import is_null

_SMILES_SHAPE = re.compile(r"(?:[A-Za-z0-9@+\-\[\]()\\/%=#$:.*~]|->|<-)+( \|.*\|)?")
"""Arrows are dative bonds, as complexes of metals have; those of a reaction do not fit."""

_STRUCTURE_NAMES = (
    re.compile(r"(canonical|isomeric|standardi[sz]ed|curated|clean)[_ \-.]?smiles"),
    re.compile(r"smiles"),
    re.compile(r".*smiles.*|smi"),
    re.compile(r"inchi"),
    re.compile(r"(structure|mol|molecule|drug|ligand|compound)s?"),
    re.compile(r"(.*[_ ])?(structure|inchi)([_ ].*)?"),
)
MAX_PROBED_LENGTH = 1_000
"""Longer cells are not probed; a column of structures has shorter ones too."""


@lru_cache(maxsize=20_000)
def is_structure(text: str) -> bool:
    """Whether a text reads as a SMILES or InChI. A lone number never does."""
    stripped = text.strip()
    if stripped.startswith("InChI="):
        return True
    if len(stripped) > MAX_PROBED_LENGTH or not _SMILES_SHAPE.fullmatch(stripped):
        return False
    try:
        parse_smiles(stripped)
    except UnreadableMolecule:
        return False
    return True


def structure_share(texts: Sequence[str], limit: int = 100) -> float:
    """Part of the filled cells (of at most `limit` looked at) that are structures; 0 where none is filled.

    Short letter codes ("N", "C", "CNS") read as SMILES too, so a column of hardly any atoms does not count.
    """
    filled = [text for text in texts if not is_null(text)]
    probed = filled[:: max(1, len(filled) // limit)][:limit]
    if not probed:
        return 0.0
    if not any(is_structure(text) for text in probed[:25]):
        return 0.0
    distinct = set(probed)
    mean_length = sum(map(len, distinct)) / len(distinct)
    if mean_length < 3.0 and len(probed) > len(distinct) + 2:
        return 0.0
    return sum(map(is_structure, probed)) / len(probed)


def structure_name_rank(name: str) -> int:
    """Return how much a column's name promises structures: 0 is best, a large number means nothing at all."""
    folded = name.strip().casefold()
    for rank, pattern in enumerate(_STRUCTURE_NAMES):
        if pattern.fullmatch(folded):
            return rank
    return len(_STRUCTURE_NAMES)


NO_STRUCTURE_NAME = len(_STRUCTURE_NAMES)
"""Rank of a name that promises nothing."""
