"""Atoms that are blanked out of a molecule, and which atom of a cleaned molecule is which of the one given."""

from __future__ import annotations

from collections.abc import Collection

from rdkit import Chem

from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles


def blanked(mol: Chem.Mol, atoms: Collection[int]) -> Chem.Mol:
    """Return the molecule with some atoms made atoms of no element, without hydrogens and charge; bonds stay."""
    copy = Chem.RWMol(mol)
    for place in atoms:
        atom = copy.GetAtomWithIdx(int(place))
        atom.SetAtomicNum(0)
        atom.SetFormalCharge(0)
        atom.SetIsotope(0)
        atom.SetNumRadicalElectrons(0)
        atom.SetNumExplicitHs(0)
        atom.SetNoImplicit(True)
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    result = copy.GetMol()
    Chem.SanitizeMol(result)
    return result


def canonical_ranks(mol: Chem.Mol) -> tuple[int, ...]:
    """Return a number for each atom, equal for atoms that stand alike in the molecule."""
    return tuple(int(rank) for rank in Chem.CanonicalRankAtoms(mol, breakTies=False))


def places_in_given(given: str, read: str) -> tuple[int | None, ...]:
    """Return where each atom of `read` (a canonical SMILES) stands in the SMILES as given; None where that is not sure.

    Salts, solvents and charges that clean-up took away do not matter. Other changes (another tautomer) make it unsure
    for all atoms.
    """
    mol = parse_smiles(read)
    unknown = (None,) * mol.GetNumAtoms()
    try:
        first = parse_smiles(given)
    except UnreadableMolecule:
        return unknown
    if first.GetNumAtoms() == mol.GetNumAtoms() and Chem.MolToSmiles(first) == read:
        order = first.GetPropsAsDict(includePrivate=True, includeComputed=True)["_smilesAtomOutputOrder"]
        return tuple(int(place) for place in order)
    match = first.GetSubstructMatch(mol)
    return tuple(match) if len(match) == mol.GetNumAtoms() else unknown
