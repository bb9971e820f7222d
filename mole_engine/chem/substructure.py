"""Looks for a pattern (SMARTS) in molecules."""

from __future__ import annotations

from collections.abc import Callable

from rdkit import Chem

from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles


def matcher(pattern: str) -> Callable[[str], bool] | None:
    """Return a test for SMILES texts, or None where `pattern` is not SMARTS (every SMILES is).

    The test answers False for a text that cannot be read.
    """
    query = Chem.MolFromSmarts(pattern.strip())
    if query is None or query.GetNumAtoms() == 0:
        return None

    def contains(smiles: str) -> bool:
        try:
            return bool(parse_smiles(smiles).HasSubstructMatch(query))
        except UnreadableMolecule:
            return False

    return contains


def matched_atoms(smiles: str, pattern: str) -> tuple[int, ...]:
    """Return the atoms of a molecule that belong to any match of a pattern (SMARTS), ascending; none where none does.

    A text that cannot be read matches nothing.
    """
    query = Chem.MolFromSmarts(pattern.strip())
    if query is None or query.GetNumAtoms() == 0:
        return ()
    try:
        matches = parse_smiles(smiles).GetSubstructMatches(query)
    except UnreadableMolecule:
        return ()
    return tuple(sorted({atom for match in matches for atom in match}))
