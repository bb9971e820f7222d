"""Salts: their largest fragment, quickly where the case is plain, and metals that are written as if they were bound."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from mole_engine.chem.molecules import UnreadableMolecule, canonical_smiles, parse_smiles

_MAX_FRAGMENTS = 12

_METALS = dict.fromkeys(("Li", "Na", "K", "Rb", "Cs"), 1) | dict.fromkeys(("Mg", "Ca", "Sr", "Ba"), 2)
"""Those that are ions in all their salts, with their charge. What beryllium, zinc or aluminium binds is bound."""

_ANIONS = frozenset({"N", "O", "S", "F", "Cl", "Br", "I"})

_BOUND_METAL = re.compile(r"\[(?:Li|Na|K|Rb|Cs|(?:Mg|Ca|Sr|Ba)(?:\+1?)?)(?::\d+)?\]")
"""How such a metal is written that lacks a part of its charge: a quick look at a SMILES."""


@dataclass(frozen=True, slots=True)
class _Partner:
    smiles: str
    atoms: int


def outweighing_fragment(text: str) -> tuple[Chem.Mol, str, str] | None:
    """Find the fragment that has carbon and more atoms, hydrogens counted, than each other one.

    That is what RDKit's `LargestFragmentChooser(preferOrganic=True)` chooses too, which has to build and write every
    fragment. None in all other cases, in which the chooser must decide: as many atoms in two fragments, an inorganic
    fragment that is larger, rings that close across a dot, metals that are written as bound, texts that cannot be read.

    Parameters
    ----------
    text
        A SMILES with at least one dot.

    Returns
    -------
    tuple or None
        The fragment, its canonical SMILES, and the canonical SMILES of the others, joined by dots.
    """
    if may_have_bound_metals(text):
        return None
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


def may_have_bound_metals(smiles: str) -> bool:
    """Whether it is worth while to look for what `without_salt_bonds` parts."""
    return _BOUND_METAL.search(smiles) is not None


def without_salt_bonds(mol: Chem.Mol) -> Chem.Mol | None:
    """Return a molecule whose alkali and alkaline earth salts are written as ions; None where there are none.

    `[Na]OC(C)=O` and `[Na+].[O-]C(C)=O` are one substance. A metal is parted from nitrogen, oxygen, sulphur and
    halogens (RDKit's `MetalDisconnector` leaves sulphur and halogens, and takes every metal). It stays as written where
    it is bound to anything else, carbon above all (butyl lithium, Grignard reagents), by other than plain single bonds,
    or within a ring (the magnesium of chlorophyll): those are no salts.
    """
    bonds = [bond for atom in mol.GetAtoms() for bond in _salt_bonds(atom)]
    if not bonds:
        return None
    changed = Chem.RWMol(mol)
    for metal, anion in bonds:
        changed.RemoveBond(metal, anion)
        for place, charge in ((metal, 1), (anion, -1)):
            atom = changed.GetAtomWithIdx(place)
            atom.SetFormalCharge(atom.GetFormalCharge() + charge)
    parted: Chem.Mol = changed.GetMol()
    parted.UpdatePropertyCache(strict=False)
    return parted


def _salt_bonds(atom: Chem.Atom) -> list[tuple[int, int]]:
    """Return the atoms of the bonds by which a metal hangs in a salt; none where it is no such metal."""
    charge = _METALS.get(atom.GetSymbol())
    bonds = list(atom.GetBonds()) if charge is not None else []
    if charge != atom.GetFormalCharge() + len(bonds) or any(bond.IsInRing() for bond in bonds):
        return []
    others = [bond.GetOtherAtom(atom) for bond in bonds]
    plain = all(bond.GetBondType() is Chem.BondType.SINGLE for bond in bonds)
    fits = all(other.GetSymbol() in _ANIONS and other.GetFormalCharge() == 0 for other in others)
    return [(atom.GetIdx(), other.GetIdx()) for other in others] if plain and fits else []
