"""Looks for a pattern (SMARTS) in molecules."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rdkit import Chem

from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles

REMEMBERED = 50_000
"""Molecules that are kept as RDKit's binary form (400 bytes of a typical drug), which is read in a fifth of the time of
a SMILES."""

_LARGEST = 1_000
"""Bytes of the largest one that is kept, so that all together take no more than 50 MB."""


class _Memory:
    """The molecules that were read last. Several threads may ask at once."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self.packed: dict[str, bytes] = {}
        self._most = most
        self._lock = threading.Lock()

    def molecule(self, smiles: str) -> Chem.Mol:
        """Return a molecule, and keep it. Raises UnreadableMolecule."""
        packed = self.packed.get(smiles)
        if packed is not None:
            made: Chem.Mol = Chem.Mol(packed)  # type: ignore[call-overload]  # RDKit's stubs know of texts only
            return made
        mol = parse_smiles(smiles)
        self._keep(smiles, bytes(mol.ToBinary()))
        return mol

    def _keep(self, smiles: str, packed: bytes) -> None:
        if len(packed) > _LARGEST:
            return
        with self._lock:
            self.packed[smiles] = packed
            if len(self.packed) > self._most:
                # The one that has been there for longest.
                del self.packed[next(iter(self.packed))]


_memory = _Memory()


def matcher(pattern: str, *, remember: bool = False) -> Callable[[str], bool] | None:
    """Return a test for SMILES texts, or None where `pattern` is not SMARTS (every SMILES is).

    The test answers False for a text that cannot be read. With `remember`, it keeps the molecules for the next pattern
    that is looked for in them; of more than `REMEMBERED`, none would be there when it is asked for.
    """
    query = Chem.MolFromSmarts(pattern.strip())
    if query is None or query.GetNumAtoms() == 0:
        return None
    read = _memory.molecule if remember else parse_smiles

    def contains(smiles: str) -> bool:
        try:
            return bool(read(smiles).HasSubstructMatch(query))
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
