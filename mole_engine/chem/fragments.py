"""The largest fragment of salts, quickly: an answer for the plain cases only, which are nearly all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from mole_engine.chem.molecules import UnreadableMolecule, canonical_smiles, parse_smiles

_MAX_FRAGMENTS = 12


@dataclass(frozen=True, slots=True)
class _Partner:
    smiles: str
    atoms: int


def outweighing_fragment(text: str) -> tuple[Chem.Mol, str, str] | None:
    """Find the fragment that has carbon and more atoms, hydrogens counted, than each other one.

    That is what RDKit's `LargestFragmentChooser(preferOrganic=True)` chooses too, which has to build and write every
    fragment. None in all other cases, in which the chooser must decide: as many atoms in two fragments, an inorganic
    fragment that is larger, rings that close across a dot, texts that cannot be read.

    Parameters
    ----------
    text
        A SMILES with at least one dot.

    Returns
    -------
    tuple or None
        The fragment, its canonical SMILES, and the canonical SMILES of the others, joined by dots.
    """
    texts = text.strip().split(".")
    if " " in text.strip() or len(texts) > _MAX_FRAGMENTS or text.lstrip().startswith("InChI="):
        return None
    longest = max(range(len(texts)), key=lambda place: len(texts[place]))
    partners = [_partner(part) for place, part in enumerate(texts) if place != longest]
    try:
        mol = parse_smiles(texts[longest])
    except UnreadableMolecule:
        return None
    atoms = int(rdMolDescriptors.CalcNumAtoms(mol))
    if any(partner is None or partner.atoms >= atoms for partner in partners):
        return None
    smiles = canonical_smiles(mol)
    if "." in smiles or ("C" not in smiles and "c" not in smiles) or not _has_carbon(mol):
        return None
    return mol, smiles, ".".join(sorted(partner.smiles for partner in partners if partner is not None))


@lru_cache(maxsize=2_000)
def _partner(text: str) -> _Partner | None:
    """Look at a counter-ion or solvent; there are few different ones, so each is read once."""
    try:
        mol = parse_smiles(text)
    except UnreadableMolecule:
        return None
    return _Partner(canonical_smiles(mol), int(rdMolDescriptors.CalcNumAtoms(mol)))


def _has_carbon(mol: Chem.Mol) -> bool:
    return any(atom.GetAtomicNum() == 6 for atom in mol.GetAtoms())
