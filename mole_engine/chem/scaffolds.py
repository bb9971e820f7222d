"""Bemis-Murcko scaffolds: the ring systems of a molecule with the linkers between them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rdkit.Chem import RemoveStereochemistry
from rdkit.Chem.Scaffolds import MurckoScaffold

from mole_engine.chem.molecules import canonical_smiles, parse_smiles

# Typed as Any: RDKit's Python modules carry no types.
_murcko: Any = MurckoScaffold


@lru_cache(maxsize=50_000)
def murcko_scaffold(smiles: str) -> str:
    """Return the canonical SMILES of the Bemis-Murcko scaffold without stereochemistry; "" where there is no ring.

    Follows Bemis & Murcko, J. Med. Chem. 1996, 39, 2887, as RDKit implements it (exocyclic double bonds stay).

    Raises
    ------
    UnreadableMolecule
        When `smiles` cannot be read.
    """
    mol = parse_smiles(smiles)
    if mol.GetRingInfo().NumRings() == 0:
        return ""
    scaffold = _murcko.GetScaffoldForMol(mol)
    # Two enantiomers share a scaffold: a split that kept them apart would leak.
    RemoveStereochemistry(scaffold)
    return canonical_smiles(scaffold)
